"""Small tasks, and texts that they can learn, that the tests of tasks and export share.

Vocabulary 23, rows of at most 19 tokens, H hidden 15, 11 texts, 7 documents.
"""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab import Encoder, MaskedLanguageModel, Preprocessor, TextClassifier, WordPieceTokenizer
from keras_bert_lab.text.vocabulary import SPECIAL_TOKENS
from tests.samples import config

WORDS = [
    *SPECIAL_TOKENS.values(),
    *(
        "good",
        "bad",
        "dull",
        "film",
        "play",
        "the",
        "a",
        "was",
        "very",
        "and",
        "it",
        "not",
        "walk",
        "##ing",
        "##s",
        ".",
        ",",
        "seen",
    ),
]
MAX_LENGTH = 19

TEXTS = [
    "a good film",
    "the bad play",
    "it was a very , very good play and the film was seen and it was good",  # 19 tokens: another length bucket
    "bad",
    "it was good",
    "the film was very bad and the play was not seen",
    "good",
    "a bad film .",
    "the play walks . it was good",
    "walking was bad",
    "very good",
]
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg", "pos", "neg", "pos", "neg", "pos"]
NUMBERS = [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]

DOCUMENTS = ["the film was good and the play was bad"] * 7


def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(WORDS)


def preprocessor(**settings: Any) -> Preprocessor:
    return Preprocessor(tokenizer(), **({"max_length": MAX_LENGTH} | settings))


def encoder(dtype: Any = None, **changes: Any) -> Encoder:
    """One block without dropout, so that two ways to the same weights can be compared."""
    settings = {"vocab_size": len(WORDS), "num_layers": 1, "dropout": 0.0, "attention_dropout": 0.0} | changes
    return Encoder(config(**settings), dtype=dtype)


def classifier(labels: Any = ("neg", "pos"), seed: int = 3, compiled: bool = True, **settings: Any) -> TextClassifier:
    """A classifier without dropout, the same for the same seed; compiled with plain gradient descent, to run eagerly."""
    keras.utils.set_random_seed(seed)
    model = TextClassifier(settings.pop("encoder", None) or encoder(), preprocessor(), labels, **({"dropout": 0.0} | settings))
    if compiled:
        model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    return model


def language_model(seed: int = 3, compiled: bool = True, **changes: Any) -> MaskedLanguageModel:
    keras.utils.set_random_seed(seed)
    model = MaskedLanguageModel(encoder(**changes), preprocessor())
    if compiled:
        model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    return model
