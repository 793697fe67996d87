from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from keras_bert_lab import DataError, calibration, classification_report
from keras_bert_lab.evaluation.confusion_figures import FIGURES, figures_of

LABELS = ["bad", "fair", "good"]
# bad x 2, fair x 2, good x 3; right: rows 0, 2, 4, 5, 6
TRUE = ["bad", "bad", "fair", "fair", "good", "good", "good"]
ANSWERS = ["bad", "good", "fair", "bad", "good", "good", "good"]


def wilson(right: int, count: int) -> tuple[float, float]:
    """Wilson's interval with 95 % confidence, from the formula of his paper of 1927."""
    z, p = 1.959963984540054, right / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return middle - half, middle + half


def drawn(rows: int, labels: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """True labels, and float32 probabilities that know something of them."""
    random = np.random.default_rng(seed)
    true = random.integers(0, labels, rows)
    logits = random.normal(size=(rows, labels))
    logits[np.arange(rows), true] += 1.5
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, chances.astype(np.float32)


def test_figures_of_seven_answers_are_those_by_hand() -> None:
    report = classification_report(TRUE, ANSWERS, LABELS)
    assert (report.labels, report.examples) == (LABELS, 7)
    assert report.accuracy == pytest.approx(5 / 7)
    np.testing.assert_array_equal(report.confusion, [[1, 0, 1], [1, 1, 0], [0, 0, 3]])
    # F1 = 2 right / (true + answered): bad 2/(2+2), fair 2/(2+1), good 6/(3+4)
    assert report.f1 == pytest.approx([1 / 2, 2 / 3, 6 / 7])
    assert report.macro_f1 == pytest.approx((1 / 2 + 2 / 3 + 6 / 7) / 3)
    assert report.weighted_f1 == pytest.approx((2 * 1 / 2 + 2 * 2 / 3 + 3 * 6 / 7) / 7)
    assert report.micro_f1 == pytest.approx(5 / 7)
    assert report.precision == pytest.approx([1 / 2, 1, 3 / 4])
    assert report.recall == pytest.approx([1 / 2, 1 / 2, 1])
    assert report.balanced_accuracy == pytest.approx(2 / 3)
    # (5 * 7 - (2*2 + 2*1 + 3*4)) / sqrt((49 - 17) (49 - 21))
    assert report.mcc == pytest.approx(17 / math.sqrt(32 * 28))
    assert report.majority == pytest.approx(3 / 7)
    assert report.interval == pytest.approx(wilson(5, 7))
    assert report.interval == pytest.approx((0.3589, 0.9178), abs=1e-4)
    assert (report.auroc, report.average_precision, report.log_loss, report.brier, report.ece) == (None,) * 5
    assert (report.auroc_error, report.intervals) == (None, None)


@pytest.mark.parametrize(("right", "count"), [(0, 5), (5, 5), (1, 2), (311, 401)])
def test_the_interval_is_wilsons(right: int, count: int) -> None:
    report = classification_report(["a"] * count, ["a"] * right + ["b"] * (count - right), ["a", "b"])
    assert report.interval == pytest.approx(wilson(right, count), abs=1e-12)
    assert 0 <= report.interval[0] <= report.accuracy <= report.interval[1] <= 1


@pytest.mark.parametrize(("rows", "labels"), [(2, 2), (11, 2), (101, 3), (97, 7)])
def test_figures_are_those_of_scikit_learn(rows: int, labels: int) -> None:
    true, chances = drawn(rows, labels)
    true[:labels] = np.arange(labels)  # each label occurs: scikit-learn has no areas otherwise
    answers = chances.argmax(axis=1)
    report = classification_report(true, answers, [f"label {place}" for place in range(labels)], chances)
    every = {"labels": range(labels), "zero_division": 0}
    for average in ("macro", "micro", "weighted"):
        assert getattr(report, f"{average}_f1") == pytest.approx(metrics.f1_score(true, answers, average=average, **every))
    assert report.f1 == pytest.approx(metrics.f1_score(true, answers, average=None, **every))
    assert report.precision == pytest.approx(metrics.precision_score(true, answers, average=None, **every))
    assert report.recall == pytest.approx(metrics.recall_score(true, answers, average=None, **every))
    assert report.accuracy == metrics.accuracy_score(true, answers)
    assert report.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(true, answers))
    assert report.mcc == pytest.approx(metrics.matthews_corrcoef(true, answers))
    np.testing.assert_array_equal(report.confusion, metrics.confusion_matrix(true, answers, labels=range(labels)))
    table = chances.astype(np.float64) / chances.astype(np.float64).sum(axis=1, keepdims=True)
    scores = table[:, 1] if labels == 2 else table
    of_each = np.eye(labels)[true]
    assert report.auroc == pytest.approx(metrics.roc_auc_score(true, scores, multi_class="ovr"))
    expected = metrics.average_precision_score(true if labels == 2 else of_each, scores)
    assert report.average_precision == pytest.approx(expected)
    assert report.log_loss == pytest.approx(metrics.log_loss(true, table, labels=range(labels)))
    expected = metrics.brier_score_loss(true, scores, labels=range(labels), scale_by_half=labels == 2)
    assert report.brier == pytest.approx(expected)
    assert report.ece == calibration(true, chances).ece
    assert report.auroc_error == 0


