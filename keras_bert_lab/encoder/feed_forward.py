"""The position-wise part of a block."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.initial_weights import initial_weights
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate

__all__ = ["FeedForward"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class FeedForward(keras.layers.Layer):
    """Two dense layers at every position: activation(x W1 + b1) W2 + b2.

    Args:
        intermediate_size: F, width between the two layers.
        activation: "gelu" (exact), "gelu_tanh" or "relu".
        initializer_range: standard deviation of the truncated normal that weights start from.

    Call arguments:
        states: (B, S, H).
        training: whether this is a step of training; the result is the same.

    Returns:
        (B, S, H) in the compute dtype.

    Raises:
        ValueError: an impossible size or an unknown activation.

    Reference: Vaswani et al. 2017, equation 2; GELU: Hendrycks and Gimpel 2016.
    """

    # What add_lora puts beside `intermediate` and `output_dense`.
    intermediate_lora: LowRankUpdate | None = None
    output_lora: LowRankUpdate | None = None

    def __init__(
        self, intermediate_size: int, activation: str = "gelu", initializer_range: float = 0.02, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(intermediate_size, int) or intermediate_size < 1:
            raise ValueError(
                f"intermediate_size must be an integer of at least 1. Received: intermediate_size={intermediate_size!r}"
            )
        if activation not in kernels.ACTIVATIONS:
            raise ValueError(f"activation must be one of {sorted(kernels.ACTIVATIONS)}. Received: activation={activation!r}")
        self.intermediate_size = intermediate_size
        self.activation = activation
        self.initializer_range = initializer_range

        self.intermediate = keras.layers.Dense(
            intermediate_size,
            kernel_initializer=initial_weights(initializer_range),
            dtype=self.dtype_policy,
            name="intermediate",
        )
        self.output_dense: keras.layers.Dense | None = None

    def build(self, input_shape: Any) -> None:
        if self.built:
            return
        hidden_size = input_shape[-1]
        self.intermediate.build((None, hidden_size))
        self.output_dense = keras.layers.Dense(
            hidden_size,
            kernel_initializer=initial_weights(self.initializer_range),
            dtype=self.dtype_policy,
            name="output_dense",
        )
        self.output_dense.build((None, self.intermediate_size))

    def call(self, states: Any, training: bool | None = None) -> Any:
        inner = kernels.dense(self.intermediate, states, (self.intermediate_lora,), self.activation, training)
        return kernels.dense(self.output_dense, inner, (self.output_lora,))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "intermediate_size": self.intermediate_size,
            "activation": self.activation,
            "initializer_range": self.initializer_range,
        }
