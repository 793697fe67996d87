"""The list of examples is complete: every layer, and every setting of each at another value than its default."""

from __future__ import annotations

import inspect

import keras
import pytest

from tests.conformance.examples import EXAMPLES, NAMES

# Folders of which every layer has an example.
FOLDERS = ("keras_bert_lab.encoder.", "keras_bert_lab.heads.")


def _ours(layer_class: type) -> bool:
    return layer_class.__module__.startswith(FOLDERS) and issubclass(layer_class, keras.layers.Layer)


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_every_registered_layer_has_an_example() -> None:
    registered = {layer for layer in keras.saving.get_custom_objects().values() if isinstance(layer, type) and _ours(layer)}
    assert registered == {type(example.make(None)) for example in EXAMPLES}


CLASSES = dict.fromkeys(type(example.make(None)) for example in EXAMPLES)


@pytest.mark.parametrize("layer_class", CLASSES, ids=lambda layer: layer.__name__)
def test_registered_under_the_package_name(layer_class: type) -> None:
    assert keras.saving.get_registered_name(layer_class) == f"keras_bert_lab>{layer_class.__name__}"


def _parameters(layer_class: type) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(layer_class.__init__).parameters
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: value for name, value in parameters.items() if name != "self" and value.kind in named}


def test_every_setting_has_an_example_away_from_its_default() -> None:
    at_default = {
        (layer_class.__name__, name)
        for layer_class in {type(example.make(None)) for example in EXAMPLES}
        for name, parameter in _parameters(layer_class).items()
        if parameter.default is not inspect.Parameter.empty
    }
    for example in EXAMPLES:
        layer = example.make(None)
        for name, parameter in _parameters(type(layer)).items():
            if layer.get_config()[name] != parameter.default:
                at_default.discard((type(layer).__name__, name))
    assert at_default == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_get_config_has_every_constructor_argument(example) -> None:
    layer = example.make(None)
    assert set(_parameters(type(layer))) <= set(layer.get_config())
