"""A learning rate that can be set, whatever the optimizer was made with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

__all__ = ["check_one_rate", "get_rate", "set_rate", "settable_rate"]


def _innermost(optimizer: Any) -> Any:
    """Behind a `LossScaleOptimizer`."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


def check_one_rate(model: keras.Model) -> None:
    """Refuse a model that is not compiled, or has more than one learning rate.

    Raises:
        TypeError: no `keras.Model`.
        ValueError: it is not compiled, or with an optimizer of several optimizers.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model. Received: a {type(model).__name__}")
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(
            f"model must be compiled. Received: {model.name!r} without an optimizer. Call model.compile(...) first."
        )
    if hasattr(_innermost(optimizer), "optimizers"):
        raise ValueError(
            "model must have one learning rate. Received: an optimizer made of several, a "
            f"{type(_innermost(optimizer)).__name__}. Compile with one of them."
        )


def get_rate(model: keras.Model) -> float:
    """The learning rate of the next step."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def set_rate(model: keras.Model, rate: float) -> None:
    """Set the learning rate, also in the middle of an epoch; inside `settable_rate`."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()  # the variables are elsewhere while JAX trains
    model.optimizer.learning_rate = rate


@contextlib.contextmanager
def settable_rate(model: keras.Model) -> Iterator[None]:
    """Inside, the learning rate is a variable; afterwards, it is the number, schedule or function that it was.

    Where it was a variable already, what was traced is used, and stays. Otherwise what was traced is put away meanwhile.

    Args:
        model: compiled, with one learning rate.
    """
    optimizer = _innermost(model.optimizer)
    held, settings = optimizer._learning_rate, vars(optimizer)
    if isinstance(held, keras.Variable):
        before = np.array(keras.ops.convert_to_numpy(held))
        try:
            yield
        finally:
            held.assign(before)
        return
    traced, model.train_function = model.train_function, None
    with model.distribute_strategy.scope() if keras.backend.backend() == "tensorflow" else contextlib.nullcontext():
        variable = keras.Variable(
            get_rate(model), name="learning_rate", dtype="float32", trainable=False, aggregation="only_first_replica"
        )
    # Not by setattr: TensorFlow would go on to count the variable among the optimizer's parts.
    settings["_learning_rate"] = variable
    optimizer._track_variable(variable)  # on JAX only what is listed can change
    try:
        yield
    finally:
        optimizer._untrack_variable(variable)
        settings["_learning_rate"] = held
        model.train_function = traced
