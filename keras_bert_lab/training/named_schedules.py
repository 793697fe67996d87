"""Learning-rate schedules by name, over the steps of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_bert_lab.config import SCHEDULES
from keras_bert_lab.training.one_cycle import OneCycle
from keras_bert_lab.training.schedules import LinearWarmupDecay
from keras_bert_lab.training.triangular import Triangular
from keras_bert_lab.training.warmup_cosine import WarmupCosine

__all__ = ["named_schedule"]

# Highest rate, steps, warm-up steps, steps of an epoch, batches in a step -> learning rate or schedule.
_MAKERS: dict[str, Callable[[float, int, int, int, int], Any]] = {
    "linear": lambda rate, steps, warmup, epoch, accumulate: LinearWarmupDecay(rate, steps, warmup, accumulate),
    "cosine": lambda rate, steps, warmup, epoch, accumulate: WarmupCosine(rate, steps, warmup, accumulate=accumulate),
    "one_cycle": lambda rate, steps, warmup, epoch, accumulate: OneCycle(rate, steps, accumulate=accumulate),
    "triangular": lambda rate, steps, warmup, epoch, accumulate: Triangular(rate, max(2, epoch), accumulate=accumulate),
    "constant": lambda rate, steps, warmup, epoch, accumulate: rate,
}


def named_schedule(
    name: str, rate: float, steps: int, warmup: float = 0.1, steps_per_epoch: int | None = None, accumulate: int = 1
) -> Any:
    """A learning rate or a schedule.

    Args:
        name: "linear" or "cosine", down to 0 after the warm-up; "one_cycle"; "triangular", up and down in each epoch; or
            "constant".
        rate: the highest one.
        steps: of the whole training; 0 counts as 1.
        warmup: share of them in which "linear" and "cosine" rise.
        steps_per_epoch: for "triangular"; None = all.
        accumulate: batches in a step.

    Raises:
        ValueError: an unknown name, or a number out of range.

    Example:
        >>> named_schedule("linear", 1e-3, 200).warmup_steps
        20
    """
    if name not in _MAKERS:
        raise ValueError(f"schedule must be one of {list(SCHEDULES)}. Received: schedule={name!r}")
    steps = max(1, steps)
    return _MAKERS[name](rate, steps, round(warmup * steps), steps_per_epoch or steps, accumulate)