@pytest.mark.parametrize("seed", range(40))
def test_figures_of_few_texts_with_absent_labels_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, labels = int(random.integers(1, 6)), int(random.integers(2, 5))
    true, answers = random.integers(0, labels, (2, rows))
    found = figures_of(metrics.confusion_matrix(true, answers, labels=range(labels)))
    for average in ("macro", "micro", "weighted"):
        expected = metrics.f1_score(true, answers, average=average, labels=range(labels), zero_division=0)
        assert float(found[f"{average}_f1"]) == pytest.approx(expected)
    if len(set(true) | set(answers)) > 1:  # else scikit-learn warns
        assert float(found["mcc"]) == pytest.approx(metrics.matthews_corrcoef(true, answers))
    present = sorted(set(true))
    expected = metrics.recall_score(true, answers, average="macro", labels=present, zero_division=0)
    assert float(found["balanced_accuracy"]) == pytest.approx(expected)


def test_figures_of_many_matrices_at_once_are_those_of_each() -> None:
    matrices = np.random.default_rng(2).integers(0, 5, (7, 3, 3))
    together = figures_of(matrices)
    for place, matrix in enumerate(matrices):
        alone = figures_of(matrix)
        for name in (*FIGURES, "f1", "precision", "recall"):
            np.testing.assert_array_equal(together[name][place], alone[name])


def test_rows_follow_the_order_of_the_labels() -> None:
    report = classification_report(TRUE, ANSWERS, LABELS[::-1])
    np.testing.assert_array_equal(report.confusion, [[3, 0, 0], [0, 1, 1], [1, 0, 1]])
    assert report.f1 == pytest.approx([6 / 7, 2 / 3, 1 / 2])


def test_probabilities_follow_the_order_of_the_labels() -> None:
    true, chances = drawn(31, 3)
    names = [LABELS[place] for place in true]
    answers = [LABELS[place] for place in chances.argmax(axis=1)]
    report = classification_report(names, answers, LABELS, chances)
    turned = classification_report(names, answers, LABELS[::-1], chances[:, ::-1])
    dicts = [dict(zip(LABELS, map(float, row), strict=True)) for row in chances]
    of_dicts = classification_report(names, answers, LABELS[::-1], dicts)
    for other in (turned, of_dicts):
        for name in ("auroc", "average_precision", "log_loss", "brier", "ece", "mcc"):
            assert getattr(other, name) == pytest.approx(getattr(report, name), rel=1e-6)


