"""Run in a fresh process: trainings that are killed and go on, on another backend or on two devices.

    python resume_elsewhere.py FOLDER [two]

With "two", two logical CPU devices stand for two GPUs.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import keras


def main(folder: Path, devices: str = "one") -> None:
    scope: Any = contextlib.nullcontext
    if devices == "two":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope
    from tests.training.small_training import Dies, Killed, assert_same, callbacks, network, state, train

    # Keras cannot do several steps at once on several devices.
    ways: dict[str, Any] = {"one": {}, "several": {"steps_per_execution": 2}}
    for name, how in list(ways.items())[: 1 if devices == "two" else 2]:
        (folder / name).mkdir()

        def fit(part: str, seed: int, *others: Any, name: str = name, how: Any = how) -> dict[str, Any]:
            with scope():
                model = network(seed, run_eagerly=False, **how)
            files = folder / name / "files"
            files.mkdir(exist_ok=True)
            # Keras builds a model from the mean of what its replicas get first: an odd batch cannot be divided.
            settings = {"epochs": 2, "batch_size": 6, "validation_batch_size": 4}
            return state(train(folder / name / part, model, [*callbacks(files), *others], **settings))

        expected = fit("reference", 1)
        for place in ("train_batch_begin", "test_batch_end"):
            counting = Dies()
            fit(f"counted_{place}", 1, counting)
            after = [number for number, event in enumerate(counting.events) if event == place][1]
            with contextlib.suppress(Killed):
                fit(place, 1, Dies(after))
                raise AssertionError("was not killed")
            assert_same(fit(place, 2), expected)
    print("same on", keras.backend.backend(), devices)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
