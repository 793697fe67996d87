"""One block of the encoder, made of the parts it is given."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.adapter import Adapter
from keras_bert_lab.encoder.dropout import Dropout
from keras_bert_lab.encoder.sublayers import build_attention, build_feed_forward

__all__ = ["EncoderBlock"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class EncoderBlock(keras.layers.Layer):
    """Attention and a feed-forward part, each with dropout, a residual connection and layer normalisation.

        post-norm (BERT):  x = LayerNorm(x + attention(x));  x = LayerNorm(x + feed_forward(x))
        pre-norm:          x = x + attention(LayerNorm(x));  x = x + feed_forward(LayerNorm(x))

    The parts are arguments: pass another layer to change a block, e.g. a `keras.Sequential` of dense and ReLU layers, a
    gate, an adapter, or `keras.layers.MultiHeadAttention`.

    Args:
        attention: layer called as `attention(x, x, attention_mask=mask)`, built with two shapes.
        feed_forward: layer called as `feed_forward(x)`, (B, S, H) -> (B, S, H).
        dropout: share of each part's output set to 0 in training.
        layer_norm_eps: added to the variance in layer normalisation.
        norm_first: normalise before each part instead of after it.

    Call arguments:
        states: (B, S, H).
        attention_mask: bool or integer (B, 1 or S, S), 1 = attend; None = everything is seen.
        training: whether dropout is on.

    Returns:
        (B, S, H) in the compute dtype.

    Raises:
        TypeError: a part is no Keras layer.

    Reference: Vaswani et al. 2017, section 3.1 (post-norm); Xiong et al. 2020 (pre-norm).
    """

    # What add_adapters puts behind the two parts.
    attention_adapter: Adapter | None = None
    feed_forward_adapter: Adapter | None = None

    def __init__(
        self,
        attention: keras.layers.Layer,
        feed_forward: keras.layers.Layer,
        dropout: float = 0.1,
        layer_norm_eps: float = 1e-12,
        norm_first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, part in (("attention", attention), ("feed_forward", feed_forward)):
            if not isinstance(part, keras.layers.Layer):
                raise TypeError(f"{name} must be a Keras layer. Received: {name}={part!r}")
        self.attention = attention
        self.feed_forward = feed_forward
        self.dropout = dropout
        self.layer_norm_eps = layer_norm_eps
        self.norm_first = norm_first

        self.attention_norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_eps, dtype=self.dtype_policy, name="attention_norm"
        )
        self.output_norm = keras.layers.LayerNormalization(epsilon=layer_norm_eps, dtype=self.dtype_policy, name="output_norm")
        self.dropout_layer = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape: Any) -> None:
        if self.built:
            return
        hidden_size = input_shape[-1]
        build_attention(self.attention, hidden_size)
        build_feed_forward(self.feed_forward, hidden_size)
        self.attention_norm.build((None, None, hidden_size))
        self.output_norm.build((None, None, hidden_size))

    def attention_input(self, states: Any) -> Any:
        """What the attention layer sees of the block's input, (B, S, H)."""
        return self.attention_norm(states) if self.norm_first else states

    def call(self, states: Any, attention_mask: Any = None, training: bool | None = None) -> Any:
        # Keras hands `training` on to the parts by itself, also to those whose call() does not name it.
        seen = self.attention_input(states)
        attended = self._dropped(self.attention(seen, seen, attention_mask=attention_mask), self.attention_adapter)
        if self.norm_first:
            states = states + attended
            return states + self._dropped(self.feed_forward(self.output_norm(states)), self.feed_forward_adapter)
        states = kernels.add_and_norm(self.attention_norm, attended, states, training)
        answered = self._dropped(self.feed_forward(states), self.feed_forward_adapter)
        return kernels.add_and_norm(self.output_norm, answered, states, training)

    def _dropped(self, states: Any, adapter: Adapter | None) -> Any:
        states = self.dropout_layer(states)
        return states if adapter is None else adapter(states)

    def compute_output_shape(self, input_shape: Any, *_: Any, **__: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "attention": keras.saving.serialize_keras_object(self.attention),
            "feed_forward": keras.saving.serialize_keras_object(self.feed_forward),
            "dropout": self.dropout,
            "layer_norm_eps": self.layer_norm_eps,
            "norm_first": self.norm_first,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EncoderBlock:
        config = dict(config)
        for part in ("attention", "feed_forward"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)
