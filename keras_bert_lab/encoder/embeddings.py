"""Token ids -> the states that the first block takes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.dropout import Dropout
from keras_bert_lab.encoder.initial_weights import initial_weights

__all__ = ["Embeddings"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Embeddings(keras.layers.Layer):
    """Sum of a token, a position and a segment embedding, normalised, then dropout.

        LayerNorm(token[id] + position[place] + segment[type])

    Args:
        vocab_size: V.
        hidden_size: H, width of the output.
        max_positions: longest sequence.
        type_vocab_size: number of segment ids; 0 = no segment embedding.
        embedding_size: width E of the three tables; where it differs from H, a dense layer follows. None = H.
        position_offset: added to every position.
        layer_norm_eps: added to the variance in layer normalisation.
        dropout: share of states set to 0 in training.
        initializer_range: standard deviation of the truncated normal that weights start from.

    Call arguments:
        word_ids: int32 (B, S).
        type_ids: int32 (B, S), or None for all 0.
        positions: int32 (B, S), or None for 0..S-1.

    Returns:
        (B, S, H) in the compute dtype.

    Reference: Devlin et al. 2018, "BERT", figure 2; factorised tables: Lan et al. 2019, "ALBERT", section 3.1.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        max_positions: int = 512,
        type_vocab_size: int = 2,
        embedding_size: int | None = None,
        position_offset: int = 0,
        layer_norm_eps: float = 1e-12,
        dropout: float = 0.1,
        initializer_range: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.max_positions = max_positions
        self.type_vocab_size = type_vocab_size
        self.embedding_size = embedding_size
        self.position_offset = position_offset
        self.layer_norm_eps = layer_norm_eps
        self.dropout = dropout
        self.initializer_range = initializer_range

        width = embedding_size or hidden_size
        self.token = self._table(vocab_size, width, "token")
        self.position = self._table(max_positions + position_offset, width, "position")
        self.segment = self._table(type_vocab_size, width, "segment") if type_vocab_size else None
        self.norm = keras.layers.LayerNormalization(epsilon=layer_norm_eps, dtype=self.dtype_policy, name="norm")
        self.projection = None
        if width != hidden_size:
            self.projection = keras.layers.Dense(
                hidden_size,
                kernel_initializer=initial_weights(self.initializer_range),
                dtype=self.dtype_policy,
                name="projection",
            )
        self.dropout_layer = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def _table(self, rows: int, width: int, name: str) -> keras.layers.Embedding:
        return keras.layers.Embedding(
            rows, width, embeddings_initializer=initial_weights(self.initializer_range), dtype=self.dtype_policy, name=name
        )

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        width = self.embedding_size or self.hidden_size
        for table in (self.token, self.position, self.segment):
            if table is not None:
                table.build((None, None))
        self.norm.build((None, None, width))
        if self.projection is not None:
            self.projection.build((None, width))

    def check_length(self, length: int | None) -> None:
        """Refuse a sequence of more than `max_positions` tokens; None = not known yet."""
        if length is not None and length > self.max_positions:
            raise ValueError(
                f"A sequence must have at most max_positions={self.max_positions} tokens. Received: {length}. "
                "Shorten the texts (Preprocessor(sequence_length=...)) or configure the encoder with more positions."
            )

    def summands(self, word_ids: Any, type_ids: Any = None, positions: Any = None) -> dict[str, Any]:
        """The three embeddings before they are added: "token" (B, S, E), "position" (1 or B, S, E), "segment" (B, S, E).

        A model without segment embedding has no "segment".
        """
        self.check_length(word_ids.shape[1])
        if positions is None:
            positions = ops.expand_dims(ops.arange(ops.shape(word_ids)[1], dtype="int32"), 0)
        summands = {"token": self.token(word_ids), "position": self.position(positions + self.position_offset)}
        if self.segment is not None:
            summands["segment"] = self.segment(ops.zeros_like(word_ids) if type_ids is None else type_ids)
        return summands

    def call(self, word_ids: Any, type_ids: Any = None, positions: Any = None) -> Any:
        states = self.norm(sum(self.summands(word_ids, type_ids, positions).values()))
        # ALBERT and ELECTRA normalise and drop out at the width of the tables, before the projection.
        states = self.dropout_layer(states)
        return states if self.projection is None else kernels.dense(self.projection, states)

    def compute_output_shape(self, word_ids_shape: Any, *_: Any, **__: Any) -> tuple[int | None, ...]:
        self.check_length(word_ids_shape[1])
        return (*word_ids_shape, self.hidden_size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "max_positions": self.max_positions,
            "type_vocab_size": self.type_vocab_size,
            "embedding_size": self.embedding_size,
            "position_offset": self.position_offset,
            "layer_norm_eps": self.layer_norm_eps,
            "dropout": self.dropout,
            "initializer_range": self.initializer_range,
        }
