"""A small training with all that must come back: dropout, batch normalisation, slots, callbacks with a memory, validation.

23 rows of 5 numbers, 3 classes; 5 batches of 5 in an epoch, the last one of 3 rows; 7 rows in 3 batches to validate on.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_bert_lab import ResumableTraining
from keras_bert_lab.training.fit_loop import plain_logs

ROWS, WIDTH, CLASSES, BATCH, EPOCHS, STEPS = 23, 5, 3, 5, 3, 5


class Killed(Exception):
    """The process would be gone."""


class Dies(keras.callbacks.Callback):
    """Ends the training at the n-th of what Keras tells callbacks of.

    Args:
        after: how many it lives through; None = counts all.
    """

    def __init__(self, after: int | None = None) -> None:
        super().__init__()
        self.after = after
        self.events: list[str] = []

    def _hears(self, event: str) -> None:
        self.events.append(event)
        if self.after is not None and len(self.events) > self.after:
            raise Killed(event)


def _hearing(event: str) -> Any:
    return lambda self, *_, **__: self._hears(event)


for _event in ("epoch_begin", "train_batch_begin", "train_batch_end", "test_begin", "test_batch_end", "test_end", "epoch_end"):
    setattr(Dies, f"on_{_event}", _hearing(_event))


class Counts(keras.callbacks.Callback):
    """A user's own callback: the learning rate falls with each batch that it has heard of."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        self.model.optimizer.learning_rate = 0.05 / (1 + self.seen)

    def get_state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def set_state(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


class Twice(keras.layers.Layer):
    """Noise with a seed of its own, in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.seeds = keras.random.SeedGenerator(11)

    def call(self, inputs: Any) -> Any:
        return inputs + 0.01 * keras.random.normal(keras.ops.shape(inputs), dtype=inputs.dtype, seed=self.seeds)


def arrays() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(ROWS, WIDTH)).astype(np.float32), rng.integers(0, CLASSES, ROWS)


def network(seed: int, optimizer: Any = None, **settings: Any) -> keras.Model:
    """A new model; as in a new process, it has other weights and seeds for another seed."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((WIDTH,)),
        keras.layers.Dense(7, "relu"),
        keras.layers.Dropout(0.3),
        keras.layers.BatchNormalization(),
        Twice(),
        keras.layers.Dense(CLASSES, "softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(
        optimizer or keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        **({"run_eagerly": True, "metrics": ["accuracy"]} | settings),
    )
    return model


def callbacks(folder: Path) -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=9.0),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        keras.callbacks.ModelCheckpoint(folder / "{epoch}-{batch}.weights.h5", save_freq=4, save_weights_only=True),
        Counts(),
    ]


def train(
    folder: Path, model: keras.Model, others: Any = (), training: ResumableTraining | None = None, **settings: Any
) -> keras.Model:
    """Train it, with a checkpoint before each batch."""
    x, y = arrays()
    training = training or ResumableTraining(folder, every=0)
    data = training.data(x, y, batch_size=settings.pop("batch_size", BATCH), seed=3)
    settings = {"epochs": EPOCHS, "verbose": 0, "validation_data": (x[:7], y[:7]), "validation_batch_size": 3} | settings
    model.fit(data, callbacks=[*others, training], **settings)
    return model


def state(model: keras.Model) -> dict[str, Any]:
    """All that the training has changed."""
    variables = [*model.variables, *model.optimizer.variables]
    return {
        "variables": [keras.ops.convert_to_numpy(variable.value) for variable in variables],
        "epochs": model.history.epoch,
        "history": plain_logs(model.history.history),
        "random": [random.random(), float(np.random.rand()), np.asarray(keras.random.normal((2,))).tolist()],
    }


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["epochs"] == expected["epochs"]
    assert found["history"] == expected["history"]
    for one, other in zip(found["variables"], expected["variables"], strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert found["random"] == expected["random"]
