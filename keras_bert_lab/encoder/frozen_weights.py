"""Which weights of a layer are frozen one by one, so that a config can tell and a rebuilt layer can be told."""

from __future__ import annotations

from collections.abc import Collection

import keras

__all__ = ["freeze_weights", "frozen_weights", "train_whole", "weight_names"]


def weight_names(layer: keras.layers.Layer) -> list[str]:
    """The names of all weights, in the order of `layer.weights`: their paths below the layer, such as "block_0/norm/gamma".

    Where two weights have one path, the later gets its number in the order.

    Example:
        >>> dense = keras.layers.Dense(2, name="pooler")
        >>> dense.build((None, 3))
        >>> weight_names(dense)
        ['kernel', 'bias']
    """
    names: list[str] = []
    for number, weight in enumerate(layer.weights):
        parts = weight.path.split("/")
        below = parts[parts.index(layer.name) + 1 :] if layer.name in parts[:-1] else parts
        name = "/".join(below)
        names.append(f"{name}#{number}" if name in names else name)
    return names


def frozen_weights(layer: keras.layers.Layer) -> list[int]:
    """Which weights are frozen although the layer is trainable, by their places in `layer.weights`.

    Places, not names: the names of layers that a user passed may depend on where they were built.
    """
    if not layer.trainable:
        return []
    return [place for place, weight in enumerate(layer.weights) if not weight.trainable]


def train_whole(layer: keras.layers.Layer, value: bool) -> None:
    """Make a layer and all in it trainable, or none of it.

    On TensorFlow `layer.trainable = True` does nothing where it is True already, also if layers inside are frozen.
    """
    layer.trainable = False
    layer.trainable = value
    if not value:
        for inner in layer._flatten_layers(include_self=False):
            inner.trainable = False
        for weight in layer.weights:
            weight.trainable = False


def freeze_weights(layer: keras.layers.Layer, places: Collection[int]) -> None:
    """Make a layer trainable but for these weights. Layers in it of which all weights are frozen become frozen themselves.

    Raises:
        ValueError: a place that no weight has.
    """
    weights = layer.weights
    unknown = sorted(set(places) - set(range(len(weights))))
    if unknown:
        raise ValueError(f"frozen must hold places among the {len(weights)} weights of {layer.name!r}. Received: {unknown}")
    train_whole(layer, True)
    for place in places:
        weights[place].trainable = False
    for inner in layer._flatten_layers(include_self=False):
        if inner.weights and not any(weight.trainable for weight in inner.weights):
            inner.trainable = False
