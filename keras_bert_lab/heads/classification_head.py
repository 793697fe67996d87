"""Hidden states -> probabilities of labels, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab import contract
from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.initial_weights import initial_weights
from keras_bert_lab.heads.kinds import kind_of
from keras_bert_lab.heads.pooling import Pooling

__all__ = ["TRANSFORMS", "ClassificationHead"]

TRANSFORMS = {"gelu": kernels.ACTIVATIONS["gelu"], "relu": kernels.ACTIVATIONS["relu"], "tanh": keras.ops.tanh}
"""Names of `ClassificationHead.transform` -> functions."""


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class ClassificationHead(keras.layers.Layer):
    """Pooling, dropout and a dense layer with the activation that belongs to the kind.

    | kind | outputs | activation | targets |
    |---|---|---|---|
    | binary | 1 | sigmoid | 0 or 1 |
    | multi_class | C | softmax | class index |
    | multi_label | C | sigmoid | C times 0 or 1 |
    | regression | 1 | none | a number |

    Args:
        num_labels: C; 2 for binary, 1 for regression.
        kind: "binary", "multi_class", "multi_label" or "regression".
        pooling: "cls", "mean" or "max".
        dropout: share of the pooled vector set to 0 in training.
        initializer_range: standard deviation of the truncated normal that weights start from.
        transform: activation of one more dense layer before the output, with dropout before and after it: "tanh" in RoBERTa,
            "relu" in DistilBERT, "gelu" in ELECTRA; None = no such layer, as in BERT and ALBERT.

    Call arguments:
        hidden: the encoder's dict of outputs, or one vector for each text, (B, H), which stands for the pooled one.
        padding_mask: int32 (B, S), 1 = real token; needed for pooling "mean" and "max".
        training: whether dropout is on.

    Returns:
        float32: probabilities (B, 1) or (B, C), or numbers (B, 1). They are computed in float32 under any dtype policy.

    Raises:
        ValueError: an unknown kind, pooling or transform, or a number of labels that the kind cannot have.

    Reference: Devlin et al. 2018, section 4.1. Names: `classes` is the `classifier` of BertForSequenceClassification, and
    `transform_layer` with it are `classifier.dense` and `classifier.out_proj` of RobertaForSequenceClassification.
    """

    def __init__(
        self,
        num_labels: int,
        kind: str = "multi_class",
        pooling: str = "cls",
        dropout: float = 0.1,
        initializer_range: float = 0.02,
        transform: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        chosen = kind_of(kind)
        fewest, most = {"binary": (2, 2), "multi_class": (2, None), "multi_label": (1, None), "regression": (1, 1)}[kind]
        if not isinstance(num_labels, int) or num_labels < fewest or (most is not None and num_labels > most):
            rule = {"binary": "2", "multi_class": "at least 2", "multi_label": "at least 1", "regression": "1"}[kind]
            raise ValueError(f"num_labels must be {rule} for kind={kind!r}. Received: num_labels={num_labels!r}")
        if transform is not None and transform not in TRANSFORMS:
            raise ValueError(f"transform must be one of {sorted(TRANSFORMS)} or None. Received: transform={transform!r}")
        self.num_labels = num_labels
        self.kind = kind
        self.pooling = pooling
        self.dropout = dropout
        self.initializer_range = initializer_range
        self.transform = transform

        self.transform_layer: keras.layers.Dense | None = None
        self.pooling_layer = Pooling(pooling, dtype=self.dtype_policy, name="pooling")
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.classes = keras.layers.Dense(
            chosen.units(num_labels),
            kernel_initializer=initial_weights(initializer_range),
            dtype="float32",
            name="classes",
        )
        self.activation = keras.activations.get(chosen.activation)

    def build(self, input_shape: Any, *_: Any) -> None:
        if self.built:
            return
        hidden_size = (input_shape[contract.SEQUENCE_OUTPUT] if isinstance(input_shape, Mapping) else input_shape)[-1]
        if self.transform is not None:
            self.transform_layer = keras.layers.Dense(
                hidden_size,
                activation=TRANSFORMS[self.transform],
                kernel_initializer=initial_weights(self.initializer_range),
                dtype=self.dtype_policy,
                name="transform",
            )
            self.transform_layer.build((None, hidden_size))
        self.classes.build((None, hidden_size))

    def logits(self, hidden: Any, padding_mask: Any = None, training: bool | None = None) -> Any:
        """The scores before the activation, float32 (B, 1) or (B, C)."""
        pooled = self.pooling_layer(hidden, padding_mask) if isinstance(hidden, Mapping) else hidden
        states = self.dropout_layer(pooled, training=training)
        if self.transform_layer is not None:
            states = self.dropout_layer(self.transform_layer(states), training=training)
        return self.classes(states)

    def call(self, hidden: Any, padding_mask: Any = None, training: bool | None = None) -> Any:
        return self.activation(self.logits(hidden, padding_mask, training))

    def compute_output_spec(self, hidden: Any, padding_mask: Any = None, training: bool | None = None) -> Any:
        if not isinstance(hidden, Mapping):
            return keras.KerasTensor((*hidden.shape[:-1], self.classes.units), dtype="float32")
        pooled = self.pooling_layer.compute_output_shape(
            {name: states.shape for name, states in hidden.items() if hasattr(states, "shape")}
        )
        return keras.KerasTensor((*pooled[:-1], self.classes.units), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_labels": self.num_labels,
            "kind": self.kind,
            "pooling": self.pooling,
            "dropout": self.dropout,
            "initializer_range": self.initializer_range,
            "transform": self.transform,
        }
