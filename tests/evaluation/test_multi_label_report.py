from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from keras_bert_lab import DataError, multi_label_report

LABELS = ["a", "b", "c"]
TRUE = [["a", "b"], ["b"], [], ["c", "a"], ["b", "c"]]
ANSWERS = [["a"], ["b"], [], ["a", "c"], ["a", "c"]]


def test_figures_of_five_texts_are_those_by_hand() -> None:
    report = multi_label_report(TRUE, ANSWERS, LABELS)
    assert (report.examples, report.support) == (5, [2, 3, 2])
    assert report.subset_accuracy == pytest.approx(3 / 5)
    assert report.label_accuracy == pytest.approx(12 / 15)
    assert report.precision == pytest.approx([2 / 3, 1, 1])
    assert report.recall == pytest.approx([1, 1 / 3, 1])
    assert report.f1 == pytest.approx([4 / 5, 1 / 2, 1])
    assert report.macro_f1 == pytest.approx(2.3 / 3)
    assert report.micro_f1 == pytest.approx(10 / 13)
    assert report.weighted_f1 == pytest.approx((2 * 0.8 + 3 * 0.5 + 2) / 7)
    assert (report.auroc, report.macro_auroc, report.log_loss) == (None, None, None)


def test_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(7)
    true = random.random((61, 5)) < 0.3
    chances = 1 / (1 + np.exp(-random.normal(size=(61, 5)) - 2 * true + 1))
    answers = chances > 0.5
    report = multi_label_report(true, answers, list("abcde"), chances)
    for average in ("macro", "micro", "weighted"):
        assert getattr(report, f"{average}_f1") == pytest.approx(metrics.f1_score(true, answers, average=average))
    assert report.precision == pytest.approx(metrics.precision_score(true, answers, average=None))
    assert report.recall == pytest.approx(metrics.recall_score(true, answers, average=None))
    assert report.subset_accuracy == pytest.approx(metrics.accuracy_score(true, answers))
    assert report.label_accuracy == pytest.approx(1 - metrics.hamming_loss(true, answers))
    assert report.auroc == pytest.approx(metrics.roc_auc_score(true, chances, average=None))
    assert report.macro_auroc == pytest.approx(metrics.roc_auc_score(true, chances))
    assert report.average_precision == pytest.approx(metrics.average_precision_score(true, chances, average=None))
    each = [metrics.log_loss(true[:, label], chances[:, label]) for label in range(5)]
    assert report.log_loss == pytest.approx(np.mean(each))
    each = [metrics.brier_score_loss(true[:, label], chances[:, label]) for label in range(5)]
    assert report.brier == pytest.approx(np.mean(each))
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["auroc"] == report.auroc


def test_labels_that_never_or_always_occur() -> None:
    true = [["a"], ["a", "b"], ["a"]]
    chances = [{"a": 0.9, "b": 0.2, "c": 0.3}, {"a": 0.8, "b": 0.7, "c": 0.1}, {"a": 0.4, "b": 0.1, "c": 0.6}]
    report = multi_label_report(true, [["a"], ["a", "b"], ["c"]], LABELS, chances)
    assert report.auroc == [None, 1.0, None]
    assert report.macro_auroc == 1.0
    assert report.average_precision == [1.0, 1.0, None]
    assert report.f1 == pytest.approx([4 / 5, 1, 0])
    json.dumps(report.to_dict(), allow_nan=False)
    nothing = multi_label_report([[], []], [[], []], ["a", "b"], np.full((2, 2), 0.25))
    assert (nothing.micro_f1, nothing.weighted_f1, nothing.subset_accuracy, nothing.macro_auroc) == (0.0, 0.0, 1.0, None)
    assert "macro AUROC      not defined  (log loss 0.288, Brier 0.062, ECE 0.250)" in str(nothing)


def test_it_reads_as_a_text() -> None:
    assert str(multi_label_report(TRUE, ANSWERS, LABELS)).splitlines() == [
        "micro F1         0.769  (macro 0.767, weighted 0.729)",
        "subset accuracy  0.600  (of 5 texts; of labels 0.800)",
        "          precision    recall        F1     AUROC     texts",
        "         a    0.667     1.000     0.800         -         2",
        "         b    1.000     0.333     0.500         -         3",
        "         c    1.000     1.000     1.000         -         2",
    ]


@pytest.mark.parametrize(
    ("true", "answers", "error", "message"),
    [
        ([["a"]], [["a"], []], ValueError, "There must be one answer for each true label. Received: 1 labels, 2 answers"),
        ([], [], ValueError, "Received: 0 labels, 0 answers"),
        ([["d"]], [["a"]], DataError, "label must be one of ['a', 'b', 'c']. Received: 'd' in row 0"),
        (np.array([[0, 1]]), [["a"]], DataError, "must hold one 0 or 1 for each of ['a', 'b', 'c']. Received: shape (1, 2)"),
        (np.array([[0, 1, 2]]), [["a"]], DataError, "Received: shape (1, 3), values such as [0, 1, 2]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(true: Any, answers: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        multi_label_report(true, answers, LABELS)
