"""How good a classifier's answers are, with the uncertainty of the figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule

__all__ = ["ClassificationReport", "classification_report"]

metrics = LazyModule("sklearn.metrics", install="scikit-learn")
stats = LazyModule("scipy.stats", install="scipy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    """Figures of one classifier on one test set.

    Attributes:
        labels: names of the labels, in the order of the matrix.
        examples: number of texts.
        accuracy: share of right answers.
        interval: where the accuracy lies with 95 % confidence, (low, high).
        f1: F1 of each label, in the order of `labels`.
        macro_f1: their mean.
        majority: share of the most frequent label: the accuracy of always giving it.
        confusion: int (C, C), row = true label, column = answer.
    """

    labels: list[str]
    examples: int
    accuracy: float
    interval: tuple[float, float]
    f1: list[float]
    macro_f1: float
    majority: float
    confusion: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self) | {"confusion": self.confusion.tolist(), "interval": list(self.interval)}

    def __str__(self) -> str:
        low, high = self.interval
        width = max(8, *(len(label) for label in self.labels)) + 2
        lines = [
            f"accuracy  {self.accuracy:.3f}  "
            f"(95 % interval {low:.3f} to {high:.3f}; always the commonest label: {self.majority:.3f})",
            f"macro F1  {self.macro_f1:.3f}  ("
            + ", ".join(f"{label} {value:.3f}" for label, value in zip(self.labels, self.f1, strict=True))
            + ")",
            f"confusion ({self.examples} texts; row: true label, column: answer)",
            " " * width + "".join(f"{label:>{width}}" for label in self.labels),
        ]
        for label, row in zip(self.labels, self.confusion, strict=True):
            lines.append(f"{label:>{width}}" + "".join(f"{count:>{width}}" for count in row))
        return "\n".join(lines)


def classification_report(true: Sequence[str], answers: Sequence[str], labels: Sequence[str]) -> ClassificationReport:
    """Compare a classifier's answers with the true labels, one label for each text.

    Args:
        true: the true labels.
        answers: the answers, in the same order.
        labels: all labels.

    Raises:
        ValueError: columns of different length, or none at all.

    Reference: interval by Wilson 1927 (`scipy.stats.binomtest`); F1 and confusion matrix by scikit-learn.
    """
    true, answers, labels = [str(label) for label in true], [str(label) for label in answers], list(labels)
    if len(true) != len(answers) or not true:
        raise ValueError(f"There must be one answer for each true label. Received: {len(true)} labels, {len(answers)} answers")
    right = sum(a == b for a, b in zip(true, answers, strict=True))
    interval = stats.binomtest(right, len(true)).proportion_ci(method="wilson")
    f1 = metrics.f1_score(true, answers, labels=labels, average=None, zero_division=0)
    return ClassificationReport(
        labels=labels,
        examples=len(true),
        accuracy=right / len(true),
        interval=(float(interval.low), float(interval.high)),
        f1=[float(value) for value in f1],
        macro_f1=float(np.mean(f1)),
        majority=max(true.count(label) for label in set(true)) / len(true),
        confusion=metrics.confusion_matrix(true, answers, labels=labels),
    )
