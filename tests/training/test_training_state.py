"""All that a training changes can be taken out of one model and put into another."""

from __future__ import annotations

import io
import random
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import ResumeError
from keras_bert_lab.training.training_state import build, optimizers_of, restore, shapes_of, state_of
from tests.training.small_training import CLASSES, WIDTH, arrays, network

KINDS = ("weights", "states", "optimizer", "metrics", "seeds")


def trained(seed: int = 1, **settings: Any) -> keras.Model:
    model = network(seed, **settings)
    x, y = arrays()
    for rows in (slice(0, 5), slice(5, 12)):
        model.train_on_batch(x[rows], y[rows])
    return model


def through_a_file(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        return dict(found)


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name], equal_nan=True) for name in one
    )


def drawn() -> list[Any]:
    return [random.random(), np.random.rand(), np.random.normal(), np.asarray(keras.random.normal((2,))).tolist()]


def test_out_of_one_model_into_another() -> None:
    model, other = trained(1), network(2)
    state = through_a_file(state_of(model, KINDS))
    next_numbers = drawn()
    x, y = arrays()
    build(other, (x, y))
    assert not equal(state_of(other, KINDS), state)
    restore(other, state, KINDS)
    assert equal(state_of(other, KINDS), state)
    assert next_numbers == [
        random.random(),
        np.random.rand(),
        np.random.normal(),
        np.asarray(keras.random.normal((2,))).tolist(),
    ]
    keras.utils.set_random_seed(0)
    restore(model, state, KINDS)
    assert model.train_on_batch(x, y) == other.train_on_batch(x, y)  # dropout, batch normalisation, slots, means
    assert equal(state_of(model, ("weights", "optimizer")), state_of(other, ("weights", "optimizer")))


def test_numbers_that_come_in_pairs() -> None:
    """Of two normal numbers, Python and NumPy keep the second for the next call."""
    model = trained()
    random.gauss(0, 1), np.random.normal()
    state = through_a_file(state_of(model, ("seeds",)))
    expected = [random.gauss(0, 1), np.random.normal()]
    keras.utils.set_random_seed(0)
    restore(model, state, ("seeds",))
    assert [random.gauss(0, 1), np.random.normal()] == expected


def test_what_is_of_which_kind() -> None:
    state = state_of(trained(), KINDS)
    count = {kind: sum(name.startswith(f"{kind}/") for name in state) for kind in KINDS}
    # two Dense layers and a BatchNormalization of 4; seeds of dropout and noise; Adam: iterations, rate, two slots for each of
    # the 6 that are trained; loss and accuracy, a sum and a count each
    assert count == {"weights": 8, "states": 2, "optimizer": 14, "metrics": 4, "seeds": 6}
    for kind in KINDS[:-1]:
        assert [name for name in state if name.startswith(kind)] == list(state_of(trained(), (kind,)))


def test_shapes() -> None:
    model = trained()
    assert shapes_of(model)["weights"][0] == [WIDTH, 7, "float32"]
    assert shapes_of(model)["weights"][-1] == [CLASSES, "float32"]


def test_half_precision_has_its_bits() -> None:
    model = keras.Sequential([keras.Input((WIDTH,)), keras.layers.Dense(CLASSES, dtype="bfloat16")])
    model.compile("sgd", "mse", run_eagerly=True)
    x, y = arrays()
    build(model, (x, np.eye(CLASSES, dtype=np.float32)[y]))
    expected = np.asarray(keras.ops.convert_to_numpy(model.layers[0].kernel.value)).astype(np.float32)
    state = through_a_file(state_of(model, KINDS))
    assert state["weights/00000"].dtype == np.uint16
    model.layers[0].kernel.assign(model.layers[0].kernel * 0)
    restore(model, state, KINDS)
    assert np.array_equal(np.asarray(keras.ops.convert_to_numpy(model.layers[0].kernel.value)).astype(np.float32), expected)


def test_all_optimizers_of_a_model() -> None:
    model = network(1)
    assert optimizers_of(model) == [model.optimizer]
    model.another = keras.optimizers.SGD(0.1, momentum=0.9)
    model.another.build(model.trainable_variables)
    assert optimizers_of(model) == [model.optimizer, model.another]
    build(model, arrays())
    assert len(state_of(model, ("optimizer",))) == 14 + 2 + 6


def test_building_draws_numbers_once() -> None:
    """Not when the first checkpoint happens to be saved."""
    model = network(1)
    build(model, arrays())
    before = random.getstate()
    state_of(model, KINDS)
    build(model, arrays())
    assert random.getstate() == before


class NoCall(keras.Model):
    def __init__(self, part: keras.layers.Layer) -> None:
        super().__init__()
        self.part = part


def test_models_without_call() -> None:
    """Their train_step uses the parts."""
    model = NoCall(keras.Sequential([keras.Input((WIDTH,)), keras.layers.Dense(2)]))
    model.compile()
    build(model, arrays())
    assert len(state_of(model, ("weights",))) == 2
    model = NoCall(keras.layers.Dense(2))
    model.compile()
    with pytest.raises((NotImplementedError, RuntimeError)):
        build(model, arrays())


def test_an_optimizer_that_is_not_built() -> None:
    model = network(1)
    model.another = keras.optimizers.SGD(0.1)
    with pytest.raises(ValueError, match=r"Received: a SGD without variables. Call optimizer.build\(trainable_variables\)"):
        build(model, arrays())


def test_another_model() -> None:
    model = trained()
    state = state_of(model, KINDS)
    with pytest.raises(ResumeError, match="Received: weights/00007 only in the model"):
        restore(model, {name: array for name, array in state.items() if name != "weights/00007"}, KINDS)
    with pytest.raises(ResumeError, match="Received: optimizer/00014 only in the checkpoint"):
        restore(model, state | {"optimizer/00014": np.zeros(3)}, KINDS)
    with pytest.raises(ResumeError, match=r"with shape \(3,\), in the model \(5, 7\)"):
        restore(model, state | {"weights/00000": np.zeros(3)}, KINDS)
