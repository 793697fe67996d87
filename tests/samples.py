"""Small encoders and batches that the tests share. All sizes differ and are prime where they can be.

L layers 2, N heads 3, D head width 5, H hidden 15, B batch 7, S sequence 11, F feed-forward 13, V vocabulary 31.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab.config import EncoderConfig

L, N, D, B, S, F, V = 2, 3, 5, 7, 11, 13, 31
H = N * D
MAX_POSITIONS = 19
LENGTHS = (11, 5, 1, 8, 2, 10, 7)  # real tokens in each row of a batch

VARIANTS: dict[str, dict[str, Any]] = {
    "post_norm": {},
    "pre_norm": {"norm_first": True},
    "shared_layers": {"share_layers": True, "num_layers": 3},
    "factorised": {"embedding_size": 17},
    "no_pooler_no_segments": {"pooler": False, "type_vocab_size": 0},
    "position_offset": {"position_offset": 2, "activation": "gelu_tanh"},
}


def config(**changes: Any) -> EncoderConfig:
    """A tiny BERT whose settings are none of the defaults."""
    settings: dict[str, Any] = {
        "vocab_size": V,
        "hidden_size": H,
        "num_layers": L,
        "num_heads": N,
        "intermediate_size": F,
        "max_positions": MAX_POSITIONS,
        "layer_norm_eps": 1e-5,
    }
    return EncoderConfig(**(settings | changes))


def randomise(layer: keras.layers.Layer, seed: int = 1) -> Any:
    """Give every weight, biases and normalisations too, values far from where they start; returns the layer.

    With the usual start (biases 0, gammas 1, kernels 0.02) attention is uniform and a forgotten bias goes unseen.
    """
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        values = rng.normal(0, 0.4, weight.shape)
        weight.assign(values + 1 if weight.path.endswith("gamma") else values)
    return layer


def states(*shape: int, seed: int = 2) -> np.ndarray:
    """Hidden states from the normal distribution, float32."""
    return np.random.default_rng(seed).normal(size=shape or (B, S, H)).astype("float32")


def batch(lengths: Sequence[int] = LENGTHS, sequence: int = S, seed: int = 3) -> dict[str, np.ndarray]:
    """The contract dict. Padding has arbitrary ids and types, so that a forgotten mask shows."""
    rng = np.random.default_rng(seed)
    shape = (len(lengths), sequence)
    return {
        "input_word_ids": rng.integers(1, V, shape).astype("int32"),
        "input_mask": (np.arange(sequence) < np.array(lengths)[:, None]).astype("int32"),
        "input_type_ids": rng.integers(0, 2, shape).astype("int32"),
    }


def symbolic(arrays: dict[str, np.ndarray]) -> dict[str, keras.KerasTensor]:
    """Inputs of a functional model for arrays like these; batch size and, for integers, length stay open."""
    return {
        name: keras.Input(
            [None if position == 0 or array.dtype.kind == "i" else size for position, size in enumerate(array.shape[1:])],
            dtype=str(array.dtype),
            name=name,
        )
        for name, array in arrays.items()
    }


def numpy(value: Any) -> np.ndarray:
    """A tensor or variable of any backend and dtype as float64."""
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(value, "float64")))


def relative_error(actual: Any, expected: Any) -> float:
    """Largest difference, relative to the largest expected value; infinite where shapes differ or a value is not finite."""
    actual, expected = numpy(actual), numpy(expected)
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return float("inf")
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-30))
