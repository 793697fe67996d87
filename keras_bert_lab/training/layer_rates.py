"""Which learning rate each part of a model has."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import keras

from keras_bert_lab.lazy import LazyModule

__all__ = ["block_of", "layer_factors", "learning_rates_of", "path_of"]

pd = LazyModule("pandas")

# As in `set_trainable`: "block_3" of our encoder, "layer_3" of other people's.
_BLOCK = re.compile(r"(?:.*_)?(?:layer|block)_(\d+)")


def path_of(variable: Any) -> str:
    """The path of a variable, "encoder/block_0/attention/qkv/kernel"; a TensorFlow variable has its name."""
    return getattr(variable, "path", None) or variable.name


def block_of(path: str) -> int | None:
    """The number of the block that a variable belongs to; None = before or after the blocks.

    Example:
        >>> block_of("encoder/block_3/norm/gamma"), block_of("encoder/pooler/kernel")
        (3, None)
    """
    parts = path.split("/")
    place = _block_at(parts)
    return None if place is None else _number(parts[place])


def _block_at(parts: Sequence[str]) -> int | None:
    """Where in a path the block stands."""
    return next((place for place, part in enumerate(parts[:-1]) if _BLOCK.fullmatch(part)), None)


def layer_factors(paths: Sequence[str], decay: float) -> list[float]:
    """What the learning rate of each variable is multiplied by.

        decay^(L - n)  in block n of L, counted from 0;  decay^(L + 1)  in the embeddings;  1  elsewhere

    Blocks are told by their names, "block_3" or "layer_3"; L is the highest number + 1 of those in `paths` whose paths begin in
    the same way. Embeddings are what has "embed" in its path and the same outermost layer as the blocks. All else
    stands after the blocks: heads, the pooler, a last normalisation. An encoder whose blocks share their weights has one block.

    Args:
        paths: of the variables.
        decay: above 0, at most 1.

    Raises:
        ValueError: no path names a block.

    Reference: Howard and Ruder 2018, "ULMFiT", section 3.2 (a factor of 1 / 2.6 for each layer); Clark et al. 2020, "ELECTRA",
        appendix B (0.8; their code multiplies all but the head once more).

    Example:
        >>> names = ["token_embedding/table", "block_0/kernel", "block_1/kernel", "norm/gamma", "pooler/kernel"]
        >>> layer_factors([f"encoder/{name}" for name in names] + ["head/kernel"], 0.5)
        [0.125, 0.25, 0.5, 1.0, 1.0, 1.0]
    """
    places = [_block_at(path.split("/")) for path in paths]
    if all(place is None for place in places):
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        raise ValueError(
            'layer_decay needs variables of blocks, with "block_0" or "layer_0" as the name of a layer in their paths. '
            f"Received: {shown}. Leave layer_decay out."
        )
    counts: dict[str, int] = {}
    whole: dict[str, int] = {}  # by outermost layer
    for path, place in zip(paths, places, strict=True):
        if place is not None:
            parts = path.split("/")
            before, number = "/".join(parts[:place]), _number(parts[place])
            counts[before] = max(counts.get(before, 0), number + 1)
            whole[parts[0]] = max(whole.get(parts[0], 0), number + 1)
    factors = []
    for path, place in zip(paths, places, strict=True):
        parts = path.split("/")
        if place is not None:
            power = counts["/".join(parts[:place])] - _number(parts[place])
        else:
            is_embedding = "embed" in path.lower() and parts[0] in whole
            power = whole[parts[0]] + 1 if is_embedding else 0
        factors.append(decay**power)
    return factors


def _number(part: str) -> int:
    return int(_BLOCK.fullmatch(part)[1])  # type: ignore[index]


def _layer_of(path: str) -> str:
    """The part of the model that a variable belongs to: its block, else the two outermost layers.

    Example:
        >>> [_layer_of(path) for path in ("encoder/block_1/norm/gamma", "classifier/head/classes/bias", "dense/kernel")]
        ['encoder/block_1', 'classifier/head', 'dense']
    """
    parts = path.split("/")
    place = _block_at(parts)
    return "/".join(parts[: place + 1] if place is not None else parts[:-1][:2]) or path


def learning_rates_of(model: keras.Model) -> Any:
    """What of a compiled model is trained, and how fast, layer by layer.

    Args:
        model: compiled.

    Returns:
        A pandas DataFrame in the order of the weights: `layer`; `parameters`, numbers in it; `trained`; `rate`, the learning
        rate of the next step, 0 where nothing is trained. A layer that is trained in part has two rows.

    Raises:
        ValueError: a model that is not compiled; an optimizer of several optimizers.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(
            f"model must be compiled. Received: {model.name!r} without an optimizer. Call model.compile(...) first."
        )
    if hasattr(optimizer, "optimizers"):
        raise ValueError(
            f"model must have one learning rate. Received: a {type(optimizer).__name__}. Ask its optimizers one by one."
        )
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    trained = list(model.trainable_variables)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    factors = inner.rate_factors(trained) if hasattr(inner, "rate_factors") else [1.0] * len(trained)
    by_variable = {id(variable): factor for variable, factor in zip(trained, factors, strict=True)}
    rows: dict[tuple[str, float | None], int] = {}
    # What Keras does not train of itself, counters and seeds, is left out.
    for variable in (each for each in model.weights if "float" in str(each.dtype)):
        key = (_layer_of(path_of(variable)), by_variable.get(id(variable)))
        rows[key] = rows.get(key, 0) + math.prod(variable.shape)
    table = [
        {"layer": layer, "parameters": count, "trained": factor is not None, "rate": rate * (factor or 0.0)}
        for (layer, factor), count in rows.items()
    ]
    return pd.DataFrame(table, columns=["layer", "parameters", "trained", "rate"])
