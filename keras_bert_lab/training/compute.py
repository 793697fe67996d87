"""How much arithmetic a training step needs, and how much of it this machine can do."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_bert_lab.config import EncoderConfig

__all__ = ["matmul_rate", "training_flops"]

_SIZE = 1024


def training_flops(config: EncoderConfig, sequence_length: int, masked_positions: int) -> float:
    """Floating-point operations that one row needs in a step of masked language modelling: matrix products alone.

    A product of (m, k) and (k, n) takes 2 m k n; the backward pass takes twice the forward pass.

    Args:
        config: of the encoder.
        sequence_length: S, slots in the row.
        masked_positions: P, positions that are predicted.

    Reference: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1, with attention and the head counted.

    Example:
        >>> config = EncoderConfig(vocab_size=7, hidden_size=4, num_layers=1, num_heads=1, intermediate_size=8)
        >>> training_flops(config, 3, 1)  # 3 * (2 * 3 * 4 * (4 * 4 + 2 * 8) + 4 * 3 * 3 * 4 + 2 * 4 * (4 + 7))
        3000.0
    """
    hidden, inner, table = config.hidden_size, config.intermediate_size, config.embedding_size or config.hidden_size
    dense = 2 * sequence_length * hidden * (4 * hidden + 2 * inner)
    attention = 4 * sequence_length**2 * hidden
    projection = 0 if table == hidden else 2 * sequence_length * table * hidden
    head = 2 * masked_positions * table * (hidden + config.vocab_size)
    return 3.0 * (config.num_layers * (dense + attention) + projection + head)


def matmul_rate(dtype: str, rounds: int = 12) -> float:
    """The best rate of matrix products on this machine right now, floating-point operations per second.

    Args:
        dtype: of the numbers, such as "float32" or "bfloat16".
        rounds: products that are timed, of which the fastest counts.
    """
    rng = np.random.default_rng(0)
    factor: Any = ops.cast(ops.convert_to_tensor(rng.normal(size=(_SIZE, _SIZE)).astype("float32")), dtype)
    product = keras.ops.matmul(factor, factor)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        product = ops.matmul(factor, factor)
        ops.convert_to_numpy(product[:1, :1])  # wait for it
        best = min(best, time.perf_counter() - start)
    return 2.0 * _SIZE**3 / best
