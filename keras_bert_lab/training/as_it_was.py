"""Train a model, and have it as it was before."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_bert_lab.training.settable_rate import settable_rate
from keras_bert_lab.training.training_state import build, restore, state_of

__all__ = ["as_it_was"]

_KINDS = ("weights", "states", "optimizer", "seeds")
_KERAS_SEED = keras.src.random.seed_generator.GLOBAL_SEED_GENERATOR
_SET_BY_FIT = ("history", "stop_training", "_initial_epoch", "stop_evaluating")


def _make_keras_seed() -> bool:
    """Make Keras's own seed generator, without the number that it draws from Python's; whether there was none."""
    if keras.src.backend.common.global_state.get_global_attribute(_KERAS_SEED) is not None:
        return False
    state = random.getstate()
    keras.src.random.seed_generator.global_seed_generator()
    random.setstate(state)
    return True


def _make_variables(model: keras.Model, first_batch: Callable[[], tuple[Any, ...]]) -> None:
    """Make what the first step would make, so that it has a value to go back to."""
    if not all(layer.built for layer in model._flatten_layers()):
        build(model, first_batch())
    elif not model.optimizer.built:
        with model.distribute_strategy.scope() if keras.backend.backend() == "tensorflow" else contextlib.nullcontext():
            model.optimizer.build(model.trainable_variables)


@contextlib.contextmanager
def as_it_was(model: keras.Model, first_batch: Callable[[], tuple[Any, ...]]) -> Iterator[None]:
    """Whatever training does to a model inside, afterwards all is as before: also after an error, or Ctrl-C.

    That is: weights, seeds of layers and other counters; all variables of the optimizer, its learning rate or schedule; running
    means of metrics; the history; and the random numbers of Keras, Python and NumPy. Inside, the learning rate can be set. A
    model that had no weights yet has those that its first step would have made.

    Args:
        model: compiled, with one learning rate.
        first_batch: gives a batch of its data, where one is needed to make the weights.
    """
    no_seed = _make_keras_seed()
    _make_variables(model, first_batch)
    state = {name: array.copy() for name, array in state_of(model, _KINDS).items()}
    metrics = [(each, np.array(keras.ops.convert_to_numpy(each))) for each in model.metrics_variables]
    attributes = {name: vars(model)[name] for name in _SET_BY_FIT if name in vars(model)}
    steps, traced = model.steps_per_execution, model.train_function
    try:
        with settable_rate(model):
            yield
    finally:
        if model.steps_per_execution != steps:
            model.steps_per_execution, model.train_function = steps, traced
        restore(model, state, _KINDS)
        model.reset_metrics()  # those that the first step has made
        for variable, value in metrics:
            variable.assign(value)
        if no_seed:
            keras.src.backend.common.global_state.set_global_attribute(_KERAS_SEED, None)
        for name in _SET_BY_FIT:
            vars(model).pop(name, None)
        vars(model).update(attributes)
