"""Whether a model that says 80 % is right in 80 of 100 cases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.config import check_integer
from keras_bert_lab.evaluation.probabilities import has_label_lists, label_numbers, label_table, probability_table

__all__ = ["BINS", "Calibration", "ReliabilityBins", "calibration", "confidences"]

BINS = 15
"""Number of bins, as in the paper."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far confidence and accuracy are apart, over all and in bins of confidence.

    Attributes:
        examples: number of decisions: texts, or texts times labels where a text may have several.
        edges: M + 1 of them; bin m holds the confidences above `edges[m]`, up to `edges[m + 1]`.
        counts: decisions in each bin.
        confidence: their mean confidence; None in an empty bin.
        accuracy: share of them that is right; None in an empty bin.
        ece: expected calibration error: the mean distance of the two, weighted by the counts.
        mce: maximum calibration error: the largest distance of the two.
    """

    examples: int
    edges: list[float]
    counts: list[int]
    confidence: list[float | None]
    accuracy: list[float | None]
    ece: float
    mce: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [f"calibration  ECE {self.ece:.3f}  MCE {self.mce:.3f}  ({self.examples} decisions)"]
        for low, high, count, confidence, accuracy in zip(
            self.edges[:-1], self.edges[1:], self.counts, self.confidence, self.accuracy, strict=True
        ):
            if confidence is not None and accuracy is not None:
                lines.append(f"  {low:.2f} to {high:.2f}  said {confidence:.3f}  right {accuracy:.3f}  {count:>8}")
        return "\n".join(lines)


class ReliabilityBins:
    """Sums of confidence and right answers in bins of equal width; memory does not depend on how much is added.

    Args:
        bins: M, how many.

    Raises:
        ValueError: no bin.
    """

    def __init__(self, bins: int = BINS) -> None:
        check_integer("bins", bins, 1)
        self._edges = np.linspace(0.0, 1.0, bins + 1)
        self._counts = np.zeros(bins, np.int64)
        self._confidence = np.zeros(bins)
        self._right = np.zeros(bins)

    def add(self, confidence: np.ndarray, right: np.ndarray) -> None:
        """Count decisions.

        Args:
            confidence: (R,), between 0 and 1.
            right: bool (R,), whether it is so.
        """
        bins = len(self._counts)
        # left: what lies on an edge belongs to the bin below it, as in the paper
        places = np.searchsorted(self._edges[1:-1], confidence, side="left")
        self._counts += np.bincount(places, minlength=bins)
        self._confidence += np.bincount(places, confidence, minlength=bins)
        self._right += np.bincount(places, right, minlength=bins)

    def result(self) -> Calibration:
        """What was counted so far."""
        counts = np.maximum(self._counts, 1)
        confidence, accuracy = self._confidence / counts, self._right / counts
        distance, examples = np.abs(confidence - accuracy), int(self._counts.sum())
        is_empty = self._counts == 0
        return Calibration(
            examples=examples,
            edges=self._edges.tolist(),
            counts=self._counts.tolist(),
            confidence=[None if empty else float(value) for value, empty in zip(confidence, is_empty, strict=True)],
            accuracy=[None if empty else float(value) for value, empty in zip(accuracy, is_empty, strict=True)],
            ece=float((distance * self._counts).sum() / max(examples, 1)),
            mce=float(distance.max()),
        )


def confidences(true: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a model is sure of, and whether it is so.

    Args:
        true: numbers of the true labels, int (R,); or bool (R, C), where a text may have several.
        table: probabilities, float (R, C).

    Returns:
        Confidence, float (R,) or (R * C,), and bool of the same shape: the highest probability of a text, and whether that
        label is true; or each probability, and whether its label is true.

    Example:
        >>> [each.tolist() for each in confidences(np.array([1, 1]), np.array([[0.1, 0.9], [0.6, 0.4]]))]
        [[0.9, 0.6], [True, False]]
    """
    if true.ndim == 2:
        return table.ravel(), true.ravel()
    return table.max(axis=1), table.argmax(axis=1) == true


def calibration(true: Any, probabilities: Any, labels: Sequence[str] | None = None, bins: int = BINS) -> Calibration:
    """Compare how sure a classifier is with how often it is right, in bins of equal width.

        ECE = sum_m n_m / n |right_m - said_m|,    MCE = max_m |right_m - said_m|

    With one label for each text, the confidence is the highest probability of the text, and it is right if that label is true,
    also for two labels. With several labels, each of them is a decision: its probability, and whether it is true.

    Args:
        true: the true label of each text, by name or number; lists of labels, or a table of 0 and 1, where a text may have
            several.
        probabilities: as `predict` or `predict_text` gives them.
        labels: all labels, in the order of the probabilities; None = the labels are numbers from 0.
        bins: M, number of bins.

    Raises:
        DataError: a label that is not known.
        ValueError: no text, or probabilities of another shape.

    Reference: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning"; Guo et al. 2017, "On
        calibration of modern neural networks", section 2.

    Example:
        >>> found = calibration([1, 1, 0, 0], [0.9, 0.7, 0.8, 0.1], bins=10)
        >>> round(found.ece, 4), round(found.mce, 4)  # 0.7 and 0.9, 0.9 right; 0.8 wrong
        (0.325, 0.8)
    """
    several = has_label_lists(true)
    if labels is None:
        shape = np.shape(probabilities)
        labels = [str(number) for number in range(max(shape[1] if len(shape) == 2 else 1, 1 if several else 2))]
    numbers = label_table(true, labels) if several else label_numbers(true, labels)
    if not len(numbers):
        raise ValueError("There must be at least one text. Received: none")
    counted = ReliabilityBins(bins)
    counted.add(*confidences(numbers, probability_table(probabilities, labels, len(numbers), several)))
    return counted.result()
