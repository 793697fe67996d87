"""Above which probability a label is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["check_threshold", "decisions", "is_above"]


def check_threshold(threshold: Any, kind: str, labels: Sequence[str]) -> float | tuple[float, ...] | None:
    """The threshold as plain numbers.

    Args:
        threshold: None = 0.5; a number from 0 to 1; for "multi_label" also one for each label.
        kind: of classification.
        labels: names of the labels.

    Raises:
        ValueError: a kind without threshold, another number of thresholds than labels, or one that is not from 0 to 1.

    Example:
        >>> check_threshold([0.25, 1], "multi_label", ["a", "b"])
        (0.25, 1.0)
    """
    if threshold is None:
        return None
    if kind not in ("binary", "multi_label"):
        raise ValueError(
            "threshold belongs to kind 'binary' or 'multi_label'. "
            f"Received: threshold={threshold!r}, kind={kind!r}. Leave it out."
        )
    numbers = np.asarray(threshold, np.float64)
    if numbers.shape != () and (kind == "binary" or numbers.shape != (len(labels),)):
        rule = "one number" if kind == "binary" else f"one number, or one for each of {list(labels)}"
        raise ValueError(f"threshold must be {rule}. Received: threshold={threshold!r}")
    if not ((numbers >= 0) & (numbers <= 1)).all():  # not so for NaN either
        raise ValueError(f"threshold must lie between 0 and 1. Received: threshold={threshold!r}")
    return float(numbers) if numbers.shape == () else tuple(map(float, numbers))


def is_above(probabilities: np.ndarray, threshold: float | Sequence[float] | None) -> np.ndarray:
    """Which probabilities are above the threshold, in the float32 that the model computes in.

    Args:
        probabilities: (R,), or (R, C).
        threshold: None = 0.5; one number, or C.

    Example:
        >>> is_above(np.array([[0.5, 0.2], [0.6, 0.1]]), (0.5, 0.15)).tolist()
        [[False, True], [True, False]]
    """
    limit = np.asarray(0.5 if threshold is None else threshold, np.float32)
    return np.asarray(probabilities, np.float32) > limit


def decisions(
    outputs: np.ndarray, labels: Sequence[str], kind: str, threshold: float | Sequence[float] | None = None
) -> list[Any]:
    """The label of each text, or the list of its labels for "multi_label".

    Args:
        outputs: probabilities (R, C).
        labels: names of the labels.
        kind: of classification.
        threshold: above which the second of two labels, or each of several, is given; None = 0.5, the most probable one.

    Example:
        >>> outputs = np.array([[0.7, 0.3], [0.9, 0.1]])
        >>> decisions(outputs, ["neg", "pos"], "binary", 0.25), decisions(outputs, ["a", "b"], "multi_label", (0.8, 0.2))
        (['pos', 'neg'], [['b'], ['a']])
    """
    if kind == "multi_label":
        return [[labels[int(place)] for place in np.flatnonzero(row)] for row in is_above(outputs, threshold)]
    if threshold is None:
        return [labels[place] for place in outputs.argmax(axis=1)]
    return [labels[place] for place in is_above(outputs[:, 1], threshold).astype(int)]
