from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_bert_lab import EncoderConfig
from keras_bert_lab.encoder import Encoder, FeedForward, SelfAttention
from keras_bert_lab.encoder.sublayers import build_attention, build_feed_forward, copies
from tests.samples import D, F, H, N


def test_none_stays_none() -> None:
    assert copies(None, 3, "attention") is None


def test_a_layer_is_copied_with_its_settings_and_without_its_weights() -> None:
    original = FeedForward(F, activation="relu", name="mine")
    original.build((None, None, H))
    copied = copies(original, 3, "feed_forward")
    for layer in copied:
        layer.build((None, None, H))
    assert [(layer.name, layer.activation, layer.intermediate_size) for layer in copied] == [
        ("mine_0", "relu", F),
        ("mine_1", "relu", F),
        ("mine_2", "relu", F),
    ]
    kernels = [np.asarray(layer.intermediate.kernel) for layer in (original, *copied)]
    assert all(np.abs(kernels[i] - kernels[j]).max() > 0 for i in range(4) for j in range(i))


@pytest.mark.parametrize("container", [list, tuple])
def test_a_list_is_used_as_it_is(container: type) -> None:
    layers = container(SelfAttention(N, D) for _ in range(2))
    assert all(given is used for given, used in zip(layers, copies(layers, 2, "attention"), strict=True))


def test_a_list_of_another_length_is_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("attention must hold one layer for each of the 3 blocks. Received: 2 layers")
    ):
        copies([SelfAttention(N, D), SelfAttention(N, D)], 3, "attention")


@pytest.mark.parametrize(
    ("wrong", "received"), [(13, "13"), ("relu", "'relu'"), ([SelfAttention, 5], "[<class"), (SelfAttention, "<class")]
)
def test_what_is_no_layer_is_refused(wrong: object, received: str) -> None:
    with pytest.raises(TypeError, match=rf"feed_forward must be a Keras layer.* Received: {re.escape(received)}"):
        copies(wrong, 2, "feed_forward")


@pytest.mark.parametrize("layer", [SelfAttention(N, D), keras.layers.MultiHeadAttention(N, D)], ids=["ours", "keras"])
def test_attention_is_built_once(layer: keras.layers.Layer) -> None:
    build_attention(layer, H)
    weights = list(layer.weights)
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 4 * (H * N * D) + 3 * N * D + H
    build_attention(layer, H)
    assert all(before is after for before, after in zip(weights, layer.weights, strict=True))


def test_feed_forward_without_a_build_of_its_own_is_built_once() -> None:
    layer = keras.Sequential([keras.layers.Dense(F), keras.layers.Dense(H)])
    build_feed_forward(layer, H)
    weights = list(layer.weights)
    assert [tuple(weight.shape) for weight in weights] == [(H, F), (F,), (F, H), (H,)]
    build_feed_forward(layer, H)
    assert all(before is after for before, after in zip(weights, layer.weights, strict=True))


def test_attention_without_a_build_of_its_own() -> None:
    class Mix(keras.layers.Layer):
        def call(self, query, value, attention_mask=None):
            return query + value

    layer = Mix()
    build_attention(layer, H)
    assert layer.built


@keras.saving.register_keras_serializable(package="tests_sublayers")
class Narrow(keras.layers.Layer):
    """A layer as users write it: parts made in `__init__`, and no `build`."""

    def __init__(self, units: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inside = keras.layers.Dense(3)
        self.outside = keras.layers.Dense(units)

    def call(self, states: object, value: object = None, attention_mask: object = None) -> object:
        return self.outside(self.inside(states))

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"units": self.units}


@pytest.mark.filterwarnings("ignore:.*does not have a `build")  # Keras, when it loads them
@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_layers_without_build_keep_their_weights_in_a_file(part: str, tmp_path: Path) -> None:
    config = EncoderConfig(vocab_size=7, hidden_size=H, num_layers=2, num_heads=N, intermediate_size=F)
    encoder = Encoder(config, **{part: Narrow(H)})
    encoder.save(tmp_path / "encoder.keras")
    reloaded = keras.saving.load_model(tmp_path / "encoder.keras")
    assert len(reloaded.weights) == len(encoder.weights)
    for before, after in zip(encoder.get_weights(), reloaded.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
