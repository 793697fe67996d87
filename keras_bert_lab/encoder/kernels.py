"""The arithmetic inside the blocks, in the forms that run fast.

Public layers take and give (B, S, H). In here every product with a weight matrix is one flat 2-D product on (T, H), T = B * S:
the bias is then added in the form that oneDNN fuses with the product and the activation, and the gradient is one product
instead of B small ones. The reshape costs nothing. Weights live in ordinary Keras layers, so that quantisation and
weight decay rules of Keras apply to them.

Shapes: B batch, S sequence of the query, R sequence of the value (self-attention: R = S), T = B * S, H hidden, N heads,
D head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_bert_lab.encoder import fused_passes
from keras_bert_lab.lazy import LazyModule

__all__ = [
    "ACTIVATIONS",
    "activate",
    "add_and_norm",
    "attend",
    "attention_mix",
    "attention_scores",
    "dense",
    "low_rank",
    "mask_bias",
    "merge_heads",
    "split_heads",
]

tf = LazyModule("tensorflow")


def _gelu(x: Any) -> Any:
    return ops.gelu(x, approximate=False)


def _gelu_tanh(x: Any) -> Any:
    return ops.gelu(x, approximate=True)


ACTIVATIONS = {"gelu": _gelu, "gelu_tanh": _gelu_tanh, "relu": ops.relu}
"""Names of `EncoderConfig.activation` -> functions. "gelu" is the exact form, x * Phi(x)."""

# Added to the scores of positions that must not be seen. Far below any score, finite in bfloat16 too; a row that sees
# nothing at all (padding in a packed row) stays finite.
_HIDDEN = -1e9


def dense(
    layer: keras.layers.Layer,
    x: Any,
    updates: Sequence[Any] = (),
    activation: str | None = None,
    training: bool | None = None,
) -> Any:
    """`layer` on the flat states, plus what `low_rank` makes of `updates`, then an activation: (B, S, in) -> (B, S, out)."""
    batch, length, width = ops.shape(x)
    x = ops.reshape(x, (-1, width))
    flat = layer(x)  # (T, in) -> (T, out)
    if any(update is not None for update in updates):
        flat = flat + low_rank(x, updates)
    if activation is not None:
        flat = activate(activation, flat, training)  # flat: where products are fused with what follows, it follows at once
    return ops.reshape(flat, (batch, length, flat.shape[-1]))


def activate(name: str, x: Any, training: bool | None = None) -> Any:
    """The activation of this name."""
    fused = fused_passes.ACTIVATIONS if fused_passes.pays(x, training) else {}
    return fused.get(name, ACTIVATIONS[name])(x)


def low_rank(x: Any, updates: Sequence[Any]) -> Any:
    """Products with thin matrices, side by side: (..., in) -> (..., G * W) for G updates, each `scale * x A B`.

    All in two products, and never with A B: that would be as large as the matrix that is spared, and so would its gradient.

    Args:
        x: (..., in).
        updates: G layers with `a` (in, rank), `b` (rank, W) and `scale`; None for columns of zeros, at least one is not.

    Reference: Hu et al. 2021, "LoRA", section 4.1.
    """
    present = [(place, update) for place, update in enumerate(updates) if update is not None]
    rows = []
    for place, update in present:
        width = update.b.shape[1]
        rows.append(ops.pad(update.b * update.scale, ((0, 0), (place * width, (len(updates) - 1 - place) * width))))
    inner = ops.matmul(x, ops.concatenate([update.a for _, update in present], axis=1))
    return ops.matmul(inner, ops.concatenate(rows, axis=0))


def add_and_norm(norm: keras.layers.LayerNormalization, x: Any, residual: Any, training: bool | None = None) -> Any:
    """LayerNorm(x + residual), both (B, S, H).

    Reference: Vaswani et al. 2017, section 3.1; Ba et al. 2016: (x - mean) / sqrt(variance + epsilon) * gamma + beta.
    """
    if fused_passes.pays(x, training):
        return fused_passes.add_and_norm(norm, x, residual)
    return norm(x + residual)


def split_heads(x: Any, parts: int, num_heads: int) -> tuple[Any, ...]:
    """(B, S, parts * N * D) -> `parts` tensors (B, N, S, D)."""
    batch, length, width = ops.shape(x)
    x = ops.reshape(x, (batch, length, parts, num_heads, width // (parts * num_heads)))
    x = ops.transpose(x, (2, 0, 3, 1, 4))  # (B, S, parts, N, D) -> (parts, B, N, S, D)
    return tuple(ops.unstack(x, parts, axis=0))  # its gradient is one copy; that of x[part] adds arrays full of zeros


def merge_heads(x: Any) -> Any:
    """(B, N, S, D) -> (B, S, N * D)."""
    batch, num_heads, length, head_size = ops.shape(x)
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, length, num_heads * head_size))


def mask_bias(attention_mask: Any) -> Any:
    """(B, 1 or S, R), 1 = attend -> (B, 1, 1 or S, R) float32: 0 where a position may be seen, -1e9 where not."""
    seen = ops.cast(attention_mask, "float32")
    return ops.expand_dims((1.0 - seen) * _HIDDEN, 1)


def attention_scores(query: Any, key: Any, bias: Any | None, training: bool | None = None) -> Any:
    """softmax(Q K^T / sqrt(D) + bias): (B, N, S, D), (B, N, R, D) -> (B, N, S, R), computed in at least float32.

    Reference: Vaswani et al. 2017, equation 1.
    """
    query = query * (query.shape[-1] ** -0.5)
    if keras.backend.backend() == "tensorflow":
        scores = tf.matmul(query, key, transpose_b=True)  # without a transposed copy of the keys
    else:
        scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
    if fused_passes.pays(scores, training):
        return fused_passes.masked_softmax(scores, bias)
    scores = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))  # float64 stays float64
    if bias is not None:
        scores = scores + ops.cast(bias, scores.dtype)
    return ops.cast(ops.softmax(scores, axis=-1), query.dtype)


def attention_mix(weights: Any, value: Any) -> Any:
    """Weighted sums of the values: (B, N, S, R), (B, N, R, D) -> (B, N, S, D)."""
    return ops.matmul(weights, value)


def attend(query: Any, key: Any, value: Any, bias: Any | None, training: bool | None = None) -> Any:
    """attention_mix(attention_scores(...), value) in one step, for when nobody asks for the weights: -> (B, N, S, D).

    On JAX this reaches the backend's fused attention; TensorFlow has none, so there the two steps are taken.
    """
    if keras.backend.backend() != "jax":
        return attention_mix(attention_scores(query, key, bias, training), value)
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))  # (B, N, S, D) -> (B, S, N, D)
    mixed = ops.dot_product_attention(query, key, value, bias=None if bias is None else ops.cast(bias, query.dtype))
    return ops.transpose(mixed, (0, 2, 1, 3))
