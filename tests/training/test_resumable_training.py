"""A training that is killed and started again ends like one that never was."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import ResumableTraining
from keras_bert_lab.training.checkpoints import CheckpointFolder
from tests.training.small_training import (
    BATCH,
    CLASSES,
    EPOCHS,
    STEPS,
    WIDTH,
    Dies,
    Killed,
    arrays,
    assert_same,
    callbacks,
    network,
    state,
    train,
)

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def reference(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The end of a training that never stops, and what its callbacks hear of."""
    files, counting = folder / "files", Dies()
    files.mkdir()
    model = train(folder / "reference", network(1), [*callbacks(files), counting], ResumableTraining(folder / "all", 0, 99))
    return state(model), counting.events


def test_every_place_is_one_to_go_on_from(tmp_path: Path) -> None:
    expected, events = reference(tmp_path)
    assert len(events) == EPOCHS * (1 + 2 * STEPS + 1 + 3 + 1 + 1)
    places = CheckpointFolder(tmp_path / "all").names()
    assert len(places) == EPOCHS * (1 + STEPS) + 1  # before each batch, each validation; at the end
    files = tmp_path / "files_of_others"
    files.mkdir()
    for number, place in enumerate(places):
        folder = tmp_path / f"from_{number}"
        folder.mkdir()
        (folder / place).symlink_to(tmp_path / "all" / place, target_is_directory=True)
        model = train(folder, network(100 + number), callbacks(files))
        found = state(model)
        if place == places[-1]:  # nobody draws numbers after the end of both
            found["random"] = expected["random"]
        assert_same(found, expected)
    assert sorted(path.name for path in files.iterdir()) == sorted(path.name for path in (tmp_path / "files").iterdir())


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Each life starts where the one before got to, and ends a little later than the last one that started there."""
    expected, events = reference(tmp_path)
    files, lives = tmp_path / "files_of_others", CheckpointFolder(tmp_path / "lives")
    files.mkdir()
    ends, place, after, model = [], [], 0, None
    while model is None:
        dies = Dies(after)
        with contextlib.suppress(Killed):
            model = train(tmp_path / "lives", network(100 + len(ends) if ends else 1), [*callbacks(files), dies])
        ends.append(dies.events[-1])
        place, after = lives.names(), after + 1 if lives.names() == place else 1
    lives.close()
    assert len(ends) > 2 * EPOCHS * STEPS
    assert set(ends) == set(events)
    assert_same(state(model), expected)


class Subclassed(keras.Model):
    """Not built before fit; two inputs in a dict, one of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.words = keras.layers.StringLookup(vocabulary=["a", "b"])
        self.table = keras.layers.Embedding(3, 4)
        self.drop = keras.layers.Dropout(0.2)
        self.out = keras.layers.Dense(CLASSES)

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        words = keras.ops.squeeze(self.table(self.words(inputs["word"])), 1)
        return self.out(self.drop(keras.ops.concatenate([words, inputs["numbers"]], -1), training=training))


class TwoOptimizers(keras.Model):
    """A train_step of its own, with an optimizer of its own, and logs of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.one = keras.Sequential([keras.Input((WIDTH,)), keras.layers.Dense(CLASSES)])
        self.second = keras.optimizers.Adam(0.1)
        self.second.build(self.one.trainable_variables)

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, self.one(x), from_logits=True))
        self.second.apply(tape.gradient(loss, self.one.trainable_variables))
        return {"my_loss": loss}


def _subclassed(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = Subclassed()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _two_optimizers(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = TwoOptimizers()
    model.compile(run_eagerly=True)
    return model


def _half(seed: int) -> keras.Model:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return network(seed)
    finally:
        keras.config.set_dtype_policy("float32")


def _vector(seed: int) -> keras.Model:
    """A metric with a number for each class."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((WIDTH,)), keras.layers.Dense(CLASSES, "softmax", dtype="bfloat16")])
    metric = keras.metrics.MeanMetricWrapper(lambda y, p: keras.ops.cast(p[:, 0], "float32"), name="first")
    model.compile("sgd", "mse", metrics=[keras.metrics.F1Score(average=None), metric], run_eagerly=True)
    return model


def _words(x: np.ndarray) -> dict[str, Any]:
    return {"word": tf.constant(np.where(x[:, :1] > 0, "a", "b")), "numbers": x[:, 1:]}


MODELS = {
    "compiled": lambda seed: network(seed, run_eagerly=False),
    "several_steps_in_one": lambda seed: network(seed, run_eagerly=False, steps_per_execution=2),
    "xla": lambda seed: network(seed, run_eagerly=False, jit_compile=True),
    "averaged": lambda seed: network(
        seed, keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=3)
    ),
    "averaged_at_the_end": lambda seed: network(seed, keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7)),
    "accumulated": lambda seed: network(seed, keras.optimizers.Adam(0.1, gradient_accumulation_steps=3)),
    "schedule": lambda seed: network(seed, keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.1, 9))),
    "half": _half,
    "subclassed": _subclassed,
    "two_optimizers": _two_optimizers,
    "vector": _vector,
}


PLACES = [
    *((name, "train_batch_begin") for name in MODELS if name != "xla"),
    pytest.param("xla", "train_batch_begin", marks=pytest.mark.slow),
    ("compiled", "test_batch_end"),
    ("several_steps_in_one", "test_batch_end"),
    ("averaged_at_the_end", "epoch_end"),
    ("two_optimizers", "epoch_end"),
]


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_any_keras_model(tmp_path: Path, name: str, place: str) -> None:
    x, y = arrays()
    rows = _words(x) if name == "subclassed" else x
    targets = np.eye(CLASSES, dtype=np.float32)[y] if name == "vector" else y
    several = 2 if name == "several_steps_in_one" else 1

    def fit(folder: str, seed: int, others: list[Any]) -> keras.Model:
        model = MODELS[name](seed)
        training = ResumableTraining(tmp_path / folder, every=0)
        data = training.data(rows, targets, batch_size=BATCH)
        held_out = None if name == "two_optimizers" else (rows, targets)
        model.fit(data, epochs=2, verbose=0, validation_data=held_out, callbacks=[*others, training])
        return model

    counting = Dies()
    expected = state(fit("reference", 1, [counting]))
    where = [number for number, event in enumerate(counting.events) if event == place]
    after = where[4 // several] if place == "train_batch_begin" else where[0]
    with pytest.raises(Killed):
        fit("killed", 1, [Dies(after)])
    found = state(fit("killed", 3, []))
    assert_same(found, expected)
