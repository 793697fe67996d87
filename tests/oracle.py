"""A slow, clear BERT in numpy and float64, written from the papers: what the layers are compared with.

Each function of a layer takes the Keras layer only to read its weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from tests.samples import numpy


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def gelu(x: np.ndarray) -> np.ndarray:
    """x * Phi(x), Phi = distribution function of the normal distribution."""
    return x * 0.5 * (1 + scipy.special.erf(x / np.sqrt(2)))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


ACTIVATIONS = {"gelu": gelu, "gelu_tanh": gelu_tanh, "relu": relu}


def dense(layer: Any, x: np.ndarray) -> np.ndarray:
    return x @ numpy(layer.kernel) + numpy(layer.bias)


def normalise(x: np.ndarray, epsilon: float) -> np.ndarray:
    """(x - mean) / sqrt(variance + epsilon) over the last axis."""
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def layer_norm(layer: Any, x: np.ndarray, epsilon: float) -> np.ndarray:
    return normalise(x, epsilon) * numpy(layer.gamma) + numpy(layer.beta)


def attention_weights(query: np.ndarray, key: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """softmax(Q K^T / sqrt(d_k)), hidden positions at minus infinity; (…, S, D), (…, R, D) -> (…, S, R)."""
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf))


def attention_map(layer: Any, query: np.ndarray, value: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """(B, N, S, R), one head after the other."""
    width = layer.num_heads * layer.key_dim
    kernel, bias = numpy(layer.qkv.kernel), numpy(layer.qkv.bias)
    q = query @ kernel[:, :width] + bias[:width]
    k = value @ kernel[:, width : 2 * width] + bias[width : 2 * width]
    heads = [slice(head * layer.key_dim, (head + 1) * layer.key_dim) for head in range(layer.num_heads)]
    return np.stack([attention_weights(q[..., head], k[..., head], mask) for head in heads], axis=1)


def self_attention(layer: Any, query: np.ndarray, value: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    width = layer.num_heads * layer.key_dim
    v = value @ numpy(layer.qkv.kernel)[:, 2 * width :] + numpy(layer.qkv.bias)[2 * width :]
    weights = attention_map(layer, query, value, mask)
    mixed = [weights[:, head] @ v[..., head * layer.key_dim : (head + 1) * layer.key_dim] for head in range(layer.num_heads)]
    return dense(layer.output_dense, np.concatenate(mixed, axis=-1))


def feed_forward(layer: Any, x: np.ndarray) -> np.ndarray:
    return dense(layer.output_dense, ACTIVATIONS[layer.activation](dense(layer.intermediate, x)))


def encoder_block(layer: Any, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    epsilon = layer.layer_norm_eps
    if layer.norm_first:
        seen = layer_norm(layer.attention_norm, x, epsilon)
        x = x + self_attention(layer.attention, seen, seen, mask)
        return x + feed_forward(layer.feed_forward, layer_norm(layer.output_norm, x, epsilon))
    x = layer_norm(layer.attention_norm, x + self_attention(layer.attention, x, x, mask), epsilon)
    return layer_norm(layer.output_norm, x + feed_forward(layer.feed_forward, x), epsilon)


def embeddings(layer: Any, word_ids: np.ndarray, type_ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
    x = numpy(layer.token.embeddings)[word_ids] + numpy(layer.position.embeddings)[positions + layer.position_offset]
    if layer.type_vocab_size:
        x = x + numpy(layer.segment.embeddings)[type_ids]
    x = layer_norm(layer.norm, x, layer.layer_norm_eps)
    return x if layer.projection is None else dense(layer.projection, x)


def encoder(model: Any, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """The whole encoder on separate rows."""
    positions = np.arange(inputs["input_word_ids"].shape[1])
    mask = inputs["input_mask"][:, None, :].astype(bool)
    x = embeddings(model.embeddings, inputs["input_word_ids"], inputs["input_type_ids"], positions)
    outputs, maps = [], []
    for index in range(model.config.num_layers):
        block = model.blocks[0 if model.config.share_layers else index]
        seen = layer_norm(block.attention_norm, x, block.layer_norm_eps) if block.norm_first else x
        maps.append(attention_map(block.attention, seen, seen, mask))
        x = encoder_block(block, x, mask)
        outputs.append(x)
    if model.config.norm_first:
        x = outputs[-1] = layer_norm(model.final_norm, x, model.config.layer_norm_eps)
    pooled = np.tanh(dense(model.pooler, x[:, 0])) if model.config.pooler else x[:, 0]
    return {"sequence_output": x, "pooled_output": pooled, "encoder_outputs": outputs, "attention_maps": maps}
