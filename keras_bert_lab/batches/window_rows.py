"""Texts of several rows, kept as flat arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_bert_lab.batches.buckets import bucket_of_length, group_by_bucket, length_of_bucket
from keras_bert_lab.batches.token_rows import TokenRows, tokenize_rows

__all__ = ["WindowRows", "tokenize_windows"]


@dataclasses.dataclass(frozen=True)
class WindowRows:
    """Texts, each of one or more windows, without padding.

    Attributes:
        windows: the windows of all texts, one after the other; none of them is empty.
        splits: int64 (R + 1,): text r has the windows `splits[r]` to `splits[r + 1] - 1`.
    """

    windows: TokenRows
    splits: np.ndarray

    def __len__(self) -> int:
        return len(self.splits) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens in all windows of each text, int64 (R,)."""
        return np.add.reduceat(self.windows.lengths, self.splits[:-1]) if len(self) else np.zeros(0, np.int64)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What they are made of."""
        return (*self.windows.arrays, self.splits)

    def take(self, rows: np.ndarray) -> WindowRows:
        """These texts, in this order."""
        counts = np.diff(self.splits)[rows]
        splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        source = np.repeat(self.splits[rows] - splits[:-1], counts) + np.arange(splits[-1])
        return WindowRows(self.windows.take(source), splits)

    def batches(self, batch_size: int, rng: np.random.Generator | None) -> list[tuple[np.ndarray, int]]:
        """Every text in one batch with texts of as many windows; those of one window with texts of similar length.

        Args:
            batch_size, rng: see `bucket_batches`.

        Returns:
            Indices of the texts, and the length that their windows are padded to.
        """
        longest = np.maximum.reduceat(self.windows.lengths, self.splits[:-1]) if len(self) else np.zeros(0, np.int64)
        buckets = bucket_of_length(longest)
        groups = buckets + np.diff(self.splits) * (buckets.max(initial=0) + 1)
        grouped = group_by_bucket(groups, batch_size, rng)
        return [(rows, length_of_bucket(int(buckets[rows].max()))) for rows, _ in grouped]

    def slots(self, rows: np.ndarray, length: int) -> int:
        """Tokens that a batch of these texts has room for."""
        return len(rows) * int(np.diff(self.splits)[rows].max()) * length

    def padded(self, rows: np.ndarray, length: int, pad_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """These texts as ids, mask and segment ids, each int32 (len(rows), W, length); W windows has the one with most."""
        counts = np.diff(self.splits)[rows]
        is_window = np.arange(counts.max()) < counts[:, None]
        source = (self.splits[rows][:, None] + np.arange(counts.max()))[is_window]
        found = []
        for array, padding in zip(self.windows.padded(source, length, pad_id), (pad_id, 0, 0), strict=True):
            whole = np.full((*is_window.shape, length), padding, np.int32)
            whole[is_window] = array
            found.append(whole)
        return found[0], found[1], found[2]


def tokenize_windows(windows_of: Callable[[Any], tuple[Any, Any, Any]], count: int, take: Callable[[slice], Any]) -> WindowRows:
    """Tokenise many texts, part by part.

    Args:
        windows_of: texts -> token ids and segment ids, ragged (windows, tokens), and the number of windows of each text; e.g.
            `TextWindows.rows`.
        count: number of texts.
        take: slice -> these texts.
    """
    counts = [np.zeros(1, np.int64)]

    def rows_of(texts: Any) -> tuple[Any, Any]:
        ids, types, windows = windows_of(texts)
        counts.append(windows.numpy())
        return ids, types

    return WindowRows(tokenize_rows(rows_of, count, take), np.cumsum(np.concatenate(counts)))
