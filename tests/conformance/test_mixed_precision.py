"""Under mixed_bfloat16: weights stay float32, the arithmetic is bfloat16, and the outputs are near those of float32."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.conformance.examples import EXAMPLES, NAMES, Example
from tests.samples import numpy

# bfloat16 keeps 8 bits: a rounding is off by up to 2^-9 of the value, 2^-9 / sqrt(3) = 0.0011 on average (root mean square).
# A value passes about 30 roundings in a block (products, normalisations, sums, activation), 60 to 90 in these encoders, which
# add up like a random walk: sqrt(80) * 0.0011 = 1 %. Measured over 30 sets of random weights, the encoders' median is 0.9 to
# 1.2 % and the worst 2.3 %; the bound leaves four times the expected. The largest single difference is no use here: it comes
# from one unlucky value and swings between 2 and 9 %.
BOUND = 0.04


def _distance(actual: Any, expected: Any) -> float:
    """Root mean square of the difference, relative to that of the expected values; not finite where a value is not."""
    return float(np.linalg.norm(numpy(actual) - numpy(expected)) / np.linalg.norm(numpy(expected)))


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_arithmetic_is_bfloat16_on_float32_weights(example: Example) -> None:
    layer, model = example.random_model("mixed_bfloat16")
    assert layer.compute_dtype == "bfloat16"
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights} <= {"float32"}
    symbolic, outputs = keras.tree.flatten(model.output), keras.tree.flatten(model(example.inputs()))
    expected = "float32" if example.float32_outputs else "bfloat16"
    assert {keras.backend.standardize_dtype(tensor.dtype) for tensor in outputs} == {expected}
    assert {keras.backend.standardize_dtype(tensor.dtype) for tensor in symbolic} == {expected}


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_outputs_are_near_those_of_float32(example: Example) -> None:
    _, exact = example.random_model()
    _, mixed = example.random_model("mixed_bfloat16")
    inputs = example.inputs()
    pairs = zip(keras.tree.flatten(mixed(inputs)), keras.tree.flatten(exact(inputs)), strict=True)
    distances = [_distance(ours, theirs) for ours, theirs in pairs]
    assert all(distance < BOUND for distance in distances)  # also false for a distance that is no number
    assert max(distances) > 1e-6  # the same numbers would mean that nothing was computed in bfloat16
