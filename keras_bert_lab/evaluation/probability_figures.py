"""Probabilities -> figures that do not depend on where the line between labels is drawn."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.calibration import ReliabilityBins, confidences
from keras_bert_lab.lazy import LazyModule

__all__ = [
    "ProbabilityFigures",
    "label_losses",
    "mean_of_defined",
    "probability_figures",
    "ranking_figures",
    "squared_errors",
]

metrics = LazyModule("sklearn.metrics", install="scikit-learn")

SMALLEST = 1e-7
"""Smaller probabilities of what is true count as this one in the loss, as in Keras."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbabilityFigures:
    """Figures of probabilities. None = not defined.

    Attributes:
        auroc: area under the ROC curve of each label against the rest; None for a label that no text has, or each.
        average_precision: of each label; None for a label that no text has.
        log_loss: mean of -log of the probability of what is true.
        brier: mean squared error of the probabilities.
        ece: expected calibration error, see `calibration`.
        auroc_error: how far an AUROC may be from the exact one.
    """

    auroc: list[float | None]
    average_precision: list[float | None]
    log_loss: float
    brier: float
    ece: float
    auroc_error: float = 0.0


def mean_of_defined(values: list[float | None]) -> float | None:
    """Mean of the values that are not None; None if there is none.

    Example:
        >>> mean_of_defined([0.5, None, 1.0]), mean_of_defined([None])
        (0.75, None)
    """
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found else None


def label_losses(true: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Loss of each text, float64 (R,): -log of the probability of its label; with several labels the mean over all labels.

    Args:
        true: numbers of the true labels, int (R,); or bool (R, C), where a text may have several.
        table: probabilities, float64 (R, C).

    Example:
        >>> label_losses(np.array([1, 0]), np.array([[0.5, 0.5], [1.0, 0.0]])).round(4).tolist()
        [0.6931, 0.0]
    """
    if true.ndim == 2:
        of_each = np.where(true, table, 1.0 - table)
        return 0.0 - np.log(np.clip(of_each, SMALLEST, 1.0)).mean(axis=1)
    return 0.0 - np.log(np.clip(table[np.arange(len(true)), true], SMALLEST, 1.0))


def squared_errors(true: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Brier score of each text, float64 (R,).

    One label for each text: (p - y)^2 of the second of two labels, else the sum over all labels; several: their mean.
    """
    targets = true.astype(np.float64) if true.ndim == 2 else np.eye(table.shape[1])[true]
    squares = (table - targets) ** 2
    if true.ndim == 2:
        return squares.mean(axis=1)
    return squares[:, 1] if table.shape[1] == 2 else squares.sum(axis=1)


def ranking_figures(true: np.ndarray, scores: np.ndarray) -> tuple[float | None, float | None]:
    """AUROC and average precision of one label; None where they are not defined.

    Args:
        true: bool (R,), whether a text has the label.
        scores: (R,), the higher the surer.
    """
    if not true.any():
        return None, None
    auroc = None if true.all() else float(metrics.roc_auc_score(true, scores))
    return auroc, float(metrics.average_precision_score(true, scores))


def probability_figures(true: np.ndarray, table: np.ndarray) -> ProbabilityFigures:
    """Figures of probabilities.

    Args:
        true: numbers of the true labels, int (R,); or bool (R, C), where a text may have several.
        table: probabilities, float64 (R, C).
    """
    bins = ReliabilityBins()
    bins.add(*confidences(true, table))
    of_labels: list[Any] = [
        ranking_figures(true[:, label] if true.ndim == 2 else true == label, table[:, label]) for label in range(table.shape[1])
    ]
    return ProbabilityFigures(
        auroc=[auroc for auroc, _ in of_labels],
        average_precision=[precision for _, precision in of_labels],
        log_loss=float(label_losses(true, table).mean()),
        brier=float(squared_errors(true, table).mean()),
        ece=bins.result().ece,
    )
