"""A layer rebuilt from its config is the same layer: same settings, same dtype policy, equal outputs on equal weights."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from tests.conformance.examples import EXAMPLES, NAMES, Example


def _plain(layer: keras.layers.Layer) -> str:
    """The whole config as JSON; ids of objects differ from process to process and copy to copy."""

    def clean(value: object) -> object:
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items() if key not in ("shared_object_id", "build_config")}
        return [clean(part) for part in value] if isinstance(value, list) else value

    return json.dumps(clean(keras.saving.serialize_keras_object(layer)), sort_keys=True)


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_config_survives(example: Example, dtype: str | None) -> None:
    layer = example.make(dtype)
    copy = type(layer).from_config(layer.get_config())
    through_json = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert _plain(copy) == _plain(through_json) == _plain(layer)
    assert copy.name == through_json.name == layer.name
    assert copy.dtype_policy == through_json.dtype_policy == layer.dtype_policy
    assert layer.dtype_policy.name == (dtype or "float32")


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_outputs_are_equal_on_equal_weights(example: Example) -> None:
    layer, model = example.random_model()
    copy = example.model(type(layer).from_config(layer.get_config()))
    assert [tuple(weight.shape) for weight in copy.weights] == [tuple(weight.shape) for weight in model.weights]
    copy.set_weights(model.get_weights())
    inputs = example.inputs()
    outputs, expected = keras.tree.flatten(copy(inputs)), keras.tree.flatten(model(inputs))
    assert len(outputs) == len(expected)
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if copy.weights:  # the copy has weights of its own
        copy.set_weights([weight + 1 for weight in model.get_weights()])
        assert any(
            np.abs(ours - theirs).max() > 0 for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True)
        )
