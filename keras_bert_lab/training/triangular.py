"""Triangles of the learning rate, again and again."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_bert_lab.config import check_integer
from keras_bert_lab.training.schedules import check_rate

__all__ = ["Triangular"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Triangular(keras.optimizers.schedules.LearningRateSchedule):
    """In each period in a straight line from `peak / divide` up to `peak`, and back in a straight line.

    With the steps of an epoch as the period it is the policy of ktrain's `autofit`.

    Args:
        peak: highest learning rate.
        period: steps of one triangle, at least 2.
        divide: the lowest rate is this many times below the peak.
        rise: share of the period on the way up, above 0 and below 1.
        shrink: each triangle is this many times as high as the one before; 1 = all are the same, 0.5 = "triangular2".
        accumulate: batches in a step, where the optimizer has `gradient_accumulation_steps`: Keras asks with the number of
            batches.

    Raises:
        ValueError: a number out of range.

    Reference: Smith 2017, "Cyclical learning rates for training neural networks", section 3; torch's `CyclicLR` (`max_lr`,
        `base_lr`, `step_size_up`).
    """

    def __init__(
        self, peak: float, period: int, divide: float = 10.0, rise: float = 0.5, shrink: float = 1.0, accumulate: int = 1
    ) -> None:
        super().__init__()
        check_rate("peak", peak)
        check_integer("period", period, 2)
        check_rate("divide", divide)
        check_rate("rise", rise)
        check_rate("shrink", shrink)
        if rise >= 1:
            raise ValueError(f"rise must be below 1. Received: rise={rise!r}")
        if shrink > 1:
            raise ValueError(f"shrink must be at most 1. Received: shrink={shrink!r}")
        check_integer("accumulate", accumulate, 1)
        self.peak = peak
        self.period = period
        self.divide = divide
        self.rise = rise
        self.shrink = shrink
        self.accumulate = accumulate

    def __call__(self, step: Any) -> Any:
        step = step // self.accumulate
        place = ops.cast(step % self.period, "float32")  # of integers: float32 cannot tell large steps apart
        top = self.rise * self.period
        height = ops.minimum(place / top, (self.period - place) / (self.period - top))
        if self.shrink < 1:
            height = height * ops.power(self.shrink, ops.cast(step // self.period, "float32"))
        low = self.peak / self.divide
        return low + (self.peak - low) * height

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "period": self.period,
            "divide": self.divide,
            "rise": self.rise,
            "shrink": self.shrink,
            "accumulate": self.accumulate,
        }
