"""Multi-head attention with all projections in one product."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.dropout import Dropout
from keras_bert_lab.encoder.initial_weights import initial_weights
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate

__all__ = ["SelfAttention"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class SelfAttention(keras.layers.Layer):
    """Multi-head attention: every position takes a weighted sum of the values of the positions that it may see.

        softmax(Q K^T / sqrt(D)) V, for N heads side by side, then a dense layer

    It has the call signature of `keras.layers.MultiHeadAttention`, so that either can be passed to `EncoderBlock`; here the
    query, key and value projections are one flat product, and dropout that is switched off costs nothing.

    Args:
        num_heads: N.
        key_dim: D, width of one head.
        dropout: share of the attention weights set to 0 in training.
        initializer_range: standard deviation of the truncated normal that weights start from.

    Call arguments:
        query: (B, S, H).
        value: (B, R, H); the same tensor as `query` for self-attention.
        attention_mask: bool or integer (B, 1 or S, R), 1 = attend; None = everything is seen.
        training: whether dropout is on.

    Returns:
        (B, S, H) in the compute dtype.

    Raises:
        ValueError: impossible sizes, or an attention mask of another shape or kind.

    Reference: Vaswani et al. 2017, "Attention is all you need", section 3.2.
    Names: `qkv` holds BERT's query, key and value side by side, `output_dense` is attention.output.dense.
    """

    # What add_lora puts beside `qkv` and `output_dense`.
    query_lora: LowRankUpdate | None = None
    key_lora: LowRankUpdate | None = None
    value_lora: LowRankUpdate | None = None
    output_lora: LowRankUpdate | None = None

    def __init__(
        self, num_heads: int, key_dim: int, dropout: float = 0.0, initializer_range: float = 0.02, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("num_heads", num_heads), ("key_dim", key_dim)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1. Received: {name}={value!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1. Received: dropout={dropout!r}")
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.dropout = dropout
        self.initializer_range = initializer_range

        initializer = initial_weights(initializer_range)
        self.qkv = keras.layers.Dense(
            3 * num_heads * key_dim, kernel_initializer=initializer, dtype=self.dtype_policy, name="qkv"
        )
        self.output_dense: keras.layers.Dense | None = None
        self.dropout_layer = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, query_shape: Any, value_shape: Any = None) -> None:
        if self.built:
            return
        hidden_size = query_shape[-1]
        self.qkv.build((None, hidden_size))
        self.output_dense = keras.layers.Dense(
            hidden_size,
            kernel_initializer=initial_weights(self.initializer_range),
            dtype=self.dtype_policy,
            name="output_dense",
        )
        self.output_dense.build((None, self.num_heads * self.key_dim))

    def _project(self, query: Any, value: Any) -> tuple[Any, Any, Any]:
        """(B, S, H), (B, R, H) -> query (B, N, S, D), key (B, N, R, D), value (B, N, R, D)."""
        updates = (self.query_lora, self.key_lora, self.value_lora)
        q, k, v = kernels.split_heads(kernels.dense(self.qkv, query, updates), 3, self.num_heads)
        if value is not query:
            _, k, v = kernels.split_heads(kernels.dense(self.qkv, value, updates), 3, self.num_heads)
        return q, k, v

    def _bias(self, attention_mask: Any) -> Any:
        if attention_mask is None:
            return None
        dtype = keras.backend.standardize_dtype(attention_mask.dtype)
        if len(attention_mask.shape) != 3 or not (dtype == "bool" or "int" in dtype):
            raise ValueError(
                "attention_mask must be bool or integer with shape (B, 1 or S, R), 1 = attend. "
                f"Received: shape={tuple(attention_mask.shape)}, dtype={dtype}. "
                "A padding mask (B, S) becomes one as mask[:, None, :]."
            )
        return kernels.mask_bias(attention_mask)

    def attention_map(self, query: Any, value: Any, attention_mask: Any = None) -> Any:
        """The attention weights of each head without dropout: (B, N, S, R); each row sums to 1."""
        q, k, _ = self._project(query, value)
        return kernels.attention_scores(q, k, self._bias(attention_mask))

    def call(self, query: Any, value: Any, attention_mask: Any = None, training: bool | None = None) -> Any:
        q, k, v = self._project(query, value)
        bias = self._bias(attention_mask)
        if training and self.dropout:
            weights = self.dropout_layer(kernels.attention_scores(q, k, bias, training), training=training)
            mixed = kernels.attention_mix(weights, v)
        else:
            mixed = kernels.attend(q, k, v, bias, training)
        return kernels.dense(self.output_dense, kernels.merge_heads(mixed), (self.output_lora,))

    def compute_output_shape(self, query_shape: Any, *_: Any, **__: Any) -> Any:
        return query_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
            "initializer_range": self.initializer_range,
        }
