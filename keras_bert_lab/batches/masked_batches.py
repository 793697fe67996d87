"""Texts -> packed and masked batches for pretraining."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches.masking import mask_tokens
from keras_bert_lab.batches.packing import pack
from keras_bert_lab.batches.randomness import generator
from keras_bert_lab.batches.token_rows import TokenRows
from keras_bert_lab.config import MaskingConfig

__all__ = ["MaskedBatches"]

# The number of masked positions of a batch is rounded up to this, so that few shapes occur.
_POSITIONS_STEP = 8


class MaskedBatches:
    """Packed rows with masked tokens; batch k is a pure function of (seed, k), with new masks in every epoch.

    Texts longer than a row are cut into pieces. Each piece becomes `[CLS] piece [SEP]`; pieces share rows, attention does not
    cross from one to another, positions restart in each.

    Args:
        rows: the tokenised texts, without special tokens.
        vocabulary: whose special tokens are added and protected.
        sequence_length: S, slots in a row.
        batch_size: rows in a batch.
        masking: how tokens are masked.
        seed: of order, packing and masks.

    Attributes:
        steps_per_epoch: batches in an epoch.

    Raises:
        ValueError: no text holds a token, or rows without room for one.
    """

    def __init__(
        self,
        rows: TokenRows,
        vocabulary: Any,
        sequence_length: int,
        batch_size: int,
        masking: MaskingConfig | None = None,
        seed: int = 0,
    ) -> None:
        if sequence_length < 3:
            raise ValueError(
                "sequence_length must be at least 3, to hold [CLS], a token and [SEP]. "
                f"Received: sequence_length={sequence_length!r}"
            )
        self.vocabulary = vocabulary
        self.sequence_length = sequence_length
        self.batch_size = batch_size
        self.masking = masking or MaskingConfig()
        self.seed = seed
        self._ids = rows.ids
        self._starts, self._lengths = self._pieces(rows, sequence_length - 2)
        if not len(self._starts):
            raise ValueError(f"The texts must hold at least one token. Received: {len(rows)} texts without any")
        self._epoch = functools.lru_cache(maxsize=2)(self._plan)
        self.steps_per_epoch = -(-len(self._epoch(0)) // batch_size)

    @property
    def target_shape(self) -> tuple[int | None, ...]:
        """Shape of one row's targets: P differs from batch to batch."""
        return (None,)

    @staticmethod
    def _pieces(rows: TokenRows, longest: int) -> tuple[np.ndarray, np.ndarray]:
        """Start and length of each piece in the flat ids: rows cut into equal parts of at most `longest` tokens."""
        lengths = rows.lengths
        parts = -(-lengths // longest)  # 0 for an empty text
        row = np.repeat(np.arange(len(rows)), parts)
        part = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
        bounds = [lengths[row] * (part + step) // np.maximum(parts[row], 1) for step in (0, 1)]
        return rows.splits[:-1][row] + bounds[0], bounds[1] - bounds[0]

    def _plan(self, epoch: int) -> list[list[int]]:
        # Long pieces first: least padding, and as many rows in every epoch, since their number follows from the lengths alone.
        # Pieces of one length are shuffled, and so are the rows.
        rng = generator(self.seed, 0, epoch)
        order = rng.permutation(len(self._starts))
        order = order[np.argsort(-self._lengths[order], kind="stable")]
        packed = pack(self._lengths[order] + 2, self.sequence_length)
        return [order[packed[row]].tolist() for row in rng.permutation(len(packed))]

    def _rows_of(self, step: int) -> list[list[int]]:
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch)[place * self.batch_size : (place + 1) * self.batch_size]

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of batch `step`."""
        rows = self._rows_of(step)
        return int(sum(self._lengths[row].sum() + 2 * len(row) for row in rows)), len(rows) * self.sequence_length

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`, counted over all epochs: inputs, ids of the masked tokens (B, P), their weights (B, P), 0 = filler."""
        rows = self._rows_of(step)
        shape = (len(rows), self.sequence_length)
        ids = np.full(shape, self.vocabulary.pad_id, np.int32)
        examples = np.zeros(shape, np.int32)
        positions = np.zeros(shape, np.int32)
        for row, pieces in enumerate(rows):
            slot = 0
            for number, piece in enumerate(pieces, start=1):
                start, length = self._starts[piece], self._lengths[piece]
                end = slot + length + 2
                ids[row, slot], ids[row, end - 1] = self.vocabulary.cls_id, self.vocabulary.sep_id
                ids[row, slot + 1 : end - 1] = self._ids[start : start + length]
                examples[row, slot:end] = number
                positions[row, slot:end] = np.arange(length + 2)
                slot = end
        seen, chosen = mask_tokens(
            ids,
            examples,
            generator(self.seed, 1, step),
            mask_id=self.vocabulary.mask_id,
            special_ids=self.vocabulary.special_ids,
            word_starts=self.vocabulary.word_starts,
            masking=self.masking,
        )
        count = chosen.sum(axis=1)
        width = max(1, -(-int(count.max()) // _POSITIONS_STEP)) * _POSITIONS_STEP
        weights = np.arange(width) < count[:, None]
        masked_positions = np.zeros(weights.shape, np.int32)
        masked_positions[weights] = np.nonzero(chosen)[1]
        targets = np.zeros(weights.shape, np.int32)
        targets[weights] = ids[chosen]
        inputs = {
            contract.WORD_IDS: seen,
            contract.MASK: (examples > 0).astype(np.int32),
            contract.TYPE_IDS: np.zeros(shape, np.int32),
            contract.EXAMPLE_IDS: examples,
            contract.POSITIONS: positions,
            contract.MASKED_POSITIONS: masked_positions,
        }
        return inputs, targets, weights.astype(np.float32)
