"""What was added to an encoder after it was made: low-rank updates and adapters, as part of its config."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder.adapter import Adapter
from keras_bert_lab.encoder.frozen_weights import freeze_weights
from keras_bert_lab.encoder.late_layers import join
from keras_bert_lab.encoder.lora_sites import lora_sites, updates_of
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate

__all__ = ["ADAPTERS", "add_layers", "added_layers", "train_added_layers"]

ADAPTERS = ("attention_adapter", "feed_forward_adapter")
"""The names that an `EncoderBlock` has for its adapters."""


def added_layers(encoder: Any) -> dict[str, Any]:
    """Plain data from which `add_layers` adds the same layers to another encoder; empty where nothing was added.

    Args:
        encoder: an Encoder.
    """
    found: dict[str, Any] = {}
    updates = updates_of(encoder.blocks)
    if updates:
        first = updates[0][1]  # all have the same rank and alpha
        found["lora"] = {"rank": first.rank, "alpha": first.alpha, "targets": [site.name for site, _ in updates]}
    adapter = encoder.blocks[0].attention_adapter
    if adapter is not None:
        found["adapters"] = {"size": adapter.size, "activation": adapter.activation}
    return found


def add_layers(encoder: Any, lora: dict[str, Any] | None = None, adapters: dict[str, Any] | None = None) -> None:
    """Add layers to an encoder that has none of them; what is trained stays as it is.

    Args:
        encoder: an Encoder.
        lora: `rank`, `alpha` and the names of `targets`.
        adapters: `size` and `activation`.
    """
    if lora is not None:
        for site in lora_sites(encoder.blocks):
            if site.name in lora["targets"]:
                site.attach(site.new_update(lora["rank"], lora["alpha"]))
    if adapters is not None:
        for block in encoder.blocks:
            for name in ADAPTERS:
                adapter = Adapter(
                    adapters["size"],
                    adapters["activation"],
                    initializer_range=encoder.config.initializer_range,
                    dtype=block.dtype_policy,
                    name=name,
                )
                join(block, name, adapter, encoder.config.hidden_size)


def train_added_layers(encoder: Any, norms: bool = False) -> None:
    """Freeze all weights of an encoder but those of the layers that were added.

    Args:
        encoder: an Encoder.
        norms: whether its layer normalisations are trained too.
    """
    kinds = (LowRankUpdate, Adapter, keras.layers.LayerNormalization) if norms else (LowRankUpdate, Adapter)
    trained = {id(weight) for part in encoder._flatten_layers() if isinstance(part, kinds) for weight in part.weights}
    freeze_weights(encoder, [place for place, weight in enumerate(encoder.weights) if id(weight) not in trained])
