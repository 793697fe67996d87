"""Everything that a Keras model's training changes, as arrays, and back again."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.errors import ResumeError
from keras_bert_lab.lazy import LazyModule

__all__ = ["build", "is_used", "optimizers_of", "restore", "shapes_of", "state_of"]

tf = LazyModule("tensorflow")


def optimizers_of(model: keras.Model) -> list[keras.optimizers.Optimizer]:
    """The model's optimizer, and those that a `train_step` of its own uses: attributes of the model."""
    found = [model.optimizer, *(each for each in vars(model).values() if isinstance(each, keras.optimizers.Optimizer))]
    return list({id(each): each for each in found if each is not None}.values())


def is_used(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether it has made a step."""
    steps = optimizer.iterations  # a tensor where gradients are accumulated
    return bool(_array_of(steps) if isinstance(steps, keras.Variable) else keras.ops.convert_to_numpy(steps))


def build(model: keras.Model, batch: tuple[Any, ...]) -> None:
    """Make the variables that Keras would make in the first step of the training: of the metrics, and of the optimizer.

    Args:
        model: compiled.
        batch: any batch of its data.

    Raises:
        ValueError: an optimizer beside `model.optimizer` that has no variables yet.
    """
    _keras_seed()  # made now, not when the first checkpoint happens to be saved: it draws from Python's generator
    try:
        if keras.backend.backend() != "tensorflow":
            model._symbolic_build(data_batch=batch)
        else:
            with model.distribute_strategy.scope():
                model._symbolic_build(data_batch=keras.tree.map_structure(tf.convert_to_tensor, batch))
    except Exception:
        # A model with a `train_step` of its own needs no `call`; then all of it must be there.
        parts = [layer for layer in model._flatten_layers() if layer is not model]
        if model._compile_loss is not None or not parts or not all(layer.built for layer in parts):
            raise
    for optimizer in optimizers_of(model):
        if not optimizer.built and optimizer is not model.optimizer:
            raise ValueError(
                "Optimizers of a model's own train_step must be built before fit. Received: a "
                f"{type(optimizer).__name__} without variables. Call optimizer.build(trainable_variables) first."
            )


def _variables(model: keras.Model) -> dict[str, list[Any]]:
    """All variables by what they are for; what evaluation may change, beside metrics, are states of seeds and counters."""
    metrics = list(model.metrics_variables)
    slots = [variable for optimizer in optimizers_of(model) for variable in optimizer.variables]
    others = {id(variable) for variable in (*metrics, *slots)}
    own = [variable for variable in model.variables if id(variable) not in others]
    states = [variable for variable in own if not variable.trainable and "int" in str(variable.dtype)]
    found = {id(variable) for variable in states}
    weights = [variable for variable in own if id(variable) not in found]
    return {"weights": weights, "states": states, "optimizer": slots, "metrics": metrics}


def _named(model: keras.Model, kinds: Collection[str]) -> dict[str, Any]:
    # Numbered: names of a user's own layers can be the same twice, and differ from process to process.
    return {
        f"{kind}/{number:05}": each
        for kind, found in _variables(model).items()
        if kind in kinds
        for number, each in enumerate(found)
    }


def _keras_seed() -> Any:
    """Keras's seed for layers and operations that have none of their own."""
    return keras.src.random.seed_generator.global_seed_generator().state


def _parts(variable: Any) -> tuple[Any, ...]:
    """The variable; or its copies, where a `tf.distribute` strategy keeps one for each replica."""
    copies = getattr(variable.value, "values", None)
    return copies if isinstance(copies, tuple) else (variable,)


def _array_of(variable: Any) -> np.ndarray:
    """Its value; all copies one after the other where they differ, as those of metrics do."""
    copies = [_as_numbers(keras.ops.convert_to_numpy(part)) for part in _parts(variable)]
    return copies[0] if all(np.array_equal(copies[0], copy) for copy in copies[1:]) else np.stack(copies)


def _as_numbers(array: np.ndarray) -> np.ndarray:
    """Types that a .npy file does not know (bfloat16) as integers of the same bits."""
    return array if array.dtype.isbuiltin == 1 else array.view(f"uint{8 * array.dtype.itemsize}")


def shapes_of(model: keras.Model) -> dict[str, list[list[Any]]]:
    """Shape and type of all variables, by kind, to tell whether a model is the same."""
    return {kind: [[*variable.shape, str(variable.dtype)] for variable in found] for kind, found in _variables(model).items()}


def state_of(model: keras.Model, kinds: Collection[str]) -> dict[str, np.ndarray]:
    """What a training has changed so far.

    Args:
        model: compiled and built, see `build`.
        kinds: some of "weights", "states" (of the seeds of layers, and other counters), "optimizer", "metrics" (their running
            means), "seeds" (of the generators that belong to nobody: Keras's, Python's and NumPy's).

    Returns:
        Named arrays; some may share the memory of a variable, so they are to be used before the training goes on.
    """
    found = {name: _array_of(variable) for name, variable in _named(model, kinds).items()}
    return found | (_global_seeds() if "seeds" in kinds else {})


def _global_seeds() -> dict[str, np.ndarray]:
    keras_seed = keras.ops.convert_to_numpy(_keras_seed().value)  # first: to make it draws from Python's generator
    _, numbers, gauss = random.getstate()
    _, keys, position, has_gauss, next_gauss = np.random.get_state()
    return {
        "seeds/keras": keras_seed,
        "seeds/python": np.array(numbers, np.uint32),
        "seeds/python_gauss": np.array([] if gauss is None else [gauss], np.float64),
        "seeds/numpy": np.asarray(keys),
        "seeds/numpy_position": np.array([position, has_gauss], np.int64),
        "seeds/numpy_gauss": np.array([next_gauss], np.float64),
    }


def _set_global_seeds(state: Mapping[str, np.ndarray]) -> None:
    _keras_seed().assign(state["seeds/keras"])
    gauss = state["seeds/python_gauss"].tolist()
    random.setstate((3, tuple(state["seeds/python"].tolist()), gauss[0] if gauss else None))
    position, has_gauss = state["seeds/numpy_position"].tolist()
    np.random.set_state(("MT19937", state["seeds/numpy"], position, has_gauss, float(state["seeds/numpy_gauss"][0])))


def restore(model: keras.Model, state: Mapping[str, np.ndarray], kinds: Collection[str]) -> None:
    """Bring back what `state_of` gave.

    Args:
        model: the same model, compiled and built.
        state: the arrays.
        kinds: as there.

    Raises:
        ResumeError: the model has other variables.
    """
    named = _named(model, kinds)
    saved = {name for name in state if name.partition("/")[0] in kinds and not name.startswith("seeds/")}
    for name in sorted(saved ^ set(named)):
        where = "in the checkpoint" if name in saved else "in the model"
        raise ResumeError(f"A checkpoint must have the variables of the model. Received: {name} only {where}.")
    for name, variable in named.items():
        array, shape = state[name], tuple(variable.shape)
        parts = _parts(variable)
        if array.shape not in (shape, (len(parts), *shape)):
            raise ResumeError(
                f"A checkpoint must have the variables of the model. Received: {variable.path} with shape {array.shape}, "
                f"in the model {shape}."
            )
        known = keras.ops.convert_to_numpy(parts[0]).dtype
        for part, value in zip(parts, [array] * len(parts) if array.shape == shape else array, strict=True):
            part.assign(value if known.isbuiltin == 1 else value.view(known))
    if "seeds" in kinds:
        _set_global_seeds(state)
