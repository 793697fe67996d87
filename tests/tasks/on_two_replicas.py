"""Run in a fresh process: train tasks on one device and on two, with the same global batches.

    python on_two_replicas.py FOUND.json TASK ...

Two logical CPU devices stand for two GPUs. They must be made before TensorFlow starts, hence the process of its own.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def _difference(ours: Any, theirs: Any) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))


def main(path: Path, names: list[str]) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from keras_bert_lab import AdamW, Distillation
    from tests.tasks.small_pairs import STORIES, pair_model
    from tests.tasks.small_tasks import LABELS, TEXTS, classifier, language_model

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def sorter(optimizer: keras.optimizers.Optimizer) -> tuple[Any, list[float]]:
        model = classifier(compiled=False)
        model.compile(optimizer)
        history = model.fit(TEXTS[:8], LABELS[:8], batch_size=4, epochs=2, verbose=0, validation_data=(TEXTS[8:], LABELS[8:]))
        return model, history.history["loss"]

    def filler(optimizer: keras.optimizers.Optimizer) -> tuple[Any, list[float]]:
        model = language_model(compiled=False)
        model.compile(optimizer)
        history = model.fit(TEXTS, batch_size=3, sequence_length=13, epochs=2, verbose=0)  # three rows: two and one
        evaluation = model.evaluate(TEXTS, batch_size=3, sequence_length=13, verbose=0)
        return model, [*history.history["loss"], *evaluation]

    def pairs(optimizer: keras.optimizers.Optimizer) -> tuple[Any, list[float]]:
        model = pair_model(compiled=False)
        model.compile(optimizer)
        how: dict[str, Any] = {"batch_size": 3, "sequence_length": 19, "sentence_pairs": "next"}
        texts = model.batches(TEXTS, 3, 13)  # validation without pairs must not change how the training is counted
        history = model.fit(STORIES, epochs=2, verbose=0, validation_data=texts, **how)
        return model, [each for name in sorted(history.history) for each in history.history[name]]

    def student(optimizer: keras.optimizers.Optimizer) -> tuple[Any, list[float]]:
        model = Distillation(language_model(compiled=False), language_model(seed=5, compiled=False, num_layers=2))
        model.compile(optimizer)
        history = model.fit(TEXTS, batch_size=3, sequence_length=13, epochs=2, verbose=0)
        return model, [each for name in sorted(history.history) for each in history.history[name]]

    tasks: dict[str, Callable[[], tuple[Any, list[float]]]] = {
        "classifier": lambda: sorter(keras.optimizers.SGD(0.1)),
        "language_model": lambda: filler(keras.optimizers.SGD(0.1)),
        "pairs": lambda: pairs(keras.optimizers.SGD(0.1)),
        "distillation": lambda: student(keras.optimizers.SGD(0.1)),
        "language_model_clipped": lambda: filler(AdamW(1e-2, epsilon=1e-3, global_clipnorm=0.1)),
    }
    found = {}
    for name in names:
        results = []
        for scope in (contextlib.nullcontext(), strategy.scope()):
            with scope:
                results.append(tasks[name]())
        (one, one_losses), (two, two_losses) = results
        found[name] = {
            "replicas": [one.distribute_strategy.num_replicas_in_sync, two.distribute_strategy.num_replicas_in_sync],
            "losses": [one_losses, two_losses],
            "difference": _difference(one, two),
        }
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
