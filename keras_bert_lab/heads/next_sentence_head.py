"""Pooled output -> whether the second text follows the first."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder.initial_weights import initial_weights

__all__ = ["NextSentenceHead"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class NextSentenceHead(keras.layers.Layer):
    """Scores of "the second text follows" (class 0) and "it comes from elsewhere" (class 1).

    Args:
        initializer_range: standard deviation of the truncated normal that weights start from.

    Call arguments:
        pooled_output: (B, H), or (B, K, H) for packed rows.

    Returns:
        Logits, float32 (B, 2) or (B, K, 2).

    Reference: Devlin et al. 2018, section 3.1, task 2; class order as in google-research/bert (0 = next, 1 = random).
    Names: `classes` is cls.seq_relationship.
    """

    def __init__(self, initializer_range: float = 0.02, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initializer_range = initializer_range
        self.classes = keras.layers.Dense(
            2,
            kernel_initializer=initial_weights(initializer_range),
            dtype="float32",
            name="classes",
        )

    def build(self, input_shape: Any) -> None:
        if not self.built:
            self.classes.build((None, input_shape[-1]))

    def call(self, pooled_output: Any) -> Any:
        return self.classes(pooled_output)

    def compute_output_spec(self, pooled_output: Any) -> Any:
        return keras.KerasTensor((*pooled_output.shape[:-1], 2), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"initializer_range": self.initializer_range}
