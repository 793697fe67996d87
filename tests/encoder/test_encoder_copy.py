from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import Encoder, FeedForward
from tests.samples import VARIANTS, D, N, batch, config, numpy, randomise, relative_error


def own_layers(dtype: str | None = None) -> Encoder:
    layers = {"attention": keras.layers.MultiHeadAttention(N, D, dtype=dtype), "feed_forward": FeedForward(17, dtype=dtype)}
    return randomise(Encoder(config(), **layers, dtype=dtype))


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_gives_the_same_outputs(variant: str) -> None:
    encoder = randomise(Encoder(config(**VARIANTS[variant]), name="bert"))
    copy = encoder.copy()
    assert copy is not encoder
    assert (copy.name, copy.config, copy.dtype_policy) == ("bert", encoder.config, encoder.dtype_policy)
    ours, theirs = copy(batch()), encoder(batch())
    for name in ("sequence_output", "pooled_output"):
        np.testing.assert_array_equal(numpy(ours[name]), numpy(theirs[name]))


def test_its_weights_are_its_own() -> None:
    encoder = randomise(Encoder(config()))
    copy = encoder.copy()
    before = encoder.get_weights()
    randomise(copy, seed=5)
    for ours, theirs in zip(encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not {id(weight) for weight in copy.weights} & {id(weight) for weight in encoder.weights}


def test_another_dropout() -> None:
    encoder = randomise(Encoder(config(dropout=0.0, attention_dropout=0.0)))
    copy = encoder.copy(dropout=0.3)
    assert (copy.config.dropout, copy.config.attention_dropout) == (0.3, 0.3)
    assert (encoder.config.dropout, encoder.config.attention_dropout) == (0.0, 0.0)
    outputs = [numpy(copy(batch(), training=training)["sequence_output"]) for training in (False, True)]
    assert relative_error(outputs[0], encoder(batch())["sequence_output"]) == 0
    assert relative_error(outputs[1], outputs[0]) > 1e-2
    assert copy.copy(dropout=0.0).config.dropout == 0.0  # 0 is a number too


@pytest.mark.parametrize("value", [1.0, -0.1])
def test_an_impossible_dropout_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"dropout={value}")):
        Encoder(config()).copy(dropout=value)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", keras.DTypePolicy("mixed_bfloat16")])
def test_another_precision(dtype: Any) -> None:
    encoder = randomise(Encoder(config()))
    copy = encoder.copy(dtype=dtype)
    assert copy.dtype_policy.name == "mixed_bfloat16"
    assert {layer.dtype_policy.name for layer in copy._flatten_layers() if layer.weights} == {"mixed_bfloat16"}
    assert {weight.dtype for weight in copy.weights} == {"float32"}
    error = relative_error(copy(batch())["sequence_output"], encoder(batch())["sequence_output"])
    assert 0 < error < 5e-2
    back = copy.copy(dtype="float32")
    assert relative_error(back(batch())["sequence_output"], encoder(batch())["sequence_output"]) == 0


def test_layers_of_ones_own_are_copied() -> None:
    encoder = own_layers()
    copy = encoder.copy(dropout=0.3, dtype="float32")
    np.testing.assert_array_equal(numpy(copy(batch())["pooled_output"]), numpy(encoder(batch())["pooled_output"]))
    assert isinstance(copy.blocks[0].attention, keras.layers.MultiHeadAttention)


def test_layers_of_ones_own_keep_their_precision() -> None:
    rule = "dtype must stay 'float32': this encoder holds layers that were given to it. Received: dtype='mixed_bfloat16'"
    with pytest.raises(ValueError, match=re.escape(rule)):
        own_layers().copy(dtype="mixed_bfloat16")
    assert own_layers("mixed_bfloat16").copy().dtype_policy.name == "mixed_bfloat16"


def test_a_frozen_encoder_stays_frozen() -> None:
    encoder = Encoder(config())
    encoder.trainable = False
    assert encoder.copy().trainable is False
    assert encoder.copy().trainable_weights == []
