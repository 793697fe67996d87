"""HubEncoder: the outputs of the original, and a Keras layer in every respect."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab import Encoder, HubEncoder
from keras_bert_lab.errors import FormatError
from tests.samples import B, H, L, S, V, batch, config, numpy, relative_error, symbolic
from tests.small_hub_models import KEYS, L2, write_encoder

WEIGHTS = 3 + 2 * L + 2
ENCODER = "fixtures/tfhub/bert_en_uncased_L-2_H-128_A-2"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("hub") / "encoder")


@pytest.fixture(scope="module")
def original(small: Path) -> Any:
    return tf.saved_model.load(str(small))


def model_of(encoder: Any, dtype: str | None = None) -> keras.Model:
    inputs = symbolic(batch())
    head = keras.layers.Dense(1, name="head", dtype=dtype)
    return keras.Model(inputs, head(encoder(inputs)["pooled_output"]))


def test_outputs_are_those_of_the_fixture(shared: Path) -> None:
    expected = np.load(shared / "fixtures/tfhub/expected.npz")
    encoder = HubEncoder(shared / ENCODER)
    outputs = encoder({key: expected[key] for key in KEYS})
    assert set(outputs) == {"sequence_output", "pooled_output", "encoder_outputs"}
    for key in ("sequence_output", "pooled_output"):
        assert np.abs(outputs[key] - expected[key]).max() < 1e-5
    assert len(outputs["encoder_outputs"]) == 2
    for layer, states in enumerate(outputs["encoder_outputs"]):
        assert np.abs(states - expected[f"encoder_outputs.{layer}"]).max() < 1e-5
    # 39 weights; neither the flag do_lower_case nor those of mlm are among them.
    assert len(encoder.weights) == 39
    assert encoder.count_params() == 4_385_920
    assert encoder.weights[10].path.endswith("/transformer/layer_0/self_attention/value/bias")


def test_outputs_are_those_of_the_original(small: Path, original: Any) -> None:
    inputs = batch()
    expected = original({key: tf.constant(value) for key, value in inputs.items()}, training=False)
    outputs = HubEncoder(small)(inputs)
    for key in ("sequence_output", "pooled_output"):
        assert relative_error(outputs[key], expected[key]) < 1e-6
    for ours, theirs in zip(outputs["encoder_outputs"], expected["encoder_outputs"], strict=True):
        assert relative_error(ours, theirs) < 1e-6


def test_it_takes_the_place_of_an_encoder(small: Path) -> None:
    """The same keys, shapes and types, symbolic and real, for open and for fixed lengths."""
    ours, hub = Encoder(config()), HubEncoder(small)
    for shape in ((None, None), (None, S), (B, S)):
        inputs = {key: keras.KerasTensor(shape, dtype="int32") for key in KEYS}
        expected, found = ours(inputs), hub(inputs)
        assert {key: keras.tree.map_structure(lambda t: (t.shape, t.dtype), value) for key, value in found.items()} == {
            key: keras.tree.map_structure(lambda t: (t.shape, t.dtype), value) for key, value in expected.items()
        }
    inputs = batch()
    assert keras.tree.map_structure(lambda t: t.shape, hub(inputs)) == keras.tree.map_structure(lambda t: t.shape, ours(inputs))


def test_ids_of_other_integer_types_are_taken(small: Path) -> None:
    encoder = HubEncoder(small)
    inputs = batch()
    outputs = encoder({key: value.astype("int64") for key, value in inputs.items()})
    assert relative_error(outputs["pooled_output"], encoder(inputs)["pooled_output"]) == 0


def test_weights_have_clean_unique_names(small: Path) -> None:
    encoder = HubEncoder(small, name="bert")
    paths = [weight.path for weight in encoder.weights]
    assert len(set(paths)) == WEIGHTS
    assert paths[0] == "bert/word_embeddings/embeddings"
    assert paths[3:5] == ["bert/transformer/layer_0/output/kernel", "bert/transformer/layer_0/output/bias"]
    assert not any(":" in path for path in paths)
    # AdamW exempts these from weight decay by their names.
    assert [weight.name for weight in encoder.weights[-2:]] == ["kernel", "bias"]


def test_equal_names_are_told_apart() -> None:
    from keras_bert_lab.encoder.hub_encoder import _clean_names

    names = ["a/kernel:0", "a/kernel:0", "a_kernel:0", "strange name!/x:0", "Variable:0", ":0"]
    found = ["/".join(parts) for parts in _clean_names([keras.Variable(0.0, name="x") for _ in names]) if parts]
    assert len(set(found)) == len(names)

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    found = ["/".join(parts) for parts in _clean_names([Named(name) for name in names])]
    assert found == ["a/kernel", "a/kernel_1", "a_kernel_2", "strange_name_/x", "Variable", "weight"]


@pytest.mark.parametrize("trainable", [True, False])
def test_summary_counts_right(small: Path, trainable: bool) -> None:
    model = model_of(HubEncoder(small, trainable=trainable))
    parameters = V * H + 19 * H + 2 * H + (L + 1) * (H * H + H)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    text = "".join(lines)
    assert f"Total params: {parameters + H + 1:,}" in text
    assert f"Trainable params: {(parameters if trainable else 0) + H + 1:,}" in text
    assert len(model.trainable_variables) == (WEIGHTS if trainable else 0) + 2


@pytest.mark.parametrize(
    "optimizer",
    [
        *("sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad", "adadelta"),
        *("adamax", "nadam", "ftrl", "lion", "adafactor", "ours"),
    ],
)
def test_every_weight_trains_under_every_optimizer(small: Path, optimizer: str) -> None:
    model = model_of(HubEncoder(small, trainable=True))
    before = model.get_weights()
    made = {"momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "ours": kbl.AdamW}
    by_xla = optimizer == "momentum"  # once as a compiled graph, which takes seconds
    model.compile(made[optimizer]() if optimizer in made else optimizer, "mse", jit_compile=by_xla, run_eagerly=not by_xla)
    model.fit(batch(), np.linspace(-1, 1, B), batch_size=B, epochs=2, verbose=0)
    changes = [np.abs(new - old).max() for new, old in zip(model.get_weights(), before, strict=True)]
    assert len(changes) == WEIGHTS + 2
    assert min(changes) > 0


def test_trained_weights_are_used(small: Path) -> None:
    encoder = HubEncoder(small, trainable=True)
    before = numpy(encoder(batch())["pooled_output"])
    encoder.set_weights([weight * 0.5 for weight in encoder.get_weights()])
    assert np.abs(numpy(encoder(batch())["pooled_output"]) - before).max() > 0.01


def test_frozen_nothing_changes(small: Path) -> None:
    encoder = HubEncoder(small)
    model = model_of(encoder)
    before = encoder.get_weights()
    model.compile("adam", "mse", jit_compile=False)
    model.fit(batch(), np.linspace(-1, 1, B), verbose=0)
    assert len(model.trainable_variables) == 2
    for new, old in zip(encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)
    encoder.trainable = True
    assert len(model.trainable_variables) == WEIGHTS + 2


def test_dropout_only_in_training_of_a_trainable_layer(small: Path) -> None:
    for trainable in (True, False):
        encoder = HubEncoder(small, trainable=trainable)
        plain = numpy(encoder(batch())["sequence_output"])
        assert relative_error(encoder(batch(), training=False)["sequence_output"], plain) == 0
        first, second = (numpy(encoder(batch(), training=True)["sequence_output"]) for _ in range(2))
        assert bool(np.abs(first - plain).max() > 0.1) is trainable
        assert bool(np.abs(first - second).max() > 0.1) is trainable


def test_losses_come_with_training_alone(small: Path) -> None:
    encoder = HubEncoder(small, trainable=True)
    kernels = [weight for weight in encoder.weights if weight.path.endswith("output/kernel")]
    expected = [L2 * float((numpy(kernel) ** 2).sum()) for kernel in kernels]
    assert [float(loss) for loss in encoder.losses] == pytest.approx(expected)
    encoder(batch(), training=True)
    encoder(batch(), training=True)
    assert len(encoder.losses) == len(expected)  # once, however often it is called
    kernels[0].assign(numpy(kernels[0]) * 2)
    assert float(encoder.losses[0]) == pytest.approx(4 * expected[0])
    kernels[0].trainable = False
    assert [float(loss) for loss in encoder.losses] == pytest.approx(expected[1:])
    encoder.trainable = False
    assert encoder.losses == []


def test_losses_are_part_of_the_training_loss(small: Path) -> None:
    model = model_of(HubEncoder(small, trainable=True))
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    targets = np.linspace(-1, 1, B)
    found = model.evaluate(batch(), targets, batch_size=B, verbose=0)
    plain = float(np.mean((model.predict(batch(), verbose=0)[:, 0] - targets) ** 2))
    assert found == pytest.approx(plain + sum(float(loss) for loss in model.losses), rel=1e-5)


def test_mixed_precision_keeps_the_arithmetic_and_casts_the_outputs(small: Path) -> None:
    exact, mixed = HubEncoder(small, trainable=True), HubEncoder(small, trainable=True, dtype="mixed_bfloat16")
    outputs = mixed(batch())
    assert {tensor.dtype for tensor in keras.tree.flatten(outputs)} == {tf.bfloat16}
    rounded = tf.cast(exact(batch())["sequence_output"], tf.bfloat16)
    np.testing.assert_array_equal(numpy(outputs["sequence_output"]), numpy(rounded))
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    model = model_of(mixed, "mixed_bfloat16")
    before = model.get_weights()
    model.compile("adam", "mse", jit_compile=False)
    model.fit(batch(), np.linspace(-1, 1, B), verbose=0)
    assert all(np.abs(new - old).max() > 0 for new, old in zip(model.get_weights(), before, strict=True))


def test_packed_rows_are_refused(small: Path) -> None:
    for key in ("input_example_ids", "input_positions"):
        with pytest.raises(ValueError, match=rf"one text in a row.*\['{key}'\].*load_encoder"):
            HubEncoder(small)(batch() | {key: batch()["input_mask"]})


def test_inputs_that_are_not_the_contract_are_refused(small: Path) -> None:
    with pytest.raises(TypeError, match="inputs must be a dict"):
        HubEncoder(small)(np.ones((2, 3), "int32"))
    with pytest.raises(ValueError, match="without .'input_type_ids'"):
        HubEncoder(small)({key: batch()[key] for key in KEYS[:2]})


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, small: Path) -> None:
    folder = shutil.copytree(small, tmp_path / "copy")
    root = tf.saved_model.load(str(folder))
    root.variables[4].assign(np.full(H, np.nan))
    tf.train.Checkpoint(root=root).write(str(folder / "variables" / "variables"))
    with pytest.raises(FormatError, match=r"not finite, in \['transformer/layer_0/output/bias:0'\]"):
        HubEncoder(folder)


def test_another_backend_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="A SavedModel runs on TensorFlow alone. Received: .*'jax'"):
        HubEncoder(small)
