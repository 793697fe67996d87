"""A task comes back from its `.keras` file in a fresh process, after `import keras_bert_lab` alone, and trains on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import AdamW, LinearWarmupDecay, MaskedLanguageModel, TextClassifier
from tests.conftest import ROOT
from tests.tasks.small_tasks import LABELS, TEXTS, classifier, language_model

GAPS = ["the [MASK] was good", "[MASK] and [MASK]"]


def _same(path: Path, weights: list[np.ndarray], tolerance: float) -> None:
    with np.load(path) as arrays:
        found = [arrays[name] for name in arrays.files]
    assert len(found) == len(weights)
    for ours, theirs in zip(found, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def trained() -> tuple[TextClassifier, MaskedLanguageModel]:
    sorter = classifier(pooling="max", compiled=False)
    sorter.compile(AdamW(LinearWarmupDecay(1e-2, 31, 3)))
    sorter.fit(TEXTS, LABELS, batch_size=3, verbose=0)
    filler = language_model(compiled=False)
    filler.compile(AdamW(1e-2))
    filler.fit(TEXTS, batch_size=3, sequence_length=13, verbose=0)
    return sorter, filler


@pytest.fixture(scope="module")
def folder(
    trained: tuple[TextClassifier, MaskedLanguageModel], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """Where a fresh process has written what it found; and what this process found at the same time."""
    folder = tmp_path_factory.mktemp("tasks")
    sorter, filler = trained
    sorter.save(folder / "classifier.keras")
    filler.save(folder / "language_model.keras")
    (folder / "texts.json").write_text(json.dumps({"texts": TEXTS, "labels": LABELS, "gaps": GAPS}))
    here = {
        "predictions": sorter.predict(TEXTS),
        "scores": filler.fill_mask(GAPS),
        "evaluation": sorter.evaluate(TEXTS, LABELS, verbose=0, return_dict=True),
        "iterations": [int(sorter.optimizer.iterations), int(filler.optimizer.iterations)],
        "learning_rate": float(sorter.optimizer.learning_rate),
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "tasks" / "load_saved_tasks.py"), str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, here


def test_answers_are_the_same(folder: tuple[Path, dict[str, Any]]) -> None:
    path, here = folder
    with np.load(path / "predictions.npz") as found:
        np.testing.assert_allclose(found["predictions"], here["predictions"], atol=1e-6)
        np.testing.assert_allclose(found["scores"], here["scores"].score, atol=1e-6)
        assert found["tokens"].tolist() == here["scores"].token.tolist()


def test_settings_and_the_state_of_the_optimizer_are_the_same(folder: tuple[Path, dict[str, Any]]) -> None:
    path, here = folder
    found = json.loads((path / "found.json").read_text())
    assert found["evaluation"] == pytest.approx(here["evaluation"], rel=1e-5)
    assert here["iterations"][0] == 4  # eleven texts in batches of three
    assert found["iterations"] == here["iterations"]
    assert found["learning_rate"] == pytest.approx(here["learning_rate"])
    assert (found["labels"], found["kind"], found["pairs"], found["pooling"]) == (["neg", "pos"], "binary", False, "max")
    assert found["tied"] is True


def test_training_goes_on_as_if_nothing_had_happened(
    folder: tuple[Path, dict[str, Any]], trained: tuple[TextClassifier, MaskedLanguageModel]
) -> None:
    sorter, filler = trained
    keras.utils.set_random_seed(5)
    sorter.fit(TEXTS, LABELS, batch_size=3, epochs=2, verbose=0)
    filler.fit(TEXTS, batch_size=3, sequence_length=13, verbose=0)
    _same(folder[0] / "classifier.npz", sorter.get_weights(), 1e-5)
    _same(folder[0] / "language_model.npz", filler.get_weights(), 1e-5)


def test_the_same_seed_gives_the_same_weights_in_another_process(folder: tuple[Path, dict[str, Any]]) -> None:
    model = language_model(dropout=0.3)
    keras.utils.set_random_seed(11)
    model.fit(TEXTS, batch_size=3, sequence_length=13, epochs=2, seed=5, verbose=0)
    _same(folder[0] / "new_language_model.npz", model.get_weights(), 1e-6)


@pytest.mark.parametrize(
    ("labels", "kind"), [(["a", "b", "c"], "multi_class"), (np.array(["b", "a", "c"]), "multi_label"), (None, "regression")]
)
def test_a_task_that_was_never_compiled_is_saved_too(labels: Any, kind: str, tmp_path: Path) -> None:
    model = classifier(labels, kind=kind, compiled=False, pairs=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert (again.labels, again.kind, again.pairs, again.compiled) == (model.labels, kind, True, False)
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    np.testing.assert_array_equal(again.predict(pairs), model.predict(pairs))


def test_a_loss_and_metrics_of_the_users_choice_come_back(tmp_path: Path) -> None:
    model = classifier(compiled=False)
    model.compile("sgd", keras.losses.BinaryCrossentropy(label_smoothing=0.1), metrics=["auc"], run_eagerly=True)
    model.fit(TEXTS, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.loss.label_smoothing == pytest.approx(0.1)
    found, expected = (each.evaluate(TEXTS, LABELS, verbose=0, return_dict=True) for each in (again, model))
    assert set(found) == {"loss", "auc"}
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_classifier_goes_on_from_a_pretrained_encoder(trained: tuple[TextClassifier, MaskedLanguageModel]) -> None:
    _, filler = trained
    model = classifier(encoder=filler.encoder)
    assert model.encoder is filler.encoder
    before = filler.fill_mask(GAPS).score.to_numpy()
    model.fit(TEXTS, LABELS, verbose=0)
    assert np.abs(filler.fill_mask(GAPS).score.to_numpy() - before).max() > 1e-6
