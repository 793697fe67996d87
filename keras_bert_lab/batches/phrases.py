"""Where phrases of a list occur among tokens."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keras_bert_lab.batches.sentences import chain

__all__ = ["PhraseFinder"]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that every power of it is


class PhraseFinder:
    """Finds the phrases of a list: from left to right, the longest one at each place, none within another.

    Args:
        phrases: token ids of each phrase.

    Example:
        >>> finder = PhraseFinder([(5, 6), (5, 6, 7), (7, 8)])
        >>> begins = np.array([True, True, True, True, True, False, True])
        >>> finder.find(np.array([5, 6, 7, 8, 5, 9, 5]), begins, begins & False).tolist()
        [3, 0, 0, 0, 0, 0, 0]
    """

    def __init__(self, phrases: Iterable[tuple[int, ...]]) -> None:
        by_length: dict[int, set[tuple[int, ...]]] = {}
        for phrase in phrases:
            by_length.setdefault(len(phrase), set()).add(phrase)
        self.longest = max(by_length, default=0)
        self._tables: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for length, some in sorted(by_length.items()):
            tokens = np.array(sorted(some), np.uint64)
            hashes = np.zeros(len(tokens), np.uint64)
            for column in range(length):
                hashes = hashes * _BASE + tokens[:, column]
            order = np.argsort(hashes)
            self._tables[length] = hashes[order], tokens[order]

    def find(self, tokens: np.ndarray, word_begins: np.ndarray, breaks: np.ndarray) -> np.ndarray:
        """Length of the phrase that begins at each token, 0 = none.

        Args:
            tokens: int (T,).
            word_begins: bool (T,), where words begin: a phrase is made of whole words.
            breaks: bool (T,), tokens before which a phrase ends: those of another text begin.

        Returns:
            int64 (T,).
        """
        count = len(tokens)
        length_at = np.zeros(count, np.int64)
        block = np.cumsum(breaks)
        word_ends = np.append(word_begins[1:], True)
        wide = tokens.astype(np.uint64)
        hashes = np.zeros(count, np.uint64)
        for length in range(1, min(self.longest, count) + 1):
            hashes = hashes[: count - length + 1] * _BASE + wide[length - 1 :]  # of the `length` tokens from each place on
            if length not in self._tables:
                continue
            known, phrases = self._tables[length]
            slot = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            fits = (known[slot] == hashes) & word_begins[: len(hashes)] & word_ends[length - 1 :]
            place = np.flatnonzero(fits & (block[: len(hashes)] == block[length - 1 :]))
            same = (wide[place[:, None] + np.arange(length)] == phrases[slot[place]]).all(axis=1)
            length_at[place[same]] = length
        place = np.flatnonzero(length_at)
        if not len(place):
            return length_at
        after = np.searchsorted(place, place + length_at[place])  # the first one that does not overlap
        found = np.zeros(count, np.int64)
        kept = place[chain(after, np.zeros(1, np.int64))]
        found[kept] = length_at[kept]
        return found
