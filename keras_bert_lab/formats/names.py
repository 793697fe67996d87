"""Our names of weights <-> the names that other people's files have, one table for each source.

A table maps the stem of a name ("block.{i}.query") to the stem of theirs; endings (kernel, bias, ...) and the arrangement of
the numbers are those of the source. Everything is found in both directions.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

__all__ = ["HeadTable", "NameTable"]


@dataclasses.dataclass(frozen=True)
class HeadTable:
    """A head that a checkpoint may have on top of the encoder.

    Attributes:
        task: "masked_lm", "next_sentence", "classification", "discriminator", "token_classification" or "question_answering".
        stems: our stems -> theirs; a whole name of ours ("next.kernel") stands for itself.
        transform: activation of a dense layer before the output layer of a classification; None = there is no such layer.
        tied: names of theirs that hold the token table once more.
        copies: names of theirs that hold another tensor of this table once more -> that tensor's name.
    """

    task: str
    stems: Mapping[str, str]
    transform: str | None = None
    tied: tuple[str, ...] = ()
    copies: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class NameTable:
    """How one source names and arranges the encoder's weights.

    Attributes:
        stems: our stems -> theirs; "{i}" stands for the number of a block.
        endings: our endings -> theirs; an empty one is left out together with its separator.
        separator: between their stem and ending.
        arrangement: of dense kernels: "in_out" as ours, "out_in" transposed (PyTorch), or "heads" with the heads of attention
            as an axis of their own (Keras's EinsumDense).
        transposed: our names of kernels that are transposed whatever the arrangement.
    """

    stems: Mapping[str, str]
    endings: Mapping[str, str]
    separator: str = "."
    arrangement: str = "in_out"
    transposed: frozenset[str] = frozenset()

    def _is_transposed(self, name: str) -> bool:
        return name in self.transposed or (self.arrangement == "out_in" and name.endswith(".kernel"))

    def theirs(self, name: str, stems: Mapping[str, str] | None = None) -> str | None:
        """Their name of one of our weights; None where they have none.

        Args:
            name: ours, e.g. "block.3.query.kernel".
            stems: a head's stems; by default the encoder's.
        """
        if stems is not None and name in stems:
            return stems[name]
        stem, ending = name.rsplit(".", 1)
        number = re.search(r"\.(\d+)\.", stem)
        pattern = re.sub(r"\.\d+\.", ".{i}.", stem)
        found = (self.stems if stems is None else stems).get(pattern)
        if found is None:
            return None
        place = found.replace("{i}", number[1]) if number else found
        return self.separator.join(part for part in (place, self.endings[ending]) if part)

    def their_shape(self, name: str, shape: tuple[int, ...], num_heads: int) -> tuple[int, ...]:
        """Shape of their tensor for one of our weights.

        Example:
            >>> NameTable({}, {}, arrangement="heads").their_shape("block.0.query.kernel", (30, 30), 5)
            (30, 5, 6)
        """
        if self.arrangement == "heads":
            stem, ending = name.rsplit(".", 1)
            part = stem.rsplit(".", 1)[-1]
            if part in ("query", "key", "value"):
                return (*shape[:-1], num_heads, shape[-1] // num_heads)
            if part == "attention_output" and ending == "kernel":
                return (num_heads, shape[0] // num_heads, shape[1])
        if self._is_transposed(name):
            return shape[::-1]
        return shape

    def to_ours(self, name: str, tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Their tensor in our arrangement."""
        if self._is_transposed(name):
            return tensor.T
        return tensor.reshape(shape)

    def to_theirs(self, name: str, values: np.ndarray, num_heads: int) -> np.ndarray:
        """Our weight in their arrangement."""
        if self._is_transposed(name):
            return values.T
        return values.reshape(self.their_shape(name, values.shape, num_heads))
