"""How many steps a pretraining has, how large its batches are, and when it is validated."""

from __future__ import annotations

import dataclasses

from keras_bert_lab.batches import Batches, GrowingBatches, MicroBatches, PretrainingBatches
from keras_bert_lab.config import check_integer, check_share

__all__ = ["Pace", "shared"]

_GROWTH = 8  # how many times larger the batch becomes


def shared(batches: PretrainingBatches, share: tuple[int, int]) -> PretrainingBatches:
    """The same batches, all of full size, and of each only the rows p, p + n, p + 2 n, ...; `share` is (p, n)."""
    return PretrainingBatches(
        batches.corpus,
        batches.sequence_length,
        batches.batch_size,
        batches.masking,
        batches.sentence_pairs,
        batches.seed,
        slice=share,
        documents=batches.documents,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """Steps and batches.

    Args:
        epochs: how often the corpus is read, where `steps` does not say how long.
        steps: changes of the weights.
        batch_size: rows in a batch, in the end.
        batch_ramp: share of all steps in which the batch grows from an eighth.
        accumulate: parts in which a batch is worked through.
        validate_every: steps from one validation to the next; None = once an epoch.

    Raises:
        ValueError: a number out of range, or a batch that cannot be divided so.
    """

    epochs: int
    steps: int | None
    batch_size: int
    batch_ramp: float
    accumulate: int
    validate_every: int | None

    def __post_init__(self) -> None:
        check_integer("epochs", self.epochs, 0)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("accumulate", self.accumulate, 1)
        check_share("batch_ramp", self.batch_ramp)
        for name in ("steps", "validate_every"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 1)
        if self.batch_ramp and self.batch_size % _GROWTH:
            raise ValueError(
                f"batch_size must be a multiple of {_GROWTH} where the batch grows. Received: batch_size={self.batch_size}, "
                f"batch_ramp={self.batch_ramp}. Change it, or use --batch_ramp 0."
            )
        if self.small % self.accumulate:
            raise ValueError(
                f"accumulate must divide the smallest batch, of {self.small} rows. Received: accumulate={self.accumulate}, "
                f"batch_size={self.batch_size}, batch_ramp={self.batch_ramp}"
            )

    @property
    def growth(self) -> int:
        """How many times larger the batch becomes."""
        return _GROWTH if self.batch_ramp else 1

    @property
    def small(self) -> int:
        """Rows of the smallest batch."""
        return self.batch_size // self.growth

    @property
    def part(self) -> int:
        """Rows of the smallest part of a batch."""
        return self.small // self.accumulate

    def total(self, small_batches: int) -> int:
        """Changes of the weights, where an epoch has so many of the smallest batches.

        Example:
            >>> pace = Pace(epochs=3, steps=None, batch_size=32, batch_ramp=0.5, accumulate=1, validate_every=None)
            >>> pace.total(100)  # half of the steps with 1 to 8 small batches, 4.5 in the mean, half of them with 8
            48
        """
        if self.steps is not None:
            return self.steps
        mean = self.batch_ramp * (1 + self.growth) / 2 + (1 - self.batch_ramp) * self.growth
        return round(self.epochs * small_batches / mean) or min(1, self.epochs)

    def rounds(self, total: int) -> tuple[int, int]:
        """Rounds between validations, and changes of the weights in each: as near to what was asked as whole rounds allow.

        Example:
            >>> Pace(epochs=3, steps=None, batch_size=32, batch_ramp=0.0, accumulate=1, validate_every=40).rounds(100)
            (2, 50)
        """
        rounds = self.epochs if self.steps is None else 1
        if self.validate_every is not None:
            rounds = round(total / self.validate_every)
        rounds = max(1, min(rounds, total))
        return rounds, total // rounds

    def batches(self, base: PretrainingBatches, total: int, share: tuple[int, int] = (0, 1)) -> Batches:
        """The batches of the training, in parts where there are several.

        Args:
            base: of `small` rows.
            total: changes of the weights.
            share: (p, n): the share of each part for process p of n.
        """
        process, processes = share
        parts: list[Batches] = []
        for part in range(self.accumulate):
            # Rows part, part + a, part + 2 a, ... of a parts; of these each process takes every n-th.
            found: Batches = shared(base, (part + self.accumulate * process, self.accumulate * processes))
            parts.append(GrowingBatches(found, self.growth, round(self.batch_ramp * total)) if self.growth > 1 else found)
        return parts[0] if self.accumulate == 1 else MicroBatches(parts)
