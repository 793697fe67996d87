"""Between which values a figure lies, if the test set is one of many that might have been drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.config import check_integer
from keras_bert_lab.evaluation.confusion_figures import FIGURES, confusion_of, figures_of
from keras_bert_lab.evaluation.probabilities import label_numbers
from keras_bert_lab.lazy import LazyModule

__all__ = ["bootstrap_interval", "confusion_intervals"]

stats = LazyModule("scipy.stats", install="scipy")

_NUMBERS_AT_ONCE = 2_000_000
"""Rows that are drawn before their figures are computed: bounds the memory."""


def confusion_intervals(
    confusion: np.ndarray,
    metrics: Sequence[str] = ("accuracy", "macro_f1", "mcc"),
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of figures that depend on the counts of (true label, answer) alone.

    To draw n of n texts with replacement is to draw counts from the multinomial distribution with the shares of the matrix: the
    same intervals, in time and memory that do not depend on n.

    Args:
        confusion: int (C, C), row = true label, column = answer.
        metrics: names among `FIGURES`.
        confidence: share of the draws that lies between low and high.
        resamples: number of draws.
        seed: of the draws.

    Reference: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13.

    Example:
        >>> low, high = confusion_intervals(np.array([[40, 10], [10, 40]]))["accuracy"]
        >>> 0.70 < low < 0.75 and 0.85 < high < 0.90
        True
    """
    texts, random = int(confusion.sum()), np.random.default_rng(seed)
    at_once = max(1, _NUMBERS_AT_ONCE // confusion.size)
    shares, drawn = confusion.ravel() / texts, []
    for first in range(0, resamples, at_once):
        counts = random.multinomial(texts, shares, size=min(at_once, resamples - first))
        found = figures_of(counts.reshape(-1, *confusion.shape))
        drawn.append(np.stack([found[name] for name in metrics]))
    edges = np.quantile(np.concatenate(drawn, axis=1), [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return {name: (float(low), float(high)) for name, low, high in zip(metrics, *edges, strict=True)}


def bootstrap_interval(
    metric: str | Callable[[Any, Any], float],
    true: Any,
    answers: Any,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Where a figure lies with 95 % confidence: texts are drawn with replacement, each with its label and its answer.

    Args:
        metric: "accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "weighted_f1" or "mcc"; or a function of labels and
            answers, arrays of equal length, that gives a finite number.
        true: the true labels; or whatever the function takes, one row for each text.
        answers: the answers; or probabilities, (R,) or (R, C), for a function that takes them.
        confidence: between 0 and 1.
        resamples: number of draws.
        seed: of the draws: the same seed, the same interval.

    Returns:
        (low, high), by percentiles.

    Raises:
        ValueError: an unknown metric, columns of different length or none at all, a number out of range, or a figure that is
            not finite.

    Reference: Efron and Tibshirani 1993, chapter 13; `scipy.stats.bootstrap`.

    Example:
        >>> low, high = bootstrap_interval("accuracy", ["a"] * 50 + ["b"] * 50, ["a"] * 90 + ["b"] * 10)
        >>> 0.48 < low < 0.53 and 0.67 < high < 0.72  # 0.6 of 100
        True
    """
    check_integer("resamples", resamples, 2)
    if not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
        raise ValueError(f"confidence must be a number between 0 and 1. Received: confidence={confidence!r}")
    if not callable(metric) and metric not in FIGURES:
        raise ValueError(f"metric must be one of {list(FIGURES)} or a function. Received: metric={metric!r}")
    true, answers = _rows(true), _rows(answers)
    if len(true) != len(answers) or not len(true):
        raise ValueError(f"There must be one answer for each true label. Received: {len(true)} labels, {len(answers)} answers")
    if not callable(metric):
        labels = sorted({str(label) for label in (*true, *answers)})
        numbers = [label_numbers([str(label) for label in column], labels) for column in (true, answers)]
        confusion = confusion_of(numbers[0], numbers[1], len(labels))
        return confusion_intervals(confusion, [metric], confidence, resamples, seed)[metric]

    def figure(rows: np.ndarray) -> float:
        found = float(metric(true[rows], answers[rows]))
        if not np.isfinite(found):
            raise ValueError(
                f"metric must give a finite number for each draw of the texts. Received: {found}. A draw may lack a label."
            )
        return found

    interval = stats.bootstrap(
        (np.arange(len(true)),),
        figure,
        n_resamples=resamples,
        batch=max(1, _NUMBERS_AT_ONCE // len(true)),
        vectorized=False,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _rows(values: Any) -> np.ndarray:
    """An array whose first axis are the rows, also where these are lists of different length."""
    values = values if isinstance(values, np.ndarray) else list(values)
    if len(values) and isinstance(values[0], (list, tuple, set)):
        rows = np.empty(len(values), object)
        rows[:] = values
        return rows
    return np.asarray(values)
