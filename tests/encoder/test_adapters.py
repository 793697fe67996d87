"""Adapters: the formula, where they stand in a block, what they cost, and that files keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import Encoder, add_adapters, add_lora, set_trainable
from keras_bert_lab.encoder.adapter import Adapter
from keras_bert_lab.encoder.frozen_weights import weight_names
from tests import oracle
from tests.encoder.test_lora import model_of, outputs, randomised, trained
from tests.samples import B, H, L, N, batch, config, numpy, randomise, relative_error, states

SIZE = 4
ADAPTER = 2 * H * SIZE + SIZE + H
FORMULAS = {"gelu": oracle.gelu, "gelu_tanh": oracle.gelu_tanh, "relu": oracle.relu}


def by_hand(adapter: Adapter, x: np.ndarray) -> np.ndarray:
    inner = FORMULAS[adapter.activation](oracle.dense(adapter.down, x))
    return x + oracle.dense(adapter.up, inner)


@pytest.mark.parametrize("activation", FORMULAS)
def test_the_formula(activation: str) -> None:
    layer = Adapter(SIZE, activation, dtype="float64")
    layer.build((None, None, H))
    x = states().astype("float64")
    np.testing.assert_array_equal(numpy(layer(x)), x)  # it starts as nothing
    randomise(layer)
    assert layer.count_params() == ADAPTER
    assert relative_error(layer(x), by_hand(layer, x)) < 1e-7  # Keras has the constants of GELU in float32


@pytest.mark.parametrize("norm_first", [False, True])
def test_their_place_in_a_block(norm_first: bool) -> None:
    """Behind each part, before the residual connection: Houlsby et al. 2019, figure 2."""
    encoder = randomise(Encoder(config(norm_first=norm_first), dtype="float64"))
    add_adapters(encoder, SIZE, "relu")
    block = randomised(encoder).blocks[1]
    x = states().astype("float64")

    def norm(layer: Any, y: np.ndarray) -> np.ndarray:
        return oracle.layer_norm(layer, y, 1e-5)

    def attended(y: np.ndarray) -> np.ndarray:
        return by_hand(block.attention_adapter, oracle.self_attention(block.attention, y, y, None))

    def fed(y: np.ndarray) -> np.ndarray:
        return by_hand(block.feed_forward_adapter, oracle.feed_forward(block.feed_forward, y))

    if norm_first:
        middle = x + attended(norm(block.attention_norm, x))
        expected = middle + fed(norm(block.output_norm, middle))
    else:
        middle = norm(block.attention_norm, x + attended(x))
        expected = norm(block.output_norm, middle + fed(middle))
    assert relative_error(block(x), expected) < 1e-7  # Keras has the constant of GELU in float32


@pytest.mark.parametrize("norms", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_what_is_trained(norms: bool, own: bool) -> None:
    """With attention of the user's own, too."""
    encoder = randomise(Encoder(config(), attention=keras.layers.MultiHeadAttention(N, 5) if own else None))
    model = model_of(encoder)
    before, count = outputs(encoder), encoder.count_params()
    counts = add_adapters(model, SIZE, norms=norms)
    of_norms = 2 * H * (2 * L + 1) * norms
    assert counts.trainable == 2 * L * ADAPTER + of_norms + H + 1
    assert counts.frozen == count - of_norms
    assert {name.split("/")[1] for name in trained(encoder)} == {"attention_adapter", "feed_forward_adapter"} | (
        {"attention_norm", "output_norm", "norm"} if norms else set()
    )
    for ours, theirs in zip(outputs(encoder), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_only_they_the_norms_and_the_head_change() -> None:
    model = model_of(randomise(Encoder(config())))
    add_adapters(model, SIZE)
    model.compile(keras.optimizers.AdamW(0.01), "mse", run_eagerly=True)
    before = model.get_weights()
    model.fit(batch(), np.linspace(-1, 1, B), epochs=2, verbose=0)
    names = weight_names(model)
    changed = {name for name, new, old in zip(names, model.get_weights(), before, strict=True) if not np.array_equal(new, old)}
    assert changed == {name for name in names if "_adapter/" in name or "norm/" in name or "head" in name}


def test_set_trainable_afterwards() -> None:
    encoder = Encoder(config())
    own = len(encoder.weights)
    add_adapters(encoder, SIZE)
    assert set_trainable(encoder, "all").trainable_weights == own + 2 * 4 * L
    assert set_trainable(encoder, "none").trainable_weights == 0
    assert set_trainable(encoder, "*_adapter").trainable == 2 * L * ADAPTER
    assert set_trainable(encoder, ["block_1/*_adapter", "pooler"]).trainable == 2 * ADAPTER + H * H + H
    assert set_trainable(encoder, "last 1").trainable_weights == (own - 5 - 2) // L + 2 * 4 + 2


def test_with_lora() -> None:
    encoder = Encoder(config())
    add_adapters(encoder, SIZE)
    assert add_lora(encoder, rank=2).trainable == 2 * L * ADAPTER + 2 * L * 2 * 2 * H  # both kinds; the norms are own weights
    randomised(encoder)
    copy = encoder.copy()
    assert trained(copy) == trained(encoder)
    for ours, theirs in zip(outputs(copy), outputs(encoder), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_files_and_copies_keep_them(tmp_path: Path) -> None:
    encoder = randomise(Encoder(config()))
    add_adapters(encoder, SIZE, "gelu_tanh", norms=False)
    model = randomised(model_of(encoder))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(again(batch())), numpy(model(batch())))
    for copy in (again.get_layer(encoder.name), encoder.copy(), encoder.resize_token_embeddings(37)):
        assert weight_names(copy) == weight_names(encoder)
        assert trained(copy) == trained(encoder)
        assert copy.get_config()["adapters"] == {"size": SIZE, "activation": "gelu_tanh"}


def test_what_is_refused() -> None:
    encoder = Encoder(config())
    for make in (Adapter, lambda *settings: add_adapters(encoder, *settings)):
        with pytest.raises(ValueError, match="size must be an integer of at least 1. Received: size=0"):
            make(0, "gelu")
        with pytest.raises(ValueError, match="activation must be one of .*'gelu_tanh', 'relu'.*Received: activation='swish'"):
            make(3, "swish")
    add_adapters(encoder, SIZE)
    with pytest.raises(ValueError, match="no adapters yet. Received: 'encoder' with adapters of size=4. Choose"):
        add_adapters(encoder)
