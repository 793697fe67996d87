"""Where texts lie in packed rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches.pieces import Texts
from keras_bert_lab.batches.sentences import ranges

__all__ = ["PackedRows"]


class PackedRows:
    """Texts in rows, one after the other from the left. All arrays are flat: slots are counted through all rows.

    Args:
        texts: R texts.
        row: int (R,), row of each text, ascending.
        count: B, number of rows.
        sequence_length: S, slots in a row.

    Attributes:
        begins: int64 (R,), slot of each [CLS].
        numbers: int64 (R,), number of each text in its row, from 0.
        slots: int64 (T,), slot of each ordinary token, segment after segment.
        text: int64 (T,), its text.
        positions: int64 (T,), its position in its text.
        starts: bool (T,), whether a segment begins with it.
        real: slots that are no padding.
    """

    def __init__(self, texts: Texts, row: np.ndarray, count: int, sequence_length: int) -> None:
        self.texts = texts
        self.row = row
        self.count = count
        self.sequence_length = sequence_length
        self._two = texts.lengths[:, 1] > 0
        self._lengths = texts.lengths.sum(axis=1) + 2 + self._two
        self.real = int(self._lengths.sum())
        first = np.flatnonzero(np.diff(row, prepend=-1))  # first text of each row
        texts_in_row = np.diff(first, append=len(row))
        before = np.cumsum(self._lengths) - self._lengths
        self.begins = row * sequence_length + before - np.repeat(before[first], texts_in_row)
        self.numbers = np.arange(len(row)) - np.repeat(first, texts_in_row)
        self._second = self.begins + texts.lengths[:, 0] + 2
        self._there = texts.lengths.ravel() > 0
        counts = texts.lengths.ravel()[self._there]
        segments = np.stack([self.begins + 1, self._second], axis=1).ravel()[self._there]
        self.slots = ranges(segments, counts)
        self.text = np.repeat(np.repeat(np.arange(len(row)), 2)[self._there], counts)
        self.positions = self.slots - self.begins[self.text]
        self.starts = np.zeros(len(self.slots), bool)
        self.starts[np.cumsum(counts) - counts] = True

    def tokens(self, corpus: Any) -> np.ndarray:
        """The ordinary tokens, int32 (T,)."""
        starts = self.texts.starts.ravel()[self._there]
        stops = starts + self.texts.lengths.ravel()[self._there]
        read = [corpus.read(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        return np.concatenate([np.zeros(0, np.int32), *read])

    def inputs(self, tokens: np.ndarray, vocabulary: Any) -> dict[str, np.ndarray]:
        """The contract dict, each int32 (B, S).

        Args:
            tokens: int (T,), what stands in the slots of the ordinary tokens.
            vocabulary: with `pad_id`, `cls_id` and `sep_id`.
        """
        ids = np.full(self.count * self.sequence_length, vocabulary.pad_id, np.int32)
        examples, positions, types = (np.zeros(len(ids), np.int32) for _ in range(3))
        ids[self.slots] = tokens
        ids[self.begins] = vocabulary.cls_id
        ids[self._second - 1] = vocabulary.sep_id
        ids[(self.begins + self._lengths - 1)[self._two]] = vocabulary.sep_id
        used = ranges(self.begins, self._lengths)
        examples[used] = np.repeat(self.numbers + 1, self._lengths)
        positions[used] = ranges(np.zeros_like(self._lengths), self._lengths)
        types[ranges(self._second[self._two], self.texts.lengths[self._two, 1] + 1)] = 1
        flat = {
            contract.WORD_IDS: ids,
            contract.MASK: (examples > 0).astype(np.int32),
            contract.TYPE_IDS: types,
            contract.EXAMPLE_IDS: examples,
            contract.POSITIONS: positions,
        }
        return {key: value.reshape(self.count, self.sequence_length) for key, value in flat.items()}

    def chosen(self, tokens: np.ndarray, chosen: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions, original ids and weights of the chosen tokens, int32, int32 and float32, (B, P); weight 0 = filler.

        Args:
            tokens: int (T,), the original ones.
            chosen: bool (T,), at most P of each row.
            most: P.
        """
        shape = (self.count, most)
        positions, ids, weights = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        row, place = np.divmod(self.slots[chosen], self.sequence_length)
        column = ranges(np.zeros(self.count, np.int64), np.bincount(row, minlength=self.count))
        positions[row, column], ids[row, column], weights[row, column] = place, tokens[chosen], 1
        return positions, ids, weights

    def by_text(self, values: np.ndarray, most: int, filler: int) -> np.ndarray:
        """A value for each text as (B, K), of the same type; `filler` where there is no text."""
        table = np.full((self.count, most), filler, values.dtype)
        table[self.row, self.numbers] = values
        return table
