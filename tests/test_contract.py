from __future__ import annotations

import re

import numpy as np
import pytest

from keras_bert_lab import contract
from tests.samples import batch


def test_names_are_those_of_the_tf_hub_text_api() -> None:
    assert contract.INPUT_KEYS == ("input_word_ids", "input_mask", "input_type_ids")
    assert (contract.SEQUENCE_OUTPUT, contract.POOLED_OUTPUT, contract.ENCODER_OUTPUT) == (
        "sequence_output",
        "pooled_output",
        "encoder_outputs",
    )
    packed = (contract.EXAMPLE_IDS, contract.POSITIONS, contract.EXAMPLE_STARTS, contract.MASKED_POSITIONS)
    assert packed == ("input_example_ids", "input_positions", "input_example_starts", "masked_lm_positions")


def test_public_names_are_sorted_and_exist() -> None:
    assert contract.__all__ == sorted(contract.__all__)
    assert all(hasattr(contract, name) for name in contract.__all__)


@pytest.mark.parametrize("extra", [{}, {"input_example_ids": np.ones((7, 11), "int32")}])
def test_the_three_keys_are_enough_and_more_are_welcome(extra: dict[str, np.ndarray]) -> None:
    assert contract.check_inputs(batch() | extra) is None


@pytest.mark.parametrize("inputs", [["a text"], np.ones((7, 11)), "a text", None])
def test_what_is_no_dict_is_refused(inputs: object) -> None:
    with pytest.raises(TypeError, match=f"must be a dict .* Received: {type(inputs).__name__}. A Preprocessor makes"):
        contract.check_inputs(inputs)


@pytest.mark.parametrize("missing", contract.INPUT_KEYS)
def test_a_missing_key_is_named(missing: str) -> None:
    inputs = batch()
    del inputs[missing]
    with pytest.raises(ValueError, match=re.escape(f"Received: {sorted(inputs)}, without ['{missing}']")):
        contract.check_inputs(inputs)
