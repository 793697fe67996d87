"""What callbacks remember comes back into new ones."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab.training.callback_states import callback_states, remembering, restore_callbacks


class Own(keras.callbacks.Callback):
    def __init__(self, state: Any) -> None:
        super().__init__()
        self.state = state

    def get_state(self) -> Any:
        return self.state

    def set_state(self, state: Any) -> None:
        self.state = state


class OwnStopping(keras.callbacks.EarlyStopping):
    """Of Keras's kinds, with more to remember."""

    more = 0

    def get_state(self) -> dict[str, Any]:
        return {"more": self.more}

    def set_state(self, state: dict[str, Any]) -> None:
        self.more = state["more"]


def keras_ones() -> list[Any]:
    found = [
        keras.callbacks.EarlyStopping("loss"),
        keras.callbacks.ReduceLROnPlateau("loss"),
        keras.callbacks.ModelCheckpoint("a.keras", save_freq=3),
        keras.callbacks.SwapEMAWeights(),
    ]
    for callback in found[:2]:
        callback.on_train_begin()
    return found


def carried(callbacks: list[Any], others: list[Any]) -> None:
    """As in another process: through JSON, and arrays by name."""
    plain, arrays = callback_states(callbacks)
    restore_callbacks(others, json.loads(json.dumps(plain)), arrays)


def test_who_remembers() -> None:
    own, stopping = Own({}), OwnStopping()
    others = [keras.callbacks.TerminateOnNaN(), keras.callbacks.History(), keras.callbacks.LearningRateScheduler(lambda _: 1.0)]
    ours = [*keras_ones(), own, stopping]
    assert remembering([others[0], *ours[:2], others[1], *ours[2:], others[2]]) == ours


def test_as_they_are_when_a_training_begins() -> None:
    others = keras_ones()
    carried(keras_ones(), others)
    assert [vars(callback) for callback in others] == [vars(callback) for callback in keras_ones()]


def test_as_they_are_in_a_training() -> None:
    stopping, plateau, saving, swapping = keras_ones()
    swapping._ema_weights_in_model = True
    stopping.wait, stopping.best, stopping.best_epoch, stopping.stopped_epoch = 2, np.float32(0.25), 3, 5
    stopping.best_weights = [np.arange(6.0).reshape(2, 3), np.ones(5, np.float16)]
    plateau.wait, plateau.best, plateau.cooldown_counter = 1, float("inf"), 7
    saving.best, saving._batches_seen_since_last_saving, saving._last_batch_seen = 0.5, 2, 11
    others = keras_ones()
    carried([stopping, plateau, saving, swapping], others)
    assert (others[0].wait, others[0].best, others[0].best_epoch, others[0].stopped_epoch) == (2, 0.25, 3, 5)
    for one, other in zip(others[0].best_weights, stopping.best_weights, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert (others[1].wait, others[1].best, others[1].cooldown_counter) == (1, float("inf"), 7)
    assert (others[2].best, others[2]._batches_seen_since_last_saving, others[2]._last_batch_seen) == (0.5, 2, 11)
    assert others[3]._ema_weights_in_model is True


def test_many_weights_keep_their_order() -> None:
    stopping, other = keras_ones()[0], keras_ones()[0]
    stopping.best_weights = [np.full(2, number) for number in range(123)]
    carried([Own({}), stopping], [Own({}), other])
    assert [int(array[0]) for array in other.best_weights] == list(range(123))


def test_ones_own() -> None:
    first, second, stopping = Own(None), Own(None), OwnStopping()
    stopping.more = 9
    others = [Own(None), Own(None), OwnStopping()]
    first.state, second.state = {"kind": "a", "arrays": [1, {"b": None}]}, {}
    carried([first, second, stopping], others)
    assert [others[0].state, others[1].state, others[2].more] == [first.state, {}, 9]


@pytest.mark.parametrize("state", [[1], None, {"a": np.zeros(2)}, {"a": {1, 2}}])
def test_more_than_plain_data(state: Any) -> None:
    with pytest.raises(TypeError, match="must give a dict of plain data. Received: of Own, "):
        callback_states([Own(state)])
