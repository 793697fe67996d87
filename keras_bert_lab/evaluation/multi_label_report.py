"""How good answers are where a text may have several labels, or none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.probabilities import label_table, probability_table
from keras_bert_lab.evaluation.probability_figures import ProbabilityFigures, mean_of_defined, probability_figures

__all__ = ["LabelCounts", "MultiLabelReport", "multi_label_report"]


class LabelCounts:
    """Counts of right and wrong answers for each label; memory does not depend on how much is added.

    Args:
        labels: C, how many.
    """

    def __init__(self, labels: int) -> None:
        self.texts = self.same = 0
        self.true, self.answered, self.right = (np.zeros(labels, np.int64) for _ in range(3))

    def add(self, true: np.ndarray, answers: np.ndarray) -> None:
        """Count texts: bool (R, C) each."""
        self.texts += len(true)
        self.same += int((true == answers).all(axis=1).sum())
        self.true += true.sum(axis=0)
        self.answered += answers.sum(axis=0)
        self.right += (true & answers).sum(axis=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiLabelReport:
    """Figures of one classifier on one test set, with any number of labels for each text.

    Attributes:
        labels: names of the labels.
        examples: number of texts.
        subset_accuracy: share of texts whose labels are all right, and none is missing.
        label_accuracy: share of right decisions, a label for a text each; high where most labels are rare.
        precision: of each label: share of right ones among its answers; 0 where it is never answered.
        recall: of each label: share of right answers where it is true; 0 where it is never true.
        f1: of each label; 0 for one that neither occurs nor is answered.
        support: how often each label is true.
        macro_f1: mean of `f1`.
        micro_f1: F1 of all decisions together.
        weighted_f1: mean of `f1`, weighted by `support`.
        auroc: area under the ROC curve of each label; None for a label that no text has, or each. None without probabilities,
            as are all that follow.
        macro_auroc: mean of those that are defined; None if there is none.
        average_precision: of each label; None for one that never occurs.
        log_loss: mean over texts and labels of -log of the probability of what is true.
        brier: mean squared error of the probabilities.
        ece: expected calibration error, see `calibration`.
        auroc_error: how far an AUROC may be from the exact one; 0 but for `StreamingReport`.
    """

    labels: list[str]
    examples: int
    subset_accuracy: float
    label_accuracy: float
    precision: list[float]
    recall: list[float]
    f1: list[float]
    support: list[int]
    macro_f1: float
    micro_f1: float
    weighted_f1: float
    auroc: list[float | None] | None = None
    macro_auroc: float | None = None
    average_precision: list[float | None] | None = None
    log_loss: float | None = None
    brier: float | None = None
    ece: float | None = None
    auroc_error: float | None = None

    @classmethod
    def of(cls, labels: list[str], counts: LabelCounts, found: ProbabilityFigures | None = None) -> MultiLabelReport:
        """What follows from counts, and from the figures of the probabilities; at least one text."""
        wrong = counts.true + counts.answered - 2 * counts.right
        f1 = _ratio(2 * counts.right, counts.true + counts.answered)
        figures: dict[str, Any] = {}
        if found is not None:
            figures = dataclasses.asdict(found) | {"macro_auroc": mean_of_defined(found.auroc)}
        return cls(
            labels=labels,
            examples=counts.texts,
            subset_accuracy=counts.same / counts.texts,
            label_accuracy=1 - int(wrong.sum()) / (counts.texts * len(labels)),
            precision=_ratio(counts.right, counts.answered).tolist(),
            recall=_ratio(counts.right, counts.true).tolist(),
            f1=f1.tolist(),
            support=counts.true.tolist(),
            macro_f1=float(f1.mean()),
            micro_f1=float(_ratio(2 * counts.right.sum(), (counts.true + counts.answered).sum())),
            weighted_f1=float(_ratio((f1 * counts.true).sum(), counts.true.sum())),
            **figures,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        width = max(8, *(len(label) for label in self.labels)) + 2
        lines = [
            f"micro F1         {self.micro_f1:.3f}  (macro {self.macro_f1:.3f}, weighted {self.weighted_f1:.3f})",
            f"subset accuracy  {self.subset_accuracy:.3f}  (of {self.examples} texts; of labels {self.label_accuracy:.3f})",
        ]
        if self.auroc is not None:
            auroc = "not defined" if self.macro_auroc is None else f"{self.macro_auroc:.3f}"
            lines.append(
                f"macro AUROC      {auroc}  (log loss {self.log_loss:.3f}, Brier {self.brier:.3f}, ECE {self.ece:.3f})"
            )
        lines.append(" " * width + "precision    recall        F1     AUROC     texts")
        for place, label in enumerate(self.labels):
            auroc_of_label = self.auroc[place] if self.auroc is not None else None
            shown = "-" if auroc_of_label is None else f"{auroc_of_label:.3f}"
            lines.append(
                f"{label:>{width}}{self.precision[place]:>9.3f}{self.recall[place]:>10.3f}{self.f1[place]:>10.3f}{shown:>10}"
                f"{self.support[place]:>10}"
            )
        return "\n".join(lines)


def _ratio(top: Any, bottom: Any) -> np.ndarray:
    """Top / bottom; 0 for 0 / 0."""
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    return np.divide(top, bottom, out=np.zeros(bottom.shape), where=bottom > 0)


def multi_label_report(true: Any, answers: Any, labels: Sequence[str], probabilities: Any = None) -> MultiLabelReport:
    """Compare a classifier's answers with the true labels, any number of labels for each text.

    Args:
        true: for each text a list of its labels; or a table of 0 and 1, (R, C).
        answers: the same of the answers, such as `predict_text(texts).label`.
        labels: all labels, in the order of the probabilities.
        probabilities: as `predict` or `predict_text` gives them; None = no figures that need them.

    Raises:
        DataError: a label that is not among `labels`.
        ValueError: columns of different length, or none at all; numbers that are no probabilities.

    Reference: areas under curves by scikit-learn.

    Example:
        >>> found = multi_label_report([["a", "b"], ["b"], []], [["a"], ["b"], []], ["a", "b"])
        >>> found.f1, round(found.micro_f1, 4), round(found.subset_accuracy, 4)
        ([1.0, 0.6666666666666666], 0.8, 0.6667)
    """
    names = [str(label) for label in labels]
    if len(true) != len(answers) or not len(true):
        raise ValueError(f"There must be one answer for each true label. Received: {len(true)} labels, {len(answers)} answers")
    flags, counts = label_table(true, names), LabelCounts(len(names))
    counts.add(flags, label_table(answers, names))
    found = None
    if probabilities is not None:
        found = probability_figures(flags, probability_table(probabilities, names, len(flags), several=True))
    return MultiLabelReport.of(names, counts, found)
