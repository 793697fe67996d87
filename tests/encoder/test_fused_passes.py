"""The compiled passes of training against the plain operations that inference keeps, values and gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder import EncoderBlock, FeedForward, SelfAttention, fused_passes, kernels
from tests.samples import B, D, N, S, numpy, randomise, states

R, H = 17, 15  # length of the values; width
TOLERANCE = {"float32": 4e-6, "bfloat16": 2e-2}  # relative to the largest value


def _in_graph(function: Callable[..., Any], *arrays: Any, is_static: bool = True) -> tuple[list[np.ndarray], str]:
    """Outputs, and gradients of their weighted sum by all arrays, computed in a graph; and that graph as text."""

    @tf.function(
        input_signature=[
            tf.TensorSpec(array.shape if is_static else [None] * array.ndim, array.dtype) for array in map(tf.constant, arrays)
        ],
        autograph=False,
    )
    def run(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = function(*inputs)
            weights = tf.cast(tf.reshape(tf.range(tf.size(output)) % 7, tf.shape(output)), output.dtype)
            total = tf.reduce_sum(tf.cast(output * weights, tf.float64))
        return output, *tape.gradient(total, inputs)

    graph = str(run.get_concrete_function().graph.as_graph_def())
    return [numpy(tf.cast(value, tf.float64)) for value in run(*arrays)], graph


def _assert_equal(function: Callable[..., Any], *arrays: Any, dtype: str) -> None:
    """A function of arrays and `training`: compiled in this precision, and plain in float64."""
    rounded = [tf.cast(array, dtype) for array in arrays]
    expected, plain = _in_graph(functools.partial(function, training=False), *(tf.cast(array, "float64") for array in rounded))
    actual, fused = _in_graph(functools.partial(function, training=True), *rounded)
    assert "XlaMustCompile" in fused
    assert "XlaMustCompile" not in plain
    for one, other in zip(actual, expected, strict=True):
        assert np.abs(one - other).max() <= TOLERANCE[dtype] * max(1.0, np.abs(other).max())


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("name", list(fused_passes.ACTIVATIONS))
def test_activations(name: str, dtype: str) -> None:
    x = np.concatenate([np.linspace(-9, 9, 301), [-40.0, 0.0, 40.0]]).reshape(-1, 8)
    _assert_equal(lambda x, training: kernels.activate(name, x, training), x, dtype=dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_add_and_norm(epsilon: float, dtype: str) -> None:
    norms = {name: keras.layers.LayerNormalization(epsilon=epsilon, dtype=name) for name in ("float32", "float64")}
    for norm in norms.values():
        norm.build((None, None, H))
    generator = np.random.default_rng(3)
    gamma, beta = generator.normal(1.0, 0.5, H), generator.normal(size=H)

    def function(x: Any, residual: Any, gamma: Any, beta: Any, training: bool) -> Any:
        wide = keras.backend.result_type(x.dtype, "float32")
        norm = norms[wide]
        norm.gamma._value, norm.beta._value = tf.cast(gamma, wide), tf.cast(beta, wide)  # so that they get gradients
        return tf.cast(kernels.add_and_norm(norm, x, residual, training), x.dtype)

    _assert_equal(function, states(B, S, H, seed=1), states(B, S, H, seed=2), gamma, beta, dtype=dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("bias", ["none", "padding", "packed"])
def test_attention_scores(bias: str, dtype: str) -> None:
    query, key = states(B, N, S, D, seed=4), states(B, N, R, D, seed=5)
    mask = np.random.default_rng(7).random((B, 1 if bias == "padding" else S, R)) < 0.5
    mask[..., 0] = True
    given = None if bias == "none" else kernels.mask_bias(mask)
    _assert_equal(lambda query, key, training: kernels.attention_scores(query, key, given, training), query, key, dtype=dtype)


def test_a_block_and_its_weights_get_the_same_gradients() -> None:
    block = EncoderBlock(SelfAttention(3, 5), FeedForward(31), dropout=0.0)
    block.build((None, None, H))
    randomise(block)
    x, mask = states(B, S, H), np.ones((B, 1, S), np.int32)
    mask[0, 0, 3:] = 0
    found = {}
    for shape in ((B, S, H), (None, None, H)):  # known: compiled; unknown: plain

        @tf.function(input_signature=[tf.TensorSpec(shape)], autograph=False)
        def run(x: Any) -> Any:
            with tf.GradientTape() as tape:
                output = block(x, attention_mask=mask, training=True)
                loss = tf.reduce_sum(output * tf.cast(tf.range(H), "float32"))
            return output, *tape.gradient(loss, [weight.value for weight in block.trainable_weights])

        found[shape] = [numpy(value) for value in run(x)]
        assert ("XlaMustCompile" in str(run.get_concrete_function().graph.as_graph_def())) is (shape[0] is not None)
    fused, plain = found.values()
    assert len(fused) == 1 + len(block.trainable_weights)
    for one, other in zip(fused, plain, strict=True):
        assert np.abs(one - other).max() <= 3e-5 * np.abs(other).max()


def test_plain_outside_of_training_and_of_graphs_and_in_double_precision() -> None:
    x = tf.constant(states(B, S, H))
    wide = tf.cast(x, "float64")
    assert not fused_passes.pays(x, training=True)  # eager
    seen = []

    @tf.function(autograph=False)
    def run(x: Any) -> Any:
        seen.extend(fused_passes.pays(x, training) for training in (True, False, None))
        seen.append(fused_passes.pays(wide, training=True))
        return x

    run(x)
    assert seen == [True, False, False, False]
