"""The parts that every task is made of: an encoder, and a preprocessor that fits it."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.text import Preprocessor

__all__ = ["check_fit", "deserialized", "not_trained", "one_replica", "recompile", "refuse_settings", "trained"]


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


def one_replica(model: keras.Model, iterator: Any) -> Any:
    """The part of the first batch that one replica gets, for Keras to build the metrics from; None where there is no batch.

    Keras takes the mean over the replicas: token ids become floats, and parts of different size cannot be averaged.
    """
    for _, _, batches in iterator:
        parts_of = model.distribute_strategy.experimental_local_results
        return keras.tree.map_structure(lambda value: parts_of(value)[0], next(batches))  # noqa: B023  called at once
    return None


def trained(variables: list[Any], encoder: Encoder, uses_pooler: bool) -> list[Any]:
    """Those of a task's trainable variables that it trains.

    A task that does not use the encoder's pooler does not train it: it would get no gradient, only a warning.
    """
    unused = [] if uses_pooler or encoder.pooler is None else encoder.pooler.variables
    left_out = {id(variable) for variable in unused}
    return [variable for variable in variables if id(variable) not in left_out]


def not_trained(variables: list[Any], chosen: list[Any]) -> list[Any]:
    """Those of a task's variables that are not among the trained ones."""
    known = {id(variable) for variable in chosen}
    return [variable for variable in variables if id(variable) not in known]


def refuse_settings(settings: dict[str, Any]) -> None:
    """Refuse settings of `keras.Model.fit` that follow from the texts and their batches.

    Raises:
        ValueError: one of them was given.
    """
    for name in ("shuffle", "steps_per_epoch"):
        if name in settings:
            raise ValueError(
                f"{name} follows from the texts, batch_size and seed. Received: {name}={settings[name]!r}. "
                "Leave it out, or fit on batches of your own."
            )


def recompile(model: keras.Model, config: dict[str, Any] | None) -> None:
    """Compile a task that comes from a saved file as it was compiled before, its optimizer ready for its state.

    Keras does this by itself only for models with a `compile` of its own signature.
    """
    config = keras.saving.deserialize_keras_object(config) if config else None
    if config:
        model.compile(**config)
        if model.optimizer is not None:
            model.optimizer.build(model.trainable_variables)
