"""One list of all layers and heads, each with inputs: what the promises of this folder are run over.

To add a layer, a head or a task, add an `Example` to `EXAMPLES`. `test_examples.py` fails where one is missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_bert_lab.encoder import (
    Embeddings,
    Encoder,
    EncoderBlock,
    FeedForward,
    HubEncoder,
    SelfAttention,
    add_adapters,
    add_lora,
)
from keras_bert_lab.encoder.adapter import Adapter
from keras_bert_lab.encoder.dropout import Dropout
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead, Pooling, WindowPooling
from tests.samples import MAX_POSITIONS, B, D, F, H, N, S, V, batch, config, randomise, states, symbolic
from tests.small_hub_models import packed_encoder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """A layer and how it is used.

    Attributes:
        name: of the example, in the tests' names.
        make: dtype policy -> a new layer.
        inputs: makes the arrays that the layer is called on; the names become those of a functional model's inputs.
        call: (layer, tensors of `inputs`) -> outputs.
        float32_outputs: whether the outputs are float32 under mixed precision too.
    """

    name: str
    make: Callable[[str | None], keras.layers.Layer]
    inputs: Callable[[], dict[str, np.ndarray]]
    call: Callable[[Any, dict[str, Any]], Any]
    float32_outputs: bool = False

    def model(self, layer: keras.layers.Layer) -> keras.Model:
        """A functional model that holds nothing but the layer (and what the layer needs)."""
        inputs = symbolic(self.inputs())
        return keras.Model(inputs, self.call(layer, inputs))

    def random_model(self, dtype: str | None = None) -> tuple[keras.layers.Layer, keras.Model]:
        """A new layer and its model, all weights random."""
        layer = self.make(dtype)
        return layer, randomise(self.model(layer))


def _packed() -> dict[str, np.ndarray]:
    """Two texts, of three and five tokens, in each row."""
    ids = np.array([[1] * 3 + [2] * 5 + [0] * 3] * B, "int32")
    places = np.array([[0, 1, 2, 0, 1, 2, 3, 4, 0, 0, 0]] * B, "int32")
    starts = np.array([[0, 3, -1]] * B, "int32")
    return batch((8,) * B) | {"input_example_ids": ids, "input_positions": places, "input_example_starts": starts}


def _hidden() -> dict[str, np.ndarray]:
    return {
        "sequence_output": states(),
        "pooled_output": states(B, H, seed=5),
        "input_mask": batch()["input_mask"],
    }


def _masked() -> dict[str, np.ndarray]:
    return batch() | {"masked_lm_positions": np.random.default_rng(9).integers(0, S, (B, 3)).astype("int32")}


def _windows() -> dict[str, np.ndarray]:
    """Three windows a text, of which some are padding."""
    return {"vectors": states(B, 3, H), "is_window": (np.arange(3) < np.arange(B)[:, None] % 3 + 1).astype("int32")}


def _attend(layer: Any, tensors: dict[str, Any]) -> Any:
    return layer(tensors["query"], tensors["value"], attention_mask=tensors["attention_mask"])


def _head(layer: Any, tensors: dict[str, Any]) -> Any:
    return layer(tensors, tensors["input_mask"])


def _masked_lm(layer: Any, tensors: dict[str, Any]) -> Any:
    return layer(layer._encoder(tensors)["sequence_output"], tensors["masked_lm_positions"])


def _relu_layers(dtype: str | None) -> keras.Sequential:
    policy = keras.dtype_policies.get(dtype) if dtype else None
    return keras.Sequential(
        [keras.layers.Dense(F, activation="relu", dtype=policy), keras.layers.Dense(H, dtype=policy)], name="relu_layers"
    )


def _added_to(dtype: str | None) -> Encoder:
    encoder = Encoder(config(), dtype=dtype)
    add_adapters(encoder, 3)
    add_lora(encoder, 2, alpha=0.5, targets="all")
    return encoder


EXAMPLES = [
    Example(
        name="embeddings",
        make=lambda dtype: Embeddings(
            V, H, MAX_POSITIONS, dropout=0.2, layer_norm_eps=1e-5, initializer_range=0.5, dtype=dtype
        ),
        inputs=batch,
        call=lambda layer, x: layer(x["input_word_ids"], x["input_type_ids"]),
    ),
    Example(
        name="embeddings_factorised",
        make=lambda dtype: Embeddings(
            V, H, MAX_POSITIONS, type_vocab_size=0, embedding_size=17, position_offset=2, dtype=dtype
        ),
        inputs=_packed,
        call=lambda layer, x: layer(x["input_word_ids"], positions=x["input_positions"]),
    ),
    Example(
        name="dropout",
        make=lambda dtype: Dropout(0.2, noise_shape=(B, 1, H), seed=7, dtype=dtype),
        inputs=lambda: {"states": states()},
        call=lambda layer, x: layer(x["states"]),
    ),
    Example(
        name="self_attention",
        make=lambda dtype: SelfAttention(N, D, dropout=0.2, initializer_range=0.5, dtype=dtype),
        inputs=lambda: {
            "query": states(),
            "value": states(seed=5),
            "attention_mask": batch()["input_mask"][:, None, :],
        },
        call=_attend,
    ),
    Example(
        name="feed_forward",
        make=lambda dtype: FeedForward(F, activation="gelu_tanh", initializer_range=0.5, dtype=dtype),
        inputs=lambda: {"states": states()},
        call=lambda layer, x: layer(x["states"]),
    ),
    Example(
        name="adapter",
        make=lambda dtype: Adapter(3, activation="relu", initializer_range=0.5, dtype=dtype),
        inputs=lambda: {"states": states()},
        call=lambda layer, x: layer(x["states"]),
    ),
    Example(
        name="low_rank_update",
        make=lambda dtype: LowRankUpdate(17, rank=3, alpha=7.0, dtype=dtype),
        inputs=lambda: {"states": states()},
        call=lambda layer, x: layer(x["states"]),
    ),
    Example(
        name="encoder_block",
        make=lambda dtype: EncoderBlock(
            SelfAttention(N, D, dtype=dtype), FeedForward(F, dtype=dtype), dropout=0.2, layer_norm_eps=1e-5, dtype=dtype
        ),
        inputs=lambda: {"states": states(), "attention_mask": batch()["input_mask"][:, None, :]},
        call=lambda layer, x: layer(x["states"], attention_mask=x["attention_mask"]),
    ),
    Example(
        name="encoder_block_of_other_layers",
        make=lambda dtype: EncoderBlock(
            keras.layers.MultiHeadAttention(N, D, dtype=dtype), _relu_layers(dtype), norm_first=True, dtype=dtype
        ),
        inputs=lambda: {"states": states(), "attention_mask": batch()["input_mask"][:, None, :]},
        call=lambda layer, x: layer(x["states"], attention_mask=x["attention_mask"]),
    ),
    Example(
        name="encoder",
        make=lambda dtype: Encoder(config(), name="bert", dtype=dtype),
        inputs=batch,
        call=lambda layer, x: layer(x),
    ),
    Example(
        name="encoder_packed",
        make=lambda dtype: Encoder(
            config(norm_first=True, share_layers=True, embedding_size=17, pooler=False, type_vocab_size=0), dtype=dtype
        ),
        inputs=_packed,
        call=lambda layer, x: layer(x),
    ),
    Example(
        name="encoder_of_other_layers",
        make=lambda dtype: Encoder(
            config(),
            attention=keras.layers.MultiHeadAttention(N, D, dtype=dtype),
            feed_forward=[_relu_layers(dtype), FeedForward(17, dtype=dtype)],
            dtype=dtype,
        ),
        inputs=batch,
        call=lambda layer, x: layer(x),
    ),
    Example(
        name="encoder_with_added_layers",
        make=_added_to,
        inputs=batch,
        call=lambda layer, x: layer(x),
    ),
    Example(
        name="hub_encoder",
        make=lambda dtype: HubEncoder(
            "a small encoder", trainable=True, name="hub", sealed=packed_encoder(), frozen=[2], dtype=dtype
        ),
        inputs=batch,
        call=lambda layer, x: layer(x),
    ),
    Example(
        name="pooling_mean",
        make=lambda dtype: Pooling("mean", dtype=dtype),
        inputs=_hidden,
        call=_head,
    ),
    Example(
        name="pooling_max",
        make=lambda dtype: Pooling("max", dtype=dtype),
        inputs=_hidden,
        call=_head,
    ),
    Example(
        name="window_pooling_max",
        make=lambda dtype: WindowPooling("max", dtype=dtype),
        inputs=_windows,
        call=lambda layer, x: layer(x["vectors"], x["is_window"]),
    ),
    Example(
        name="window_pooling_mean",
        make=lambda dtype: WindowPooling(dtype=dtype),
        inputs=_windows,
        call=lambda layer, x: layer(x["vectors"], x["is_window"]),
    ),
    Example(
        name="classification_head_of_vectors",
        make=lambda dtype: ClassificationHead(5, kind="multi_label", dtype=dtype),
        inputs=lambda: {"vectors": states(B, 3, H)},
        call=lambda layer, x: layer(x["vectors"]),
        float32_outputs=True,
    ),
    Example(
        name="classification_head_multi_class",
        make=lambda dtype: ClassificationHead(5, dtype=dtype),
        inputs=_hidden,
        call=_head,
        float32_outputs=True,
    ),
    Example(
        name="classification_head_multi_label",
        make=lambda dtype: ClassificationHead(
            5, kind="multi_label", pooling="mean", dropout=0.2, initializer_range=0.5, dtype=dtype
        ),
        inputs=_hidden,
        call=_head,
        float32_outputs=True,
    ),
    Example(
        name="classification_head_transform",
        make=lambda dtype: ClassificationHead(5, transform="gelu", dropout=0.2, dtype=dtype),
        inputs=_hidden,
        call=_head,
        float32_outputs=True,
    ),
    Example(
        name="masked_lm_head",
        make=lambda dtype: MaskedLMHead(Encoder(config(pooler=False), dtype=dtype)),
        inputs=_masked,
        call=_masked_lm,
        float32_outputs=True,
    ),
    Example(
        name="next_sentence_head",
        make=lambda dtype: NextSentenceHead(initializer_range=0.5, dtype=dtype),
        inputs=lambda: {"pooled_output": states(B, 3, H)},
        call=lambda layer, x: layer(x["pooled_output"]),
        float32_outputs=True,
    ),
]
NAMES = [example.name for example in EXAMPLES]
