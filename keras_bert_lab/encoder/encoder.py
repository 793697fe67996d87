"""The encoder: the whole BERT family, by configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.config import EncoderConfig, check_integer
from keras_bert_lab.encoder.added_layers import add_layers, added_layers
from keras_bert_lab.encoder.embeddings import Embeddings
from keras_bert_lab.encoder.encoder_block import EncoderBlock
from keras_bert_lab.encoder.feed_forward import FeedForward
from keras_bert_lab.encoder.frozen_weights import freeze_weights, frozen_weights, train_whole
from keras_bert_lab.encoder.initial_weights import blank_weights, initial_weights
from keras_bert_lab.encoder.resizing import copy_and_grow
from keras_bert_lab.encoder.self_attention import SelfAttention
from keras_bert_lab.encoder.sublayers import copies

__all__ = ["Encoder"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Encoder(keras.Model):
    """Token ids -> hidden states: embeddings, L blocks, and a pooler.

    Args:
        config: what kind of encoder, how large.
        attention: attention layer for the blocks instead of `SelfAttention`: one layer, which every block gets a copy of
            (new weights, same settings), or a list with one for each block.
        feed_forward: feed-forward layer for the blocks instead of `FeedForward`, in the same way.

    Call arguments:
        inputs: the contract dict, int32: `input_word_ids`, `input_mask` (1 = real token), `input_type_ids`, each (B, S).
            Packed rows also have `input_example_ids` and `input_positions` (B, S); with `input_example_starts` (B, K),
            -1 = none, `pooled_output` has one vector for each text.
        training: whether dropout is on.

    Returns:
        A dict: `sequence_output` (B, S, H); `pooled_output` (B, H), or (B, K, H) for packed rows with starts, zeros where
        there is no text; `encoder_outputs`, a list of L tensors (B, S, H), the last of which is `sequence_output`.
        Without a pooler (`EncoderConfig(pooler=False)`) `pooled_output` is the state of the first position.

    Raises:
        TypeError, ValueError: inputs that are not the contract dict; a sequence longer than `config.max_positions`.

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding".

    Example:
        >>> encoder = Encoder(EncoderConfig.preset("bert_tiny", vocab_size=100))
        >>> ids = keras.ops.ones((2, 5), dtype="int32")
        >>> outputs = encoder({"input_word_ids": ids, "input_mask": ids, "input_type_ids": ids * 0})
        >>> outputs["sequence_output"].shape, outputs["pooled_output"].shape, len(outputs["encoder_outputs"])
        (TensorShape([2, 5, 128]), TensorShape([2, 128]), 2)
    """

    def __init__(
        self,
        config: EncoderConfig,
        attention: keras.layers.Layer | list[keras.layers.Layer] | None = None,
        feed_forward: keras.layers.Layer | list[keras.layers.Layer] | None = None,
        name: str | None = "encoder",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(config, EncoderConfig):
            raise TypeError(f"config must be an EncoderConfig. Received: {config!r}")
        self.config = config
        policy = self.dtype_policy
        self.embeddings = Embeddings(
            config.vocab_size,
            config.hidden_size,
            max_positions=config.max_positions,
            type_vocab_size=config.type_vocab_size,
            embedding_size=config.embedding_size,
            position_offset=config.position_offset,
            layer_norm_eps=config.layer_norm_eps,
            dropout=config.dropout,
            initializer_range=config.initializer_range,
            dtype=policy,
            name="embeddings",
        )
        count = 1 if config.share_layers else config.num_layers
        self._custom = {"attention": attention is not None, "feed_forward": feed_forward is not None}
        attentions = copies(attention, count, "attention") or [
            SelfAttention(
                config.num_heads,
                config.head_size,
                dropout=config.attention_dropout,
                initializer_range=config.initializer_range,
                dtype=policy,
                name="attention",
            )
            for _ in range(count)
        ]
        feed_forwards = copies(feed_forward, count, "feed_forward") or [
            FeedForward(
                config.intermediate_size,
                activation=config.activation,
                initializer_range=config.initializer_range,
                dtype=policy,
                name="feed_forward",
            )
            for _ in range(count)
        ]
        self.blocks = [
            EncoderBlock(
                attentions[index],
                feed_forwards[index],
                dropout=config.dropout,
                layer_norm_eps=config.layer_norm_eps,
                norm_first=config.norm_first,
                dtype=policy,
                name=f"block_{index}",
            )
            for index in range(count)
        ]
        # A pre-norm encoder leaves its last sum unnormalised: it needs one more normalisation at the end.
        self.final_norm = (
            keras.layers.LayerNormalization(epsilon=config.layer_norm_eps, dtype=policy, name="final_norm")
            if config.norm_first
            else None
        )
        self.pooler = (
            keras.layers.Dense(
                config.hidden_size,
                activation="tanh",
                kernel_initializer=initial_weights(config.initializer_range),
                dtype=policy,
                name="pooler",
            )
            if config.pooler
            else None
        )
        self.build()
        if not self.trainable:  # said before there were parts: these are to know it too
            train_whole(self, False)

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        hidden_size = self.config.hidden_size
        self.embeddings.build()
        for block in self.blocks:
            block.build((None, None, hidden_size))
        if self.final_norm is not None:
            self.final_norm.build((None, None, hidden_size))
        if self.pooler is not None:
            self.pooler.build((None, hidden_size))

    @property
    def embedding_table(self) -> Any:
        """The token embedding, a variable (V, H), or (V, E) where the embedding is factorised."""
        return self.embeddings.token.embeddings

    def _layers_in_order(self) -> list[EncoderBlock]:
        return list(self.blocks) * (self.config.num_layers if self.config.share_layers else 1)

    @staticmethod
    def _attention_mask(inputs: dict[str, Any]) -> Any:
        example_ids = inputs.get(contract.EXAMPLE_IDS)
        if example_ids is None:
            return ops.expand_dims(inputs[contract.MASK], 1)  # (B, 1, S)
        same = ops.equal(ops.expand_dims(example_ids, 2), ops.expand_dims(example_ids, 1))
        return ops.logical_and(same, ops.expand_dims(example_ids > 0, 1))  # (B, S, S)

    def _embed(self, inputs: dict[str, Any]) -> Any:
        return self.embeddings(inputs[contract.WORD_IDS], inputs[contract.TYPE_IDS], inputs.get(contract.POSITIONS))

    def _pool(self, states: Any, starts: Any) -> Any:
        if starts is None:
            first = states[:, 0, :]
            return first if self.pooler is None else self.pooler(first)
        first = ops.take_along_axis(states, ops.expand_dims(ops.maximum(starts, 0), 2), axis=1)  # (B, K, H)
        pooled = first if self.pooler is None else self.pooler(first)
        return pooled * ops.cast(ops.expand_dims(starts >= 0, 2), pooled.dtype)

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        contract.check_inputs(inputs)
        mask = self._attention_mask(inputs)
        states = self._embed(inputs)
        outputs = []
        for block in self._layers_in_order():
            states = block(states, attention_mask=mask)
            outputs.append(states)
        if self.final_norm is not None:
            states = outputs[-1] = self.final_norm(states)
        return {
            contract.SEQUENCE_OUTPUT: states,
            contract.POOLED_OUTPUT: self._pool(states, inputs.get(contract.EXAMPLE_STARTS)),
            contract.ENCODER_OUTPUT: outputs,
        }

    def attention_maps(self, inputs: dict[str, Any]) -> list[Any]:
        """The attention weights of every block without dropout: a list of L tensors (B, N, S, S); each row sums to 1.

        Args:
            inputs: the contract dict.

        Raises:
            TypeError: a block has an attention layer that cannot show its weights.
        """
        contract.check_inputs(inputs)
        mask = self._attention_mask(inputs)
        states = self._embed(inputs)
        maps = []
        for block in self._layers_in_order():
            if not isinstance(block.attention, SelfAttention):
                raise TypeError(
                    f"attention_maps needs SelfAttention in every block. Received: {type(block.attention).__name__} "
                    f"in {block.name}"
                )
            seen = block.attention_input(states)
            maps.append(block.attention.attention_map(seen, seen, mask))
            states = block(states, attention_mask=mask)
        return maps

    def compute_output_spec(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        contract.check_inputs(inputs)
        batch, length = inputs[contract.WORD_IDS].shape
        width = self.config.hidden_size
        self.embeddings.check_length(length)
        starts = inputs.get(contract.EXAMPLE_STARTS)
        pooled = (batch, width) if starts is None else (batch, starts.shape[1], width)

        def tensor(*shape: int | None) -> keras.KerasTensor:
            return keras.KerasTensor(shape, dtype=self.compute_dtype)

        return {
            contract.SEQUENCE_OUTPUT: tensor(batch, length, width),
            contract.POOLED_OUTPUT: tensor(*pooled),
            contract.ENCODER_OUTPUT: [tensor(batch, length, width) for _ in range(self.config.num_layers)],
        }

    def copy(self, dropout: float | None = None, dtype: Any = None) -> Encoder:
        """A new encoder with the same weights; those that are frozen stay so.

        Args:
            dropout: share of hidden states and attention weights set to 0 in training; layers of your own keep theirs.
            dtype: precision or dtype policy, e.g. "mixed_bfloat16".

        Raises:
            ValueError: another dtype for an encoder that holds layers of your own.
        """
        config = self.get_config()
        if dropout is not None:
            config["config"] |= {"dropout": dropout, "attention_dropout": dropout}
        if dtype is not None:
            config["dtype"] = keras.dtype_policies.get(dtype)
            if any(self._custom.values()) and config["dtype"].name != self.dtype_policy.name:
                raise ValueError(
                    f"dtype must stay {self.dtype_policy.name!r}: this encoder holds layers that were given to it. "
                    f"Received: dtype={config['dtype'].name!r}. Make the encoder anew with layers of that dtype."
                )
        with blank_weights():
            twin = Encoder.from_config(config)
        twin.set_weights(self.get_weights())
        return twin

    def resize_token_embeddings(self, vocab_size: int, seed: int = 0) -> Encoder:
        """A new encoder with the same weights and room for more tokens; `Task.with_added_tokens` does it for a whole task.

        Args:
            vocab_size: the new V, at least the old one.
            seed: of the new rows of the token embedding, see `grown` in encoder/resizing.py: they are drawn around the mean
                of the old.

        Raises:
            ValueError: fewer tokens than before.
        """
        check_integer("vocab_size", vocab_size, self.config.vocab_size)
        config = self.get_config()
        config["config"] |= {"vocab_size": vocab_size}
        with blank_weights():
            larger = Encoder.from_config(config)
        copy_and_grow(self, larger, seed)
        return larger

    def get_config(self) -> dict[str, Any]:
        parts = {
            part: [keras.saving.serialize_keras_object(getattr(block, part)) for block in self.blocks] if custom else None
            for part, custom in self._custom.items()
        }
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype_policy,
            "config": self.config.to_dict(),
            "frozen": frozen_weights(self),
            **parts,
            **added_layers(self),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Encoder:
        config = dict(config)
        config["config"] = EncoderConfig.from_dict(config["config"])
        for part in ("attention", "feed_forward"):
            if config[part] is not None:
                config[part] = [keras.saving.deserialize_keras_object(layer) for layer in config[part]]
        if isinstance(config["dtype"], dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        trainable, frozen = config.pop("trainable"), config.pop("frozen", [])  # files of version 0.1 have no "frozen"
        lora, adapters = config.pop("lora", None), config.pop("adapters", None)
        encoder = cls(**config)
        add_layers(encoder, lora, adapters)
        if frozen:
            freeze_weights(encoder, frozen)
        if not trainable:
            encoder.trainable = False  # as an argument it would leave the layers inside trainable
        return encoder
