from __future__ import annotations

import math
import re

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import SelfAttention
from tests import oracle
from tests.samples import B, D, H, N, S, batch, numpy, randomise, relative_error, states

R = 17


def _layer(**changes: float) -> SelfAttention:
    layer = SelfAttention(N, D, **changes)
    layer.build((None, None, H), (None, None, H))
    return randomise(layer)


def test_two_positions_by_hand() -> None:
    # Q = K = V = x. x x^T / sqrt(4) = a^2 / 2 on the diagonal, 0 beside it; with a^2 = 2 ln 3 the weights are
    # 3 / (3 + 1) and 1 / (3 + 1).
    a = math.sqrt(2 * math.log(3))  # 1.4823038
    layer = SelfAttention(num_heads=1, key_dim=4)
    layer.build((None, None, 4))
    layer.qkv.kernel.assign(np.concatenate([np.eye(4)] * 3, axis=1))
    layer.output_dense.kernel.assign(np.eye(4))
    x = np.float32([[[a, 0, 0, 0], [0, a, 0, 0]]])
    assert numpy(layer.attention_map(x, x)) == pytest.approx(np.array([[[[0.75, 0.25], [0.25, 0.75]]]]), abs=1e-6)
    expected = np.array([[[1.1117279, 0.3705760, 0, 0], [0.3705760, 1.1117279, 0, 0]]])
    assert numpy(layer(x, x)) == pytest.approx(expected, abs=1e-6)
    # The second position hidden: both see the first alone.
    hidden = layer(x, x, attention_mask=np.array([[[1, 0]]]))
    assert numpy(hidden) == pytest.approx(np.array([[[1.4823038, 0, 0, 0]] * 2]), abs=1e-6)


@pytest.mark.parametrize("kind", ["none", "padding", "per_query"])
def test_equals_the_formula_head_by_head(kind: str) -> None:
    layer, x = _layer(), states()
    mask = {
        "none": None,
        "padding": batch()["input_mask"][:, None, :],
        "per_query": (np.random.default_rng(4).random((B, S, S)) < 0.5) | np.eye(S, dtype=bool),
    }[kind]
    seen = None if mask is None else mask.astype(bool)
    assert relative_error(layer(x, x, attention_mask=mask), oracle.self_attention(layer, x, x, seen)) < 1e-5
    assert relative_error(layer.attention_map(x, x, mask), oracle.attention_map(layer, x, x, seen)) < 1e-5


def test_query_may_look_at_another_sequence() -> None:
    layer, query, value = _layer(), states(), states(B, R, H, seed=5)
    mask = (np.arange(R) < 13).astype("int32") * np.ones((B, 1, 1), "int32")
    expected = oracle.self_attention(layer, query, value, mask.astype(bool))
    assert relative_error(layer(query, value, attention_mask=mask), expected) < 1e-5
    assert tuple(layer.attention_map(query, value, mask).shape) == (B, N, S, R)


def test_rows_of_the_map_sum_to_one_and_hidden_columns_are_zero() -> None:
    layer, x, mask = _layer(dropout=0.5), states(), batch()["input_mask"]
    weights = numpy(layer.attention_map(x, x, mask[:, None, :]))
    assert weights.sum(-1) == pytest.approx(1, abs=1e-6)
    assert (weights * (1 - mask[:, None, None, :])).max() == 0


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint8"])
def test_mask_may_be_bool_or_any_integer(dtype: str) -> None:
    layer, x, mask = _layer(), states(), batch()["input_mask"][:, None, :]
    np.testing.assert_array_equal(layer(x, x, attention_mask=mask.astype(dtype)), layer(x, x, attention_mask=mask))


@pytest.mark.parametrize(
    ("mask", "received"),
    [
        (np.ones((B, S), "int32"), "shape=(7, 11), dtype=int32"),
        (np.ones((B, N, S, S), "int32"), "shape=(7, 3, 11, 11), dtype=int32"),
        (np.ones((B, 1, S), "float32"), "shape=(7, 1, 11), dtype=float32"),
    ],
)
def test_other_masks_are_refused(mask: np.ndarray, received: str) -> None:
    layer, x = _layer(), states()
    with pytest.raises(
        ValueError,
        match=re.escape(f"attention_mask must be bool or integer with shape (B, 1 or S, R), 1 = attend. Received: {received}"),
    ):
        layer(x, x, attention_mask=mask)
    with pytest.raises(ValueError, match=re.escape(received)):
        layer.attention_map(x, x, mask)


def test_one_product_for_query_key_and_value() -> None:
    shapes = {weight.path.split("/", 1)[1]: tuple(weight.shape) for weight in _layer().weights}
    assert shapes == {
        "qkv/kernel": (H, 3 * N * D),
        "qkv/bias": (3 * N * D,),
        "output_dense/kernel": (N * D, H),
        "output_dense/bias": (H,),
    }


def test_heads_together_need_not_be_as_wide_as_the_states() -> None:
    layer = SelfAttention(2, 7)
    layer.build((None, None, H))
    randomise(layer)
    assert relative_error(layer(states(), states()), oracle.self_attention(layer, states(), states(), None)) < 1e-5


def test_dropout_zeroes_weights_and_scales_the_rest_only_in_training() -> None:
    # Equal scores: each of the 101 weights is 1/101. With value 1 everywhere, an output is the sum of the weights kept,
    # each doubled: 2 * binomial(101, 1/2) / 101, mean 1, standard deviation 1 / sqrt(101).
    layer = SelfAttention(num_heads=1, key_dim=1, dropout=0.5)
    layer.build((None, None, 1))
    layer.qkv.kernel.assign([[0, 0, 1]])
    layer.output_dense.kernel.assign([[1]])
    x = np.ones((1, 101, 1), "float32")
    assert numpy(layer(x, x)) == pytest.approx(1, abs=1e-6)
    assert numpy(layer(x, x, training=False)) == pytest.approx(1, abs=1e-6)
    trained = numpy(layer(x, x, training=True)).flatten()
    assert trained * 101 / 2 == pytest.approx(np.round(trained * 101 / 2), abs=1e-3)  # whole numbers of weights kept
    assert trained.mean() == pytest.approx(1, abs=0.04)  # four standard deviations of the mean of 101 rows
    assert trained.std() == pytest.approx(1 / math.sqrt(101), rel=0.3)


def test_no_dropout_means_training_changes_nothing() -> None:
    layer, x = _layer(), states()
    np.testing.assert_array_equal(layer(x, x, training=True), layer(x, x))


@pytest.mark.parametrize("name", ["num_heads", "key_dim"])
@pytest.mark.parametrize("value", [0, -3, 2.0, "3"])
def test_sizes_must_be_positive_integers(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} must be an integer of at least 1. Received: {name}={value!r}")):
        SelfAttention(**({"num_heads": N, "key_dim": D} | {name: value}))


@pytest.mark.parametrize("value", [-0.1, 1, 1.5])
def test_dropout_must_be_a_share(value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"dropout must be at least 0 and below 1. Received: dropout={value!r}")):
        SelfAttention(N, D, dropout=value)


def test_symbolic_shape() -> None:
    x = keras.KerasTensor((None, None, H))
    assert SelfAttention(N, D)(x, x).shape == (None, None, H)
