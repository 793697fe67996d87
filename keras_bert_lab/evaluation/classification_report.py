"""How good a classifier's answers are, with the uncertainty of the figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.bootstrap import confusion_intervals
from keras_bert_lab.evaluation.confusion_figures import confusion_of, figures_of
from keras_bert_lab.evaluation.probabilities import label_numbers, probability_table
from keras_bert_lab.evaluation.probability_figures import ProbabilityFigures, mean_of_defined, probability_figures
from keras_bert_lab.lazy import LazyModule

__all__ = ["ClassificationReport", "classification_report", "report_of"]

stats = LazyModule("scipy.stats", install="scipy")

_MANY = 12
"""Of more labels than this the lowest F1 and the commonest mistakes are printed, instead of all of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    """Figures of one classifier on one test set, with one label for each text.

    Attributes:
        labels: names of the labels, in the order of the matrix.
        examples: number of texts.
        accuracy: share of right answers.
        interval: where the accuracy lies with 95 % confidence, (low, high).
        f1: F1 of each label, in the order of `labels`; 0 for one that neither occurs nor is answered.
        macro_f1: their mean.
        majority: share of the most frequent label: the accuracy of always giving it.
        confusion: int (C, C), row = true label, column = answer.
        precision: of each label: share of right ones among its answers; 0 where it is never answered.
        recall: of each label: share of right answers where it is true; 0 where it is never true.
        balanced_accuracy: mean recall of the labels that occur.
        micro_f1: F1 of all answers together: with one label for each text the accuracy.
        weighted_f1: mean F1, weighted by how often a label occurs.
        mcc: Matthews correlation coefficient, -1 to 1; 0 where all labels or all answers are the same.
        auroc: area under the ROC curve: of the second of two labels; of more labels the mean of each against the rest. Labels
            that no text has, or each, are left out; None where no label is left. This and the next five are None without
            probabilities.
        average_precision: of the second of two labels, or the mean of all labels that occur.
        log_loss: mean of -log of the probability of the true label.
        brier: mean squared error of the probability of the second of two labels; of more labels the sum over the labels.
        ece: expected calibration error, see `calibration`.
        auroc_error: how far `auroc` may be from the exact one; 0 but for `StreamingReport`.
        intervals: figure -> (low, high) of it with 95 % confidence, if asked for.
    """

    labels: list[str]
    examples: int
    accuracy: float
    interval: tuple[float, float]
    f1: list[float]
    macro_f1: float
    majority: float
    confusion: np.ndarray
    precision: list[float]
    recall: list[float]
    balanced_accuracy: float
    micro_f1: float
    weighted_f1: float
    mcc: float
    auroc: float | None = None
    average_precision: float | None = None
    log_loss: float | None = None
    brier: float | None = None
    ece: float | None = None
    auroc_error: float | None = None
    intervals: dict[str, tuple[float, float]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        plain = dataclasses.asdict(self) | {"confusion": self.confusion.tolist(), "interval": list(self.interval)}
        if self.intervals is not None:
            plain["intervals"] = {name: list(interval) for name, interval in self.intervals.items()}
        return plain

    def __str__(self) -> str:
        low, high = self.interval
        shown, many = list(zip(self.f1, self.labels, strict=True)), len(self.labels) > _MANY
        if many:
            shown = sorted(shown)[:5]
        lines = [
            f"accuracy  {self.accuracy:.3f}  "
            f"(95 % interval {low:.3f} to {high:.3f}; always the commonest label: {self.majority:.3f})",
            f"macro F1  {self.macro_f1:.3f}  ({'the lowest: ' * many}"
            + ", ".join(f"{label} {value:.3f}" for value, label in shown)
            + ")",
            f"MCC       {self.mcc:.3f}  (balanced accuracy {self.balanced_accuracy:.3f}, weighted F1 {self.weighted_f1:.3f})",
        ]
        if self.log_loss is not None:
            auroc = "not defined" if self.auroc is None else f"{self.auroc:.3f}"
            precision = "" if self.average_precision is None else f"average precision {self.average_precision:.3f}, "
            lines.append(
                f"AUROC     {auroc}  ({precision}log loss {self.log_loss:.3f}, Brier {self.brier:.3f}, ECE {self.ece:.3f})"
            )
        if self.intervals:
            ranges = (f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in self.intervals.items())
            lines.append(f"95 % bootstrap intervals: {', '.join(ranges)}")
        return "\n".join([*lines, *self._matrix()])

    def _matrix(self) -> list[str]:
        width = max(8, *(len(label) for label in self.labels)) + 2
        if len(self.labels) > _MANY:
            wrong = self.confusion * (1 - np.eye(len(self.labels), dtype=int))
            first = [place for place in np.argsort(-wrong, axis=None, kind="stable")[:10] if wrong.flat[place]]
            return [
                f"commonest mistakes ({self.examples} texts; true label, answer, how often)",
                *(
                    f"{self.labels[place // len(wrong)]:>{width}}{self.labels[place % len(wrong)]:>{width}}"
                    f"{wrong.flat[place]:>10}"
                    for place in first
                ),
            ]
        lines = [
            f"confusion ({self.examples} texts; row: true label, column: answer)",
            " " * width + "".join(f"{label:>{width}}" for label in self.labels),
        ]
        for label, row in zip(self.labels, self.confusion, strict=True):
            lines.append(f"{label:>{width}}" + "".join(f"{count:>{width}}" for count in row))
        return lines


def report_of(
    labels: list[str], confusion: np.ndarray, found: ProbabilityFigures | None = None, intervals: bool = False, seed: int = 0
) -> ClassificationReport:
    """What follows from counts of (true label, answer), and from the figures of the probabilities.

    Args:
        labels: names of the labels.
        confusion: int (C, C), row = true label, column = answer; at least one text.
        found: of the probabilities, if there are any.
        intervals, seed: see `classification_report`.
    """
    texts, right = int(confusion.sum()), int(np.trace(confusion))
    interval = stats.binomtest(right, texts).proportion_ci(method="wilson")
    figures: dict[str, Any] = {
        name: value.tolist() if value.ndim else float(value) for name, value in figures_of(confusion).items()
    }
    if found is not None:
        two = len(labels) == 2
        figures |= {
            "auroc": found.auroc[1] if two else mean_of_defined(found.auroc),
            "average_precision": found.average_precision[1] if two else mean_of_defined(found.average_precision),
            "log_loss": found.log_loss,
            "brier": found.brier,
            "ece": found.ece,
            "auroc_error": found.auroc_error,
        }
    return ClassificationReport(
        labels=labels,
        examples=texts,
        interval=(float(interval.low), float(interval.high)),
        majority=int(confusion.sum(axis=1).max()) / texts,
        confusion=confusion,
        intervals=confusion_intervals(confusion, seed=seed) if intervals else None,
        **figures,
    )


def classification_report(
    true: Any,
    answers: Any,
    labels: Sequence[str],
    probabilities: Any = None,
    intervals: bool = False,
    seed: int = 0,
) -> ClassificationReport:
    """Compare a classifier's answers with the true labels, one label for each text.

        table = model.predict_text(test.text)
        print(kbl.classification_report(test.label, table.label, model.labels, table.probabilities))

    Args:
        true: the true labels, by name or number.
        answers: the answers, in the same order.
        labels: all labels, in the order of the probabilities.
        probabilities: as `predict` or `predict_text` gives them; None = no figures that need them.
        intervals: also 95 % bootstrap intervals of accuracy, macro F1 and MCC.
        seed: of these intervals.

    Raises:
        DataError: a label that is not among `labels`.
        ValueError: columns of different length, or none at all; numbers that are no probabilities.

    Reference: interval by Wilson 1927 (`scipy.stats.binomtest`); areas under curves by scikit-learn.
    """
    names, true, answers = [str(label) for label in labels], _column(true), _column(answers)
    if len(true) != len(answers) or not len(true):
        raise ValueError(f"There must be one answer for each true label. Received: {len(true)} labels, {len(answers)} answers")
    numbers = label_numbers(true, names)
    found = None
    if probabilities is not None:
        found = probability_figures(numbers, probability_table(probabilities, names, len(numbers)))
    confusion = confusion_of(numbers, label_numbers(answers, names), len(names))
    return report_of(names, confusion, found, intervals, seed)


def _column(values: Any) -> Any:
    return values if hasattr(values, "__len__") else list(values)
