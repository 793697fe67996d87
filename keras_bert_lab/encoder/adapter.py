"""A small bottleneck that is trained in place of the layers around it."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.config import check_integer
from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.initial_weights import initial_weights

__all__ = ["Adapter"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Adapter(keras.layers.Layer):
    """Two dense layers with a narrow middle, and a connection around them.

        x + activation(x W1 + b1) W2 + b2

    W2 starts from zeros, so that nothing changes before the first step of training. `add_adapters` puts these layers behind
    the parts of an encoder's blocks.

    Args:
        size: width of the middle.
        activation: "gelu" (exact), "gelu_tanh" or "relu".
        initializer_range: standard deviation of the truncated normal that W1 starts from.

    Call arguments:
        states: (B, S, H).

    Returns:
        (B, S, H) in the compute dtype.

    Raises:
        ValueError: an impossible size or an unknown activation.

    Reference: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", section 2.1. (There W2 starts close to
        zero.)
    """

    def __init__(self, size: int = 64, activation: str = "gelu", initializer_range: float = 0.02, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("size", size, 1)
        if activation not in kernels.ACTIVATIONS:
            raise ValueError(f"activation must be one of {sorted(kernels.ACTIVATIONS)}. Received: activation={activation!r}")
        self.size = size
        self.activation = activation
        self.initializer_range = initializer_range

        self.down = keras.layers.Dense(
            size,
            kernel_initializer=initial_weights(initializer_range),
            dtype=self.dtype_policy,
            name="down",
        )
        self.up: keras.layers.Dense | None = None

    def build(self, input_shape: Any) -> None:
        if self.built:
            return
        hidden_size = input_shape[-1]
        self.down.build((None, hidden_size))
        self.up = keras.layers.Dense(hidden_size, kernel_initializer="zeros", dtype=self.dtype_policy, name="up")
        self.up.build((None, self.size))

    def call(self, states: Any, training: bool | None = None) -> Any:
        inner = kernels.dense(self.down, states, activation=self.activation, training=training)
        return states + kernels.dense(self.up, inner)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "size": self.size,
            "activation": self.activation,
            "initializer_range": self.initializer_range,
        }
