"""Freeze an encoder, whole or in part."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import re
from collections.abc import Sequence

import keras

from keras_bert_lab.encoder.encoder import Encoder
from keras_bert_lab.encoder.frozen_weights import freeze_weights, train_whole, weight_names
from keras_bert_lab.encoder.hub_encoder import HubEncoder

__all__ = ["TrainableCounts", "own_encoder_in", "set_trainable"]

_SHOWN = 12
_BLOCK = re.compile(r"(?:.*_)?(?:layer|block)_(\d+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainableCounts:
    """How much of a layer is trained.

    Attributes:
        trainable: numbers that are trained, as in `summary()`.
        frozen: numbers that are not.
        trainable_weights: tensors that are trained.
        frozen_weights: tensors that are not.

    Example:
        >>> print(TrainableCounts(trainable=1200, frozen=3800, trainable_weights=2, frozen_weights=5))
        1,200 of 5,000 parameters are trained (2 of 7 weights)
    """

    trainable: int
    frozen: int
    trainable_weights: int
    frozen_weights: int

    @classmethod
    def of(cls, layer: keras.layers.Layer) -> TrainableCounts:
        """Those of a layer or model as it is now."""
        trained, frozen = layer.trainable_weights, layer.non_trainable_weights
        return cls(
            trainable=sum(math.prod(weight.shape) for weight in trained),
            frozen=sum(math.prod(weight.shape) for weight in frozen),
            trainable_weights=len(trained),
            frozen_weights=len(frozen),
        )

    def __str__(self) -> str:
        return (
            f"{self.trainable:,} of {self.trainable + self.frozen:,} parameters are trained "
            f"({self.trainable_weights} of {self.trainable_weights + self.frozen_weights} weights)"
        )


def _encoder_in(layer: keras.layers.Layer) -> Encoder | HubEncoder:
    found = [part for part in layer._flatten_layers() if isinstance(part, (Encoder, HubEncoder))]
    if len(found) != 1:
        names = [part.name for part in found] or "none"
        raise ValueError(
            f"layer must be an Encoder, a HubEncoder, or a model that holds one of them. Received: {layer!r} with {names}"
            + (". Pass the encoder that you mean." if found else "")
        )
    return found[0]


def own_encoder_in(layer: keras.layers.Layer) -> Encoder:
    """The encoder in a model, for what changes its blocks.

    Raises:
        TypeError: a HubEncoder.
        ValueError: no encoder or several.
    """
    encoder = _encoder_in(layer)
    if isinstance(encoder, HubEncoder):
        raise TypeError(
            f"layer must hold an Encoder: a HubEncoder is sealed. Received: {encoder.name!r}. Open it with load_encoder."
        )
    return encoder


def _block_of(name: str) -> int | None:
    return next((int(match[1]) for part in name.split("/")[:-1] if (match := _BLOCK.fullmatch(part))), None)


def _in_last_blocks(encoder: Encoder | HubEncoder, names: list[str], what: str, count: int) -> list[bool]:
    """Which weights stand in the last blocks or after them."""
    blocks = [_block_of(name) for name in names]
    present = sorted({block for block in blocks if block is not None})
    shared = isinstance(encoder, Encoder) and encoder.config.share_layers
    if shared or not present or present != list(range(len(present))):
        raise ValueError(
            f'what={what!r} needs blocks with weights of their own, numbered like "layer_0". Received: {encoder.name!r}, where '
            + ("all blocks share theirs" if shared else f"the numbers {present} were found in the names")
            + '. Choose weights by a pattern, such as "*pooler*".'
        )
    if count < 1 or count > len(present):
        raise ValueError(f'what="last n" needs n from 1 to the number of blocks, {len(present)}. Received: {what!r}')
    first = len(present) - count
    # Without a number: embeddings before the blocks; the pooler and a last normalisation after them.
    return ["embed" not in name.lower() if block is None else block >= first for name, block in zip(names, blocks, strict=True)]


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern names the weight or a layer that holds it."""
    parts = name.split("/")
    return any(fnmatch.fnmatchcase("/".join(parts[:depth]), pattern) for depth in range(1, len(parts) + 1))


def _by_patterns(names: list[str], patterns: Sequence[str]) -> list[bool]:
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in names):
            shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            raise ValueError(
                f'what must be "all", "none", "last n" or a pattern that names weights. Received: {pattern!r}, which matches '
                f'none of {shown}. Weights are matched by their whole names or by those of their layers: "*/query", "pooler*".'
            )
    return [any(_matches(name, pattern) for pattern in patterns) for name in names]


def set_trainable(layer: keras.layers.Layer, what: str | Sequence[str]) -> TrainableCounts:
    """Choose which weights of an encoder are trained; all its others are frozen. Heads beside the encoder are left as they are.

    Call it before `compile`; after it, compile again. The choice is saved in `.keras` files.

    Args:
        layer: an `Encoder`, a `HubEncoder`, or a model that holds one of them.
        what: "all"; "none"; "last 2", or any number: the last blocks and what follows them, a final normalisation and the
            pooler; or a pattern as in the shell (`*`, `?`, `[01]`; `*` also matches "/"), or several: weights whose
            name it matches, such as "block_1/attention/qkv/kernel", or the name of a layer that holds them, such as
            "block_1/attention". The names are the paths below the encoder: `[weight.path for weight in encoder.weights]`.
            What `add_lora` and `add_adapters` have added is chosen with all else; by itself it is "*_lora", "*_adapter".

    Returns:
        The numbers of trained and frozen weights of `layer`.

    Raises:
        TypeError: `what` is no text.
        ValueError: no encoder or several in `layer`; a pattern that matches nothing; blocks that cannot be told apart by their
            names, or fewer than asked for.

    Example:
        >>> from keras_bert_lab.config import EncoderConfig
        >>> encoder = Encoder(EncoderConfig.preset("bert_tiny", vocab_size=100))
        >>> print(set_trainable(encoder, "last 1"))
        214,784 of 491,904 parameters are trained (14 of 31 weights)
    """
    patterns = [what] if isinstance(what, str) else list(what) if isinstance(what, (list, tuple)) else None
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f'what must be "all", "none", "last n", a pattern or a list of patterns. Received: {what!r}')
    encoder = _encoder_in(layer)
    names = weight_names(encoder)
    last = re.fullmatch(r"last\s+(-?\d+)", patterns[0]) if len(patterns) == 1 else None
    if patterns in (["all"], ["none"]):
        train_whole(encoder, patterns == ["all"])
    else:
        chosen = _in_last_blocks(encoder, names, patterns[0], int(last[1])) if last else _by_patterns(names, patterns)
        freeze_weights(encoder, [place for place, is_chosen in enumerate(chosen) if not is_chosen])
    return TrainableCounts.of(layer)
