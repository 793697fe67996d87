"""What makes a training this one: told apart where it must be, the same in each process where it is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import Distillation
from keras_bert_lab.batches import numbered_batches
from keras_bert_lab.training.training_identity import differences, environment, training_identity, without_rates
from keras_bert_lab.training.training_state import build
from tests.tasks.small_tasks import language_model
from tests.training.small_training import BATCH, arrays, network

FIT = {"epochs": 3, "class_weight": None}


def identity(model: keras.Model, fit: Any = None, settings: Any = None, **how: Any) -> dict[str, Any]:
    batches = numbered_batches(*arrays(), **({"batch_size": BATCH} | how))
    build(model, batches.batch(0))
    return training_identity(model, batches, fit or FIT, settings or {})


def test_it_is_plain_and_the_same_for_a_second_model() -> None:
    """Keras counts the names of layers and optimizers: they are others in the second model."""
    first, second = network(1), network(2)
    assert first.layers[0].name != second.layers[0].name
    one, other = identity(first), identity(second)
    assert differences(one, other) == []
    assert json.loads(json.dumps(one)) == one


def test_seeds_that_layers_make_up_are_no_settings() -> None:
    models = [
        keras.Sequential([keras.Input((5, 5, 1)), keras.layers.RandomCrop(3, 3), keras.layers.GlobalMaxPooling2D()])
        for _ in range(2)
    ]
    seeds = []
    for number, model in enumerate(models):
        model.layers[0].seed = number  # as another process would have another one
        model.compile(loss="mse")
        batches = numbered_batches(np.zeros((2, 5, 5, 1)), np.zeros((2, 1)))
        build(model, batches.batch(0))
        seeds.append(training_identity(model, batches, FIT, {}))
    assert seeds[0] == seeds[1]


def test_it_is_the_same_after_a_training() -> None:
    """But for the learning rate, which callbacks change."""
    model = network(1)
    before = identity(model)
    model.fit(*arrays(), verbose=0)
    model.optimizer.learning_rate = 0.5
    after = identity(model)
    assert after == without_rates(after) == without_rates(before)
    assert differences(before, after)[0].startswith("optimizers[0].learning_rate: 0.01 before")


def test_learning_rates_of_schedules_and_inner_optimizers() -> None:
    inner = {"kind": "LossScaleOptimizer", "inner_optimizer": {"config": {"learning_rate": 0.1, "beta_1": 0.9}}}
    schedule = {"kind": "Adam", "learning_rate": {"config": {"decay_steps": 7}}}
    found = without_rates({"optimizers": [inner, schedule], "epochs": 3})
    assert found == {
        "optimizers": [{"kind": "LossScaleOptimizer", "inner_optimizer": {"config": {"beta_1": 0.9}}}, schedule],
        "epochs": 3,
    }


def test_half_precision_is_another_model() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = identity(network(1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert 'model.layers[0].compute_dtype: "float32" before, "bfloat16" now' in differences(identity(network(1)), half)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """One that cannot be saved."""

    def __call__(self, step: Any) -> Any:
        return 0.1


def test_a_schedule_that_cannot_be_saved() -> None:
    found = identity(network(1, keras.optimizers.Adam(Schedule())))
    assert found["optimizers"] == ["Adam"]


LOSSES: dict[str, tuple[Callable[[], Any], Any]] = {
    "name": (lambda: "mse", "mse"),
    "object": (lambda: keras.losses.BinaryFocalCrossentropy(gamma=0.7), 0.7),
    "function": (lambda: keras.losses.mean_absolute_error, "mean_absolute_error"),
    "several": (lambda: ["mae"], ["mae"]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss, expected = LOSSES[name]
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", loss())
    found = identity(model)["model"]["loss"]
    assert (found["gamma"] if name == "object" else found) == expected


def test_a_teacher_belongs_to_it() -> None:
    def described(seed: int, **settings: Any) -> dict[str, Any]:
        return Distillation(language_model(), language_model(seed=seed), **settings).training_settings()

    one = described(5)
    assert one == described(5)
    assert differences(one, described(5, temperature=3.0)) == ["temperature: 2.0 before, 3.0 now"]
    assert [line.partition(":")[0] for line in differences(one, described(6))] == ["teacher"]


def test_data_that_tell_nothing_of_themselves() -> None:
    class Numbers:
        steps_per_epoch = 3

        def __init__(self, shift: float) -> None:
            self.shift = shift

        def batch(self, step: int) -> tuple[Any, ...]:
            return np.full((4, 5), step + self.shift * (step == 2), np.float32), np.zeros(4)

    model = network(1)
    build(model, Numbers(0.0).batch(0))
    found = [training_identity(model, Numbers(shift), FIT, {})["data"] for shift in (0.0, 0.0, 1e-3)]  # type: ignore[arg-type]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["a.b: [1, 2] before, [1, 3] now"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, ["a[1].b: not there before, 2 now"]),
        ({"a": "x" * 99}, {}, [f'a: "{"x" * 59}... before, not there now']),
        ({"a": float("nan")}, {"a": float("nan")}, []),
        ({"a": 1}, {"a": True}, ["a: 1 before, true now"]),
        ({"a": None}, {}, ["a: null before, not there now"]),
        ({"a": {}}, {"a": {"b": 1}}, ["a: {} before, not there now", "a.b: not there before, 1 now"]),
    ],
)
def test_differences(before: Any, now: Any, expected: list[str]) -> None:
    assert differences(before, now) == expected


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--one")
    before = environment()
    assert before["keras"] == keras.version()
    assert before["backend"] == keras.backend.backend()
    assert before["cores"] >= 1
    monkeypatch.setenv("XLA_FLAGS", "--two")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # shows more, changes nothing
    assert differences(before, environment()) == ['switches.XLA_FLAGS: "--one" before, "--two" now']
    assert json.loads(json.dumps(before)) == before
