"""Hidden states of the masked tokens -> scores over the vocabulary."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_bert_lab.encoder import Encoder, kernels
from keras_bert_lab.encoder.initial_weights import initial_weights

__all__ = ["MaskedLMHead"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class MaskedLMHead(keras.layers.Layer):
    """Scores of every token for each masked position, with the token embedding as output matrix.

        LayerNorm(activation(h W + b)) E^T + c,  h = state of a masked position, E = token embedding, c = own bias

    Only the masked positions are gathered and projected: about 15 % of the work of projecting all.

    Args:
        encoder: the Encoder whose token embedding is the output matrix. It is shared, not owned.

    Call arguments:
        sequence_output: (B, S, H).
        positions: int32 (B, P), where the masked tokens are.

    Returns:
        Logits, float32 (B, P, V).

    Raises:
        TypeError: `encoder` is no Encoder.

    Reference: Devlin et al. 2018, section 3.1; tied output matrix: Press and Wolf 2016.
    Names: `transform`, `norm`, `bias` are cls.predictions.transform.dense, .transform.LayerNorm and .bias.
    """

    def __init__(self, encoder: Encoder, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", getattr(encoder, "dtype_policy", None))
        super().__init__(**kwargs)
        if not isinstance(encoder, Encoder):
            raise TypeError(f"encoder must be an Encoder, whose token embedding the head shares. Received: {encoder!r}")
        # Held without Keras tracking: the encoder's weights belong to the encoder, also in counts and summaries.
        object.__setattr__(self, "_encoder", encoder)
        config = encoder.config
        self.transform = keras.layers.Dense(
            config.embedding_size or config.hidden_size,
            activation=kernels.ACTIVATIONS[config.activation],
            kernel_initializer=initial_weights(config.initializer_range),
            dtype=self.dtype_policy,
            name="transform",
        )
        self.norm = keras.layers.LayerNormalization(epsilon=config.layer_norm_eps, dtype=self.dtype_policy, name="norm")
        self.build((None, None, config.hidden_size))

    def build(self, input_shape: Any, *_: Any) -> None:
        if self.built:
            return
        config = self._encoder.config
        self.transform.build((None, config.hidden_size))
        self.norm.build((None, self.transform.units))
        self.bias = self.add_weight(shape=(config.vocab_size,), initializer="zeros", name="bias")

    def call(self, sequence_output: Any, positions: Any) -> Any:
        positions = ops.cast(positions, "int32")  # numpy's own integers are int64
        batch, count = ops.shape(positions)
        _, length, width = ops.shape(sequence_output)
        # Row r of the batch starts at r * S in the flat states: one gather instead of B.
        flat = ops.reshape(positions + ops.expand_dims(ops.arange(batch, dtype="int32") * length, 1), (-1,))
        states = ops.take(ops.reshape(sequence_output, (-1, width)), flat, axis=0)  # (B, S, H) -> (B * P, H)
        states = self.norm(self.transform(states))
        table = ops.cast(ops.convert_to_tensor(self._encoder.embedding_table), states.dtype)
        logits = ops.matmul(states, ops.transpose(table))  # (B * P, H) -> (B * P, V)
        logits = ops.cast(logits, "float32") + ops.cast(self.bias, "float32")
        return ops.reshape(logits, (batch, count, table.shape[0]))

    def compute_output_spec(self, sequence_output: Any, positions: Any) -> Any:
        return keras.KerasTensor((*positions.shape, self._encoder.config.vocab_size), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self._encoder)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MaskedLMHead:
        config = dict(config)
        # In a saved model the encoder's config carries a shared-object id: this is the model's own encoder, not a copy.
        config["encoder"] = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config)
