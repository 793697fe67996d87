"""Training's elementwise passes on TensorFlow, each compiled into one loop over memory, forwards and backwards.

Between two products TensorFlow runs GELU, layer normalisation and softmax as some twenty operations, each of which reads and
writes whole arrays; in training that took as long as the products. Here XLA makes one loop of each. The products stay outside:
XLA's own are slower on CPUs than those of oneDNN. Everything is computed in float32, also for states in half precision.

Used in training alone, in graphs whose shapes are known: each other shape would be compiled anew. (`as_dataset` leaves shapes
open: data of one's own with fixed shapes comes here.) Inference keeps the plain operations, which oneDNN fuses with the
products, and which need no XLA where an exported model is loaded.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras

from keras_bert_lab.lazy import LazyModule

__all__ = ["ACTIVATIONS", "add_and_norm", "masked_softmax", "pays"]

tf = LazyModule("tensorflow")

_SQRT_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_TANH_SCALE, _TANH_CUBE = math.sqrt(2.0 / math.pi), 0.044715


def pays(x: Any, training: bool | None) -> bool:
    """Whether the passes over this array are compiled: in training, on TensorFlow's CPU, in a graph, with a known shape."""
    return (
        training is True
        and keras.backend.backend() == "tensorflow"
        and x.dtype != tf.float64  # whose error function XLA computes to 8 digits only
        and x.shape.is_fully_defined()
        and not tf.executing_eagerly()
        and not tf.config.list_physical_devices("GPU")  # not measured there
    )


@functools.cache
def _compiled(function: Callable[..., Any], *specs: Any) -> Any:
    """One compiled function for each shape; blocks of the same shape share it."""
    return tf.function(function, input_signature=specs, jit_compile=True, autograph=False)


def _run(function: Callable[..., Any], *tensors: Any) -> Any:
    return _compiled(function, *(tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors))(*tensors)


def _wide(x: Any) -> Any:
    return tf.cast(x, tf.float32)


def _gelu(x: Any) -> Any:
    wide = _wide(x)
    return tf.cast(0.5 * wide * (1.0 + tf.math.erf(wide * _SQRT_HALF)), x.dtype)


def _gelu_gradient(x: Any, upstream: Any) -> Any:
    """Phi(x) + x phi(x)."""
    wide = _wide(x)
    slope = 0.5 * (1.0 + tf.math.erf(wide * _SQRT_HALF)) + wide * tf.exp(-0.5 * wide * wide) * _DENSITY
    return tf.cast(slope * _wide(upstream), x.dtype)


def _twice_inner(x: Any) -> Any:
    """2 u, where 0.5 (1 + tanh u) = sigmoid(2 u)."""
    return 2.0 * _TANH_SCALE * (x + _TANH_CUBE * x * x * x)


def _gelu_tanh(x: Any) -> Any:
    wide = _wide(x)
    return tf.cast(wide * tf.sigmoid(_twice_inner(wide)), x.dtype)


def _gelu_tanh_gradient(x: Any, upstream: Any) -> Any:
    wide = _wide(x)
    share = tf.sigmoid(_twice_inner(wide))
    rise = share * (1.0 - share) * 2.0 * _TANH_SCALE * (1.0 + 3.0 * _TANH_CUBE * wide * wide)
    return tf.cast((share + wide * rise) * _wide(upstream), x.dtype)


def _activation(forward: Callable[[Any], Any], gradient: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def activate(x: Any) -> Any:
        @tf.custom_gradient
        def with_gradient(x: Any) -> Any:
            return _run(forward, x), lambda upstream: _run(gradient, x, upstream)

        return with_gradient(x)

    return activate


ACTIVATIONS = {"gelu": _activation(_gelu, _gelu_gradient), "gelu_tanh": _activation(_gelu_tanh, _gelu_tanh_gradient)}
"""Names of `EncoderConfig.activation` -> compiled functions; "relu" is one operation anyway."""


def _norm(x: Any, residual: Any, gamma: Any, beta: Any, epsilon: Any) -> Any:
    """The result, and what the gradient needs: the sum (T, H), its mean and its inverse standard deviation (T, 1)."""
    total = x + residual
    wide = _wide(total)
    mean = tf.reduce_mean(wide, axis=-1, keepdims=True)
    centred = wide - mean
    inverse = tf.math.rsqrt(tf.reduce_mean(centred * centred, axis=-1, keepdims=True) + epsilon)
    return tf.cast(centred * inverse * gamma + beta, x.dtype), total, mean, inverse


def _norm_gradient(total: Any, mean: Any, inverse: Any, gamma: Any, upstream: Any) -> Any:
    """Gradients of the sum (T, H), of gamma (H,) and of beta (H,)."""
    normal, upstream = (_wide(total) - mean) * inverse, _wide(upstream)
    scaled = upstream * gamma
    parallel = normal * tf.reduce_mean(scaled * normal, axis=-1, keepdims=True)
    of_total = inverse * (scaled - tf.reduce_mean(scaled, axis=-1, keepdims=True) - parallel)
    return tf.cast(of_total, total.dtype), tf.reduce_sum(upstream * normal, axis=0), tf.reduce_sum(upstream, axis=0)


def add_and_norm(norm: keras.layers.LayerNormalization, x: Any, residual: Any) -> Any:
    """LayerNorm(x + residual), both (B, S, H)."""

    @tf.custom_gradient
    def with_gradient(x: Any, residual: Any, gamma: Any, beta: Any) -> Any:
        output, total, mean, inverse = _run(_norm, x, residual, gamma, beta, tf.constant(norm.epsilon))

        def gradient(upstream: Any) -> Any:
            of_total, of_gamma, of_beta = _run(_norm_gradient, total, mean, inverse, gamma, upstream)
            return of_total, of_total, of_gamma, of_beta

        return output, gradient

    width = x.shape[-1]
    gamma, beta = tf.convert_to_tensor(norm.gamma), tf.convert_to_tensor(norm.beta)
    output = with_gradient(tf.reshape(x, (-1, width)), tf.reshape(residual, (-1, width)), gamma, beta)
    return tf.reshape(output, x.shape)


def _softmax(scores: Any, bias: Any) -> Any:
    wide = _wide(scores) + bias
    grown = tf.exp(wide - tf.reduce_max(wide, axis=-1, keepdims=True))
    return tf.cast(grown / tf.reduce_sum(grown, axis=-1, keepdims=True), scores.dtype)


def _softmax_gradient(weights: Any, upstream: Any) -> Any:
    wide, upstream = _wide(weights), _wide(upstream)
    return tf.cast(wide * (upstream - tf.reduce_sum(wide * upstream, axis=-1, keepdims=True)), weights.dtype)


def masked_softmax(scores: Any, bias: Any | None) -> Any:
    """softmax(scores + bias) over the last axis: (B, N, S, R), bias (B, 1, 1 or S, R) or None."""
    bias = tf.zeros((1, 1, 1, 1)) if bias is None else _wide(bias)

    @tf.custom_gradient
    def with_gradient(scores: Any) -> Any:
        weights = _run(_softmax, scores, bias)
        return weights, lambda upstream: _run(_softmax_gradient, weights, upstream)

    return with_gradient(scores)
