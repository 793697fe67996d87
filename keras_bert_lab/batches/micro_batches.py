"""Batches in parts, for gradient accumulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_bert_lab.batches.dataset import Batches

__all__ = ["MicroBatches"]


class MicroBatches:
    """The parts of numbered batches, one after the other: number k is part k mod n of batch k div n.

    For optimizers with `gradient_accumulation_steps=n`, which change the weights once for all parts of a batch.

    Args:
        parts: n numbered batches, number k of each a part of the same batch: such as the slices (0, n) to (n - 1, n) of
            `PretrainingBatches`.

    Attributes:
        steps_per_epoch: parts in an epoch.
    """

    def __init__(self, parts: Sequence[Batches]) -> None:
        self.parts = list(parts)
        self.steps_per_epoch = len(self.parts) * self.parts[0].steps_per_epoch

    @property
    def target_shape(self) -> Any:
        """Shape of one row's targets."""
        return self.parts[0].target_shape

    @property
    def content_hash(self) -> str:
        """Of what the batches are made of."""
        return getattr(self.parts[0], "content_hash", "")

    def batch(self, step: int) -> tuple[Any, ...]:
        """Part `step`, counted over all batches."""
        batch, part = divmod(step, len(self.parts))
        return self.parts[part].batch(batch)

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of part `step`."""
        batch, part = divmod(step, len(self.parts))
        return self.parts[part].counts(batch)
