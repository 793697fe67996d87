"""Documents -> pairs of stretches of sentences: next sentence, order of sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_bert_lab.batches.pieces import Texts
from keras_bert_lab.batches.randomness import noise_key, uniform
from keras_bert_lab.batches.sentences import chain, sentences_of

__all__ = ["SentencePairs"]

_SHORT = 0.1  # share of pairs that are made shorter than a row


class SentencePairs:
    """Every text is a pair of stretches of sentences: [CLS] first [SEP] second [SEP].

    A document is cut into chunks: sentences until a row is full, or, in one chunk of ten, until a random length is reached. A
    chunk is parted after one of its sentences. "next": in half of the texts (class 0) the second part is that of the chunk, in
    the others (class 1) it is taken from another document, as long as that of the chunk. "order": in half of the texts (class
    1) the parts are swapped. What is too long for a row is cut at either end of the longer part. Chunks are the same in every
    epoch; classes, partners and cuts are not.

    A document of one sentence stands alone, without class. (The original code gives it a second part from elsewhere, so that
    its length tells the class; and where the second part is taken from elsewhere, it uses the chunk's own one for the next
    chunk.)

    Args:
        corpus: a `Corpus` or `MemoryCorpus` with sentences.
        documents: numbers of the documents; None = all.
        sequence_length: S, slots in a row.
        seed: of chunks and their parts.
        kind: "next" or "order".

    Attributes:
        slots: int64 (R,), slots that each text takes at most.
        special: special tokens among them, at least.

    Raises:
        ValueError: a corpus without sentences, without two documents ("next"), or without a document of two sentences.

    Reference: Devlin et al. 2018, "BERT", appendix A.2, and create_pretraining_data.py of google-research/bert; order: Lan et
        al. 2019, "ALBERT", section 3.1.
    """

    special = 2

    def __init__(self, corpus: Any, documents: np.ndarray | None, sequence_length: int, seed: int, kind: str) -> None:
        if corpus.sentence_splits is None:
            raise ValueError(
                f"sentence_pairs={kind!r} needs a corpus with sentences. Received: a corpus without them. "
                "Prepare it with sentences=True."
            )
        self.kind = kind
        self._room = sequence_length - 3
        found = sentences_of(corpus, documents, self._room)
        splits = found.document_splits[np.append(True, np.diff(found.document_splits) > 0)]  # of documents with a token
        if kind == "next" and len(splits) < 3:
            raise ValueError(
                "sentence_pairs='next' needs at least two documents, to take texts from another one. "
                f"Received: {len(splits) - 1}. Use sentence_pairs='order'."
            )
        number = np.arange(len(found), dtype=np.uint64)
        ends = found.ends
        target = np.full(len(found), self._room)
        lot = uniform(noise_key(seed, 0), number) < _SHORT
        target[lot] = 2 + uniform(noise_key(seed, 1), number[lot]) * (self._room - 1)
        last = np.searchsorted(found.offsets, found.offsets[:-1] + target)
        last = np.minimum(np.maximum(last, np.arange(len(found)) + 2), ends)
        last = np.where(ends - last == 1, ends, last)  # no sentence stays alone
        first = chain(last, splits[:-1])
        last = last[first]
        parting = first + 1 + (uniform(noise_key(seed, 2), number[first]) * (last - first - 1)).astype(np.int64)
        self._alone = last - first == 1
        if len(first) and self._alone.all():
            raise ValueError(
                f"sentence_pairs={kind!r} needs documents of at least two sentences. "
                f"Received: {len(splits) - 1} documents of one. Use sentence_pairs='none'."
            )
        parting[self._alone] = last[self._alone]
        self._sentences, self._splits = found, splits
        self._bounds = np.stack([first, parting, last], axis=1)
        tokens = found.offsets[last] - found.offsets[first]
        self.slots = np.where(self._alone, tokens + 2, np.minimum(tokens, self._room) + 3)

    def texts(self, pieces: np.ndarray, key: np.uint64) -> Texts:
        """These texts, with the classes, partners and cuts that belong to the key."""
        offsets, first_of = self._sentences.offsets, self._sentences.starts
        bounds = self._bounds[pieces]
        alone = self._alone[pieces]
        starts = first_of[np.minimum(bounds[:, :2], len(first_of) - 1)]
        lengths = np.diff(offsets[bounds], axis=1)

        def draw(purpose: int) -> np.ndarray:
            return uniform(key, pieces.astype(np.uint64) * np.uint64(8) + np.uint64(purpose))

        labels = ((draw(0) < 0.5) & ~alone).astype(np.int32)
        changed = labels == 1
        if self.kind == "order":
            starts[changed], lengths[changed] = starts[changed, ::-1], lengths[changed, ::-1]
        elif changed.any():
            lots = [draw(purpose)[changed] for purpose in (1, 2)]
            taken = self._elsewhere(bounds[changed, 0], lengths[changed, 0], lengths[changed, 1], lots)
            starts[changed, 1], lengths[changed, 1] = taken

        def heads(rows: np.ndarray, counts: np.ndarray, part: int) -> np.ndarray:
            coins = np.arange(counts.max(initial=0), dtype=np.uint64)
            index = (pieces[rows].astype(np.uint64) << np.uint64(24))[:, None] + coins
            return ((uniform(key + np.uint64(1 + part), index) < 0.5) & (coins < counts[:, None])).sum(axis=1)

        _cut(starts, lengths, np.where(alone, self._room + 1, self.slots[pieces] - 3), heads)
        return Texts(starts, lengths, labels, (~alone).astype(np.float32))

    def _elsewhere(
        self, sentence: np.ndarray, first_length: np.ndarray, wanted: np.ndarray, lots: list[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Start and length of sentences of another document, as many as the row takes."""
        splits, offsets = self._splits, self._sentences.offsets
        own = np.searchsorted(splits, sentence, side="right") - 1
        other = (lots[0] * (len(splits) - 2)).astype(np.int64)
        other += other >= own
        full = first_length + wanted >= self._room
        wanted = np.where(full, np.maximum(self._room - first_length, 1), wanted)
        first, end = splits[other], splits[other + 1]
        latest = np.searchsorted(offsets, offsets[end] - wanted, side="right") - 1  # with enough tokens after it
        begin = first + (lots[1] * (np.maximum(latest - first, 0) + 1)).astype(np.int64)
        # Whole sentences: until a full row overflows and is cut, like those of chunks, or as many as a shorter one takes.
        stop = np.searchsorted(offsets, offsets[begin] + wanted, side="left")
        over = offsets[np.minimum(stop, end)] - offsets[begin] > wanted
        stop = np.where(~full & over, np.maximum(stop - 1, begin + 1), stop)
        return self._sentences.starts[begin], offsets[np.minimum(stop, end)] - offsets[begin]


def _cut(
    starts: np.ndarray, lengths: np.ndarray, room: np.ndarray, heads: Callable[[np.ndarray, np.ndarray, int], np.ndarray]
) -> None:
    """Shorten pairs, in place, to `room` tokens: always the longer part, each token from its front or its end by chance.

    Args:
        starts, lengths: int64 (R, 2).
        room: int (R,).
        heads: rows, numbers of coins, part -> how many of the coins show heads.

    Example:
        >>> starts, lengths = np.array([[100, 200]]), np.array([[7, 3]])
        >>> _cut(starts, lengths, np.array([5]), lambda rows, counts, part: counts)
        >>> starts.tolist(), lengths.tolist()
        ([[104, 201]], [[3, 2]])
    """
    over = np.maximum(lengths.sum(axis=1) - room, 0)
    rows = np.flatnonzero(over)
    difference = lengths[rows, 0] - lengths[rows, 1]
    level = np.minimum(over[rows], np.abs(difference))  # until both are equally long; then in turn, the second one first
    rest = over[rows] - level
    for part, cut in enumerate((rest // 2 + level * (difference > 0), (rest + 1) // 2 + level * (difference <= 0))):
        lengths[rows, part] -= cut
        starts[rows, part] += heads(rows, cut, part)
