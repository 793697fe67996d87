"""Tasks with low-rank updates and adapters: trained, interrupted, saved, exported, made smaller."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import (
    AdamW,
    FormatError,
    ResumableTraining,
    TextClassifier,
    add_adapters,
    add_lora,
    export_saved_model,
    load_encoder,
    load_exported,
    load_task,
    merge_lora,
    save_encoder,
    save_task,
    student_of,
)
from keras_bert_lab.encoder.frozen_weights import weight_names
from keras_bert_lab.export import saved_model
from tests.conftest import ROOT
from tests.samples import numpy, randomise, relative_error
from tests.tasks.small_tasks import LABELS, TEXTS, classifier, encoder, language_model, preprocessor
from tests.training.small_training import Dies, Killed, assert_same, state


def adapted(**settings: Any) -> TextClassifier:
    """All weights random, so that every update counts."""
    model = classifier(compiled=False, encoder=encoder(num_layers=2), **settings)
    add_lora(model, rank=3, alpha=1.5, targets="all")
    return randomise(model)


def probabilities(model: Any) -> np.ndarray:
    return numpy(model(tf.constant(TEXTS)))


def same_weights(one: Any, other: Any) -> None:
    assert weight_names(one) == weight_names(other)
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("add", "dtype"),
    [
        (lambda model: add_lora(model, rank=4, targets="all"), "mixed_bfloat16"),
        (lambda model: add_adapters(model, 8), "float32"),
    ],
    ids=["lora", "adapters"],
)
def test_they_learn(add: Any, dtype: str) -> None:
    model = randomise(classifier(compiled=False, encoder=encoder(dtype=dtype)))
    before = dict(zip(weight_names(model.encoder), model.encoder.get_weights(), strict=True))
    add(model)
    model.compile(AdamW(0.02), jit_compile=False)
    first = model.evaluate(TEXTS, LABELS, verbose=0, return_dict=True)["loss"]
    model.fit(TEXTS, LABELS, batch_size=4, epochs=8, verbose=0)
    assert model.evaluate(TEXTS, LABELS, verbose=0, return_dict=True)["loss"] < first / 2
    for name, value in zip(weight_names(model.encoder), model.encoder.get_weights(), strict=True):
        if name in before and "norm" not in name:
            np.testing.assert_array_equal(value, before[name])


def _fit(seed: int, callbacks: list[Any]) -> Any:
    keras.utils.set_random_seed(seed)
    model = classifier(seed=seed, compiled=False, encoder=encoder(dropout=0.1))
    add_adapters(model, 3)
    add_lora(model, rank=2)
    model.compile(AdamW(0.01), run_eagerly=True)
    model.fit(TEXTS, LABELS, batch_size=3, epochs=2, callbacks=callbacks, verbose=0)
    return model


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_a_training_goes_on(tmp_path: Path) -> None:
    expected = state(_fit(1, [Dies(), ResumableTraining(tmp_path / "reference", every=0)]))
    with pytest.raises(Killed):
        _fit(1, [Dies(5), ResumableTraining(tmp_path / "run", every=0)])
    assert_same(state(_fit(3, [ResumableTraining(tmp_path / "run", every=0)])), expected)


# --- files --------------------------------------------------------------------------------------------------------------------

LOAD = """
import sys
import numpy as np
import keras, keras_bert_lab as kbl
folder, texts = sys.argv[1], sys.argv[2:]
unmerged, merged = (keras.saving.load_model(f"{folder}/{name}.keras") for name in ("unmerged", "merged"))
assert len(unmerged.weights) == len(merged.weights) + 24
found = [model.predict_text(texts).score for model in (unmerged, merged)]
kbl.merge_lora(unmerged)
np.save(f"{folder}/scores.npy", [*found, unmerged.predict_text(texts).score])
"""


@pytest.mark.slow
def test_files_load_in_a_fresh_process(tmp_path: Path) -> None:
    model = adapted()
    model.save(tmp_path / "unmerged.keras")
    expected = model.predict_text(TEXTS).score
    merge_lora(model)
    model.save(tmp_path / "merged.keras")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LOAD, str(tmp_path), *TEXTS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), [expected] * 3, rtol=1e-5)


def test_our_folder_keeps_the_matrices(tmp_path: Path) -> None:
    model = adapted()
    add_adapters(model, 3)
    save_task(model, tmp_path / "task")
    again = load_task(tmp_path / "task")
    same_weights(again, model)
    assert [weight.path for weight in again.trainable_variables] == [weight.path for weight in model.trainable_variables]
    np.testing.assert_array_equal(probabilities(again), probabilities(model))


@pytest.mark.parametrize("layout", ["huggingface", pytest.param("tfhub", marks=pytest.mark.slow)])
def test_other_formats_get_merged_weights(layout: str, tmp_path: Path) -> None:
    model = adapted()
    weights, names, before = model.get_weights(), weight_names(model), probabilities(model)
    save_task(model, tmp_path / "task", format=layout)
    save_encoder(model.encoder, tmp_path / "encoder", format=layout, preprocessor=model.preprocessor)
    assert weight_names(model) == names  # the model itself is as it was
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(probabilities(model), before)
    if layout == "huggingface":
        again = probabilities(load_task(tmp_path / "task"))[:, 1:]  # theirs is a softmax of two
        assert relative_error(again, before) < 1e-5
        assert "lora" not in json.dumps(json.loads((tmp_path / "task" / "config.json").read_text()))
    inputs = preprocessor()(tf.constant(TEXTS))
    expected = model.encoder(inputs)["pooled_output"]
    for folder in (tmp_path / "encoder", tmp_path / "task"):
        loaded = load_encoder(folder / "encoder" if layout == "tfhub" else folder)
        assert relative_error(loaded(inputs)["pooled_output"], expected) < 1e-5


@pytest.mark.parametrize("layout", ["huggingface", "tfhub"])
def test_other_formats_have_no_adapters(layout: str, tmp_path: Path) -> None:
    model = classifier(compiled=False)
    add_adapters(model, 3)
    settings: dict[str, Any] = {"folder": tmp_path / "new", "format": layout}
    for save in (save_task, functools.partial(save_encoder, preprocessor=model.preprocessor)):
        with pytest.raises(FormatError, match="layers that were added to it. Received: 'encoder' with adapters, .*merge_lora"):
            save(model if save is save_task else model.encoder, **settings)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("added", ["lora", pytest.param("adapters", marks=pytest.mark.slow)])
def test_exported_models_answer_the_same(added: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the export runs here instead of in fresh processes."""

    def here(folder: Path, inputs: dict[str, np.ndarray], needs_text_ops: bool) -> dict[str, np.ndarray]:
        serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
        return {name: value.numpy() for name, value in serve(**{key: tf.constant(it) for key, it in inputs.items()}).items()}

    monkeypatch.setattr(saved_model, "answers_of_fresh_process", here)
    model = adapted() if added == "lora" else classifier(compiled=False, encoder=encoder(num_layers=2))
    if added == "adapters":
        add_adapters(model, 3)
        randomise(model)
    weights, before = model.get_weights(), model.predict_text(TEXTS)
    folder = export_saved_model(model, tmp_path / "model")
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    found = load_exported(folder).predict_text(TEXTS)
    assert list(found.label) == list(before.label)
    np.testing.assert_allclose(found.score, before.score, rtol=1e-5)
    loaded = tf.saved_model.load(str(folder))
    inside = loaded.signatures["serving_default"].variables
    assert any("_adapter" in variable.name for variable in inside) is (added == "adapters")
    assert not any("_lora" in variable.name for variable in inside)  # as small and as fast as without
    assert len(inside) == (len(weights) - 24 if added == "lora" else len(weights))


# --- tasks made of tasks ------------------------------------------------------------------------------------------------------


def test_a_student_gets_merged_weights() -> None:
    teacher = language_model(compiled=False, num_layers=3)
    add_adapters(teacher, 3)
    add_lora(teacher, rank=2, targets="all")
    randomise(teacher)
    weights = teacher.get_weights()
    student = student_of(teacher, 3)
    for ours, theirs in zip(teacher.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    inputs = preprocessor()(tf.constant(TEXTS))
    expected = teacher.encoder(inputs)["sequence_output"]
    assert not any("_lora" in name for name in weight_names(student))
    assert relative_error(student.encoder(inputs)["sequence_output"], expected) < 1e-5
    assert len(student_of(teacher, 1).encoder.blocks) == 1


def test_more_tokens() -> None:
    model = adapted()
    larger = model.with_added_tokens(["unforgettable"])
    assert weight_names(larger) == weight_names(model)
    np.testing.assert_array_equal(probabilities(larger), probabilities(model))
