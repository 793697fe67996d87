"""What a callback finds of the loop that calls it, and changes in it."""

from __future__ import annotations

import signal
import sys
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab.training.fit_loop import FitLoop, StopsInFit, plain_logs
from tests.training.small_training import Dies, arrays, network


class Finds(keras.callbacks.Callback):
    """Keeps the loop, and does something with it when the second epoch begins."""

    def __init__(self, then: Any = lambda loop: None) -> None:
        super().__init__()
        self.then = then
        self.events: list[str] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.loop = FitLoop(self.model)
        self.is_running = self.loop.is_running(sys._getframe())
        self.loop.put_first(self, lambda: self.events.append("at last"))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.then(self.loop)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.events.append(f"batch {batch}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.events.append(f"end {sorted(logs or {})}")

    def on_train_end(self, logs: Any = None) -> None:
        self.events.append("train_end")


def fit(finds: Finds, **settings: Any) -> keras.Model:
    model = network(1)
    x, y = arrays()
    others = settings.pop("others", [])
    model.fit(x, y, batch_size=10, epochs=2, verbose=0, callbacks=[*others, finds], **settings)
    return model


def test_what_is_found() -> None:
    finds, other = Finds(), Dies()
    model = fit(finds, others=[other], class_weight={0: 2.0}, validation_freq=2)
    assert finds.loop.arguments == {"epochs": 2, "class_weight": {0: 2.0}, "validation_freq": 2}
    assert finds.loop.steps_per_epoch == 3
    assert finds.loop.data.shape == (23, 5)
    assert finds.is_running
    assert not finds.loop.is_running(sys._getframe())
    assert finds.loop.callbacks[:2] == [finds, other]
    assert isinstance(finds.loop.callbacks[-2], keras.callbacks.History)
    assert finds.events[-2:] == ["train_end", "at last"]
    assert finds.loop.history == {"epoch": [0, 1], "history": model.history.history}


def test_history_can_be_set() -> None:
    finds = Finds(lambda loop: setattr(loop, "history", {"epoch": [7], "history": {"loss": [0.5]}}))
    model = fit(finds)
    assert model.history.epoch == [7, 1]
    assert model.history.history["loss"][0] == 0.5
    assert len(model.history.history["accuracy"]) == 1


@pytest.mark.parametrize("first", [0, 1, 2])
def test_an_epoch_that_begins_later(first: int) -> None:
    finds = Finds(lambda loop: loop.begin_at(first, lambda: finds.events.append("before"), {}))
    model = fit(finds)
    batches = [f"batch {number}" for number in range(3)]
    end = "end ['accuracy', 'loss']"
    assert finds.events == [*batches, end, "before", *batches[first:], end, "train_end", "at last"]
    assert int(model.optimizer.iterations) == 6 - first


@pytest.mark.parametrize("logs", [{"loss": 3.0, "accuracy": 0.25}, {"own": 2.0}])
def test_an_epoch_with_no_batch_left(logs: dict[str, float]) -> None:
    """Its figures are those of the metrics; or the last batch's logs, where a train_step gives others."""
    means = {"loss": 1.5, "accuracy": 0.75}

    def before() -> None:
        loss, others = finds.model.metrics
        for metric, value in zip((loss, others.metrics[0]), means.values(), strict=True):
            metric.total.assign(value * 4)
            metric.count.assign(4)

    finds = Finds(lambda loop: loop.begin_at(3, before, logs))
    model = fit(finds)
    expected = logs if "own" in logs else means
    assert {name: values[-1] for name, values in model.history.history.items() if name in expected} == expected
    assert finds.events.count("batch 2") == 1
    assert int(model.optimizer.iterations) == 3


def test_not_in_a_fit() -> None:
    with pytest.raises(RuntimeError, match="the loop of keras.Model.fit. Received: a loop of another kind, around a Seq"):
        FitLoop(network(1))


def test_signals_act_as_before_outside_of_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        for is_fitting in (True, False):
            stop = StopsInFit(lambda _, answer=is_fitting: answer)
            with stop:
                signal.raise_signal(signal.SIGTERM)
                assert (stop.received is not None) is is_fitting
            assert bool(heard) is not is_fitting
    finally:
        signal.signal(signal.SIGTERM, before)


def test_plain_logs() -> None:
    found = plain_logs({"a": [np.float32(0.5), keras.ops.ones((2,))], "b": 3, "c": {"d": float("inf")}})
    assert found == {"a": [0.5, [1.0, 1.0]], "b": 3, "c": {"d": float("inf")}}
    assert type(found["a"][0]) is float
