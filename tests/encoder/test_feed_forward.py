from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import FeedForward
from tests import oracle
from tests.samples import F, H, numpy, randomise, relative_error, states


def _layer(activation: str = "gelu") -> FeedForward:
    layer = FeedForward(F, activation=activation)
    layer.build((None, None, H))
    return randomise(layer)


def test_one_position_by_hand() -> None:
    layer = FeedForward(3, activation="relu")
    layer.build((None, None, 2))
    layer.intermediate.kernel.assign([[1, 0, -1], [0, 1, 0]])
    layer.intermediate.bias.assign([0, -7, 0])
    layer.output_dense.kernel.assign([[1, 10], [2, 20], [3, 30]])
    layer.output_dense.bias.assign([0, 5])
    # (2, 11) -> (2, 11 - 7, -2) -> relu (2, 4, 0) -> (2 + 8, 20 + 80 + 5)
    assert numpy(layer(np.float32([[[2, 11]]]))).tolist() == [[[10, 105]]]


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
def test_equals_the_formula(activation: str) -> None:
    layer, x = _layer(activation), 3 * states()
    assert relative_error(layer(x), oracle.feed_forward(layer, x.astype("float64"))) < 1e-6


def test_the_two_forms_of_gelu_differ_by_more_than_rounding() -> None:
    exact, tanh, x = _layer("gelu"), _layer("gelu_tanh"), 3 * states()
    assert relative_error(exact(x), tanh(x)) > 1e-5


def test_shapes_of_the_weights() -> None:
    layer = _layer()
    assert [tuple(weight.shape) for weight in layer.weights] == [(H, F), (F,), (F, H), (H,)]


def test_symbolic_shape() -> None:
    assert FeedForward(F)(keras.KerasTensor((None, None, H))).shape == (None, None, H)


@pytest.mark.parametrize("value", [0, -3, 2.0, "3"])
def test_size_must_be_a_positive_integer(value: object) -> None:
    rule = f"intermediate_size must be an integer of at least 1. Received: intermediate_size={value!r}"
    with pytest.raises(ValueError, match=re.escape(rule)):
        FeedForward(value)  # type: ignore[arg-type]


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("one of ['gelu', 'gelu_tanh', 'relu']. Received: activation='tanh'")):
        FeedForward(F, activation="tanh")
