"""Hidden states -> one vector for each text."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_bert_lab import contract

__all__ = ["POOLINGS", "Pooling"]

POOLINGS = ("cls", "mean", "max")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Pooling(keras.layers.Layer):
    """One vector for each text, padding left out.

    Args:
        mode: "cls" = the encoder's pooled output; "mean" or "max" over the real tokens ([CLS] and [SEP] included).

    Call arguments:
        hidden: the encoder's dict of outputs.
        padding_mask: int32 (B, S), 1 = real token; needed for "mean" and "max".

    Returns:
        (B, H); a text without any real token gives zeros for "mean" and "max".

    Raises:
        ValueError: an unknown mode, or no mask where one is needed.

    Reference: Reimers and Gurevych 2019, "Sentence-BERT", section 3.
    """

    def __init__(self, mode: str = "cls", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in POOLINGS:
            raise ValueError(f"mode must be one of {list(POOLINGS)}. Received: mode={mode!r}")
        self.mode = mode

    def call(self, hidden: dict[str, Any], padding_mask: Any = None) -> Any:
        if self.mode == "cls":
            return hidden[contract.POOLED_OUTPUT]
        if padding_mask is None:
            raise ValueError(
                f"Pooling(mode={self.mode!r}) needs the padding mask. Received: padding_mask=None. "
                "Pass padding_mask=inputs['input_mask']"
            )
        states = hidden[contract.SEQUENCE_OUTPUT]
        seen = ops.expand_dims(ops.cast(padding_mask, "float32"), 2)  # (B, S) -> (B, S, 1)
        count = ops.sum(seen, axis=1)  # (B, 1)
        states32 = ops.cast(states, "float32")  # sums of many bfloat16 states would lose digits
        if self.mode == "mean":
            pooled = ops.sum(states32 * seen, axis=1) / ops.maximum(count, 1.0)
        else:
            pooled = ops.max(states32 - (1.0 - seen) * 1e9, axis=1) * ops.cast(count > 0, "float32")
        return ops.cast(pooled, states.dtype)

    def compute_output_shape(self, hidden_shape: dict[str, Any], padding_mask_shape: Any = None) -> tuple[int | None, ...]:
        if self.mode == "cls":
            return tuple(hidden_shape[contract.POOLED_OUTPUT])  # (B, H), or (B, K, H) for packed rows
        batch, _, width = hidden_shape[contract.SEQUENCE_OUTPUT]
        return (batch, width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mode": self.mode}
