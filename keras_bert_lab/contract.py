"""The dict that every preprocessor gives and every encoder takes, and the dict that every encoder gives.

The three keys of a text batch are those of the TF-Hub text API (tensorflow.org/hub/common_saved_model_apis/text), so that
hub preprocessors and encoders and ours are interchangeable. Shapes: B batch, S sequence, P masked positions, K texts in a
packed row, L layers, H hidden.

| key | shape, int32 | meaning |
|---|---|---|
| input_word_ids | (B, S) | token ids |
| input_mask | (B, S) | 1 = a real token, 0 = padding |
| input_type_ids | (B, S) | 0 = first text, 1 = second text of a pair |
| input_example_ids | (B, S) | packed rows only: 0 = padding, 1..K = which text |
| input_positions | (B, S) | packed rows only: position inside its own text |
| input_example_starts | (B, K) | packed rows only: where each text starts, -1 = none |
| masked_lm_positions | (B, P) | masked batches only: where the masked tokens are |

With windows, the three keys of a text batch are (B, W, S). Beside them, a classifier with extra columns takes `input_columns`,
float32 (B, F): numbers about each text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "COLUMNS",
    "ENCODER_OUTPUT",
    "EXAMPLE_IDS",
    "EXAMPLE_STARTS",
    "INPUT_KEYS",
    "MASK",
    "MASKED_IDS",
    "MASKED_POSITIONS",
    "NEXT_SENTENCE_LABELS",
    "POOLED_OUTPUT",
    "POSITIONS",
    "SEQUENCE_OUTPUT",
    "TYPE_IDS",
    "WORD_IDS",
    "check_inputs",
]

WORD_IDS = "input_word_ids"
MASK = "input_mask"
TYPE_IDS = "input_type_ids"
EXAMPLE_IDS = "input_example_ids"
POSITIONS = "input_positions"
EXAMPLE_STARTS = "input_example_starts"
MASKED_POSITIONS = "masked_lm_positions"
MASKED_IDS = "masked_lm_ids"
"""Targets (B, P), where a batch has several kinds of them."""
NEXT_SENTENCE_LABELS = "next_sentence_labels"
"""Targets (B, K), or (B,): 0 = the second text follows, or the two are in order; 1 = it does not, or they are swapped."""
COLUMNS = "input_columns"
INPUT_KEYS = (WORD_IDS, MASK, TYPE_IDS)

SEQUENCE_OUTPUT = "sequence_output"
POOLED_OUTPUT = "pooled_output"
ENCODER_OUTPUT = "encoder_outputs"


def check_inputs(inputs: Any) -> None:
    """Refuse what is not the contract dict.

    Raises:
        TypeError: `inputs` is no dict.
        ValueError: one of the three keys of a text batch is missing.
    """
    if not isinstance(inputs, Mapping):
        raise TypeError(
            f"inputs must be a dict with the keys {list(INPUT_KEYS)}. Received: {type(inputs).__name__}. "
            "A Preprocessor makes such a dict from texts."
        )
    missing = [key for key in INPUT_KEYS if key not in inputs]
    if missing:
        raise ValueError(
            f"inputs must have the keys {list(INPUT_KEYS)}. Received: {sorted(inputs)}, without {missing}. "
            "A Preprocessor makes such a dict from texts."
        )
