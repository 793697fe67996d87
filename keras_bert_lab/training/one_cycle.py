"""One cycle of the learning rate: up, down, and far below where it began."""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
from keras import ops

from keras_bert_lab.config import check_integer, check_share
from keras_bert_lab.training.schedules import check_rate

__all__ = ["OneCycle"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """From `peak / divide` up to `peak`, then down to `peak / divide / final_divide`, over the whole training.

    The highest rate comes in step `rise * total_steps - 1`, the lowest in step `total_steps - 1`, where the rate stays.
    `OneCycle(peak, steps, rise=0.5, shape="linear")` is the triangle of ktrain's `fit_onecycle`.

    Momentum is not cycled against the rate, as Smith does for SGD: the bias correction of Adam, 1 - beta_1^t, holds for one
    beta_1 alone.

    Args:
        peak: highest learning rate.
        total_steps: steps of the whole training.
        rise: share of the steps on the way up, below 1; 0 = none.
        divide: the first rate is this many times below the peak.
        final_divide: the last rate is this many times below the first.
        shape: of both ways: "cosine", half a wave, or "linear".
        accumulate: batches in a step, where the optimizer has `gradient_accumulation_steps`: Keras asks with the number of
            batches.

    Raises:
        ValueError: a number out of range, or an unknown shape.

    Reference: Smith 2018, "A disciplined approach to neural network hyper-parameters", section 4.1; torch's `OneCycleLR`
        (`max_lr`, `pct_start`, `div_factor`, `final_div_factor`, `anneal_strategy`), without its cycle of the momentum.
    """

    def __init__(
        self,
        peak: float,
        total_steps: int,
        rise: float = 0.3,
        divide: float = 10.0,
        final_divide: float = 1e4,
        shape: Literal["cosine", "linear"] = "cosine",
        accumulate: int = 1,
    ) -> None:
        super().__init__()
        check_rate("peak", peak)
        check_integer("total_steps", total_steps, 1)
        check_share("rise", rise)
        check_rate("divide", divide)
        check_rate("final_divide", final_divide)
        if shape not in ("cosine", "linear"):
            raise ValueError(f"shape must be 'cosine' or 'linear'. Received: shape={shape!r}")
        check_integer("accumulate", accumulate, 1)
        self.peak = peak
        self.total_steps = total_steps
        self.rise = rise
        self.divide = divide
        self.final_divide = final_divide
        self.shape = shape
        self.accumulate = accumulate

    def _between(self, start: float, end: float, share: Any) -> Any:
        left = (1.0 + ops.cos(math.pi * share)) / 2.0 if self.shape == "cosine" else 1.0 - share
        return end + (start - end) * left  # the small end exactly

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step // self.accumulate, "float32")
        first, top, last = self.peak / self.divide, self.rise * self.total_steps - 1.0, self.total_steps - 1.0
        down = ops.clip((step - top) / max(last - top, 1e-6), 0.0, 1.0)
        falling = self._between(self.peak, first / self.final_divide, down)
        if top <= 0:
            return falling
        rising = self._between(first, self.peak, ops.clip(step / top, 0.0, 1.0))
        return ops.where(step <= top, rising, falling)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "rise": self.rise,
            "divide": self.divide,
            "final_divide": self.final_divide,
            "shape": self.shape,
            "accumulate": self.accumulate,
        }
