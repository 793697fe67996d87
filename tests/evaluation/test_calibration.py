from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from keras_bert_lab import DataError, calibration
from keras_bert_lab.evaluation.calibration import ReliabilityBins
from tests.evaluation.test_classification_report import drawn


def test_figures_of_five_texts_are_those_by_hand() -> None:
    # said 0.9, 0.8, 0.7, 0.95, 0.55; right: all but 0.8 and 0.55
    chances = [[0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.95, 0.05], [0.45, 0.55]]
    found = calibration(["b", "a", "a", "a", "a"], chances, ["a", "b"], bins=5)
    assert found.edges == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert (found.examples, found.counts) == (5, [0, 0, 1, 2, 2])  # 0.8, on an edge, belongs to the lower bin
    assert found.confidence == [None, None, 0.55, pytest.approx(0.75), pytest.approx(0.925)]
    assert found.accuracy == [None, None, 0.0, 0.5, 1.0]
    assert found.ece == pytest.approx((0.55 + 2 * 0.25 + 2 * 0.075) / 5)
    assert found.mce == pytest.approx(0.55)
    assert str(found).splitlines() == [
        "calibration  ECE 0.240  MCE 0.550  (5 decisions)",
        "  0.40 to 0.60  said 0.550  right 0.000         1",
        "  0.60 to 0.80  said 0.750  right 0.500         2",
        "  0.80 to 1.00  said 0.925  right 1.000         2",
    ]
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["confidence"][:2] == [None, None]


@pytest.mark.parametrize("labels", [2, 5])
def test_bins_are_those_of_scikit_learn(labels: int) -> None:
    true, chances = drawn(311, labels)
    found = calibration(true, chances, bins=7)
    table = chances.astype(np.float64) / chances.astype(np.float64).sum(axis=1, keepdims=True)
    right, said = table.argmax(axis=1) == true, table.max(axis=1)
    accuracy, confidence = calibration_curve(right, said, n_bins=7)
    assert [value for value in found.accuracy if value is not None] == pytest.approx(accuracy)
    assert [value for value in found.confidence if value is not None] == pytest.approx(confidence)
    counts = np.array([count for count in found.counts if count])
    assert found.ece == pytest.approx((counts * np.abs(accuracy - confidence)).sum() / 311)
    assert found.mce == pytest.approx(np.abs(accuracy - confidence).max())


def test_with_several_labels_each_is_a_decision() -> None:
    chances = np.array([[0.9, 0.1, 0.4], [0.6, 0.3, 0.1]])
    found = calibration([["a"], ["a", "b"]], chances, ["a", "b", "c"], bins=2)
    assert (found.examples, found.counts) == (6, [4, 2])
    assert found.confidence == pytest.approx([(0.1 + 0.4 + 0.3 + 0.1) / 4, 0.75])
    assert found.accuracy == [0.25, 1.0]
    assert found == calibration(np.array([[1, 0, 0], [1, 1, 0]]), chances, bins=2)


def test_what_a_model_is_sure_of_and_right_about_is_calibrated() -> None:
    perfect = calibration([0, 1, 1], [[0.0], [1.0], [1.0]])
    assert (perfect.ece, perfect.mce) == (0.0, 0.0)
    assert perfect.counts[-1] == 3
    hopeless = calibration([1, 0], [[0.0], [1.0]])
    assert (hopeless.ece, hopeless.mce) == (1.0, 1.0)


def test_parts_add_up() -> None:
    random = np.random.default_rng(1)
    said, right = random.random(53), random.random(53) < 0.5
    whole, parts = ReliabilityBins(6), ReliabilityBins(6)
    whole.add(said, right)
    for rows in np.array_split(np.arange(53), 5):
        parts.add(said[rows], right[rows])
    assert parts.result().counts == whole.result().counts
    assert parts.result().ece == pytest.approx(whole.result().ece)


@pytest.mark.parametrize(
    ("true", "chances", "settings", "error", "message"),
    [
        ([], [], {}, ValueError, "There must be at least one text. Received: none"),
        ([0, 1], [[0.5]], {}, ValueError, "probabilities must be of shape (2, 2)"),
        ([0], [[0.5]], {"bins": 0}, ValueError, "bins must be an integer of at least 1. Received: bins=0"),
        (["c"], [[0.5]], {"labels": ["a", "b"]}, DataError, "label must be one of ['a', 'b']. Received: 'c' in row 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    true: Any, chances: Any, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        calibration(true, chances, **settings)
