"""The report of a test set that never is in memory as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.calibration import ReliabilityBins, confidences
from keras_bert_lab.evaluation.classification_report import ClassificationReport, report_of
from keras_bert_lab.evaluation.confusion_figures import confusion_of
from keras_bert_lab.evaluation.multi_label_report import LabelCounts, MultiLabelReport
from keras_bert_lab.evaluation.probabilities import label_numbers, label_table, probability_table
from keras_bert_lab.evaluation.probability_figures import ProbabilityFigures, label_losses, squared_errors
from keras_bert_lab.evaluation.score_bins import ScoreBins
from keras_bert_lab.tasks.thresholds import check_threshold, is_above

__all__ = ["StreamingReport"]

_KINDS = ("binary", "multi_class", "multi_label")


class StreamingReport:
    """Figures of a classifier, from one batch after the other; memory does not depend on how many there are.

        report = kbl.StreamingReport(model.labels, model.kind)
        for part in parts:                                     # tables of texts and labels
            report.update(part.label, model.predict(part.text))
        print(report.result())

    Everything but the areas under ROC curves is what `classification_report` or `multi_label_report` gives of all batches
    together. These areas come from counts in bins of the probability; `auroc_error` of the result says how far they may be from
    the exact ones, and more bins bring it down. Average precision, for which there is no such bound, is left out.

    Args:
        labels: all labels, in the order of the probabilities.
        kind: "binary", "multi_class" or "multi_label".
        bins: of the areas; they take 16 bytes for each label.
        threshold: see `TextClassifier`.

    Raises:
        ValueError: another kind, or a number out of range.
    """

    def __init__(self, labels: Sequence[str], kind: str, bins: int = 4096, threshold: Any = None) -> None:
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {list(_KINDS)}. Received: kind={kind!r}")
        self.labels = [str(label) for label in labels]
        if kind == "binary" and len(self.labels) != 2:
            raise ValueError(f"kind='binary' needs 2 labels. Received: {self.labels}")
        self.kind = kind
        self.threshold = check_threshold(threshold, kind, self.labels)
        count = len(self.labels)
        self._confusion = np.zeros((count, count), np.int64)
        self._counts = LabelCounts(count)
        self._scores = ScoreBins(count, bins)
        self._reliability = ReliabilityBins()
        self._losses = self._squares = 0.0

    @property
    def examples(self) -> int:
        """Texts so far."""
        return self._counts.texts

    def update(self, true: Any, probabilities: Any) -> None:
        """Add a batch.

        Args:
            true: the true labels, by name or number; lists of them, or a table of 0 and 1, for "multi_label".
            probabilities: as `predict` or `predict_text` gives them.

        Raises:
            DataError: a label that is not known. Nothing of the batch is added.
            ValueError: numbers that are no probabilities, or not one row for each text. Nothing of the batch is added.
        """
        several = self.kind == "multi_label"
        numbers = label_table(true, self.labels) if several else label_numbers(true, self.labels)
        table = probability_table(probabilities, self.labels, len(numbers), several)
        if several:
            flags, answers = numbers, is_above(table, self.threshold)
        else:
            flags = numbers[:, np.newaxis] == np.arange(len(self.labels))
            best = table.argmax(axis=1) if self.threshold is None else is_above(table[:, 1], self.threshold).astype(np.int64)
            answers = best[:, np.newaxis] == np.arange(len(self.labels))
            self._confusion += confusion_of(numbers, best, len(self.labels))
        self._counts.add(flags, answers)
        self._scores.add(flags, table)
        self._reliability.add(*confidences(numbers, table))
        self._losses += float(label_losses(numbers, table).sum())
        self._squares += float(squared_errors(numbers, table).sum())

    def result(self, intervals: bool = False, seed: int = 0) -> ClassificationReport | MultiLabelReport:
        """The figures of all batches so far: a MultiLabelReport for "multi_label", else a ClassificationReport.

        Args:
            intervals, seed: see `classification_report`; not for "multi_label".

        Raises:
            ValueError: no batch yet, or intervals of a "multi_label".
        """
        if not self.examples:
            raise ValueError("result needs at least one text. Received: none. Call update first.")
        if intervals and self.kind == "multi_label":
            raise ValueError("intervals are not made for kind='multi_label'. Received: intervals=True. Use bootstrap_interval.")
        areas, bound = self._scores.auroc()
        found = ProbabilityFigures(
            auroc=areas,
            average_precision=[None] * len(self.labels),
            log_loss=self._losses / self.examples,
            brier=self._squares / self.examples,
            ece=self._reliability.result().ece,
            auroc_error=bound,
        )
        if self.kind == "multi_label":
            return MultiLabelReport.of(self.labels, self._counts, found)
        return report_of(self.labels, self._confusion.copy(), found, intervals, seed)
