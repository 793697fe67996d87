"""Eager, as a graph and compiled by XLA, a layer gives the same outputs and gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.examples import EXAMPLES, NAMES, Example
from tests.samples import numpy

BOUND = 1e-5


def _outputs_and_gradients(example: Example) -> Any:
    """A function: inputs -> all outputs, and the gradient of a random sum of them for every weight and float input."""
    _, model = example.random_model()
    rng = np.random.default_rng(4)
    weightings = [
        tf.constant(rng.normal(size=tensor.shape), "float32") for tensor in keras.tree.flatten(model(example.inputs()))
    ]

    def run(inputs: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        with tf.GradientTape() as tape:
            sources = [weight.value for weight in model.trainable_weights]
            for tensor in inputs.values():
                if tensor.dtype.is_floating:
                    tape.watch(tensor)
                    sources.append(tensor)
            outputs = keras.tree.flatten(model(inputs))
            total = tf.add_n([tf.reduce_sum(tensor * weighting) for tensor, weighting in zip(outputs, weightings, strict=True)])
        gradients = tape.gradient(total, sources, unconnected_gradients="zero")
        return outputs, [tf.convert_to_tensor(gradient) for gradient in gradients]

    return run


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_eager_graph_and_xla_agree(example: Example) -> None:
    run = _outputs_and_gradients(example)
    inputs = {name: tf.constant(array) for name, array in example.inputs().items()}
    expected = run(inputs)
    assert len(expected[1]) > 0
    for jit_compile in (False, True):
        found = tf.function(run, jit_compile=jit_compile, autograph=False)(inputs)
        for part, name in enumerate(("output", "gradient")):
            # By the largest of all: some gradients are zero by nature and differ by rounding alone.
            largest = max(np.abs(numpy(tensor)).max() for tensor in expected[part])
            for place, (ours, theirs) in enumerate(zip(found[part], expected[part], strict=True)):
                difference = np.abs(numpy(ours) - numpy(theirs)).max()
                assert difference < BOUND * largest, (name, place, f"jit_compile={jit_compile}")
