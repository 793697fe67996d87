"""Labelled texts -> batches for fine-tuning, evaluation and prediction."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.batches.randomness import generator
from keras_bert_lab.batches.token_rows import TokenRows
from keras_bert_lab.batches.window_rows import WindowRows

__all__ = ["ExampleBatches"]


class ExampleBatches:
    """Batches of texts of similar length; batch k is a pure function of (seed, k).

    Args:
        rows: the tokenised texts, special tokens included; long ones may have several windows.
        pad_id: id of the padding token.
        batch_size: texts in a batch.
        targets: (R, ...) or None.
        weights: float (R,), one weight for each text, or None.
        columns: float32 (R, F), numbers about each text, which the inputs then hold too; or None.
        longest: no batch is padded beyond this, the encoder's limit; None = no limit.
        seed: of the order; None = the order of the texts, short ones first, the same in every epoch.

    Attributes:
        steps_per_epoch: batches in an epoch.
    """

    def __init__(
        self,
        rows: TokenRows | WindowRows,
        pad_id: int,
        batch_size: int,
        targets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        seed: int | None = None,
        longest: int | None = None,
        columns: np.ndarray | None = None,
    ) -> None:
        self.rows = rows
        self.pad_id = pad_id
        self.targets = targets
        self.weights = weights
        self.seed = seed
        self.longest = longest
        self.columns = columns
        self.batch_size = batch_size
        self.steps_per_epoch = -(-len(rows) // batch_size)
        self._lengths = rows.lengths
        self._epoch = functools.lru_cache(maxsize=2)(self._plan)

    def _plan(self, epoch: int) -> list[tuple[np.ndarray, int]]:
        rng = None if self.seed is None else generator(self.seed, 0, epoch)
        batches = self.rows.batches(self.batch_size, rng)
        return [(rows, min(length, self.longest or length)) for rows, length in batches]

    def _at(self, step: int) -> tuple[np.ndarray, int]:
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch if self.seed is not None else 0)[place]

    def indices(self, step: int) -> np.ndarray:
        """Which texts are in batch `step`."""
        return self._at(step)[0]

    def subset(self, rows: np.ndarray, shuffle: bool = True) -> ExampleBatches:
        """Batches of some of the texts.

        Args:
            rows: indices of the texts.
            shuffle: keep the seed; else these texts stay in order.
        """
        return ExampleBatches(
            self.rows.take(rows),
            self.pad_id,
            self.batch_size,
            None if self.targets is None else self.targets[rows],
            None if self.weights is None else self.weights[rows],
            self.seed if shuffle else None,
            self.longest,
            None if self.columns is None else self.columns[rows],
        )

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of one text's target: the same in all batches."""
        return () if self.targets is None else self.targets.shape[1:]

    @functools.cached_property
    def content_hash(self) -> str:
        """Of all texts, targets and weights."""
        more = () if self.columns is None else (self.columns,)
        return hash_of(*self.rows.arrays, self.targets, self.weights, *more)

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of batch `step`."""
        rows, length = self._at(step)
        return int(self._lengths[rows].sum()), self.rows.slots(rows, length)

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`, counted over all epochs: (inputs,), (inputs, targets) or (inputs, targets, weights)."""
        rows, length = self._at(step)
        ids, mask, types = self.rows.padded(rows, length, self.pad_id)
        inputs = {contract.WORD_IDS: ids, contract.MASK: mask, contract.TYPE_IDS: types}
        if self.columns is not None:
            inputs[contract.COLUMNS] = self.columns[rows]
        if self.targets is None:
            return (inputs,)
        if self.weights is None:
            return inputs, self.targets[rows]
        return inputs, self.targets[rows], self.weights[rows]
