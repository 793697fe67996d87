"""Learning rates over the steps of a training."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_bert_lab.config import check_integer

__all__ = ["LinearWarmupDecay", "check_rate"]


def check_rate(name: str, value: Any, minimum: float = 0.0) -> None:
    """Refuse what is no finite number above `minimum`.

    Example:
        >>> check_rate("peak", -0.1)
        Traceback (most recent call last):
        ValueError: peak must be a finite number above 0. Received: peak=-0.1
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not minimum < value < math.inf:
        raise ValueError(f"{name} must be a finite number above {minimum:g}. Received: {name}={value!r}")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Up in a straight line from 0 to `peak`, then down in a straight line to 0.

    Args:
        peak: highest learning rate, reached after `warmup_steps`.
        total_steps: steps of the whole training; from there on the rate is 0.
        warmup_steps: steps of the way up; 0 = none.
        accumulate: batches in a step, where the optimizer has `gradient_accumulation_steps`: Keras asks with the number of
            batches.

    Raises:
        ValueError: fewer total steps than warm-up steps, a rate that is not above 0, or no batch in a step.

    Reference: Devlin et al. 2018, appendix A.2.
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0, accumulate: int = 1) -> None:
        super().__init__()
        if not peak > 0:
            raise ValueError(f"peak must be above 0. Received: peak={peak!r}")
        if total_steps < 1 or not 0 <= warmup_steps <= total_steps:
            raise ValueError(
                "total_steps must be at least 1, and warmup_steps between 0 and total_steps. "
                f"Received: total_steps={total_steps!r}, warmup_steps={warmup_steps!r}"
            )
        check_integer("accumulate", accumulate, 1)
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.accumulate = accumulate

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step // self.accumulate, "float32")
        up = (step + 1.0) / max(1, self.warmup_steps)  # step 0 already moves the weights
        down = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(up, down), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "accumulate": self.accumulate,
        }
