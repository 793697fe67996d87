"""HubEncoder: the forms of older SavedModels, and models of other kinds, which are refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab import HubEncoder
from keras_bert_lab.errors import FormatError
from tests.encoder.test_hub_encoder import WEIGHTS, model_of
from tests.samples import B, H, V, batch, numpy, relative_error
from tests.small_hub_models import KEYS, write_encoder, write_preprocessor, write_tf1_encoder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("hub") / "encoder")


@pytest.mark.parametrize("form", ["list", "default", "plain"])
def test_other_forms_give_what_they_have(tmp_path: Path, small: Path, form: str) -> None:
    expected = HubEncoder(small)(batch())
    encoder = HubEncoder(write_encoder(tmp_path / form, form), trainable=True)
    outputs = encoder(batch())
    assert ("encoder_outputs" in outputs) is (form == "plain")
    for key in ("pooled_output", "sequence_output"):
        assert relative_error(outputs[key], expected[key]) < 1e-6
    assert len(encoder.weights) == len(encoder.trainable_weights) == WEIGHTS
    trained = numpy(encoder(batch(), training=True)["sequence_output"])
    # "plain" was saved without a graph for training.
    assert bool(np.abs(trained - numpy(outputs["sequence_output"])).max() > 0.1) is (form != "plain")
    model = model_of(encoder)
    model.compile("adam", "mse", jit_compile=False)
    before = model.get_weights()
    model.fit(batch(), np.linspace(-1, 1, B), verbose=0)
    assert all(np.abs(new - old).max() > 0 for new, old in zip(model.get_weights(), before, strict=True))


def test_the_order_of_a_list_follows_the_names() -> None:
    from keras_bert_lab.encoder.hub_function import _order_of

    assert _order_of(["x/input_type_ids", "input_word_ids", "input_mask"]) == ["input_type_ids", "input_word_ids", "input_mask"]
    assert _order_of([None, "a", "b"]) == list(KEYS)


def test_a_module_of_tensorflow_1_is_used_but_not_trained(tmp_path: Path) -> None:
    folder = write_tf1_encoder(tmp_path / "tf1")
    encoder = HubEncoder(folder)
    inputs = batch()
    outputs = encoder(inputs)
    rng = np.random.default_rng(3)
    table, kernel = rng.normal(size=(V, H)).astype("float32"), rng.normal(size=(H, H)).astype("float32")
    states = table[inputs["input_word_ids"]] * inputs["input_mask"][:, :, None]
    assert set(outputs) == {"sequence_output", "pooled_output"}
    assert relative_error(outputs["sequence_output"], states) < 1e-6
    assert relative_error(outputs["pooled_output"], np.tanh(states[:, 0] @ kernel)) < 1e-5
    for train in (
        lambda: HubEncoder(folder, trainable=True),
        lambda: setattr(encoder, "trainable", True),
        lambda: kbl.set_trainable(encoder, "all"),
    ):
        with pytest.raises(ValueError, match=r"trainable must be False for .*tf1: it is a module of TensorFlow 1"):
            train()
    assert encoder.trainable_weights == []
    model = model_of(encoder)
    model.save(tmp_path / "model.keras")
    shutil.rmtree(folder)
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert relative_error(again(inputs), model(inputs)) == 0


def test_a_preprocessor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="takes texts, not token ids: it is a preprocessor. Use HubPreprocessor"):
        HubEncoder(write_preprocessor(tmp_path / "preprocessor"))


def test_other_models_are_refused(tmp_path: Path) -> None:
    def saved(function: Any, *specs: Any) -> Path:
        module = tf.Module()
        module.__call__ = tf.function(function, input_signature=specs)
        tf.saved_model.save(module, str(tmp_path / "other"))
        return tmp_path / "other"

    ids = {key: tf.TensorSpec((None, None), tf.int32, name=key) for key in KEYS}
    for function, specs, found in (
        (lambda x: x, [tf.TensorSpec((None, 3), tf.float32)], "it takes TensorSpec"),
        (lambda x: x["a"], [{"a": tf.TensorSpec((None, 3), tf.float32)}], r"it takes \['a'\]"),
        (lambda x: x["input_mask"], [ids], "it gives TensorSpec"),
        (lambda x: {"sequence_output": tf.zeros((1, 2, 3))}, [ids], "it gives {'sequence_output'"),
        (lambda x: {"pooled_output": tf.zeros((1, 2, 3))}, [ids], "it gives {'pooled_output'"),
    ):
        with pytest.raises(FormatError, match=f"is no text encoder: {found}"):
            HubEncoder(saved(function, *specs))
    tf.saved_model.save(tf.Module(), str(tmp_path / "empty"))
    with pytest.raises(FormatError, match="it has no function that was saved with it"):
        HubEncoder(tmp_path / "empty")
