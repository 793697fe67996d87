"""A tokenised corpus -> packed and masked batches for pretraining. NumPy alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.batches.masking import Masker
from keras_bert_lab.batches.packed_rows import PackedRows
from keras_bert_lab.batches.packing import PackingPlan
from keras_bert_lab.batches.pieces import Pieces
from keras_bert_lab.batches.randomness import generator, noise_key
from keras_bert_lab.batches.sentence_pairs import SentencePairs
from keras_bert_lab.batches.sentences import ranges
from keras_bert_lab.config import MaskingConfig, check_integer

__all__ = ["PretrainingBatches"]

# What random numbers are for; part of the place that they belong to.
_ORDER, _PIECES, _PAIRS, _MASKS = 0, 1, 2, 3
_SAMPLE = 512  # rows that tell how many masked positions a row needs


class PretrainingBatches:
    """Packed rows with masked tokens; batch k is a pure function of (seed, k), of fixed shape.

    Documents are cut into pieces, or into pairs of stretches of sentences; several of these texts share a row, attention does
    not cross from one to another, positions restart in each. Every epoch holds every text once, in another order and in other
    company. What is masked depends on seed, epoch and text alone: not on the batch size, the company or the slice.

    Args:
        corpus: a `Corpus` or `MemoryCorpus`.
        sequence_length: S, slots in a row.
        batch_size: B, rows in a batch, over all slices.
        masking: how tokens are masked.
        sentence_pairs: "none"; "next", each text is two stretches of sentences, and the model tells whether the second follows
            the first (class 0) or comes from another document (class 1); "order", whether they are in order (class 0) or
            swapped (class 1). See `SentencePairs`.
        seed: of order, packing, pairs and masks.
        slice: (p, n): only rows p, p + n, p + 2n, ... of each batch, for one of n processes; together they hold the same batch.
        documents: numbers of the documents to use; None = all.
        fill_last_batch: fill the last batch of an epoch with rows of padding; False = it holds fewer rows.

    Attributes:
        steps_per_epoch: batches in an epoch.
        rows: rows in an epoch.
        masked_positions: P, the same in all batches.
        texts_per_row: K, most texts in a row.
        filled: share of the slots of an epoch that are no padding.

    Raises:
        ValueError: a value out of range, documents without a token, or a corpus that the kind of pairs cannot use.

    Reference: Devlin et al. 2018, section 3.1 and appendix A; packing: Krell et al. 2021.

    Example:
        >>> from keras_bert_lab.batches import MemoryCorpus, TokenRows, VocabularyTable
        >>> table = VocabularyTable(pad_id=0, unk_id=1, cls_id=2, sep_id=3, mask_id=4, special_ids=np.arange(5),
        ...                         word_starts=np.ones(11, bool))
        >>> ids = np.array([5, 6, 7, 8, 9, 10])
        >>> corpus = MemoryCorpus(TokenRows(ids, ids * 0, np.array([0, 4, 6])), table)
        >>> inputs, targets, weights = PretrainingBatches(corpus, 10, 1).batch(0)
        >>> inputs["input_example_ids"].tolist(), targets.shape
        ([[1, 1, 1, 1, 1, 1, 2, 2, 2, 2]], (1, 2))
    """

    def __init__(
        self,
        corpus: Any,
        sequence_length: int,
        batch_size: int,
        masking: MaskingConfig | None = None,
        sentence_pairs: Literal["none", "next", "order"] = "none",
        seed: int = 0,
        slice: tuple[int, int] = (0, 1),  # noqa: A002  # p::n of a batch is one
        documents: Sequence[int] | np.ndarray | None = None,
        fill_last_batch: bool = True,
    ) -> None:
        if sentence_pairs not in ("none", "next", "order"):
            raise ValueError(
                f"sentence_pairs must be one of ['none', 'next', 'order']. Received: sentence_pairs={sentence_pairs!r}"
            )
        smallest, held = (3, "[CLS], a token and [SEP]") if sentence_pairs == "none" else (5, "[CLS], two tokens and two [SEP]")
        if sequence_length < smallest:
            raise ValueError(
                f"sequence_length must be at least {smallest}, to hold {held}. Received: sequence_length={sequence_length!r}"
            )
        check_integer("batch_size", batch_size, 1)
        part, parts = slice
        if not 0 <= part < parts or batch_size % parts or (parts > 1 and not fill_last_batch):
            raise ValueError(
                "slice must be (p, n) with 0 <= p < n, n a divisor of batch_size, and fill_last_batch=True where n is above 1. "
                f"Received: slice={slice!r}, batch_size={batch_size}, fill_last_batch={fill_last_batch}"
            )
        self.corpus = corpus
        self.vocabulary = corpus.vocabulary
        self.sequence_length = sequence_length
        self.batch_size = batch_size
        self.masking = masking or MaskingConfig()
        self.sentence_pairs = sentence_pairs
        self.seed = seed
        self.slice = (part, parts)
        self.fill_last_batch = fill_last_batch
        self.documents = chosen = None if documents is None else _checked_documents(documents, corpus.documents)
        cut_seed = int(noise_key(seed, _PIECES))
        self._texts: Pieces | SentencePairs = (
            Pieces(corpus, chosen, sequence_length, cut_seed)
            if sentence_pairs == "none"
            else SentencePairs(corpus, chosen, sequence_length, cut_seed, sentence_pairs)
        )
        if not len(self._texts.slots):
            count = corpus.documents if chosen is None else len(chosen)
            raise ValueError(f"The texts must hold at least one token. Received: {count} texts without any")
        self._masker = Masker(self.vocabulary, self.masking)
        # Rows of very many tiny texts would need many masked positions, and so all other rows would be given them, too.
        most = max(sequence_length // 8, math.ceil(2 * sequence_length / self._texts.slots.mean()))
        self._plan = PackingPlan(self._texts.slots, sequence_length, most)
        self._epoch = functools.lru_cache(maxsize=2)(self._dealt)
        self.rows = self._plan.rows
        self.texts_per_row = self._plan.most
        self.steps_per_epoch = -(-self.rows // batch_size)
        self.filled = int(self._texts.slots.sum()) / (self.rows * sequence_length)
        self.masked_positions = self._most_masked()

    @property
    def target_shape(self) -> Any:
        """Shape of one row's targets."""
        masked = (self.masked_positions,)
        if self.sentence_pairs == "none":
            return masked
        return {contract.MASKED_IDS: masked, contract.NEXT_SENTENCE_LABELS: (self.texts_per_row,)}

    @property
    def content_hash(self) -> str:
        """Of the corpus, and of which documents are used."""
        return hash_of(self.corpus.content_hash, self.documents)

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of batch `step`, of this slice."""
        rows, _ = self._at(step)
        return rows.real, rows.count * self.sequence_length

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`, counted over all epochs.

        Returns:
            The contract dict with `input_example_ids`, `input_positions` and `masked_lm_positions`; the ids of the masked
            tokens, int32 (B, P); their weights, float32 (B, P), 0 = filler. With sentence pairs the dict also has
            `input_example_starts`, int32 (B, K), and targets and weights are dicts with `masked_lm_ids` (B, P) and
            `next_sentence_labels` (B, K).
        """
        rows, pieces = self._at(step)
        tokens = rows.tokens(self.corpus)
        seen, chosen = self._masked(rows, pieces, tokens, step // self.steps_per_epoch, self.masked_positions)
        inputs = rows.inputs(seen, self.vocabulary)
        inputs[contract.MASKED_POSITIONS], ids, weights = rows.chosen(tokens, chosen, self.masked_positions)
        if self.sentence_pairs == "none":
            return inputs, ids, weights
        begins = (rows.begins % self.sequence_length).astype(np.int32)
        inputs[contract.EXAMPLE_STARTS] = rows.by_text(begins, self.texts_per_row, -1)
        labels, known = (rows.by_text(values, self.texts_per_row, 0) for values in (rows.texts.labels, rows.texts.weights))
        return (
            inputs,
            {contract.MASKED_IDS: ids, contract.NEXT_SENTENCE_LABELS: labels},
            {contract.MASKED_IDS: weights, contract.NEXT_SENTENCE_LABELS: known},
        )

    def _dealt(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return self._plan.epoch(generator(self.seed, _ORDER, epoch))

    def _at(self, step: int) -> tuple[PackedRows, np.ndarray]:
        """The rows of batch `step`, and the piece that each of their texts is."""
        epoch, place = divmod(step, self.steps_per_epoch)
        part, parts = self.slice
        numbers = self._epoch(epoch)[0][place * self.batch_size : (place + 1) * self.batch_size][part::parts]
        return self._packed(epoch, numbers, self.batch_size // parts if self.fill_last_batch else len(numbers))

    def _packed(self, epoch: int, numbers: np.ndarray, count: int) -> tuple[PackedRows, np.ndarray]:
        splits = self._plan.row_splits
        texts = splits[numbers + 1] - splits[numbers]
        pieces = self._epoch(epoch)[1][ranges(splits[numbers], texts)]
        key = noise_key(self.seed, _PAIRS, epoch if self.masking.dynamic else 0)
        row = np.repeat(np.arange(len(numbers)), texts)
        return PackedRows(self._texts.texts(pieces, key), row, count, self.sequence_length), pieces

    def _masked(
        self, rows: PackedRows, pieces: np.ndarray, tokens: np.ndarray, epoch: int, limit: int
    ) -> tuple[np.ndarray, np.ndarray]:
        keys = [noise_key(self.seed, _MASKS, epoch if self.masking.dynamic else 0, purpose) for purpose in range(4)]
        places = (pieces.astype(np.uint64) << np.uint64(24))[rows.text] + rows.positions.astype(np.uint64)
        return self._masker.mask(tokens, rows.text, rows.starts, places, rows.row, limit, np.array(keys))

    def _most_masked(self) -> int:
        """P: enough for every row when units are single tokens, and for all rows of a sample when they are longer."""
        if self._masker.single:
            wanted = self._masker.wanted(np.maximum(self._plan.place_lengths.astype(np.int64) - self._texts.special, 1))
            return int(np.add.reduceat(wanted, self._plan.row_splits[:-1]).max())
        numbers = self._epoch(0)[0][:_SAMPLE]
        rows, pieces = self._packed(0, numbers, len(numbers))
        _, chosen = self._masked(rows, pieces, rows.tokens(self.corpus), 0, self.sequence_length)
        return max(1, int(np.bincount(rows.slots[chosen] // self.sequence_length, minlength=1).max()))


def _checked_documents(documents: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """The chosen documents, in ascending order: which ones they are matters, not how they were listed."""
    chosen = np.asarray(documents)
    ordered = np.unique(chosen)
    whole = chosen.ndim == 1 and (not chosen.size or np.issubdtype(chosen.dtype, np.integer))
    if not whole or len(ordered) != chosen.size or (chosen.size and (ordered[0] < 0 or ordered[-1] >= count)):
        raise ValueError(
            f"documents must be different numbers from 0 to {count - 1}, in a list or array. "
            f"Received: documents={documents!r:.200}"
        )
    return ordered.astype(np.int64)
