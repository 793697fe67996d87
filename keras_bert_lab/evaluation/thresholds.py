"""The probability above which a label should be given, chosen on validation texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.probabilities import has_label_lists, label_numbers, label_table, probability_table

__all__ = ["METRICS", "binary_columns", "choose_threshold", "metric_by_threshold"]

_MOST = 1000
"""Scores at which a function of the user is asked, at most: it may take its time."""


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.zeros(bottom.shape), where=bottom > 0)


def _f1(hits: np.ndarray, alarms: np.ndarray, positive: int, negative: int) -> np.ndarray:
    return _ratio(2 * hits, hits + alarms + positive)


def _accuracy(hits: np.ndarray, alarms: np.ndarray, positive: int, negative: int) -> np.ndarray:
    return (hits + negative - alarms) / (positive + negative)


def _mcc(hits: np.ndarray, alarms: np.ndarray, positive: int, negative: int) -> np.ndarray:
    answered, texts = hits + alarms, positive + negative
    bottom = np.sqrt(answered * (texts - answered) * float(positive) * float(negative))
    return _ratio(hits * negative - alarms * positive, bottom)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]] = {"f1": _f1, "accuracy": _accuracy, "mcc": _mcc}
"""Names of metrics -> functions of true and false positives at each threshold, and of the numbers of positives and negatives.

