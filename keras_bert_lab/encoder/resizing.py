"""Weights for more tokens than a model was made for."""

from __future__ import annotations

import keras
import numpy as np

__all__ = ["copy_and_grow", "grown"]


def grown(values: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """A table with more rows: the old ones, then new ones that look like them.

    Args:
        values: (V, E), or an output bias (V,).
        rows: the new V.
        seed: of the new rows.

    Returns:
        float32 (rows, E): each number of a new row is drawn from a normal distribution with the mean and the standard
        deviation of its column, so that new tokens are neither likelier nor more extreme than old ones. A bias is continued
        with its mean.

    Reference: Hewitt 2021, "Initializing New Word Embeddings for Pretrained Language Models".

    Example:
        >>> grown(np.array([1.0, 2.0, 6.0]), 5, seed=0).tolist()
        [1.0, 2.0, 6.0, 3.0, 3.0]
    """
    count = rows - len(values)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    if values.ndim == 1:
        spread = np.zeros_like(spread)
    new = np.random.default_rng(seed).normal(size=(count, *values.shape[1:])) * spread + mean
    return np.concatenate([values, new]).astype(np.float32)


def copy_and_grow(old: keras.layers.Layer, new: keras.layers.Layer, seed: int) -> None:
    """Give a layer the weights of another that differs in the number of tokens alone.

    Args:
        old: where from.
        new: where to; built, with the same weights in the same order, some of them with more rows.
        seed: of the new rows.
    """
    for source, target in zip(old.weights, new.weights, strict=True):
        values = np.asarray(source)
        target.assign(values if values.shape == tuple(target.shape) else grown(values, target.shape[0], seed))
