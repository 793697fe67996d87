from __future__ import annotations

import json
import math

import numpy as np
import pytest

from keras_bert_lab import classification_report

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


def test_figures_of_seven_answers_are_those_by_hand() -> None:
    report = classification_report(TRUE, ANSWERS, LABELS)
    assert (report.labels, report.examples) == (LABELS, 7)
    assert report.accuracy == pytest.approx(5 / 7)
    np.testing.assert_array_equal(report.confusion, [[1, 0, 1], [1, 1, 0], [0, 0, 3]])
    # F1 = 2 right / (true + answered): bad 2/(2+2), fair 2/(2+1), good 6/(3+4)
    assert report.f1 == pytest.approx([1 / 2, 2 / 3, 6 / 7])
    assert report.macro_f1 == pytest.approx((1 / 2 + 2 / 3 + 6 / 7) / 3)
    assert report.majority == pytest.approx(3 / 7)
    assert report.interval == pytest.approx(wilson(5, 7))
    assert report.interval == pytest.approx((0.3589, 0.9178), abs=1e-4)


@pytest.mark.parametrize(("right", "count"), [(0, 5), (5, 5), (1, 2), (311, 401)])
def test_the_interval_is_wilsons(right: int, count: int) -> None:
    report = classification_report(["a"] * count, ["a"] * right + ["b"] * (count - right), ["a", "b"])
    assert report.interval == pytest.approx(wilson(right, count), abs=1e-12)
    assert 0 <= report.interval[0] <= report.accuracy <= report.interval[1] <= 1


def test_rows_follow_the_order_of_the_labels() -> None:
    report = classification_report(TRUE, ANSWERS, LABELS[::-1])
    np.testing.assert_array_equal(report.confusion, [[3, 0, 0], [0, 1, 1], [1, 0, 1]])
    assert report.f1 == pytest.approx([6 / 7, 2 / 3, 1 / 2])


def test_a_label_that_never_occurs_has_f1_0() -> None:
    report = classification_report(["bad", "good"], ["bad", "good"], [*LABELS])
    assert report.f1 == [1.0, 0.0, 1.0]
    assert report.confusion.sum() == 2


def test_labels_that_are_numbers_are_compared_as_names() -> None:
    report = classification_report(np.array([1, 0, 1]), ["1", "0", "0"], ["0", "1"])
    assert report.accuracy == pytest.approx(2 / 3)


def test_it_reads_as_a_text() -> None:
    assert str(classification_report(TRUE, ANSWERS, LABELS)).splitlines() == [
        "accuracy  0.714  (95 % interval 0.359 to 0.918; always the commonest label: 0.429)",
        "macro F1  0.675  (bad 0.500, fair 0.667, good 0.857)",
        "confusion (7 texts; row: true label, column: answer)",
        "                 bad      fair      good",
        "       bad         1         0         1",
        "      fair         1         1         0",
        "      good         0         0         3",
    ]


def test_it_is_plain_data_too() -> None:
    report = classification_report(TRUE, ANSWERS, LABELS)
    again = json.loads(json.dumps(report.to_dict()))
    assert again["confusion"] == [[1, 0, 1], [1, 1, 0], [0, 0, 3]]
    assert again["interval"] == list(report.interval)
    assert set(again) == {"labels", "examples", "accuracy", "interval", "f1", "macro_f1", "majority", "confusion"}


@pytest.mark.parametrize(
    ("true", "answers", "received"), [(["a"], ["a", "b"], "1 labels, 2 answers"), ([], [], "0 labels, 0 answers")]
)
def test_other_numbers_of_answers_are_refused(true: list[str], answers: list[str], received: str) -> None:
    with pytest.raises(ValueError, match=f"There must be one answer for each true label. Received: {received}"):
        classification_report(true, answers, ["a", "b"])
