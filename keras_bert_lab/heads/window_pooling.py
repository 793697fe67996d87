"""Vectors of a text's windows -> one vector for the text."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["WINDOW_POOLINGS", "WindowPooling"]

WINDOW_POOLINGS = ("mean", "max")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class WindowPooling(keras.layers.Layer):
    """One vector for each text out of those of its windows, windows that are padding left out.

    mean: sum_w m_w x_w / sum_w m_w; max: the largest x_w with m_w = 1, each number for itself.

    Args:
        mode: "mean" or "max".

    Call arguments:
        vectors: x, (B, W, H), of the windows.
        is_window: m, bool (B, W), whether there is such a window.

    Returns:
        (B, H); a text without any window gives zeros.

    Raises:
        ValueError: an unknown mode.

    Reference: Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.1, hierarchical methods.
    """

    def __init__(self, mode: str = "mean", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in WINDOW_POOLINGS:
            raise ValueError(f"mode must be one of {list(WINDOW_POOLINGS)}. Received: mode={mode!r}")
        self.mode = mode

    def call(self, vectors: Any, is_window: Any) -> Any:
        there = ops.expand_dims(ops.cast(is_window, "bool"), 2)  # (B, W) -> (B, W, 1)
        precise = keras.backend.result_type(vectors.dtype, "float32")  # sums of many bfloat16 numbers would lose digits
        # What stands in a padding window is left out, not multiplied by 0: it could be no number at all.
        if self.mode == "mean":
            seen = ops.where(there, ops.cast(vectors, precise), 0.0)
            pooled = ops.sum(seen, axis=1) / ops.maximum(ops.sum(ops.cast(there, precise), axis=1), 1.0)
        else:
            seen = ops.where(there, ops.cast(vectors, precise), -1e9)
            pooled = ops.max(seen, axis=1) * ops.cast(ops.any(there, axis=1), precise)
        return ops.cast(pooled, vectors.dtype)

    def compute_output_shape(
        self, vectors_shape: tuple[int | None, ...], is_window_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (vectors_shape[0], vectors_shape[2])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mode": self.mode}
