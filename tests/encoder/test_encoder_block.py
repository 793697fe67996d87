from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import EncoderBlock, FeedForward, SelfAttention
from tests import oracle
from tests.samples import B, D, F, H, N, S, batch, numpy, randomise, relative_error, states


def _block(**changes: object) -> EncoderBlock:
    block = EncoderBlock(SelfAttention(N, D), FeedForward(F), **({"layer_norm_eps": 0.01} | changes))
    block.build((None, None, H))
    return randomise(block)


@pytest.mark.parametrize("norm_first", [False, True], ids=["post_norm", "pre_norm"])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_formula(norm_first: bool, masked: bool) -> None:
    block, x = _block(norm_first=norm_first), states()
    mask = batch()["input_mask"][:, None, :] if masked else None
    expected = oracle.encoder_block(block, x.astype("float64"), None if mask is None else mask.astype(bool))
    assert relative_error(block(x, attention_mask=mask), expected) < 1e-5


def test_attention_input_is_what_the_attention_sees() -> None:
    x = states()
    np.testing.assert_array_equal(_block().attention_input(x), x)
    pre_norm = _block(norm_first=True)
    expected = oracle.layer_norm(pre_norm.attention_norm, x.astype("float64"), 0.01)
    assert relative_error(pre_norm.attention_input(x), expected) < 1e-5


class _Recorder(keras.layers.Layer):
    """A part that adds 1 and notes what it was called with."""

    def build(self, *_: object) -> None:
        self.built = True

    def call(self, *args: object, **kwargs: object) -> object:
        self.seen = args, kwargs
        return args[0] + 1.0


def test_parts_are_called_as_documented() -> None:
    attention, feed_forward, mask = _Recorder(), _Recorder(), np.ones((B, 1, S), "int32")
    block = EncoderBlock(attention, feed_forward)
    block(states(), attention_mask=mask)
    (query, value), keywords = attention.seen
    assert query is value
    assert list(keywords) == ["attention_mask"]
    np.testing.assert_array_equal(keywords["attention_mask"], mask)
    assert len(feed_forward.seen[0]) == 1
    assert feed_forward.seen[1] == {}


def test_sequential_as_feed_forward() -> None:
    dense = keras.Sequential([keras.layers.Dense(F, activation="relu"), keras.layers.Dense(H)])
    block = EncoderBlock(SelfAttention(N, D), dense, layer_norm_eps=0.01)
    block.build((None, None, H))
    assert len(block.trainable_weights) == 4 + 4 + 4  # attention, two normalisations, two dense layers
    randomise(block)
    x = states().astype("float64")
    attended = oracle.layer_norm(block.attention_norm, x + oracle.self_attention(block.attention, x, x, None), 0.01)
    first, second = dense.layers
    fed = oracle.dense(second, oracle.relu(oracle.dense(first, attended)))
    assert relative_error(block(states()), oracle.layer_norm(block.output_norm, attended + fed, 0.01)) < 1e-5


class _Zero(keras.layers.Layer):
    def build(self, *_: object) -> None:
        self.built = True

    def call(self, x: object, *_: object, **__: object) -> object:
        return x * 0.0


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropout_only_in_training(norm_first: bool) -> None:
    block, x = _block(dropout=0.5, norm_first=norm_first), states()
    np.testing.assert_array_equal(block(x), block(x, training=False))
    assert relative_error(block(x, training=True), block(x)) > 0.1


def test_dropout_leaves_the_residual_alone() -> None:
    # Parts that give 0 leave a pre-norm block's input as it is: dropout on the residual would show.
    block, x = EncoderBlock(_Zero(), _Zero(), dropout=0.5, norm_first=True), states()
    np.testing.assert_array_equal(block(x, training=True), x)


def test_dropout_rate() -> None:
    block = EncoderBlock(_Recorder(), _Zero(), dropout=0.3, norm_first=True)
    x = np.zeros((2, 101, 13), "float32")  # normalised 0, plus 1 from the attention
    dropped = numpy(block(x, training=True))
    assert sorted(set(np.round(dropped.flatten(), 5))) == pytest.approx([0, 1 / 0.7], abs=1e-5)
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.04)  # four standard deviations of 2626 throws


def test_training_reaches_the_parts() -> None:
    block = EncoderBlock(SelfAttention(N, D, dropout=0.5), keras.Sequential([keras.layers.Dropout(0.5)]), dropout=0.0)
    block.build((None, None, H))
    randomise(block)
    silent = EncoderBlock(SelfAttention(N, D, dropout=0.5), keras.layers.Identity(), dropout=0.0)
    silent.build((None, None, H))
    silent.set_weights(block.get_weights())
    x = states()
    np.testing.assert_array_equal(block(x), silent(x))
    assert relative_error(silent(x, training=True), silent(x)) > 0.01  # attention
    assert (numpy(block.feed_forward(x, training=True)) == 0).any()
    assert relative_error(block(x, training=True), silent(x)) > 0.01


@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_parts_must_be_layers(part: str) -> None:
    parts = {"attention": SelfAttention(N, D), "feed_forward": FeedForward(F)} | {part: 13}
    with pytest.raises(TypeError, match=re.escape(f"{part} must be a Keras layer. Received: {part}=13")):
        EncoderBlock(**parts)


def test_symbolic_shape() -> None:
    block = EncoderBlock(SelfAttention(N, D), FeedForward(F))
    assert block(keras.KerasTensor((None, None, H))).shape == (None, None, H)
