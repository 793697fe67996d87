"""The encoder's weights under names that do not depend on how its layers are built.

| our name | shape |
|---|---|
| token.table, position.table, segment.table | (V, E), (positions + offset, E), (types, E) |
| embeddings.norm.gamma, .beta | (E,) |
| embeddings.projection.kernel, .bias | (E, H), (H,); where E is not H |
| block.{i}.query, .key, .value: .kernel, .bias | (H, H), (H,): thirds of one fused layer |
| block.{i}.attention_output.kernel, .bias | (H, H), (H,) |
| block.{i}.attention_norm, .output_norm: .gamma, .beta | (H,) |
| block.{i}.intermediate.kernel, .bias | (H, F), (F,) |
| block.{i}.output.kernel, .bias | (F, H), (H,) |
| final_norm.gamma, .beta | (H,); pre-norm only |
| pooler.kernel, .bias | (H, H), (H,) |

V vocabulary, E width of the tables, H hidden, F feed-forward.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder, FeedForward, SelfAttention
from keras_bert_lab.encoder.added_layers import added_layers
from keras_bert_lab.encoder.host_memory import hand_over, host_array
from keras_bert_lab.errors import FormatError

__all__ = ["Slot", "encoder_shapes", "encoder_slots", "fill", "number_of_blocks"]


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place for a tensor: a variable, or some columns of one.

    Attributes:
        variable: a Keras variable.
        columns: which of its last axis; None = all.
    """

    variable: Any
    columns: slice | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        shape = tuple(self.variable.shape)
        return shape if self.columns is None else (*shape[:-1], self.columns.stop - self.columns.start)

    def read(self) -> np.ndarray:
        """The values, float32."""
        values = np.asarray(self.variable, np.float32)
        return values if self.columns is None else values[..., self.columns]


def number_of_blocks(config: EncoderConfig) -> int:
    """Blocks with weights of their own."""
    return 1 if config.share_layers else config.num_layers


def encoder_shapes(config: EncoderConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of an encoder with this config, without making it.

    Example:
        >>> encoder_shapes(EncoderConfig.preset("bert_tiny"))["block.1.query.kernel"]
        (128, 128)
    """
    width, hidden, inner = config.embedding_size or config.hidden_size, config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {}

    def dense(name: str, inputs: int, outputs: int) -> None:
        shapes.update({f"{name}.kernel": (inputs, outputs), f"{name}.bias": (outputs,)})

    def norm(name: str, size: int) -> None:
        shapes.update({f"{name}.gamma": (size,), f"{name}.beta": (size,)})

    shapes["token.table"] = (config.vocab_size, width)
    shapes["position.table"] = (config.max_positions + config.position_offset, width)
    if config.type_vocab_size:
        shapes["segment.table"] = (config.type_vocab_size, width)
    norm("embeddings.norm", width)
    if width != hidden:
        dense("embeddings.projection", width, hidden)
    for index in range(number_of_blocks(config)):
        block = f"block.{index}"
        for part in ("query", "key", "value", "attention_output"):
            dense(f"{block}.{part}", hidden, hidden)
        norm(f"{block}.attention_norm", hidden)
        dense(f"{block}.intermediate", hidden, inner)
        dense(f"{block}.output", inner, hidden)
        norm(f"{block}.output_norm", hidden)
    if config.norm_first:
        norm("final_norm", hidden)
    if config.pooler:
        dense("pooler", hidden, hidden)
    return shapes


def layer_slots(name: str, layer: Any) -> dict[str, Slot]:
    """The slots of a dense, a normalisation or an embedding layer."""
    kinds = ("kernel", "bias", "gamma", "beta")
    slots = {f"{name}.{kind}": Slot(getattr(layer, kind)) for kind in kinds if getattr(layer, kind, None) is not None}
    if hasattr(layer, "embeddings"):
        slots[f"{name}.table"] = Slot(layer.embeddings)
    return slots


def encoder_slots(encoder: Encoder) -> dict[str, Slot]:
    """Names and places of the weights of an encoder.

    Raises:
        FormatError: an encoder with layers of the user's own in its blocks, adapters, or low-rank updates: their weights have
            no names elsewhere.
    """
    added = added_layers(encoder)
    if added:
        raise FormatError(
            f"encoder must have no layers that were added to it. Received: {encoder.name!r} with {' and '.join(added)}, which "
            "other formats have no names for. Use merge_lora before, or save it with its adapters as a .keras file."
        )
    embeddings = encoder.embeddings
    parts: dict[str, Any] = {
        "token": embeddings.token,
        "position": embeddings.position,
        "segment": embeddings.segment,
        "embeddings.norm": embeddings.norm,
        "embeddings.projection": embeddings.projection,
        "final_norm": encoder.final_norm,
        "pooler": encoder.pooler,
    }
    slots: dict[str, Slot] = {}
    hidden = encoder.config.hidden_size
    for index, block in enumerate(encoder.blocks):
        if type(block.attention) is not SelfAttention or type(block.feed_forward) is not FeedForward:
            raise FormatError(
                f"encoder must be made of SelfAttention and FeedForward, which other formats have names for. Received: "
                f"{type(block.attention).__name__} and {type(block.feed_forward).__name__} in {block.name}. "
                "Save it as a .keras file."
            )
        for place, part in enumerate(("query", "key", "value")):
            columns = slice(place * hidden, (place + 1) * hidden)
            slots[f"block.{index}.{part}.kernel"] = Slot(block.attention.qkv.kernel, columns)
            slots[f"block.{index}.{part}.bias"] = Slot(block.attention.qkv.bias, columns)
        parts |= {
            f"block.{index}.attention_output": block.attention.output_dense,
            f"block.{index}.attention_norm": block.attention_norm,
            f"block.{index}.intermediate": block.feed_forward.intermediate,
            f"block.{index}.output": block.feed_forward.output_dense,
            f"block.{index}.output_norm": block.output_norm,
        }
    for name, layer in parts.items():
        if layer is not None:
            slots |= layer_slots(name, layer)
    return slots


def fill(slots: Mapping[str, Slot], read_into: Callable[[str, np.ndarray], None]) -> None:
    """Put tensors into their slots; no variable's values are in memory twice.

    Args:
        slots: name -> place.
        read_into: (name, array in the shape of the slot): writes the values there.

    Raises:
        FormatError: a value that is no number.
    """
    by_variable: dict[int, list[tuple[str, Slot]]] = {}
    for name, slot in slots.items():
        by_variable.setdefault(id(slot.variable), []).append((name, slot))
    for parts in by_variable.values():
        variable = parts[0][1].variable
        values = host_array(tuple(variable.shape))
        covered = sum(slot.shape[-1] for _, slot in parts)
        if covered != variable.shape[-1]:  # columns that no slot names keep their values
            values[...] = ops.convert_to_numpy(variable)
        for name, slot in parts:
            read_into(name, values if slot.columns is None else values[..., slot.columns])
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            total = values.sum(dtype=np.float64)
        if not np.isfinite(total):
            broken = int(np.sum(~np.isfinite(values)))
            raise FormatError(
                f"Weights must be finite numbers. Received: {broken} that are not, in {[name for name, _ in parts]}. "
                "Copy or download the file again; if it stays so, the training of this model went wrong."
            )
        variable.assign(hand_over(values))
