"""What every task does in the same way: its parts, what of them it trains, and how it comes back from a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.encoder.resizing import copy_and_grow
from keras_bert_lab.text import Preprocessor

__all__ = ["Task", "check_fit", "refuse_settings"]


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


class Task:
    """Mixed into a `keras.Model` that has an `encoder` and a `preprocessor`.

    Attributes:
        uses_pooler: whether `pooled_output` is used. If not, the encoder's pooler is not trained.
    """

    encoder: Encoder
    preprocessor: Preprocessor
    uses_pooler: bool

    def _idle_layers(self) -> list[keras.layers.Layer]:
        """Layers that the loss does not reach: they would get no gradient, only a warning."""
        return [] if self.uses_pooler or self.encoder.pooler is None else [self.encoder.pooler]

    def _chosen(self, variables: list[Any], is_trained: bool) -> list[Any]:
        trained: list[Any] = super().trainable_variables  # type: ignore[misc]
        left_out = [variable for layer in self._idle_layers() for variable in layer.variables]
        found = {id(variable) for variable in trained} - {id(variable) for variable in left_out}
        return [variable for variable in variables if (id(variable) in found) is is_trained]

    @property
    def trainable_variables(self) -> list[Any]:
        return self._chosen(super().trainable_variables, is_trained=True)  # type: ignore[misc]

    @property
    def non_trainable_variables(self) -> list[Any]:
        return self._chosen(self.variables, is_trained=False)  # type: ignore[attr-defined]

    @property
    def trainable_weights(self) -> list[Any]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Any]:
        return self._chosen(self.weights, is_trained=False)  # type: ignore[attr-defined]

    def with_added_tokens(self, tokens: Sequence[str], seed: int = 0) -> Any:
        """A new task of the same kind that knows more tokens; all else is as before. It is not compiled.

        The tokenizer keeps the new tokens whole, the encoder and a masked LM head get rows for them.

        Args:
            tokens: the new tokens, such as words of a trade that would fall to pieces.
            seed: of the new rows, see `Encoder.resize_token_embeddings`.

        Raises:
            ValueError: tokens that were added before.
        """
        tokenizer = self.preprocessor.tokenizer.with_added_tokens(tokens)
        settings = self.preprocessor.get_config() | {"tokenizer": keras.saving.serialize_keras_object(tokenizer)}
        size = max(self.encoder.config.vocab_size, len(tokenizer.vocabulary))
        config = self.get_config()
        config["encoder"] = keras.saving.serialize_keras_object(self.encoder.resize_token_embeddings(size, seed))
        config["preprocessor"] = keras.saving.serialize_keras_object(Preprocessor.from_config(settings))
        larger = type(self).from_config(config)
        copy_and_grow(self, larger, seed)
        return larger

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # To build the metrics, Keras takes the mean of the first batch over the replicas: token ids become floats, and parts
        # of different size cannot be averaged. The part of one replica does.
        if iterator is not None and self._distribute_strategy is not None:  # type: ignore[attr-defined]
            parts_of = self.distribute_strategy.experimental_local_results  # type: ignore[attr-defined]
            first = next((next(batches) for _, _, batches in iterator), None)
            iterator, data_batch = None, keras.tree.map_structure(lambda value: parts_of(value)[0], first)
        super()._maybe_symbolic_build(iterator, data_batch)  # type: ignore[misc]

    def compile_from_config(self, config: dict[str, Any]) -> None:
        # Keras does this by itself only for models whose `compile` is its own.
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)  # type: ignore[attr-defined]
        if self.optimizer is not None:  # type: ignore[attr-defined]
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,  # type: ignore[attr-defined]
            "dtype": self.dtype_policy,  # type: ignore[attr-defined]
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "preprocessor": keras.saving.serialize_keras_object(self.preprocessor),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        for part in ("encoder", "preprocessor"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        if isinstance(config["dtype"], dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        return cls(**config)
