from __future__ import annotations

import re
import tracemalloc
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import ClassificationReport, DataError, StreamingReport, classification_report, multi_label_report
from keras_bert_lab.evaluation.probability_figures import probability_figures
from keras_bert_lab.evaluation.score_bins import ScoreBins
from tests.evaluation.test_classification_report import drawn

SAME = ("accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "weighted_f1", "mcc", "log_loss", "brier", "ece", "majority")


def in_parts(report: StreamingReport, true: Any, chances: Any, size: int = 17) -> StreamingReport:
    for first in range(0, len(true), size):
        report.update(true[first : first + size], chances[first : first + size])
    return report


@pytest.mark.parametrize("labels", [2, 5])
def test_it_is_the_report_of_all_batches(labels: int) -> None:
    names = [f"label {place}" for place in range(labels)]
    true, chances = drawn(313, labels)
    given = chances[:, 1:] if labels == 2 else chances  # as `predict` gives them
    found = in_parts(StreamingReport(names, "binary" if labels == 2 else "multi_class"), true, given).result(intervals=True)
    expected = classification_report(true, chances.argmax(axis=1), names, chances, intervals=True)
    assert isinstance(found, ClassificationReport)
    np.testing.assert_array_equal(found.confusion, expected.confusion)
    assert (found.examples, found.interval, found.intervals) == (313, expected.interval, expected.intervals)
    for name in SAME:
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-6)
    assert found.auroc_error is not None
    assert found.auroc == pytest.approx(expected.auroc, abs=found.auroc_error + 1e-12)
    assert found.auroc_error < 2e-3
    assert found.average_precision is None


def test_names_and_dicts_are_taken_too() -> None:
    true, chances = drawn(23, 2)
    names = np.array(["neg", "pos"])[true].tolist()
    dicts = [{"neg": 1 - float(chance), "pos": float(chance)} for chance in chances[:, 1]]
    reports = [StreamingReport(["neg", "pos"], "binary") for _ in range(2)]
    in_parts(reports[0], names, dicts)
    in_parts(reports[1], true, chances[:, 1])
    assert str(reports[0].result()) == str(reports[1].result())


def test_several_labels() -> None:
    random = np.random.default_rng(5)
    true = random.random((207, 3)) < 0.4
    chances = 1 / (1 + np.exp(-random.normal(size=(207, 3)) - true))
    found = in_parts(StreamingReport(list("abc"), "multi_label", threshold=[0.5, 0.3, 0.7]), true, chances).result()
    expected = multi_label_report(true, chances > np.array([0.5, 0.3, 0.7]), list("abc"), chances)
    for name in ("f1", "precision", "recall", "support", "subset_accuracy", "label_accuracy", "micro_f1", "macro_f1"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("log_loss", "brier", "ece"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))
    assert found.auroc == pytest.approx(expected.auroc, abs=found.auroc_error)


def test_a_threshold_moves_the_answers_alone() -> None:
    true, chances = drawn(101, 2)
    found = in_parts(StreamingReport(["a", "b"], "binary", threshold=0.2), true, chances).result()
    expected = classification_report(true, (chances[:, 1] > 0.2).astype(int), ["a", "b"], chances)
    np.testing.assert_array_equal(found.confusion, expected.confusion)
    assert found.log_loss == pytest.approx(expected.log_loss)


@pytest.mark.parametrize("bins", [2, 3, 8, 64, 1024])
@pytest.mark.parametrize("sharpness", [0.1, 1.0, 30.0])
def test_areas_are_as_near_as_it_says(bins: int, sharpness: float) -> None:
    random = np.random.default_rng(bins)
    true = random.random((401, 1)) < 0.3
    chances = 1 / (1 + np.exp(-sharpness * (random.normal(size=(401, 1)) + true)))
    counted = ScoreBins(1, bins)
    counted.add(true, chances)
    (area,), bound = counted.auroc()
    exact = probability_figures(true, chances).auroc[0]
    assert area is not None
    assert exact is not None
    assert abs(area - exact) <= bound + 1e-12
    assert bound <= 0.5
    if (bins, sharpness) == (1024, 1.0):
        assert bound < 0.01


def test_the_bound_is_reached_where_all_pairs_of_a_bin_stand_the_same_way() -> None:
    """Two bins: all of one side of 0.5 is one; of its 2 * 2 pairs all are in order, and count a half."""
    counted = ScoreBins(1, 2)
    true, chances = np.array([[False], [False], [True], [True]]), np.array([[0.6], [0.7], [0.8], [0.9]])
    counted.add(true, chances)
    assert counted.auroc() == ([0.5], 0.5)
    assert probability_figures(true, chances).auroc == [1.0]


def test_probabilities_of_0_and_1_are_in_the_outermost_bins() -> None:
    counted = ScoreBins(1, 7)
    counted.add(np.array([[False], [True], [True], [False]]), np.array([[0.0], [1.0], [1e-30], [1 - 1e-16]]))
    assert counted.auroc() == ([0.5], 0.25)


def test_one_label_alone_has_no_area() -> None:
    report = StreamingReport(["a", "b"], "binary")
    report.update([0, 0], [[0.3], [0.6]])
    found = report.result()
    assert (found.auroc, found.auroc_error, found.accuracy) == (None, 0.0, 0.5)


def test_a_batch_that_is_refused_adds_nothing() -> None:
    report = StreamingReport(["a", "b"], "binary")
    report.update(["a"], [[0.2]])
    before = report.result().to_dict()
    with pytest.raises(DataError, match=re.escape("label must be one of ['a', 'b']. Received: 'c' in row 1")):
        report.update(["b", "c"], [[0.2], [0.3]])
    with pytest.raises(ValueError, match=re.escape("probabilities must be of shape (1, 2)")):
        report.update(["b"], [[0.2], [0.3]])
    assert report.result().to_dict() == before


def test_memory_does_not_grow_with_the_test_set() -> None:
    random = np.random.default_rng(3)
    true, chances = random.integers(0, 2, 10_000), random.random((10_000, 1), np.float32)

    def peak(rows: int) -> int:
        report = StreamingReport(["neg", "pos"], "binary")
        tracemalloc.start()
        try:
            for first in range(0, rows, 10_000):
                report.update(true, chances)
                assert first < rows
            assert report.result().examples == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10_000)  # whatever is loaded at first use
    few, many = peak(10_000), peak(1_000_000)
    assert many <= 1.02 * few


@pytest.mark.parametrize(
    ("labels", "kind", "settings", "message"),
    [
        (["a"], "regression", {}, "kind must be one of ['binary', 'multi_class', 'multi_label']. Received: kind='regression'"),
        (["a", "b", "c"], "binary", {}, "kind='binary' needs 2 labels. Received: ['a', 'b', 'c']"),
        (["a", "b"], "binary", {"bins": 1}, "bins must be an integer of at least 2. Received: bins=1"),
        (["a", "b", "c"], "multi_class", {"threshold": 0.5}, "Received: threshold=0.5, kind='multi_class'"),
    ],
)
def test_what_does_not_fit_is_refused(labels: list[str], kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        StreamingReport(labels, kind, **settings)


def test_a_report_of_nothing_and_intervals_of_several_labels_are_refused() -> None:
    report = StreamingReport(["a", "b"], "multi_label")
    with pytest.raises(ValueError, match=re.escape("result needs at least one text. Received: none. Call update first.")):
        report.result()
    report.update([["a"]], [[0.2, 0.3]])
    with pytest.raises(ValueError, match=re.escape("kind='multi_label'. Received: intervals=True. Use bootstrap_interval.")):
        report.result(intervals=True)
