from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from keras_bert_lab import DataError, choose_threshold
from keras_bert_lab.evaluation.thresholds import metric_by_threshold

OF_SCIKIT_LEARN: dict[str, Callable[..., float]] = {
    "f1": lambda true, answers: metrics.f1_score(true, answers, zero_division=0),
    "accuracy": metrics.accuracy_score,
    "mcc": metrics.matthews_corrcoef,
}


def texts(rows: int = 67, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.random(rows) < 0.3
    return true, np.round(1 / (1 + np.exp(-random.normal(size=rows) - 1.5 * true)), 2)  # rounded: there are ties


@pytest.mark.parametrize("metric", OF_SCIKIT_LEARN)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_threshold_is_better(metric: str, seed: int) -> None:
    true, chances = texts(seed=seed)
    found = choose_threshold(true.astype(int), chances[:, np.newaxis], metric)
    assert isinstance(found, float)
    grid = np.linspace(0, 1, 331)
    best = max(OF_SCIKIT_LEARN[metric](true, chances > threshold) for threshold in grid)
    assert OF_SCIKIT_LEARN[metric](true, chances > found) == pytest.approx(best)


@pytest.mark.parametrize("metric", OF_SCIKIT_LEARN)
def test_the_metric_at_each_threshold_is_that_of_scikit_learn(metric: str) -> None:
    true, chances = texts(31)
    edges, values, is_whole = metric_by_threshold(true, chances, metric)
    assert is_whole
    assert (edges[0], edges[-1], len(values)) == (0.0, 1.0, len(edges) - 1)
    scores = chances.astype(np.float32)
    for low, high, value in zip(edges[:-1], edges[1:], values, strict=True):
        for threshold in (low, (low + high) / 2):
            assert value == pytest.approx(OF_SCIKIT_LEARN[metric](true, scores > np.float32(threshold)))
    of_function = metric_by_threshold(true, chances, OF_SCIKIT_LEARN[metric])
    np.testing.assert_allclose(of_function[1], values, atol=1e-12)


@pytest.mark.parametrize(
    ("true", "chances", "metric", "threshold"),
    [
        ([0, 1], [0.2, 0.6], "f1", 0.4),
        ([0, 1], [0.2, 0.6], "accuracy", 0.4),
        ([0, 0, 1, 1], [0.1, 0.5, 0.25, 0.75], "accuracy", 0.625),  # 0.175 is as good, but narrower
        ([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.7], "accuracy", 0.6),  # as wide as 0.2, and nearer to 0.5
        ([1, 1], [0.3, 0.8], "f1", 0.15),  # all: anything below the lowest
        ([0, 0], [0.3, 0.8], "accuracy", 0.9),  # none: anything above the highest
        ([0, 0], [0.3, 0.8], "f1", 0.5),  # says nothing
        ([1, 1], [0.3, 0.8], "mcc", 0.5),  # says nothing
        ([0, 1], [0.4, 0.4], "mcc", 0.5),  # no threshold parts them
        ([0, 0, 1], [0.5, 1.0, 1.0], "f1", 0.75),
        ([1, 0], [0.0, 1.0], "accuracy", 0.5),
    ],
)
def test_it_lies_in_the_middle_of_the_widest_best_interval(
    true: list[int], chances: list[float], metric: str, threshold: float
) -> None:
    assert choose_threshold(true, chances, metric) == pytest.approx(threshold, abs=1e-6)


def test_between_neighbouring_float32_numbers_it_still_parts_them() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    found = choose_threshold([0, 1], np.array([low, high]))
    assert isinstance(found, float)
    assert (np.array([low, high]) > np.float32(found)).tolist() == [False, True]


def test_each_of_several_labels_has_its_own() -> None:
    true, chances = texts(41)
    others, more = texts(41, seed=5)
    found = choose_threshold(np.stack([true, others], 1), np.stack([chances, more], 1), "mcc")
    assert found == [choose_threshold(true.astype(int), chances, "mcc"), choose_threshold(others.astype(int), more, "mcc")]
    lists = [[name for name, has in zip("ab", row, strict=True) if has] for row in zip(true, others, strict=True)]
    assert choose_threshold(lists, np.stack([chances, more], 1), "mcc", ["a", "b"]) == found


def test_names_and_dicts_are_taken() -> None:
    true, chances = texts(41)
    names = ["pos" if each else "neg" for each in true]
    dicts = [{"neg": 1 - chance, "pos": chance} for chance in chances]
    expected = choose_threshold(true.astype(int), chances)
    for given in (chances, chances[:, np.newaxis], np.stack([1 - chances, chances], 1), dicts):
        assert choose_threshold(names, given, labels=["neg", "pos"]) == expected


def test_a_function_is_maximised_and_asked_a_bounded_number_of_times() -> None:
    random = np.random.default_rng(1)
    true, chances = random.random(5000) < 0.5, random.random(5000)
    asked = []

    def nearest_to_700_answers(_: np.ndarray, answers: np.ndarray) -> float:
        asked.append(answers)
        return -abs(int(answers.sum()) - 700.0)

    found = choose_threshold(true.astype(int), chances, nearest_to_700_answers)
    assert abs(int((chances.astype(np.float32) > found).sum()) - 700) <= 3
    assert 900 < len(asked) <= 1002


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"metric": "recall"},
            ValueError,
            "metric must be one of ['f1', 'accuracy', 'mcc'] or a function. Received: metric='re",
        ),
        ({"metric": lambda a, b: np.nan}, ValueError, "metric must give finite numbers. Received: nan"),
        ({"true": [], "probabilities": []}, ValueError, "There must be at least one text. Received: none"),
        (
            {"labels": ["a", "b", "c"]},
            ValueError,
            "There must be 2 labels, or lists of labels for each text. Received: labels=['a', 'b', 'c']",
        ),
        ({"probabilities": [0.5]}, ValueError, "probabilities must be of shape (2, 2)"),
        ({"true": ["x", "a"], "labels": ["a", "b"]}, DataError, "label must be one of ['a', 'b']. Received: 'x' in row 0"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        choose_threshold(**({"true": [0, 1], "probabilities": [0.2, 0.6]} | given))
