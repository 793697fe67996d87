"""A warm-up, then half waves of a cosine."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_bert_lab.config import check_integer
from keras_bert_lab.training.schedules import check_rate

__all__ = ["WarmupCosine"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Up in a straight line from 0 to `peak`, then down to 0 along half a wave of a cosine, once or several times.

    The warm-up is that of `LinearWarmupDecay`: step 0 already moves the weights.

    Args:
        peak: highest learning rate, reached after `warmup_steps` and at the beginning of each further wave.
        total_steps: steps of the whole training; from there on the rate is 0.
        warmup_steps: steps of the way up; 0 = none.
        waves: how often it goes down; all but the first begin with a jump back to the peak.
        accumulate: batches in a step, where the optimizer has `gradient_accumulation_steps`: Keras asks with the number of
            batches.

    Raises:
        ValueError: a number out of range, or fewer total steps than warm-up steps.

    Reference: Loshchilov and Hutter 2016, "SGDR", section 3; transformers' `get_cosine_schedule_with_warmup` and
        `get_cosine_with_hard_restarts_schedule_with_warmup` (`num_cycles`), whose step 0 does not move the weights: in the
        warm-up they are one step behind.
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0, waves: int = 1, accumulate: int = 1) -> None:
        super().__init__()
        check_rate("peak", peak)
        check_integer("total_steps", total_steps, 1)
        check_integer("warmup_steps", warmup_steps, 0, total_steps)
        check_integer("waves", waves, 1)
        check_integer("accumulate", accumulate, 1)
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.waves = waves
        self.accumulate = accumulate

    def __call__(self, step: Any) -> Any:
        step = step // self.accumulate
        after, steps = step - self.warmup_steps, max(1, self.total_steps - self.warmup_steps)
        # The place in a wave, from integers: shares of float32 would miss the jumps.
        place = ops.cast((after * self.waves) % steps, "float32") / steps
        height = (1.0 + ops.cos(math.pi * place)) / 2.0
        up = ops.cast(step + 1, "float32") / max(1, self.warmup_steps)
        falling = ops.where(step < self.total_steps, height, 0.0)
        return self.peak * ops.where(step < self.warmup_steps, up, falling)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "waves": self.waves,
            "accumulate": self.accumulate,
        }
