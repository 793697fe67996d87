from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import MaskedLMHead
from tests import oracle
from tests.samples import B, H, S, V, batch, config, numpy, randomise, relative_error, states, symbolic

P = 3


def _pair(**changes: Any) -> tuple[Encoder, MaskedLMHead]:
    encoder = randomise(Encoder(config(dropout=0.0, attention_dropout=0.0, **changes)))
    return encoder, randomise(MaskedLMHead(encoder), seed=8)


def _positions() -> np.ndarray:
    positions = np.random.default_rng(9).integers(0, S, (B, P)).astype("int32")
    positions[0], positions[-1] = (0, 0, S - 1), (S - 1, 5, 0)  # the edges of the batch, and one place twice
    return positions


@pytest.mark.parametrize(
    "changes", [{}, {"embedding_size": 17}, {"activation": "gelu_tanh"}, {"activation": "relu"}, {"layer_norm_eps": 0.5}]
)
def test_equals_projecting_every_position(changes: dict[str, Any]) -> None:
    encoder, head = _pair(**changes)
    x, positions = states(), _positions()
    transformed = oracle.ACTIVATIONS[encoder.config.activation](oracle.dense(head.transform, x.astype("float64")))
    transformed = oracle.layer_norm(head.norm, transformed, encoder.config.layer_norm_eps)
    everywhere = transformed @ numpy(encoder.embedding_table).T + numpy(head.bias)  # (B, S, V)
    expected = np.take_along_axis(everywhere, positions[..., None], axis=1)
    logits = head(x, positions)
    assert tuple(logits.shape) == (B, P, V)
    assert relative_error(logits, expected) < 1e-5


def test_the_token_embedding_is_the_output_matrix() -> None:
    encoder, head = _pair()
    x, positions = states(), _positions()
    before = numpy(head(x, positions))
    table = numpy(encoder.embedding_table)
    table[13] += 1
    encoder.embedding_table.assign(table)
    changed = np.abs(numpy(head(x, positions)) - before).max(axis=(0, 1)) > 1e-4
    assert np.flatnonzero(changed).tolist() == [13]


def test_gradient_reaches_the_embedding_on_both_ways() -> None:
    encoder, head = _pair()
    inputs, positions = batch(), _positions()
    table = encoder.embedding_table.value

    def gradient(stop_input: bool, stop_output: bool) -> np.ndarray:
        with tf.GradientTape() as tape:
            hidden = encoder(inputs)["sequence_output"]
            hidden = tf.stop_gradient(hidden) if stop_input else hidden
            logits = head(hidden, positions)
            if stop_output:  # the same logits, with a copy of the table that has no gradient
                x = tf.gather(hidden, positions, batch_dims=1)
                x = head.norm(head.transform(tf.reshape(x, (-1, H))))
                logits = tf.reshape(tf.matmul(x, tf.constant(table.numpy()), transpose_b=True) + head.bias, logits.shape)
            loss = tf.reduce_sum(tf.nn.log_softmax(logits)[..., 13])
        return numpy(tf.convert_to_tensor(tape.gradient(loss, table)))

    both, output_only, input_only = gradient(False, False), gradient(True, False), gradient(False, True)
    assert np.abs(output_only).max() > 0.1
    assert np.abs(input_only).max() > 0.1
    assert relative_error(both, output_only + input_only) < 1e-5
    absent = np.setdiff1d(np.arange(V), inputs["input_word_ids"])
    assert len(absent) > 0
    assert np.abs(output_only).max(axis=1).min() > 0  # every token is in the softmax
    assert np.abs(input_only[absent]).max() == 0


def test_own_weights_are_the_transform_and_the_bias() -> None:
    encoder, head = _pair(embedding_size=17)
    shapes = {weight.path.split("/", 1)[1]: tuple(weight.shape) for weight in head.weights}
    assert shapes == {
        "transform/kernel": (H, 17),
        "transform/bias": (17,),
        "norm/gamma": (17,),
        "norm/beta": (17,),
        "bias": (V,),
    }
    assert not {id(weight) for weight in head.weights} & {id(weight) for weight in encoder.weights}
    assert head.count_params() == H * 17 + 17 + 2 * 17 + V


def test_bias_starts_at_zero_and_shifts_the_logits() -> None:
    encoder = randomise(Encoder(config()))
    head = MaskedLMHead(encoder)
    assert np.abs(numpy(head.bias)).max() == 0
    before = numpy(head(states(), _positions()))
    head.bias.assign(np.arange(V))
    assert numpy(head(states(), _positions())) - before == pytest.approx(np.arange(V) * np.ones((B, P, 1)), abs=1e-4)


def _model(encoder: Encoder, head: MaskedLMHead) -> keras.Model:
    inputs = symbolic(batch() | {"masked_lm_positions": _positions()})
    return keras.Model(inputs, head(encoder(inputs)["sequence_output"], inputs["masked_lm_positions"]))


def test_model_counts_the_embedding_once() -> None:
    encoder, head = _pair()
    model = _model(encoder, head)
    assert len(model.weights) == len(encoder.weights) + len(head.weights)
    assert model.count_params() == encoder.count_params() + head.count_params()


def test_head_and_encoder_still_share_the_embedding_after_reloading(tmp_path: Any) -> None:
    model = _model(*_pair())
    inputs = batch() | {"masked_lm_positions": _positions()}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert relative_error(loaded(inputs), model(inputs)) < 1e-6
    assert len(loaded.weights) == len(model.weights)
    encoder = loaded.get_layer("encoder")
    before, table = numpy(loaded(inputs)), numpy(encoder.embedding_table)
    unused = int(np.setdiff1d(np.arange(V), inputs["input_word_ids"])[0])
    table[unused] += 1
    encoder.embedding_table.assign(table)
    changed = np.abs(numpy(loaded(inputs)) - before).max(axis=(0, 1)) > 1e-4
    assert np.flatnonzero(changed).tolist() == [unused]


def test_training_moves_the_tied_embedding() -> None:
    model = _model(*_pair(pooler=False))  # a pooler is not on the way to these logits
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = {weight.path: numpy(weight) for weight in model.weights}
    inputs = batch() | {"masked_lm_positions": _positions()}
    model.train_on_batch(inputs, np.random.default_rng(4).integers(0, V, (B, P)))
    still = [weight.path for weight in model.weights if np.abs(numpy(weight) - before[weight.path]).max() == 0]
    assert still == []


def test_logits_are_float32_under_mixed_precision() -> None:
    encoder = randomise(Encoder(config(), dtype="mixed_bfloat16"))
    head = MaskedLMHead(encoder)
    assert head.compute_dtype == head.transform.compute_dtype == "bfloat16"
    logits = head(keras.ops.cast(states(), "bfloat16"), _positions())
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


def test_symbolic_shape() -> None:
    _, head = _pair()
    assert head(keras.KerasTensor((None, None, H)), keras.KerasTensor((None, P), "int32")).shape == (None, P, V)


@pytest.mark.parametrize("wrong", ["encoder", None, keras.layers.Dense(13)])
def test_encoder_must_be_an_encoder(wrong: object) -> None:
    with pytest.raises(
        TypeError, match=r"encoder must be an Encoder, whose token embedding the head shares\. Received: "
    ) as caught:
        MaskedLMHead(wrong)  # type: ignore[arg-type]
    assert str(caught.value).endswith(f"Received: {wrong!r}")


def test_positions_may_be_int64() -> None:
    _, head = _pair()
    np.testing.assert_array_equal(head(states(), _positions().astype("int64")), head(states(), _positions()))
