"""Small TF-Hub encoders for the tests. All sizes differ.

V vocabulary, H hidden 30, N heads 5, L layers 3, F feed-forward 37, E width of the tables 14 where they are factorised.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.formats.encoder_weights import encoder_slots
from keras_bert_lab.formats.tfhub_graph import HubGraph
from keras_bert_lab.formats.tfhub_names import TABLES
from keras_bert_lab.heads import MaskedLMHead
from keras_bert_lab.text import Preprocessor, WordPieceTokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["the", "cat", "!", ",", "中"]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS]
TEXTS = ["The cat, a dog!", "Ünaf 中中 the", "", "a b c d e f g h i j k l m n o p q r s t u v w", "x" * 120]
SEQUENCE, MAX_POSITIONS, H = 17, 41, 30


def config(**changes: Any) -> EncoderConfig:
    settings: dict[str, Any] = {
        "vocab_size": len(TOKENS),
        "hidden_size": H,
        "num_layers": 3,
        "num_heads": 5,
        "intermediate_size": 37,
        "max_positions": MAX_POSITIONS,
        "type_vocab_size": 4,
        "activation": "gelu_tanh",
        "dropout": 0.2,
        "attention_dropout": 0.3,
    }
    return EncoderConfig(**settings | changes)


def preprocessor(sequence_length: int | None = SEQUENCE, **settings: Any) -> Preprocessor:
    return Preprocessor(WordPieceTokenizer(TOKENS, **settings), sequence_length=sequence_length, max_length=MAX_POSITIONS)


def encoder_and_head(**changes: Any) -> tuple[Encoder, MaskedLMHead]:
    """Weights that show every mistake: large, and none equal to its start."""
    encoder = Encoder(config(**changes))
    head = MaskedLMHead(encoder)
    random = np.random.default_rng(7)
    for weight in (*encoder.weights, *head.weights):
        if weight.dtype.startswith("float"):
            weight.assign(random.normal(1.0 if "gamma" in weight.path else 0.0, 0.2, weight.shape))
    return encoder, head


def batch(length: int = SEQUENCE) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    lengths = np.array([[length], [length // 2], [1]])
    return {
        "input_word_ids": random.integers(0, len(TOKENS), (3, length)).astype(np.int32),
        "input_mask": (np.arange(length) < lengths).astype(np.int32),
        "input_type_ids": random.integers(0, 4, (3, length)).astype(np.int32),
    }


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: tf.constant(values) for name, values in arrays.items()}


def write_first_handle(encoder: Encoder, folder: Path) -> None:
    """The form of the first handles: other names, a list of inputs, a pair of outputs, no vocabulary."""
    names = TABLES["bert_model"]
    variables = {
        name: tf.Variable(names.to_theirs(name, slot.read(), 5), name=f"bert_model/{names.theirs(name)}")
        for name, slot in encoder_slots(encoder).items()
    }
    graph = HubGraph(encoder.config, variables)
    root = tf.train.Checkpoint()
    root.variables = list(variables.values())
    root.trainable_variables = list(variables.values())

    @tf.function
    def call(inputs: list[Any], training: bool = False) -> tuple[Any, Any]:
        outputs = graph.outputs(dict(zip(("input_word_ids", "input_mask", "input_type_ids"), inputs, strict=True)), training)
        return outputs["pooled_output"], outputs["sequence_output"]

    for training in (True, False):
        call.get_concrete_function([tf.TensorSpec((None, None), tf.int32)] * 3, training)
    root.__call__ = call
    tf.saved_model.save(root, str(folder))
