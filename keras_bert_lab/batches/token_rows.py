"""Tokenised texts, kept as flat arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_bert_lab.batches.buckets import bucket_batches

__all__ = ["TokenRows", "tokenize_rows"]

# Texts that are tokenised in one call of the ops: enough to use every core, little enough to show progress.
_CHUNK = 4096


@dataclasses.dataclass(frozen=True)
class TokenRows:
    """Rows of different lengths without padding.

    Attributes:
        ids: int32 (T,), the token ids of all rows, one after the other.
        types: int32 (T,), their segment ids.
        splits: int64 (R + 1,): row r is `ids[splits[r]:splits[r + 1]]`.
    """

    ids: np.ndarray
    types: np.ndarray
    splits: np.ndarray

    def __len__(self) -> int:
        return len(self.splits) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens in each row, int64 (R,)."""
        return np.diff(self.splits)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What they are made of."""
        return self.ids, self.types, self.splits

    def batches(self, batch_size: int, rng: np.random.Generator | None) -> list[tuple[np.ndarray, int]]:
        """Every row in one batch with rows of similar length, see `bucket_batches`."""
        return bucket_batches(self.lengths, batch_size, rng)

    def slots(self, rows: np.ndarray, length: int) -> int:
        """Tokens that a batch of these rows has room for."""
        return len(rows) * length

    def take(self, rows: np.ndarray) -> TokenRows:
        """These rows, in this order."""
        counts = self.lengths[rows]
        splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        source = np.repeat(self.splits[rows] - splits[:-1], counts) + np.arange(splits[-1])
        return TokenRows(self.ids[source], self.types[source], splits)

    def padded(self, rows: np.ndarray, length: int, pad_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """These rows as ids, mask and segment ids, each int32 (len(rows), length)."""
        starts, counts = self.splits[rows], self.lengths[rows]
        mask = np.arange(length) < counts[:, None]
        source = (starts[:, None] + np.arange(length))[mask]
        ids = np.full(mask.shape, pad_id, np.int32)
        types = np.zeros(mask.shape, np.int32)
        ids[mask] = self.ids[source]
        types[mask] = self.types[source]
        return ids, mask.astype(np.int32), types


def tokenize_rows(rows_of: Callable[[Any], tuple[Any, Any]], count: int, take: Callable[[slice], Any]) -> TokenRows:
    """Tokenise many texts, part by part.

    Args:
        rows_of: texts -> token ids and segment ids, ragged (B, tokens), e.g. `Preprocessor.rows`.
        count: number of texts.
        take: slice -> these texts.
    """
    ids, types, lengths = [], [], [np.zeros(1, np.int64)]
    for start in range(0, count, _CHUNK):
        part_ids, part_types = rows_of(take(slice(start, start + _CHUNK)))
        ids.append(part_ids.flat_values.numpy())
        types.append(part_types.flat_values.numpy())
        lengths.append(part_ids.row_lengths().numpy())
    empty = [np.zeros(0, np.int32)]
    return TokenRows(
        np.concatenate(ids or empty).astype(np.int32),
        np.concatenate(types or empty).astype(np.int32),
        np.cumsum(np.concatenate(lengths)),
    )
