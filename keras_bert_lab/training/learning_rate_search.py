"""What a search for a learning rate has found, and which rate follows from it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_bert_lab.lazy import LazyModule

__all__ = ["LearningRateSearch", "evaluate_search", "memory_of"]

optimize = LazyModule("scipy.optimize", install="scipy")

_WIDTH = 0.3  # decades over which losses are averaged
_FEWEST = 10
_SURE = 4.0  # standard errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningRateSearch:
    """The losses of a short training whose learning rate rises step by step; from `lr_find`.

    Attributes:
        rates: of the steps, rising.
        losses: of the batch of each step, before the step was made.
        smoothed: the losses averaged over neighbouring rates.
        suggestion: a learning rate, in two digits; None where none can be told.
        reason: why this rate, or why none, in a sentence.
        ended: "end", all rates were tried; "diverged", the loss rose far above where it was; "not finite", it became NaN or
            infinite.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    reason: str
    ended: Literal["end", "diverged", "not finite"]

    def __str__(self) -> str:
        return self.reason

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, as for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()}


def memory_of(rates: Sequence[float] | np.ndarray) -> float:
    """How much of a running mean stays from step to step: it averages over the same stretch however many rates there are.

    Example:
        >>> [round(memory_of(np.geomspace(1e-7, 1, steps)), 3) for steps in (8, 71, 701)]
        [0.036, 0.717, 0.967]
    """
    if len(rates) < 2:
        return 0.0
    return math.exp(-math.log10(rates[-1] / rates[0]) / (len(rates) - 1) / _WIDTH)


def _average(losses: np.ndarray, memory: float) -> tuple[np.ndarray, np.ndarray]:
    """Means that weigh each step by memory^distance, and the standard error of each where one loss has that of 1.

    They are divided by the weights that are there, so there is no bias at the ends.
    """
    places = np.arange(len(losses))
    weights = memory ** np.abs(places[:, None] - places)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ losses, np.sqrt((weights**2).sum(axis=1))


def _noise(losses: np.ndarray, memory: float) -> np.ndarray:
    """The standard deviation of a loss at each step, from the differences between neighbours, which see no trend.

    It is local, over about a decade: high rates make the loss wild.
    """
    differences = np.abs(np.diff(losses))
    around, _ = _average(differences, memory**0.5)
    return np.append(around, around[-1]) * math.sqrt(math.pi) / 2  # of the normal distribution


def evaluate_search(rates: Sequence[float] | np.ndarray, losses: Sequence[float], ended: str) -> LearningRateSearch:
    """Which learning rate follows from a search.

    The rule: the loss is flat at first, falls to a lowest value, and rises. The rate in the middle of the fall is suggested:
    where the loss has come down half of the way from where it began to its lowest value. There it falls about as steeply as
    it does anywhere, and unlike the steepest place or the lowest one, a level that is crossed is the same in spite of noise:

    1. losses are capped, so that a single one counts little, and averaged over 0.3 decades;
    2. the noise of the losses follows from the differences between neighbours, of each stretch by itself: high rates make them
       wild. The lowest value is where the average plus 2 standard errors is lowest;
    3. a fall of less than 4 standard errors, or of less than a thousandth of the loss, is none;
    4. the falling curve that fits the losses best (isotonic regression) crosses the level at one rate.

    Args:
        rates: rising.
        losses: finite, one for each rate.
        ended: see `LearningRateSearch`.

    Example:
        >>> rates = 10.0 ** np.linspace(-7, 0, 71)
        >>> falls = 1 / (1 + (1e-3 / rates) ** 2)
        >>> found = evaluate_search(rates, 2 - falls + (rates / 0.1) ** 2, "end")
        >>> found.suggestion, found.reason
        (0.001, 'at 1.0e-03 the loss has fallen half of the way from 2 to 1.11, its lowest, at 7.9e-03')
    """
    suggestion, smoothed, reason = _suggestion(np.asarray(rates, float), np.asarray(losses, float), ended)
    return LearningRateSearch(
        rates=tuple(map(float, rates)),
        losses=tuple(map(float, losses)),
        smoothed=tuple(smoothed.tolist()),
        suggestion=suggestion,
        reason=reason,
        ended=ended,  # type: ignore[arg-type]
    )


_ENDS = {
    "end": "all rates were tried",
    "diverged": "then the loss rose far above where it was",
    "not finite": "then the loss was not finite",
}


def _suggestion(rates: np.ndarray, losses: np.ndarray, ended: str) -> tuple[float | None, np.ndarray, str]:
    memory = memory_of(rates)
    if len(rates) < _FEWEST:
        told = f"no rate can be told from {len(rates)} steps, at least {_FEWEST} are needed: {_ENDS[ended]}. "
        cure = "Take more steps" if ended == "end" else "Look at the data and the loss, or begin with a lower rate"
        return None, _average(losses, memory)[0] if len(losses) else losses, told + cure
    first = float(np.median(losses[: max(3, round(1 / (1 - memory)))]))
    capped = np.minimum(losses, first + max(abs(first), first - float(losses.min())))
    smoothed, errors = _average(capped, memory)
    errors *= _noise(capped, memory)
    lowest = int(np.argmin(smoothed + 2 * errors))
    start, low = float(smoothed[0]), float(smoothed[lowest])
    if start - low <= max(_SURE * math.hypot(errors[0], errors[lowest]), 1e-3 * abs(start)):
        place = int(np.argmin(smoothed))
        fell = f"fell no further than from {start:.3g} to {smoothed[place]:.3g}, which is within its noise"
        has_fallen = smoothed[place] < start
        told = f"no rate can be told: the loss {fell if has_fallen else 'never fell'}; {_ENDS[ended]}. "
        if ended == "end":
            return None, smoothed, told + "Take more steps, larger batches or a wider range of rates"
        # The rates at which it would fall may have gone by too fast, or were below the first one.
        return None, smoothed, told + ("Take more steps or larger batches" if has_fallen else "Begin with a lower rate")
    fit = optimize.isotonic_regression(capped[: lowest + 1], increasing=False).x
    level = (start + low) / 2
    place = int(np.argmax(fit <= level))
    rate = float(f"{rates[place]:.1e}")
    reason = (
        f"at {rate:.1e} the loss has fallen half of the way from {start:.3g} to {low:.3g}, its lowest, at {rates[lowest]:.1e}"
    )
    if lowest == len(rates) - 1 and ended == "end":
        reason += "; it was still falling at the highest rate: a search up to a higher one tells more"
    return rate, smoothed, reason
