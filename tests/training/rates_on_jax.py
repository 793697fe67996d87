"""Searches, schedules, layer-wise decay and autofit on the JAX backend; run by test_rates_on_jax.py in a process of its own.

Prints one JSON object.
"""

import json
import sys

import keras
import numpy as np

import keras_bert_lab as kbl

rng = np.random.default_rng(3)
X = rng.normal(size=(67, 7)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")[:, None]


def network(optimizer):
    keras.utils.set_random_seed(5)
    layers = [keras.Input((7,))]
    layers += [keras.layers.Dense(11, "relu", name="block_0"), keras.layers.Dropout(0.2), keras.layers.BatchNormalization()]
    model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid", name="block_1")])
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def everything(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(variable)).tolist() for variable in variables]


def searched(make):
    """Whether all is as it was, whether the next fit is that of a model without a search, and how many rates were tried."""
    model, other = network(make()), network(make())
    model.fit(X, Y, batch_size=16, verbose=0, shuffle=False)
    other.fit(X, Y, batch_size=16, verbose=0, shuffle=False)
    before = everything(model)
    found = kbl.lr_find(model, X, Y, steps=31, batch_size=16)
    is_as_before = everything(model) == before
    for each in (model, other):
        each.fit(X, Y, batch_size=16, verbose=0, shuffle=False)
    return [is_as_before, everything(model) == everything(other), len(found.losses), len(set(found.losses))]


def moved(**settings):
    """How far each weight moves in a first step of Adam: its rate."""
    model = network(kbl.AdamW(0.1, weight_decay=0.0, epsilon=1e-12, global_clipnorm=None, **settings))
    before = [np.array(weight) for weight in model.get_weights()]
    model.train_on_batch(X, Y)
    steps = [np.abs(after - was).max() for after, was in zip(model.get_weights(), before, strict=True)]
    names = [weight.path.split("/")[1] for weight in model.weights]
    return {name: float(step) for name, step in zip(names, steps, strict=True) if name.startswith("block")}


model = network(keras.optimizers.Adam(0.02))
result = kbl.autofit(model, X, Y, validation=0.3, max_epochs=3, verbose=0)
json.dump(
    {
        "number": searched(lambda: keras.optimizers.Adam(0.01)),
        "schedule": searched(lambda: kbl.AdamW(kbl.OneCycle(0.01, 50))),
        "accumulating": searched(lambda: kbl.AdamW(0.01, gradient_accumulation_steps=2)),
        "moved": moved(layer_decay=0.5),
        "rates": [float(kbl.Triangular(5.0, 8, divide=5.0)(step)) for step in range(10)],
        "autofit": [result.best_epoch, len(result.history["val_loss"]), result.rate],
    },
    sys.stdout,
)
