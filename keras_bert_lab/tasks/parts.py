"""The parts that every task is made of: an encoder, and a preprocessor that fits it."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.text import Preprocessor

__all__ = ["check_fit", "deserialized", "recompile", "without_pooler"]


def check_fit(encoder: Encoder, preprocessor: Preprocessor) -> None:
    """Refuse a preprocessor that makes ids or rows that the encoder does not know.

    Raises:
        TypeError: not an Encoder or a Preprocessor.
        ValueError: more tokens or longer rows than the encoder has.
    """
    if not isinstance(encoder, Encoder):
        raise TypeError(f"encoder must be an Encoder. Received: {encoder!r}")
    if not isinstance(preprocessor, Preprocessor):
        raise TypeError(f"preprocessor must be a Preprocessor. Received: {preprocessor!r}")
    size = len(preprocessor.tokenizer.vocabulary)
    if size > encoder.config.vocab_size:
        raise ValueError(
            "The encoder's vocab_size must cover the tokenizer's vocabulary. "
            f"Received: vocab_size={encoder.config.vocab_size}, {size} tokens. Use the encoder's own vocabulary."
        )
    if preprocessor.row_length > encoder.config.max_positions:
        raise ValueError(
            "The preprocessor's rows must fit into the encoder's max_positions. Received: rows of up to "
            f"{preprocessor.row_length} tokens, max_positions={encoder.config.max_positions}. "
            f"Use Preprocessor(tokenizer, max_length={encoder.config.max_positions}) or a sequence_length."
        )


def deserialized(config: dict[str, Any]) -> dict[str, Any]:
    """A task's config with its encoder and preprocessor made."""
    config = dict(config)
    for part in ("encoder", "preprocessor"):
        config[part] = keras.saving.deserialize_keras_object(config[part])
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
    return config


def without_pooler(variables: list[Any], encoder: Encoder) -> list[Any]:
    """The variables that a task trains which does not use the encoder's pooler: it would get no gradient, only a warning."""
    unused = set() if encoder.pooler is None else {id(variable) for variable in encoder.pooler.variables}
    return [variable for variable in variables if id(variable) not in unused]


def recompile(model: keras.Model, config: dict[str, Any] | None) -> None:
    """Compile a task that comes from a saved file as it was compiled before, its optimizer ready for its state.

    Keras does this by itself only for models with a `compile` of its own signature.
    """
    config = keras.saving.deserialize_keras_object(config) if config else None
    if config:
        model.compile(**config)
        if model.optimizer is not None:
            model.optimizer.build(model.trainable_variables)