0 / 0 counts as 0, as in the reports.
"""


def metric_by_threshold(
    true: np.ndarray, scores: np.ndarray, metric: str | Callable[[Any, Any], float]
) -> tuple[np.ndarray, np.ndarray, bool]:
    """A metric of "above the threshold", for all thresholds from 0 to 1: it changes at the scores alone.

    Args:
        true: bool (R,).
        scores: probabilities, float (R,).
        metric: name among `METRICS`, or a function of two bool arrays.

    Returns:
        edges (K + 1,), from 0 to 1; values (K,); and whether values[k] holds for all thresholds of at least edges[k], below
        edges[k + 1], the last one up to 1. A function of the user is asked at about 1000 edges: of more scores some are left
        out, and the values hold at the edges alone. Scores are told apart as float32.

    Example:
        >>> edges, values, _ = metric_by_threshold(np.array([False, True]), np.array([0.25, 0.5]), "accuracy")
        >>> edges.tolist(), values.tolist()
        ([0.0, 0.25, 0.5, 1.0], [0.5, 1.0, 0.5])
    """
    scores = np.asarray(scores, np.float32).astype(np.float64)
    steps, places = np.unique(scores, return_inverse=True)
    is_whole = not callable(metric) or len(steps) <= _MOST
    if not is_whole:
        steps = steps[np.linspace(0, len(steps) - 1, _MOST).round().astype(int)]
    edges = np.unique(np.concatenate([[0.0], steps, [1.0]]))
    starts = edges[:-1]
    if callable(metric):
        return edges, np.array([float(metric(true, scores > start)) for start in starts]), is_whole
    positive, negative = int(true.sum()), int((~true).sum())
    with_label = np.bincount(places, true, minlength=len(steps))
    texts = np.bincount(places, minlength=len(steps))
    below = np.searchsorted(steps, starts, side="right")  # scores that are not above the threshold
    hits = positive - np.concatenate([[0.0], np.cumsum(with_label)])[below]
    alarms = negative - np.concatenate([[0.0], np.cumsum(texts - with_label)])[below]
    return edges, METRICS[metric](hits, alarms, positive, negative), True


def _best(edges: np.ndarray, values: np.ndarray, is_whole: bool) -> float:
    """The middle of the widest interval with the highest value; of equally wide ones that nearest to 0.5.

    Args:
        edges, values, is_whole: of `metric_by_threshold`; where the values hold at the edges alone, one of these is taken.
    """
    is_best = values >= values.max() - 1e-12  # equal but for rounding
    borders = np.flatnonzero(np.diff(np.concatenate([[False], is_best, [False]]).astype(int)))
    starts, ends = borders[::2], borders[1::2]
    lows, highs = edges[starts], edges[ends]
    middles = (lows + highs) / 2
    best = np.lexsort((np.abs(middles - 0.5), np.round(lows - highs, 6)))[0]
    if not is_whole:
        return float(edges[(starts[best] + ends[best] - 1) // 2])
    for middle in (float(f"{middles[best]:.6g}"), float(middles[best])):  # few digits, if they do
        if lows[best] <= np.float32(middle) < highs[best]:
            return middle
    return float(lows[best])  # between neighbours among the float32 numbers there is no middle


def binary_columns(
    true: Any, probabilities: Any, labels: Sequence[str] | None
) -> tuple[list[str | None], np.ndarray, np.ndarray]:
    """Labels that are given or not, each by itself: the second of two, or each of several.

    Args:
        true: for each text its label, by name or number; or a list of labels, or a row of 0 and 1.
        probabilities: as `predict` or `predict_text` gives them.
        labels: all labels, in the order of the probabilities; None = they have numbers alone.

    Returns:
        Names (None where there are none), bool (R, C) and probabilities (R, C); C is 1 for two labels.

    Raises:
        DataError: a label that is not known.
        ValueError: no text, more than two labels of which each text has one, or probabilities of another shape.
    """
    several = has_label_lists(true)
    names = list(labels) if labels is not None else [str(place) for place in range(np.shape(true)[1] if several else 2)]
    if not several and len(names) != 2:
        raise ValueError(f"There must be 2 labels, or lists of labels for each text. Received: labels={names}")
    flags = label_table(true, names) if several else label_numbers(true, names)[:, np.newaxis] == 1
    if not len(flags):
        raise ValueError("There must be at least one text. Received: none")
    table = probability_table(probabilities, names, len(flags), several)
    shown: list[str | None] = [None] * len(names) if labels is None else [str(name) for name in names]
    return (shown, flags, table) if several else (shown[1:], flags, table[:, 1:])


def choose_threshold(
    true: Any,
    probabilities: Any,
    metric: str | Callable[[Any, Any], float] = "f1",
    labels: Sequence[str] | None = None,
) -> float | list[float]:
    """The threshold with the best metric, for the second of two labels, or for each of several by itself.

        chances = model.predict(validation.text)
        model.threshold = kbl.choose_threshold(validation.label, chances, labels=model.labels)

    Choose it on validation texts: on those of the test it would be as if one had looked at the answers. Every threshold between
    two neighbouring probabilities is as good; it lies in the middle of the widest interval that is best.

    Args:
        true: for each text its label, by name or number (0 or 1); or a list of labels, or a row of 0 and 1.
        probabilities: as `predict` or `predict_text` gives them, of validation texts.
        metric: "f1", "accuracy", "mcc" (Matthews correlation coefficient); or a function of two bool arrays, what is true and
            what is answered: the higher, the better. A function is tried at 1000 of the probabilities at most.
        labels: all labels, in the order of the probabilities; needed where `true` has names.

    Returns:
        A number for two labels, a list of numbers for lists of labels: what `TextClassifier.threshold` takes. Of a label that
        no text has, F1 says nothing: 0.5.

    Raises:
        DataError: a label that is not known.
        ValueError: an unknown metric or one that is not finite, no text, more than two labels, or probabilities of another
            shape.

    Example:
        >>> choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9])
        0.25
        >>> choose_threshold([["a"], ["a", "b"], []], [[0.9, 0.4], [0.7, 0.3], [0.2, 0.1]], labels=["a", "b"])
        [0.45, 0.2]
    """
    if not callable(metric) and metric not in METRICS:
        raise ValueError(f"metric must be one of {list(METRICS)} or a function. Received: metric={metric!r}")
    _, flags, table = binary_columns(true, probabilities, labels)
    found = []
    for column in range(flags.shape[1]):
        edges, values, is_whole = metric_by_threshold(flags[:, column], table[:, column], metric)
        if not np.isfinite(values).all():
            raise ValueError(f"metric must give finite numbers. Received: {values[~np.isfinite(values)][0]}")
        found.append(_best(edges, values, is_whole))
    return found if has_label_lists(true) else found[0]
