"""Search for a learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.config import check_integer
from keras_bert_lab.training.as_it_was import as_it_was
from keras_bert_lab.training.fit_data import data_for_steps
from keras_bert_lab.training.learning_rate_search import LearningRateSearch, evaluate_search, memory_of
from keras_bert_lab.training.schedules import check_rate
from keras_bert_lab.training.settable_rate import check_one_rate, set_rate

__all__ = ["lr_find"]


def lr_find(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    start: float = 1e-7,
    stop: float = 1.0,
    steps: int = 100,
    batch_size: int = 32,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | None = None,
    seed: int = 0,
    stop_factor: float = 4.0,
) -> LearningRateSearch:
    """Train for some steps with a learning rate that rises from step to step, see where the loss falls, and take it all back.

    Afterwards the model is as before, to the last bit: weights, optimizer, learning rate or schedule, seeds, metrics, history;
    also after an error or Ctrl-C. Where the learning rate is a number (no schedule), the next `fit` uses what was traced here.
    What a data set remembers by itself, such as the order of a `tf.data` shuffle, goes on.

    Args:
        model: compiled, with any optimizer of Keras that has one learning rate. With `layer_decay` the rate is that of the
            head.
        x: what `fit` takes: texts for a model that takes them, arrays, a `tf.data.Dataset`, a `keras.utils.PyDataset`; or
            numbered batches. A sample of arrays and texts is drawn.
        y: targets, for texts and arrays.
        start, stop: the lowest and the highest learning rate.
        steps: how many rates, each by the same factor above the last. With `gradient_accumulation_steps` each takes as many
            batches.
        batch_size: rows in a batch, for texts and arrays; the one that will be used for training.
        sample_weight, class_weight: as in `fit`.
        seed: of the order of texts and arrays.
        stop_factor: it ends when the running mean of the loss has risen this many times as far above 0 as its lowest value is,
            or as its fall was, whichever is more (less one: 4 = by 3 times as much).

    Returns:
        Rates, losses, a suggestion and its reason; `plot_learning_rate_search` draws them.

    Raises:
        TypeError: no Keras model; data that can be read only once.
        ValueError: a model that is not compiled, or with an optimizer of several optimizers; a number out of range; a
            `train_step` of its own that gives no "loss".

    Reference: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
    """
    check_one_rate(model)
    check_rate("start", start)
    check_rate("stop", stop, start)
    check_integer("steps", steps, 2)
    check_integer("batch_size", batch_size, 1)
    check_rate("stop_factor", stop_factor, 1)
    rates = np.geomspace(start, stop, steps)
    batches = getattr(model.optimizer, "gradient_accumulation_steps", None) or 1
    data = data_for_steps(model, x, y, sample_weight, class_weight, batch_size, steps * batches, seed)
    rising = _RisingRate(rates, batches, stop_factor)
    with as_it_was(model, data.first_batch):
        if model.steps_per_execution != 1:  # the rate changes between executions only
            model.steps_per_execution = 1
            model.train_function = None
        model.fit(**data.arguments, verbose=0, callbacks=[rising])
    return evaluate_search(rates[: len(rising.losses)].tolist(), rising.losses, rising.ended)


class _RisingRate(keras.callbacks.Callback):
    """Sets the rate before each step, and keeps the loss of its batches.

    Args:
        rates: of the steps.
        batches: in a step.
        stop_factor: see `lr_find`.
    """

    def __init__(self, rates: np.ndarray, batches: int, stop_factor: float) -> None:
        super().__init__()
        self.rates = rates
        self.batches = batches
        self.stop_factor = stop_factor
        self.losses: list[float] = []
        self.ended = "end"
        self._step: list[float] = []
        self._memory = memory_of(rates)
        self._mean = 0.0
        self._first = self._best = math.inf

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        set_rate(self.model, float(self.rates[len(self.losses)]))
        self.model.reset_metrics()  # the loss of this batch alone, not the mean over the epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not logs or "loss" not in logs:
            raise ValueError(f'The train_step of a model must give its "loss". Received: {sorted(logs or {})}')
        self._step.append(float(keras.ops.convert_to_numpy(logs["loss"])))
        if not math.isfinite(self._step[-1]):
            self.ended = "not finite"
            self.model.stop_training = True
        elif len(self._step) == self.batches:
            self.losses.append(sum(self._step) / self.batches)
            self._step.clear()
            self._look()

    def _look(self) -> None:
        """End the search when it has diverged, or seen all rates."""
        self._mean = self._memory * self._mean + (1 - self._memory) * self.losses[-1]
        smoothed = self._mean / (1 - self._memory ** len(self.losses))  # without the bias towards 0 of its beginning
        if len(self.losses) == 1:
            self._first = smoothed
        self._best = min(self._best, smoothed)
        margin = (self.stop_factor - 1) * max(abs(self._best), self._first - self._best)
        if smoothed > self._best + margin:
            self.ended = "diverged"
        self.model.stop_training = self.ended == "diverged" or len(self.losses) == len(self.rates)
