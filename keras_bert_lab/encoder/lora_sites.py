"""The products of an encoder that can have a low-rank update, and their names.

| name | dense layer | columns |
|---|---|---|
| block_0/attention/query, key, value | attention.qkv | first, second, last third |
| block_0/attention/output_dense | attention.output_dense | all |
| block_0/feed_forward/intermediate | feed_forward.intermediate | all |
| block_0/feed_forward/output_dense | feed_forward.output_dense | all |

The update beside `block_0/attention/query` is the layer `block_0/attention/query_lora`; "output_dense" becomes "output_lora".
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_bert_lab.encoder.feed_forward import FeedForward
from keras_bert_lab.encoder.late_layers import join, leave
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate
from keras_bert_lab.encoder.self_attention import SelfAttention

__all__ = ["LoraSite", "lora_sites", "updates_of"]


@dataclasses.dataclass(frozen=True)
class LoraSite:
    """A product, or some columns of one, that can have a low-rank update.

    Attributes:
        name: e.g. "block_0/attention/query".
        owner: the layer that calls the update.
        attribute: the owner's name for it.
        dense: the dense layer beside it.
        columns: which columns of the dense layer's output are updated.
    """

    name: str
    owner: keras.layers.Layer
    attribute: str
    dense: keras.layers.Dense
    columns: slice

    @property
    def update(self) -> LowRankUpdate | None:
        """The update that is there."""
        return getattr(self.owner, self.attribute)

    def refuse(self) -> str | None:
        """Why this product cannot have an update; None = it can."""
        if self.dense.quantization_mode is not None:
            return f"is quantised ({self.dense.quantization_mode})"
        return "has one that Keras made (enable_lora)" if self.dense.lora_enabled else None

    def new_update(self, rank: int, alpha: float) -> LowRankUpdate:
        """An update that fits; it is not part of the encoder yet."""
        return LowRankUpdate(
            self.columns.stop - self.columns.start, rank, alpha, dtype=self.owner.dtype_policy, name=self.attribute
        )

    def attach(self, update: LowRankUpdate) -> None:
        """Make an update part of the encoder."""
        join(self.owner, self.attribute, update, self.dense.kernel.shape[0])

    def detach(self) -> None:
        """Take the update away."""
        leave(self.owner, self.attribute)

    def merge(self, update: LowRankUpdate) -> None:
        """Add an update's product to the columns of the kernel."""
        kernel, a, b = (_float64(variable) for variable in (self.dense.kernel, update.a, update.b))
        kernel[:, self.columns] += update.scale * (a @ b)
        self.dense.kernel.assign(kernel)


def _float64(variable: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable), np.float64)


def lora_sites(blocks: list[Any]) -> list[LoraSite]:
    """All products of these `EncoderBlock`s that can have an update; layers of the user's own have none.

    Args:
        blocks: built.

    Returns:
        The sites in the order of the table above.
    """
    sites = []
    for number, block in enumerate(blocks):
        attention, feed_forward = block.attention, block.feed_forward
        if type(attention) is SelfAttention:
            width = attention.num_heads * attention.key_dim
            for place, part in enumerate(("query", "key", "value")):
                columns = slice(place * width, (place + 1) * width)
                sites.append(LoraSite(f"block_{number}/attention/{part}", attention, f"{part}_lora", attention.qkv, columns))
        for name, owner, own, parts in (
            ("attention", attention, SelfAttention, ("output_dense",)),
            ("feed_forward", feed_forward, FeedForward, ("intermediate", "output_dense")),
        ):
            for part in parts if type(owner) is own else ():
                dense = getattr(owner, part)
                attribute = f"{part.removesuffix('_dense')}_lora"
                sites.append(LoraSite(f"block_{number}/{name}/{part}", owner, attribute, dense, slice(0, dense.units)))
    return sites


def updates_of(blocks: list[Any]) -> list[tuple[LoraSite, LowRankUpdate]]:
    """The updates that these blocks have, and where they are."""
    return [(site, site.update) for site in lora_sites(blocks) if site.update is not None]
