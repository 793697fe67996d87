"""Run in a fresh process: train a model with a HubEncoder on one device and on two, with the same global batches.

    python hub_on_two_replicas.py ENCODER FOUND.json

Two logical CPU devices stand for two GPUs. They must be made before TensorFlow starts, hence the process of its own.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


def main(encoder: Path, path: Path) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from keras_bert_lab import AdamW, HubEncoder
    from tests.samples import batch, symbolic

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    inputs = batch((8, 3, 11, 5, 1, 9, 2, 10))
    targets = np.linspace(-1, 1, 8)

    def model() -> keras.Model:
        keras.utils.set_random_seed(7)
        tensors = symbolic(inputs)
        hidden = HubEncoder(encoder, trainable=True)(tensors)["pooled_output"]
        return keras.Model(tensors, keras.layers.Dense(1)(hidden))

    found = {}
    for name, optimizer in (
        ("momentum", lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
        ("adamw", lambda: AdamW(1e-2, epsilon=1e-3, global_clipnorm=0.1)),
    ):
        results = []
        for scope in (contextlib.nullcontext(), strategy.scope()):
            with scope:
                made = model()
                made.compile(optimizer(), "mse", jit_compile=False)
            losses = made.fit(inputs, targets, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
            results.append((made, losses, made.get_weights()))
        (one, one_losses, one_weights), (two, two_losses, two_weights) = results
        two.save(path.with_suffix(".keras"))
        with strategy.scope():
            again = keras.saving.load_model(path.with_suffix(".keras"))
        found[name] = {
            "replicas": [one.distribute_strategy.num_replicas_in_sync, two.distribute_strategy.num_replicas_in_sync],
            "kind": type(two.layers[-2].weights[0].value).__name__,
            "losses": [one_losses, two_losses],
            "difference": max(float(np.abs(a - b).max()) for a, b in zip(one_weights, two_weights, strict=True)),
            "reloaded": max(float(np.abs(a - b).max()) for a, b in zip(again.get_weights(), two_weights, strict=True)),
            "continued": [
                made.fit(inputs, targets, batch_size=4, shuffle=False, verbose=0).history["loss"][0]
                for made in (one, two, again)
            ],
        }
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
