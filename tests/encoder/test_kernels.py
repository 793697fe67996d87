from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import kernels
from tests import oracle
from tests.samples import B, D, N, S, numpy, randomise, relative_error, states

R = 17  # length of the values where they are not the queries


@pytest.mark.parametrize(
    ("name", "at_one", "at_minus_one"),
    # 0.8413447 = Phi(1) from a table of the normal distribution; the tanh form differs in the fourth digit
    [("gelu", 0.8413447, -0.1586553), ("gelu_tanh", 0.8411920, -0.1588080), ("relu", 1.0, 0.0)],
)
def test_activations(name: str, at_one: float, at_minus_one: float) -> None:
    x = np.linspace(-5, 5, 101, dtype="float32")
    actual = kernels.ACTIVATIONS[name](x)
    assert relative_error(actual, oracle.ACTIVATIONS[name](x.astype("float64"))) < 1e-6
    assert numpy(kernels.ACTIVATIONS[name](np.float32([1, -1]))) == pytest.approx([at_one, at_minus_one], abs=1e-6)


def test_dense_is_the_layer_at_every_position() -> None:
    x = states(B, S, 15)
    layer = keras.layers.Dense(13, activation="tanh")
    layer.build((None, 15))
    randomise(layer)
    assert relative_error(kernels.dense(layer, x), np.tanh(oracle.dense(layer, x))) < 1e-6


def test_add_and_norm_by_hand() -> None:
    norm = keras.layers.LayerNormalization(epsilon=3.0)
    norm.build((None, None, 2))
    # 1 + 0, 2 + 1 -> mean 2, variance 1 -> (-1, 1) / sqrt(1 + 3)
    assert numpy(kernels.add_and_norm(norm, np.float32([[[1, 2]]]), np.float32([[[0, 1]]]))).tolist() == [[[-0.5, 0.5]]]


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_add_and_norm(epsilon: float) -> None:
    x, residual = states(B, S, 15, seed=4), states(B, S, 15, seed=5)
    norm = keras.layers.LayerNormalization(epsilon=epsilon)
    norm.build((None, None, 15))
    randomise(norm)
    expected = oracle.normalise(x.astype("float64") + residual, epsilon) * numpy(norm.gamma) + numpy(norm.beta)
    assert relative_error(kernels.add_and_norm(norm, x, residual), expected) < 1e-5


def test_split_heads_takes_neighbouring_columns() -> None:
    parts, heads, width = 3, 2, 5
    x = np.arange(B * S * parts * heads * width, dtype="float32").reshape(B, S, -1)
    split = kernels.split_heads(x, parts, heads)
    assert [tuple(part.shape) for part in split] == [(B, heads, S, width)] * parts
    for part in range(parts):
        for head in range(heads):
            first = (part * heads + head) * width
            np.testing.assert_array_equal(split[part][:, head], x[:, :, first : first + width])


def test_merge_heads_undoes_split_heads() -> None:
    x = states(B, S, N * D)
    (split,) = kernels.split_heads(x, 1, N)
    np.testing.assert_array_equal(kernels.merge_heads(split), x)


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8"])
def test_mask_bias_is_zero_where_seen_and_far_below_any_score_elsewhere(dtype: str) -> None:
    bias = numpy(kernels.mask_bias(np.array([[[1, 0, 1]]]).astype(dtype)))
    assert bias.shape == (1, 1, 1, 3)
    assert bias.flatten().tolist() == [0, -1e9, 0]


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_softmax_of_scaled_products_times_values(masked: bool) -> None:
    query, key, value = states(B, N, S, D, seed=4), states(B, N, R, D, seed=5), states(B, N, R, D, seed=6)
    mask = np.random.default_rng(7).random((B, S, R)) < 0.5 if masked else None
    if mask is not None:
        mask[..., 0] = True
    bias = None if mask is None else kernels.mask_bias(mask)
    expected = oracle.attention_weights(query.astype("float64"), key.astype("float64"), None if mask is None else mask[:, None])
    weights = kernels.attention_scores(query, key, bias)
    assert relative_error(weights, expected) < 1e-5
    assert relative_error(kernels.attention_mix(weights, value), expected @ value) < 1e-5
    assert relative_error(kernels.attend(query, key, value, bias), expected @ value) < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_row_that_sees_nothing_stays_finite(dtype: str) -> None:
    x = keras.ops.cast(states(2, N, S, D), dtype)
    weights = kernels.attention_scores(x, x, kernels.mask_bias(np.zeros((2, S, S), bool)))
    assert numpy(weights) == pytest.approx(1 / S, rel=2**-8)  # equal shares; half a bfloat16 step is 2^-9


def test_scores_are_computed_in_float32() -> None:
    # Scores 256 and 257 are the same number in bfloat16: the weights would come out as 1/2 and 1/2.
    query = keras.ops.cast(np.float32([[[[1, 1]]]]), "bfloat16")
    key = keras.ops.cast(np.float32([[[[0, 0], [0, 0]]]]), "bfloat16")
    weights = kernels.attention_scores(query, key, np.float32([[[[256, 257]]]]))
    assert weights.dtype == query.dtype
    assert numpy(weights).flatten() == pytest.approx([0.268941, 0.731059], rel=2**-8)  # 1 / (1 + e), e / (1 + e)
