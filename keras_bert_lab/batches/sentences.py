"""Sentences of a corpus, and stretches of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

__all__ = ["Sentences", "chain", "ranges", "sentences_of"]


@dataclasses.dataclass(frozen=True)
class Sentences:
    """Sentences of some documents, numbered one after the other; none is empty, and those of a document have no gaps.

    Attributes:
        starts: int64 (N,), place of the first token in the corpus.
        offsets: int64 (N + 1,), tokens before each sentence, the chosen documents alone counted.
        document_splits: int64 (D + 1,): document d has the sentences document_splits[d] to document_splits[d + 1] - 1.
    """

    starts: np.ndarray
    offsets: np.ndarray
    document_splits: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def ends(self) -> np.ndarray:
        """For each sentence the number of the first one of the next document, int64 (N,)."""
        return np.repeat(self.document_splits[1:], np.diff(self.document_splits))


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """All `range(start, start + count)`, one after the other.

    Example:
        >>> ranges(np.array([7, 2]), np.array([3, 2])).tolist()
        [7, 8, 9, 2, 3]
    """
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)


def sentences_of(corpus: Any, documents: np.ndarray | None, longest: int, sentences: bool = True) -> Sentences:
    """The sentences of some documents; those longer than `longest` are cut into equal parts.

    Args:
        corpus: a `Corpus` or `MemoryCorpus`.
        documents: numbers of the documents; None = all.
        longest: most tokens of a sentence.
        sentences: False = every document is one long sentence.
    """
    bounds = corpus.document_splits
    chosen = np.arange(len(bounds) - 1) if documents is None else documents
    first, last = bounds[:-1][chosen], bounds[1:][chosen]
    if sentences:
        splits = corpus.sentence_splits
        begin, end = (np.searchsorted(splits, place) for place in (first, last))
        sentence = ranges(begin, end - begin)
        in_document = end - begin
        first, last = splits[:-1][sentence], splits[1:][sentence]
    else:
        in_document = np.ones(len(first), np.int64)
    lengths = last - first
    parts = -(-lengths // longest)  # 0 for an empty one
    if len(parts) and parts.max() > 1:
        whole = np.repeat(np.arange(len(parts)), parts)
        part = ranges(np.zeros(len(parts), np.int64), parts)
        bounds = [lengths[whole] * (part + step) // parts[whole] for step in (0, 1)]
        starts, lengths = first[whole] + bounds[0], bounds[1] - bounds[0]
    else:
        starts, lengths = first[parts > 0], lengths[parts > 0]
    zero = np.zeros(1, np.int64)
    before = np.concatenate([zero, np.cumsum(parts)])[np.concatenate([zero, np.cumsum(in_document)])]
    return Sentences(np.asarray(starts, np.int64), np.concatenate([zero, np.cumsum(lengths)]), before)


def chain(following: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """All numbers that are reached from the first ones, in ascending order.

    Args:
        following: int (N,), the number after each; always larger; N = the end.
        firsts: int (F,), where chains begin.

    Example:
        >>> chain(np.array([2, 3, 4, 5, 6, 6]), np.array([0])).tolist()
        [0, 2, 4]
    """
    end = len(following)
    jump = np.append(following, end)
    reached = np.zeros(end + 1, bool)
    reached[firsts] = True
    count = 0
    while count < (count := int(reached.sum())):
        # What is reached in fewer than 2^k jumps, then in fewer than 2^(k + 1): few rounds, each over all numbers at once.
        reached[jump[reached]] = True
        jump = jump[jump]
    return np.flatnonzero(reached[:-1])
