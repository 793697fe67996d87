"""Batches that are small when a training begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_bert_lab.batches.dataset import Batches
from keras_bert_lab.config import check_integer

__all__ = ["GrowingBatches"]


class GrowingBatches:
    """Numbered batches, each made of several smaller ones: of one at first, of `most` from `ramp_steps` on.

    In between their number rises in a straight line. No small batch is left out or used twice, so batch k remains a pure
    function of k, and of the seed of the small ones.

    Args:
        small: numbered batches, all with the same number of rows.
        most: how many of them make a batch in the end.
        ramp_steps: batches until then.

    Attributes:
        steps_per_epoch: batches of full size that hold every text once.

    Raises:
        ValueError: a number out of range.

    Reference: growing batches: Smith et al. 2018, "Don't Decay the Learning Rate, Increase the Batch Size"; for a BERT on a
        small budget: Geiping and Goldstein 2022, "Cramming", section 4.3.
    """

    def __init__(self, small: Batches, most: int, ramp_steps: int) -> None:
        check_integer("most", most, 1)
        check_integer("ramp_steps", ramp_steps, 0)
        self.small = small
        self.most = most
        sizes = 1 + np.arange(ramp_steps, dtype=np.int64) * (most - 1) // max(1, ramp_steps)
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        self.steps_per_epoch = max(1, small.steps_per_epoch // most)

    @property
    def target_shape(self) -> Any:
        """Shape of one row's targets."""
        return self.small.target_shape

    @property
    def content_hash(self) -> str:
        """Of what the batches are made of."""
        return getattr(self.small, "content_hash", "")

    def first(self, step: int) -> int:
        """Number of the first small batch in batch `step`: how many were used before."""
        ramp = len(self._starts) - 1
        return int(self._starts[min(step, ramp)]) + max(0, step - ramp) * self.most

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`: the rows of its small batches, one after the other."""
        parts = [self.small.batch(number) for number in range(self.first(step), self.first(step + 1))]
        return tuple(_joined(each) for each in zip(*parts, strict=True))

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of batch `step`."""
        found = [self.small.counts(number) for number in range(self.first(step), self.first(step + 1))]
        return sum(real for real, _ in found), sum(slots for _, slots in found)


def _joined(parts: tuple[Any, ...]) -> Any:
    if isinstance(parts[0], dict):
        return {key: _joined(tuple(part[key] for part in parts)) for key in parts[0]}
    return np.concatenate(parts)
