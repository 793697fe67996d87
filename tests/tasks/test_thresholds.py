"""The threshold of a classifier: which labels it gives, and that it goes where the model goes.

That an exported model of two labels has it, `tests/evaluation/test_temperature.py` checks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import FormatError, TextClassifier, export_saved_model, load_exported, load_task, save_task
from keras_bert_lab.export import saved_model
from keras_bert_lab.tasks.thresholds import decisions
from tests.export.test_export_saved_model import _here
from tests.samples import randomise
from tests.tasks.small_tasks import LABELS, TEXTS, classifier

NAMES = ["a", "b", "ç"]


@pytest.fixture
def checked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", _here)


def sorter(threshold: Any = None, **settings: Any) -> TextClassifier:
    return randomise(classifier(threshold=threshold, **settings))


def middle(values: np.ndarray) -> float:
    """A number between two of these, so that some are above it and some below."""
    ordered = np.unique(values)
    return float(ordered[len(ordered) // 3 : len(ordered) // 3 + 2].mean())


def test_of_two_labels_the_second_is_given_above_it(tmp_path: Path) -> None:
    model = sorter()
    plain = model.predict_text(TEXTS)
    chances = model.predict(TEXTS)[:, 0]
    assert plain.label.tolist() == ["pos" if chance > 0.5 else "neg" for chance in chances]
    model.threshold = middle(chances)
    expected = ["pos" if chance > model.threshold else "neg" for chance in chances]
    assert len({*expected}) == 2
    assert expected != plain.label.tolist()
    table = model.predict_text(TEXTS)
    assert table.label.tolist() == expected
    np.testing.assert_array_equal(table.score, plain.score)
    assert table.probabilities.tolist() == plain.probabilities.tolist()

    model.save(tmp_path / "model.keras")
    save_task(model, tmp_path / "task")
    for again in (keras.saving.load_model(tmp_path / "model.keras"), load_task(tmp_path / "task")):
        assert again.threshold == model.threshold
        assert again.predict_text(TEXTS).label.tolist() == expected


@pytest.mark.usefixtures("checked_here")
def test_of_several_labels_each_is_given_above_its_own(tmp_path: Path) -> None:
    model = sorter(labels=NAMES, kind="multi_label", pooling="mean")
    chances = model.predict(TEXTS)
    model.threshold = [middle(chances[:, 0]), 0.0, 1.0]
    expected = [["a", "b"] if chance > model.threshold[0] else ["b"] for chance in chances[:, 0]]
    assert len(set(map(tuple, expected))) == 2
    assert model.predict_text(TEXTS).label.tolist() == expected
    save_task(model, tmp_path / "task")
    again = load_task(tmp_path / "task")
    assert again.threshold == model.threshold
    assert again.predict_text(TEXTS).label.tolist() == expected
    exported = load_exported(export_saved_model(model, tmp_path / "exported"))
    assert exported.predict_text(TEXTS).label.tolist() == expected
    assert exported(TEXTS)["label"].tolist() == [NAMES[place] for place in chances.argmax(axis=1)]  # the most probable one
    model.threshold = 0.0
    assert model.predict_text(TEXTS).label.tolist() == [NAMES] * len(TEXTS)


def test_an_exported_model_of_before_has_no_threshold(tmp_path: Path) -> None:
    model = sorter(labels=NAMES, kind="multi_label", pooling="mean")
    assert model.threshold is None
    outputs = model.predict(TEXTS)
    expected = [[name for name, chance in zip(NAMES, row, strict=True) if chance > 0.5] for row in outputs]
    assert model.predict_text(TEXTS).label.tolist() == expected
    config = {key: value for key, value in model.get_config().items() if key != "threshold"}
    assert TextClassifier.from_config(config).threshold is None


def test_what_keras_watches_stays_as_it_is() -> None:
    models = [sorter(threshold) for threshold in (None, 0.9)]
    found = [model.evaluate(TEXTS, LABELS, verbose=0, return_dict=True) for model in models]
    assert found[0] == found[1]


def test_a_probability_that_is_equal_is_not_above() -> None:
    outputs = np.array([[0.5, 0.5], [0.7, 0.3]], np.float32)
    assert decisions(outputs, ["n", "y"], "binary", None) == ["n", "n"]
    assert decisions(outputs, ["n", "y"], "binary", 0.5) == ["n", "n"]
    assert decisions(outputs, ["n", "y"], "binary", 0.3) == ["y", "n"]  # 0.3 as float32, too
    assert decisions(outputs, ["n", "y"], "multi_label", (0.5, 0.3)) == [["y"], ["n"]]


def test_another_format_would_lose_it(tmp_path: Path) -> None:
    model = classifier(threshold=0.25)
    with pytest.raises(FormatError, match=re.escape("no place for a threshold. Received: a task with threshold=0.25. Use")):
        save_task(model, tmp_path / "x", format="huggingface")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"labels": NAMES, "threshold": 0.5},
            "threshold belongs to kind 'binary' or 'multi_label'. Received: threshold=0.5, kind='multi_class'. Leave it out.",
        ),
        ({"labels": None, "kind": "regression", "threshold": 1}, "Received: threshold=1, kind='regression'"),
        ({"threshold": 1.5}, "threshold must lie between 0 and 1. Received: threshold=1.5"),
        ({"threshold": float("nan")}, "threshold must lie between 0 and 1. Received: threshold=nan"),
        ({"threshold": [0.5, 0.5]}, "threshold must be one number. Received: threshold=[0.5, 0.5]"),
        (
            {"labels": NAMES, "kind": "multi_label", "threshold": [0.5, 0.5]},
            "threshold must be one number, or one for each of ['a', 'b', 'ç']. Received: threshold=[0.5, 0.5]",
        ),
    ],
)
def test_a_threshold_that_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier(**settings)


def test_a_threshold_is_checked_when_it_is_set() -> None:
    model = classifier(threshold=0.25)
    with pytest.raises(ValueError, match=re.escape("Received: threshold=-0.5")):
        model.threshold = -0.5
    assert model.threshold == 0.25
    model.threshold = np.float32(0.5)
    assert model.get_config()["threshold"] == 0.5
    model.threshold = None
    assert model.get_config()["threshold"] is None
