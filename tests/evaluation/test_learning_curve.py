"""Parts of the texts, figures and the picture, of models whose answers are known beforehand."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from keras_bert_lab import LearningCurve, learning_curve, plot_training_sizes
from keras_bert_lab.data.splits import split_rows
from tests.evaluation.refitted import LABELS, TEXTS, Means, WordVotes

R = len(TEXTS)
NEW = (["good one", "bad one", "bad two", "good two", "good three"], ["pos", "neg", "pos", "pos", "neg"])  # 3 of 5 right


@pytest.fixture
def fits() -> list[dict[str, Any]]:
    WordVotes.fits.clear()
    return WordVotes.fits


def test_smaller_parts_are_in_larger_ones_with_the_same_shares_of_labels(fits: list[dict[str, Any]]) -> None:
    curve = learning_curve(WordVotes, TEXTS, LABELS, sizes=(20, 5, 0.25, 1.0, 41), validation=NEW, repeats=3, seed=7)
    assert isinstance(curve, LearningCurve)
    assert curve.runs["size"].tolist() == [5, 10, 20, 41] * 3
    assert curve.runs["repeat"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert [len(fit["texts"]) for fit in fits] == curve.runs["size"].tolist()
    for start in (0, 4, 8):
        parts = [set(fit["texts"]) for fit in fits[start : start + 4]]
        assert all(small < large for small, large in itertools.pairwise(parts))
        for fit in fits[start : start + 4]:
            assert abs(fit["labels"].count("neg") - len(fit["labels"]) * 13 / R) < 1
            assert fit["labels"] == [LABELS[TEXTS.index(text)] for text in fit["texts"]]
    assert len({frozenset(fits[start]["texts"]) for start in (0, 4, 8)}) == 3
    assert [fit["seed"] for fit in fits] == [8] * 4 + [9] * 4 + [10] * 4
    assert len({fit["first"] for fit in fits}) == 3  # the same first weights for all sizes


def test_all_are_judged_on_the_same_texts() -> None:
    curve = learning_curve(WordVotes, TEXTS, LABELS, sizes=(9, 30), validation=NEW, repeats=2)
    assert (curve.kind, curve.validated) == ("binary", 5)
    assert curve.runs.accuracy.tolist() == [0.6] * 4
    columns = ["size", "repeat", "accuracy", "macro_f1", "fit_seconds", "predict_seconds"]
    assert curve.runs.columns.tolist() == columns


def test_a_share_of_the_texts_is_kept_to_judge_on(fits: list[dict[str, Any]]) -> None:
    curve = learning_curve(WordVotes, TEXTS, LABELS, sizes=(1.0,), validation=0.3, repeats=2, seed=5)
    learned, held_out = split_rows(R, 0.3, 5, LABELS)
    assert curve.validated == len(held_out) == 12
    assert [fit["texts"] for fit in fits] == [[TEXTS[row] for row in learned]] * 2


def test_it_is_a_pure_function_of_the_seed(fits: list[dict[str, Any]]) -> None:
    for seed in (7, 7, 11):
        np.random.seed(len(fits))
        learning_curve(WordVotes, pd.Series(TEXTS), np.array(LABELS), sizes=(10,), validation=NEW, seed=seed, epochs=3)
    assert fits[0] == fits[1]
    assert fits[0]["texts"] != fits[2]["texts"]
    assert fits[0]["epochs"] == 3


def test_a_regression_on_pairs() -> None:
    targets = [float(number) for number in range(10)]
    curve = learning_curve(Means, (TEXTS[:10], TEXTS[10:20]), targets, sizes=(10,), validation=((["a"], ["b"]), [6.5]))
    assert curve.runs.mae.tolist() == pytest.approx([2.0])
    assert curve.summary().columns.tolist() == ["size", "mean", "standard_deviation"]


CURVE = LearningCurve(
    kind="binary",
    validated=97,
    runs=pd.DataFrame(
        {
            "size": [10, 1000, 10, 1000],
            "repeat": [1, 1, 2, 2],
            "accuracy": [0.5, 0.9, 0.7, 0.9],
            "macro_f1": [0.1, 0.2, 0.3, 0.6],
        }
    ),
)


def test_means_and_spread_by_hand() -> None:
    assert CURVE.summary()["size"].tolist() == [10, 1000]
    assert CURVE.summary()["mean"].tolist() == pytest.approx([0.6, 0.9])
    assert CURVE.summary()["standard_deviation"].tolist() == pytest.approx([0.02**0.5, 0.0])
    assert CURVE.summary("macro_f1")["mean"].tolist() == pytest.approx([0.2, 0.4])
    assert str(CURVE).splitlines() == [
        "accuracy on 97 texts",
        "       10 texts  0.600  (from repeat to repeat 0.141)",
        "    1,000 texts  0.900  (from repeat to repeat 0.000)",
    ]
    assert json.loads(json.dumps(CURVE.to_dict()))["runs"][2] == {"size": 10, "repeat": 2, "accuracy": 0.7, "macro_f1": 0.3}
    once = LearningCurve(kind="binary", validated=3, runs=CURVE.runs[:2])
    assert str(once).splitlines()[1] == "       10 texts  0.500"


def test_the_picture(tmp_path: Path) -> None:
    before = matplotlib.figure.Figure().subplots()
    assert plot_training_sizes(CURVE, ax=before) is before
    for curve in (CURVE, LearningCurve(kind="binary", validated=97, runs=CURVE.runs[:2])):
        ax = plot_training_sizes(curve, "macro_f1")
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("texts to learn from", "macro_f1", "log")
        assert ax.lines[0].get_xdata().tolist() == [10, 1000]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "1,000"]
        assert ax.get_title() == "judged on 97 texts"
        ax.figure.savefig(tmp_path / "curve.png")
    assert before.lines[0].get_ydata().tolist() == pytest.approx([0.6, 0.9])
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("metric", ["size", "repeat", "f1"])
def test_an_unknown_figure_is_refused(metric: str) -> None:
    message = rf"metric must be one of \['accuracy', 'macro_f1'\]\. Received: metric='{metric}'"
    with pytest.raises(ValueError, match=message):
        CURVE.summary(metric)
    with pytest.raises(ValueError, match=message):
        plot_training_sizes(CURVE, metric)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": ()}, r"sizes must be numbers of texts, or shares up to 1\.0\. Received: sizes=\(\)"),
        ({"sizes": ("all",)}, r"sizes must be numbers of texts, .*Received: sizes=\('all',\)"),
        ({"sizes": (5, True)}, r"sizes must be numbers of texts, .*Received: sizes=\(5, True\)"),
        ({"sizes": (5, 42)}, r"sizes must be from 1 to 41, the texts to learn from\. Received: 42"),
        ({"sizes": (0, 5)}, r"sizes must be from 1 to 41, the texts to learn from\. Received: 0"),
        ({"sizes": (1.5,)}, r"sizes must be from 1 to 41, the texts to learn from\. Received: 1\.5"),
        ({"repeats": 0}, r"repeats must be an integer of at least 1\. Received: repeats=0"),
        ({"repeats": 1.0}, r"repeats must be an integer of at least 1\. Received: repeats=1\.0"),
        ({"validation": ([], [])}, r"validation must hold at least one text\. Received: none"),
        ({"validation": ["a", "b"]}, r"validation must be \(texts, labels\) or a share\. Received: validation=\['a', 'b'\]"),
        ({"validation": 1.0}, r"validation_split must leave rows on both sides\. Received: validation_split=1\.0 of 41 texts"),
        ({"validation": (["a"], ["pos", "neg"])}, r"one label for each text\. Received: 1 texts, 2 labels"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learning_curve(WordVotes, TEXTS, LABELS, **({"validation": NEW} | settings))
