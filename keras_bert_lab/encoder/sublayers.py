"""Layers that a user passes into a block: copied for each block, built with known shapes."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["build_attention", "build_feed_forward", "copies"]


def copies(layers: Any, count: int, argument: str) -> list[keras.layers.Layer] | None:
    """One layer for each of `count` blocks.

    Args:
        layers: None; a layer, which is copied from its config, with new weights; or a list of `count` layers, used as they are.
        count: number of blocks.
        argument: the argument's name, for the error.

    Raises:
        TypeError: neither a layer nor a list of layers.
        ValueError: a list of another length.
    """
    if layers is None:
        return None
    if isinstance(layers, keras.layers.Layer):
        copied = []
        for index in range(count):
            config = layers.get_config()
            config["name"] = f"{config['name']}_{index}"
            copied.append(type(layers).from_config(config))
        return copied
    if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, keras.layers.Layer) for layer in layers):
        raise TypeError(
            f"{argument} must be a Keras layer, which every block gets a copy of, or a list with a layer for each block. "
            f"Received: {layers!r}"
        )
    if len(layers) != count:
        raise ValueError(f"{argument} must hold one layer for each of the {count} blocks. Received: {len(layers)} layers")
    return list(layers)


def _is_built(layer: keras.layers.Layer) -> bool:
    # Loading a file marks a layer that has no build() of its own as built, though its parts have no weights yet.
    return all(part.built for part in layer._flatten_layers())


def build_attention(layer: keras.layers.Layer, hidden_size: int) -> None:
    """Make the weights of an attention layer for states (B, S, H)."""
    if not _is_built(layer):
        states = keras.KerasTensor((None, None, hidden_size), dtype=layer.compute_dtype)
        layer(states, states)  # as in build_feed_forward


def build_feed_forward(layer: keras.layers.Layer, hidden_size: int) -> None:
    """Make the weights of a layer for states (B, S, H)."""
    if not _is_built(layer):
        states = keras.KerasTensor((None, None, hidden_size), dtype=layer.compute_dtype)
        layer(states)  # a symbolic call also builds layers that have no build() of their own