def test_a_label_that_never_occurs_has_f1_0() -> None:
    report = classification_report(["bad", "good"], ["bad", "good"], [*LABELS])
    assert report.f1 == [1.0, 0.0, 1.0]
    assert report.balanced_accuracy == 1.0
    assert report.confusion.sum() == 2


def test_a_label_that_never_occurs_has_no_area() -> None:
    chances = np.array([[0.6, 0.2, 0.2], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
    report = classification_report(["bad", "good", "good"], ["bad", "bad", "good"], LABELS, chances)
    # bad: 0.6 above 0.5 and 0.1; good: one of 0.4, 0.7 against 0.2: both above
    assert (report.auroc, report.average_precision) == (1.0, 1.0)
    assert report.log_loss == pytest.approx(-np.log([0.6, 0.4, 0.7]).mean())


def test_equal_probabilities_have_the_area_of_chance() -> None:
    report = classification_report([0, 1, 1, 0], [1, 1, 1, 1], ["a", "b"], np.full((4, 1), 0.75))
    assert (report.auroc, report.average_precision, report.mcc) == (0.5, 0.5, 0.0)
    assert report.brier == pytest.approx((2 * 0.75**2 + 2 * 0.25**2) / 4)
    assert report.ece == pytest.approx(0.25)


@pytest.mark.parametrize("true", [["b"], ["b", "b", "b"], ["a", "a"]])
def test_one_label_alone_has_no_area_but_all_other_figures(true: list[str]) -> None:
    chances = np.linspace(0.25, 0.75, len(true))[:, np.newaxis]
    report = classification_report(true, ["b"] * len(true), ["a", "b"], chances, intervals=True)
    assert report.auroc is None
    assert report.average_precision == (1.0 if "b" in true else None)
    assert report.mcc == 0.0
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["intervals"]["mcc"] == [0.0, 0.0]
    assert "AUROC     not defined" in str(report)


def test_a_probability_of_0_for_the_true_label_costs_what_it_costs_in_keras() -> None:
    report = classification_report(["a", "b"], ["b", "b"], ["a", "b"], [[1.0], [1.0]])
    assert report.log_loss == pytest.approx(-math.log(1e-7) / 2)


def test_labels_that_are_numbers_are_compared_as_names() -> None:
    report = classification_report(np.array([1, 0, 1]), ["1", "0", "0"], ["0", "1"])
    assert report.accuracy == pytest.approx(2 / 3)
    turned = classification_report(np.array([1, 0, 1]), ["1", "0", "0"], ["1", "0"])
    np.testing.assert_array_equal(turned.confusion, [[1, 1], [0, 1]])


def test_columns_of_tables_are_taken_as_they_are() -> None:
    table = pd.DataFrame({"true": TRUE, "answer": ANSWERS}, index=range(3, 10))
    report = classification_report(table.true, table.answer.astype("category"), LABELS)
    assert report.accuracy == pytest.approx(5 / 7)


def test_it_reads_as_a_text() -> None:
    assert str(classification_report(TRUE, ANSWERS, LABELS)).splitlines() == [
        "accuracy  0.714  (95 % interval 0.359 to 0.918; always the commonest label: 0.429)",
        "macro F1  0.675  (bad 0.500, fair 0.667, good 0.857)",
        "MCC       0.568  (balanced accuracy 0.667, weighted F1 0.701)",
        "confusion (7 texts; row: true label, column: answer)",
        "                 bad      fair      good",
        "       bad         1         0         1",
        "      fair         1         1         0",
        "      good         0         0         3",
    ]


def test_probabilities_and_intervals_are_told_too() -> None:
    chances = [[0.2], [0.9], [0.6], [0.3]]
    report = classification_report(["n", "y", "n", "y"], ["n", "y", "y", "n"], ["n", "y"], chances, intervals=True)
    assert report.intervals is not None
    low, high = report.intervals["macro_f1"]
    # pairs of y and n: 0.9 above both, 0.3 above one of two
    assert str(report).splitlines()[3:5] == [
        "AUROC     0.750  (average precision 0.833, log loss 0.612, Brier 0.225, ECE 0.400)",
        f"95 % bootstrap intervals: accuracy 0.000 to 1.000, macro_f1 {low:.3f} to {high:.3f}, mcc "
        f"{report.intervals['mcc'][0]:.3f} to {report.intervals['mcc'][1]:.3f}",
    ]


def test_of_many_labels_the_worst_are_shown() -> None:
    labels = [f"label {place}" for place in range(13)]
    true = np.arange(13).repeat(3)
    answers = true.copy()
    answers[[3, 4, 6]] = 2, 2, 1  # label 1 twice taken for 2, label 2 once for 1
    lines = str(classification_report(true, answers, labels)).splitlines()
    assert "(the lowest: label 1 0.400, label 2 0.571, label 0 1.000" in lines[1]
    assert lines[3:] == [
        "commonest mistakes (39 texts; true label, answer, how often)",
        "   label 1   label 2         2",
        "   label 2   label 1         1",
    ]


def test_it_is_plain_data_too() -> None:
    report = classification_report(TRUE, ANSWERS, LABELS)
    again = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert again["confusion"] == [[1, 0, 1], [1, 1, 0], [0, 0, 3]]
    assert again["interval"] == list(report.interval)
    assert again["auroc"] is None
    with_intervals = classification_report(TRUE, ANSWERS, LABELS, intervals=True)
    assert with_intervals.intervals is not None
    assert json.loads(json.dumps(with_intervals.to_dict()))["intervals"]["mcc"] == list(with_intervals.intervals["mcc"])


@pytest.mark.parametrize(
    ("true", "answers", "received"), [(["a"], ["a", "b"], "1 labels, 2 answers"), ([], [], "0 labels, 0 answers")]
)
def test_other_numbers_of_answers_are_refused(true: list[str], answers: list[str], received: str) -> None:
    with pytest.raises(ValueError, match=f"There must be one answer for each true label. Received: {received}"):
        classification_report(true, answers, ["a", "b"])


@pytest.mark.parametrize(
    ("true", "answers", "message"),
    [
        (["a", "c"], ["a", "a"], "label must be one of ['a', 'b']. Received: 'c' in row 1"),
        (["a", "b"], ["d", "a"], "label must be one of ['a', 'b']. Received: 'd' in row 0"),
        (np.array([0, 2]), ["a", "a"], "label must be one of ['a', 'b'], or its number. Received: 2"),
        (np.array([-1, 1]), ["a", "a"], "label must be one of ['a', 'b'], or its number. Received: -1"),
    ],
)
def test_labels_that_are_not_known_are_refused(true: Any, answers: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        classification_report(true, answers, ["a", "b"])


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([[0.5, 0.5]], "probabilities must be of shape (2, 3): a row for each text, a column for each label. Received: (1, 2)"),
        ([[0.5, 0.5], [0.5, 0.5]], "Received: (2, 2)"),
        ([[0.5, 0.4, 0.2], [1, 0, 0]], "The probabilities of a text must sum up to 1. Received: 1.1 in row 0"),
        ([[1, 0, 0], [-0.5, 0.5, 1]], "probabilities must lie between 0 and 1. Received: -0.5 in row 1"),
        ([[1, 0, 0], [0, float("nan"), 1]], "probabilities must lie between 0 and 1. Received: nan in row 1"),
        ([{"bad": 1.0}, {"bad": 1.0}], "probabilities must hold each of ['bad', 'fair', 'good']. Received: ['bad']"),
    ],
)
def test_numbers_that_are_no_probabilities_are_refused(probabilities: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        classification_report(["bad", "good"], ["bad", "good"], LABELS, probabilities)
