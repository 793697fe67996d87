"""Counts of (true label, answer) -> figures; nothing of it needs the texts any more."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["FIGURES", "confusion_of", "figures_of"]

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "weighted_f1", "mcc")
"""Names of the figures that are one number."""


def confusion_of(true: np.ndarray, answers: np.ndarray, labels: int) -> np.ndarray:
    """Count, int64 (C, C): row = true label, column = answer.

    Example:
        >>> confusion_of(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    return np.bincount(true * labels + answers, minlength=labels * labels).reshape(labels, labels)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Top / bottom; 0 for 0 / 0."""
    return np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom > 0)


def figures_of(confusion: np.ndarray) -> dict[str, Any]:
    """What follows from counts of (true label, answer).

        precision = right / answered,  recall = right / true,  F1 = 2 right / (true + answered),  each 0 where it is 0 / 0
        MCC = (s c - sum_k t_k a_k) / sqrt((s^2 - sum_k t_k^2) (s^2 - sum_k a_k^2)),  0 where it is 0 / 0
        s: texts, c: right answers, t_k, a_k: how often a label is true, is answered

    Args:
        confusion: (..., C, C), row = true label, column = answer.

    Returns:
        `precision`, `recall`, `f1`, float64 (..., C), and the numbers of `FIGURES`, float64 (...). Balanced accuracy is the
        mean recall of the labels that occur; macro F1 the mean of all labels; weighted F1 weighs them by how often they occur.

    Reference: MCC for several labels: Gorodkin 2004, equation 8.

    Example:
        >>> found = figures_of(np.array([[3, 1], [2, 4]]))
        >>> [round(float(found[name]), 4) for name in ("accuracy", "balanced_accuracy", "mcc")]
        [0.7, 0.7083, 0.4082]
    """
    counts = np.asarray(confusion, np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)  # (..., C)
    true, answered = counts.sum(axis=-1), counts.sum(axis=-2)
    texts, hits = true.sum(axis=-1), right.sum(axis=-1)
    recall, f1 = _ratio(right, true), _ratio(2 * right, true + answered)
    spread = (texts**2 - (true**2).sum(axis=-1)) * (texts**2 - (answered**2).sum(axis=-1))
    accuracy = _ratio(hits, texts)
    return {
        "precision": _ratio(right, answered),
        "recall": recall,
        "f1": f1,
        "accuracy": accuracy,
        "balanced_accuracy": _ratio(recall.sum(axis=-1), (true > 0).sum(axis=-1)),
        "macro_f1": f1.mean(axis=-1),
        "micro_f1": accuracy,  # with one label and one answer for each text
        "weighted_f1": _ratio((f1 * true).sum(axis=-1), texts),
        "mcc": _ratio(hits * texts - (true * answered).sum(axis=-1), np.sqrt(np.maximum(spread, 0.0))),
    }
