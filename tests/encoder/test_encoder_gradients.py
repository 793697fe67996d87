"""The gradient of every weight, against finite differences in float64."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder import Encoder
from tests.samples import VARIANTS, D, N, batch, config, numpy, randomise

# Four-point rule: the error falls with the fourth power of the step.
STEP = 3e-4
STENCIL = ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))
BOUND = 1e-7


@pytest.mark.parametrize(
    ("variant", "attention"), [*((variant, "ours") for variant in VARIANTS), ("post_norm", "keras"), ("pre_norm", "keras")]
)
def test_gradients_equal_finite_differences(variant: str, attention: str) -> None:
    layer = keras.layers.MultiHeadAttention(N, D, dtype="float64") if attention == "keras" else None
    encoder = randomise(Encoder(config(**VARIANTS[variant]), attention=layer, dtype="float64"))
    inputs = batch((5, 3), 7)
    rng = np.random.default_rng(4)
    weighting = rng.normal(size=(2, 7, 15)) * inputs["input_mask"][..., None]
    pooled_weighting = rng.normal(size=(2, 15))

    @tf.function
    def value() -> Any:
        outputs = encoder(inputs)
        return tf.reduce_sum(outputs["sequence_output"] * weighting) + tf.reduce_sum(
            outputs["pooled_output"] * pooled_weighting
        )

    weights = encoder.trainable_weights
    with tf.GradientTape() as tape:
        result = value()
    gradients = [numpy(gradient) for gradient in tape.gradient(result, [weight.value for weight in weights])]
    largest = max(np.linalg.norm(gradient) for gradient in gradients)
    for weight, gradient in zip(weights, gradients, strict=True):
        # Halfway between the gradient and a random direction: a gradient too short, too long or askew shows.
        direction = rng.normal(size=gradient.shape)
        direction = direction / np.linalg.norm(direction) + gradient / max(np.linalg.norm(gradient), 1e-30)
        direction /= np.linalg.norm(direction)
        original = numpy(weight)
        slope = 0.0
        for steps, share in STENCIL:
            weight.assign(original + steps * STEP * direction)
            slope += float(value()) * share / STEP
        weight.assign(original)
        assert slope == pytest.approx((gradient * direction).sum(), abs=BOUND * largest), weight.path
