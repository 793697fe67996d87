from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from keras_bert_lab import bootstrap_interval, classification_report
from keras_bert_lab.evaluation.bootstrap import confusion_intervals
from keras_bert_lab.evaluation.confusion_figures import confusion_of


def answers_of(rows: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, rows)
    return true, np.where(random.random(rows) < 0.7, true, random.integers(0, 3, rows))


def test_the_interval_of_an_accuracy_is_that_of_the_binomial_distribution() -> None:
    """Right answers in n draws from n are binomial: the percentiles are known."""
    true, answers = ["a"] * 200, ["a"] * 150 + ["b"] * 50
    expected = np.array(stats.binom.ppf([0.025, 0.975], 200, 0.75)) / 200
    assert bootstrap_interval("accuracy", true, answers, resamples=20_000) == pytest.approx(expected, abs=0.005)
    narrow = np.array(stats.binom.ppf([0.25, 0.75], 200, 0.75)) / 200
    assert bootstrap_interval("accuracy", true, answers, 0.5, resamples=20_000) == pytest.approx(narrow, abs=0.005)
    right = np.array([answer == "a" for answer in answers])
    by_rows = bootstrap_interval(lambda _, answer: float(answer.mean()), true, right, resamples=5000)
    assert by_rows == pytest.approx(expected, abs=0.0051)


def _macro_f1(true: np.ndarray, answers: np.ndarray) -> float:
    found = [2 * ((true == k) & (answers == k)).sum() / ((true == k).sum() + (answers == k).sum()) for k in range(3)]
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("metric", "labels", "function"),
    [
        ("macro_f1", 3, _macro_f1),
        ("mcc", 2, lambda true, answers: float(np.corrcoef(true, answers)[0, 1])),
        ("balanced_accuracy", 3, lambda true, answers: float(np.mean([(answers == k)[true == k].mean() for k in range(3)]))),
    ],
)
def test_counts_drawn_at_once_give_what_rows_drawn_one_by_one_give(metric: str, labels: int, function: Any) -> None:
    true, answers = (column % labels for column in answers_of(83))
    found = bootstrap_interval(metric, true, answers, resamples=20_000)
    expected = bootstrap_interval(function, true, answers, resamples=3000)
    assert found == pytest.approx(expected, abs=0.015)  # as far as percentiles of 3000 draws are apart


def test_a_function_of_scikit_learn_is_taken() -> None:
    true, answers = answers_of(29)
    low, high = bootstrap_interval(metrics.cohen_kappa_score, true, answers, resamples=20)
    assert low < metrics.cohen_kappa_score(true, answers) < high


def test_rows_stay_together() -> None:
    """A metric that is 0 for each true pair stays 0; drawn apart, it would not."""
    true = np.arange(40.0)
    assert bootstrap_interval(lambda a, b: float(np.abs(a - b).max()), true, true.copy(), resamples=50) == (0.0, 0.0)
    lists = [["a"], [], ["a", "b"]] * 5
    assert bootstrap_interval(lambda a, b: float(all(x is y for x, y in zip(a, b, strict=True))), lists, lists) == (1.0, 1.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    true, answers = answers_of(61)
    for metric in ("mcc", _macro_f1):
        intervals = [bootstrap_interval(metric, true, answers, resamples=200, seed=seed) for seed in (5, 5, 6)]
        assert intervals[0] == intervals[1] != intervals[2]


def test_the_report_has_these_intervals() -> None:
    true, answers = answers_of(61)
    report = classification_report(true, answers, ["a", "b", "c"], intervals=True, seed=11)
    assert report.intervals == confusion_intervals(confusion_of(true, answers, 3), seed=11)
    assert set(report.intervals) == {"accuracy", "macro_f1", "mcc"}
    for name, (low, high) in report.intervals.items():
        assert low < getattr(report, name) < high


def test_draws_in_several_parts_are_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    confusion = np.array([[20, 5], [4, 30]])
    at_once = confusion_intervals(confusion, resamples=3000)
    monkeypatch.setattr("keras_bert_lab.evaluation.bootstrap._NUMBERS_AT_ONCE", 4 * 701)
    in_parts = confusion_intervals(confusion, resamples=3000)
    for name, interval in at_once.items():
        assert in_parts[name] == pytest.approx(interval, abs=1e-12)  # the same stream of random numbers


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric": "f1"}, "metric must be one of ['accuracy', 'balanced_accuracy', 'macro_f1'"),
        ({"metric": "f1"}, "or a function. Received: metric='f1'"),
        ({"answers": ["a"]}, "There must be one answer for each true label. Received: 3 labels, 1 answers"),
        ({"true": [], "answers": []}, "Received: 0 labels, 0 answers"),
        ({"confidence": 95}, "confidence must be a number between 0 and 1. Received: confidence=95"),
        ({"resamples": 1}, "resamples must be an integer of at least 2. Received: resamples=1"),
        ({"metric": lambda a, b: float("nan")}, "metric must give a finite number for each draw of the texts. Received: nan"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    given = {"metric": "accuracy", "true": ["a", "b", "a"], "answers": ["a", "a", "b"]} | settings
    with pytest.raises(ValueError, match=re.escape(message)):
        bootstrap_interval(**given)
