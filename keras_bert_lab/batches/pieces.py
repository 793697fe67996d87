"""Documents -> texts that fit into a row."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_bert_lab.batches.packing import pack_lengths
from keras_bert_lab.batches.randomness import noise_key, uniform
from keras_bert_lab.batches.sentences import Sentences, chain, sentences_of

__all__ = ["Pieces", "Texts"]

_FILLED = 0.985  # of the slots, on a sample; a little more than what is promised
_SHARES = tuple(step / 20 for step in range(17))
_SAMPLE = 2**15  # sentences that tell how many pieces must be short


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts of one or two segments: [CLS] first [SEP], or [CLS] first [SEP] second [SEP].

    Attributes:
        starts: int64 (R, 2), place of each segment in the corpus.
        lengths: int64 (R, 2), its tokens; 0 = there is no second segment.
        labels: int32 (R,), class of the pair.
        weights: float32 (R,), 0 = no pair, no class.
    """

    starts: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


class Pieces:
    """Every text is one piece of a document: [CLS] piece [SEP].

    Documents longer than a row are cut into equal parts, or between sentences where the corpus has them (a sentence that is
    longer than a row into equal parts). Pieces of whole sentences leave gaps at the ends of rows, about half a sentence each;
    so some pieces are one sentence alone, as many as fill these gaps. Pieces are the same in every epoch.

    Args:
        corpus: a `Corpus` or `MemoryCorpus`.
        documents: numbers of the documents; None = all.
        sequence_length: S, slots in a row.
        seed: which pieces are short.

    Attributes:
        slots: int64 (R,), slots that each text takes.
        special: special tokens among them.
    """

    special = 2

    def __init__(self, corpus: Any, documents: np.ndarray | None, sequence_length: int, seed: int) -> None:
        longest = sequence_length - self.special
        known = corpus.sentence_splits is not None
        found = sentences_of(corpus, documents, longest, known)
        if known:
            draw = uniform(noise_key(seed, 0), np.arange(len(found), dtype=np.uint64))
            share = self._share(found, draw, sequence_length, noise_key(seed, 1))
            begins = _begins(found, draw < share, longest)
        else:
            begins = np.arange(len(found))
        self._starts = found.starts[begins]
        self.slots = np.diff(found.offsets[np.append(begins, len(found))]) + self.special

    def _share(self, sentences: Sentences, draw: np.ndarray, sequence_length: int, key: np.uint64) -> float:
        """The smallest share of short pieces that fills the rows of some documents."""
        documents = len(sentences.document_splits) - 1
        order = np.argsort(uniform(key, np.arange(documents, dtype=np.uint64)))
        counts = np.diff(sentences.document_splits)[order]
        some = np.sort(order[: int(np.searchsorted(np.cumsum(counts), _SAMPLE)) + 1])
        first, last = sentences.document_splits[some], sentences.document_splits[some + 1]
        taken = np.zeros(len(sentences) + 1, np.int64)
        taken[first] += 1
        np.subtract.at(taken, last, 1)
        chosen = np.flatnonzero(np.cumsum(taken)[:-1])[: 2 * _SAMPLE]
        zero = np.zeros(1, np.int64)
        sample = Sentences(
            sentences.starts[chosen],
            np.concatenate([zero, np.cumsum(np.diff(sentences.offsets)[chosen])]),
            np.minimum(np.concatenate([zero, np.cumsum(last - first)]), len(chosen)),
        )
        best = (0.0, 0.0)  # slots filled, and with which share
        for share in _SHARES:
            begins = _begins(sample, draw[chosen] < share, sequence_length - self.special)
            slots = np.diff(sample.offsets[np.append(begins, len(sample))]) + self.special
            rows = sum(rows for _, rows in pack_lengths(np.bincount(slots, minlength=sequence_length + 1)))
            filled = slots.sum() / max(1, rows * sequence_length)
            best = max(best, (filled, share), key=lambda found: found[0])
            if filled >= _FILLED:
                break
        return best[1]

    def texts(self, pieces: np.ndarray, key: np.uint64) -> Texts:
        """These texts; they have no labels."""
        del key
        starts, lengths = (np.zeros((len(pieces), 2), np.int64) for _ in range(2))
        starts[:, 0] = self._starts[pieces]
        lengths[:, 0] = self.slots[pieces] - self.special
        return Texts(starts, lengths, np.zeros(len(pieces), np.int32), np.zeros(len(pieces), np.float32))


def _begins(sentences: Sentences, short: np.ndarray, longest: int) -> np.ndarray:
    """Numbers of the sentences with which pieces begin: as many sentences as fit, or one where it is `short`."""
    number = np.arange(len(sentences))
    ends = sentences.ends
    fitting = np.searchsorted(sentences.offsets, sentences.offsets[:-1] + longest, side="right") - 1
    splits = sentences.document_splits
    whole = np.repeat(np.diff(sentences.offsets[splits]) <= longest, np.diff(splits))  # fits into a row as it is
    following = np.where(short & ~whole, number + 1, np.minimum(fitting, ends))
    return chain(following, splits[:-1][np.diff(splits) > 0])
