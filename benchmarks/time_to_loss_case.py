"""What both sides of time_to_loss.py are given: sizes, learning rates, and the rows that both are measured on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prepared_books import all_tokens

__all__ = ["Case", "write_evaluation"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One training.

    Args:
        steps: of the whole training; the learning rate falls to 0 over them.
        every: steps between two measurements.
        batch_size: B, rows in a batch.
        sequence_length: S, tokens in a row.
        evaluated_rows: held-out rows.
        learning_rate: the highest one.
        warmup: share of the steps in which it rises; afterwards it falls to 0 in a straight line.
        weight_decay: of all weights but biases and layer normalisation.
        epsilon: of Adam.
        clip_norm: longest gradient.
        masked: share of the tokens that are predicted.
        seed: of weights, order and masks.
    """

    steps: int
    every: int
    batch_size: int = 32
    sequence_length: int = 128
    evaluated_rows: int = 1024
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    epsilon: float = 1e-6
    clip_norm: float = 1.0
    masked: float = 0.15
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of step 0, 1, ..."""
        warmup = round(self.warmup * self.steps)
        share = min((step + 1) / max(1, warmup), (self.steps - step) / max(1, self.steps - warmup))
        return self.learning_rate * max(0.0, min(1.0, share))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Case:
        return cls(**json.loads(text))


def write_evaluation(case: Case, corpus: Any, path: Path) -> int:
    """Choose held-out rows and what is masked in them, once, for both sides.

    A row is [CLS], a stretch of one book that fills it, [SEP]: neither side's own kind, which are several short texts ([CLS],
    [SEP] and positions for each of them) here, and an endless chain of paragraphs cut every 128 tokens there.

    Args:
        case: sizes.
        corpus: the opened corpus of held-out books.
        path: of the .npz with `ids`, `positions`, `targets`, `weights`.

    Returns:
        How many tokens are masked.
    """
    from keras_bert_lab import contract
    from keras_bert_lab.batches import MemoryCorpus, PretrainingBatches, TokenRows
    from keras_bert_lab.config import MaskingConfig

    rows = TokenRows(all_tokens(corpus), np.zeros(0, np.int32), np.asarray(corpus.document_splits))
    books = MemoryCorpus(rows, corpus.vocabulary)  # without sentences: cut into equal parts
    masking = MaskingConfig(rate=case.masked)
    batches = PretrainingBatches(
        books, case.sequence_length, case.evaluated_rows, masking, seed=case.seed, fill_last_batch=False
    )
    inputs, targets, weights = batches.batch(0)
    if inputs[contract.EXAMPLE_IDS].max() != 1 or inputs[contract.MASK].mean() < 0.95:
        raise ValueError("Every row must be one stretch of a book. Received: rows of several texts, or with much padding.")
    np.savez(
        path,
        ids=inputs[contract.WORD_IDS],
        mask=inputs[contract.MASK],
        positions=inputs[contract.MASKED_POSITIONS],
        targets=targets,
        weights=weights,
    )
    return int(weights.sum())
