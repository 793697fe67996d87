"""A model of other people's in a folder, looked at and checked, but not yet made: what all sources have in common."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.encoder.initial_weights import blank_weights, initial_weights
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.encoder_weights import Slot, encoder_shapes, encoder_slots, fill, number_of_blocks
from keras_bert_lab.formats.names import HeadTable, NameTable
from keras_bert_lab.formats.tensor_files import Tensors

__all__ = ["Checkpoint", "Head", "check_leftovers", "check_shapes", "with_pooler"]

logger = logging.getLogger("keras_bert_lab")

_VALUES_AT_ONCE = 1 << 20
_POOLER = ("pooler.kernel", "pooler.bias")


@dataclasses.dataclass(frozen=True)
class Head:
    """What a checkpoint has on top of its encoder.

    Attributes:
        table: names of its weights.
        kind: of a classification: "multi_class", "multi_label" or "regression".
        labels: of a classification, in the order of the outputs.
        dropout: before the output layer of a classification.
    """

    table: HeadTable
    kind: str | None = None
    labels: tuple[str, ...] = ()
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Weights of an encoder, and of heads, that fit their config and are complete.

    Attributes:
        source: "huggingface", "tf1", "tfhub" or "kerashub".
        path: the folder.
        family: its name there, e.g. "roberta".
        config: of the encoder.
        names: table of the encoder's weights.
        tensors: the weights.
        prefix: of the encoder's names in this checkpoint.
        heads: what stands on top of the encoder.
        preprocessor: sequence_length -> the preprocessor that belongs to it.
        transform: of the classification head that the family has, see `ClassificationHead`.
        segment_shift: a tensor whose first row is added to every row of the segment table; None = there is none.
        prove: asks the original model for outputs, before the encoder is made, and gives a function that compares the encoder's
            with them; None = the files say all about the maths.
    """

    source: str
    path: pathlib.Path
    family: str
    config: EncoderConfig
    names: NameTable
    tensors: Tensors
    preprocessor: Callable[[int | None], Any]
    prefix: str = ""
    heads: tuple[Head, ...] = ()
    transform: str | None = None
    segment_shift: str | None = None
    prove: Callable[[], Callable[[Encoder], None]] | None = None

    def head(self, task: str) -> Head | None:
        """The head for a task, if there is one."""
        return next((head for head in self.heads if head.table.task == task), None)

    def _read_into(self, name: str, theirs: str, values: np.ndarray) -> None:
        read_rows = self.tensors.read_rows
        if read_rows is not None and name == "token.table":  # the largest of all, and arranged in the same way everywhere
            at_once = max(1, _VALUES_AT_ONCE // values.shape[1])
            for start in range(0, len(values), at_once):
                values[start : start + at_once] = read_rows(theirs, start, min(len(values), start + at_once))
            return
        values[...] = self.names.to_ours(name, self.tensors.read(theirs), values.shape)
        if name == "segment.table" and self.segment_shift is not None:
            values += self.tensors.read(self.segment_shift)[0]

    def encoder(self, pooler: bool | None = None, dropout: float | None = None, dtype: Any = None) -> Encoder:
        """The encoder with its weights.

        Args:
            pooler: whether it has a pooler; None = if the checkpoint has one.
            dropout: share of hidden states and attention weights set to 0 in training; None = as in the checkpoint.
            dtype: precision or dtype policy, e.g. "mixed_bfloat16".
        """
        config = self.config if pooler is None else self.config.replace(pooler=pooler)
        if dropout is not None:
            config = config.replace(dropout=dropout, attention_dropout=dropout)
        compare = None if self.prove is None else self.prove()  # before there is an encoder: the weights are in memory once
        with blank_weights():
            encoder = Encoder(config, dtype=dtype)
        slots = encoder_slots(encoder)
        if config.pooler and not self.config.pooler:
            logger.warning("%s has no pooler: the encoder gets a new one, which is not trained yet.", self.path)
            kernel = slots["pooler.kernel"].variable
            kernel.assign(initial_weights(config.initializer_range)(kernel.shape, kernel.dtype))
            slots = {name: slot for name, slot in slots.items() if name not in _POOLER}
        fill(slots, lambda name, values: self._read_into(name, self.prefix + str(self.names.theirs(name)), values))
        if compare is not None:
            compare(encoder)
        return encoder

    def fill_head(self, table: HeadTable, slots: Mapping[str, Slot]) -> None:
        """Put the weights of a head into their slots."""
        fill(slots, lambda name, values: self._read_into(name, str(self.names.theirs(name, table.stems)), values))


def with_pooler(config: EncoderConfig, names: NameTable, tensors: Tensors, prefix: str) -> EncoderConfig:
    """The config with a pooler if the tensors have one."""
    theirs = [names.theirs(name) for name in _POOLER]
    return config.replace(pooler=any(name is not None and prefix + name in tensors.shapes for name in theirs))


def check_shapes(
    config: EncoderConfig, names: NameTable, tensors: Tensors, prefix: str, head_shapes: Mapping[str, tuple[int, ...]]
) -> set[str]:
    """Compare the tensors with what the config asks for, before anything is made or read.

    Args:
        config: of the encoder.
        names: table of the encoder's weights.
        tensors: of the checkpoint.
        prefix: of the encoder's names.
        head_shapes: their name -> their shape, of the heads' weights.

    Returns:
        Names of the tensors that are used.

    Raises:
        FormatError: tensors that are missing or have another shape.
    """
    if number_of_blocks(config) > len(tensors.shapes):
        raise FormatError(
            f"The config must fit the weights in {tensors.where}. Received: {config.num_layers} layers for "
            f"{len(tensors.shapes)} tensors. Copy or download the whole folder again."
        )
    expected = {
        prefix + str(names.theirs(name)): names.their_shape(name, shape, config.num_heads)
        for name, shape in encoder_shapes(config).items()
    }
    expected |= head_shapes
    missing = sorted(expected.keys() - tensors.shapes.keys())
    if missing:
        left = sorted(tensors.shapes.keys() - expected.keys())
        raise FormatError(f"{tensors.where} is not complete. Missing: {some(missing)}; left over: {some(left)}.")
    wrong = {name: (tensors.shapes[name], shape) for name, shape in expected.items() if tensors.shapes[name] != shape}
    if wrong:
        shown = "; ".join(
            f"{name} has {found}, the config asks for {asked}" for name, (found, asked) in list(wrong.items())[:3]
        )
        raise FormatError(f"{tensors.where} does not fit its config: {len(wrong)} tensors of another shape. {shown:.1000}.")
    return set(expected)


def check_leftovers(tensors: Tensors, used: Iterable[str], harmless: Iterable[str]) -> None:
    """Refuse tensors that nothing takes: the model would not be the one that was saved.

    Raises:
        FormatError: some are left over.
    """
    left = sorted(tensors.shapes.keys() - set(used) - set(harmless))
    if left:
        raise FormatError(f"{tensors.where} has tensors that this model has no place for. Left over: {some(left)}.")


def some(names: list[str]) -> str:
    """The first names of a list, and how many more there are.

    Example:
        >>> some(["a", "b"])
        "['a', 'b']"
    """
    return f"{names[:8]}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
