"""Small documents of several sentences, and models that learn from pairs of them, that the tests of pretraining share."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_bert_lab import Encoder, MaskedLanguageModel, Preprocessor, WordPieceTokenizer
from keras_bert_lab.text.vocabulary import SPECIAL_TOKENS
from tests.samples import config, randomise
from tests.tasks.small_tasks import encoder, preprocessor

STORIES = [
    "The film was good. It was seen. The play was not good, it was very dull. Walking was good. A film. A play.",
    "Bad. Very bad. It was not seen. The play walks. The film was not seen and the play was bad. Good.",
    "A dull film.",  # one sentence: no pair
    "It was good. It was bad. Not very bad.",
    "Walking. The walk was dull. A very, very good film was seen. Good film. Bad film. The play was dull. It was.",
]
HOW: dict[str, Any] = {"batch_size": 3, "sequence_length": 19, "sentence_pairs": "next"}


def pair_model(dtype: Any = None, compiled: bool = True, seed: int = 3, **changes: Any) -> MaskedLanguageModel:
    """A model with both heads and without dropout; compiled with plain gradient descent, to run eagerly."""
    keras.utils.set_random_seed(seed)
    model = MaskedLanguageModel(encoder(dtype, **changes), preprocessor(), next_sentence=True)
    if compiled:
        model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    return model


def random_pair_model(dtype: Any = None, **changes: Any) -> MaskedLanguageModel:
    """The same with all weights random, so that every class has another probability."""
    return randomise(pair_model(dtype, **changes))


LETTERS = "abcdefghijkl"


def letter_model(kind: str) -> MaskedLanguageModel:
    """A model that is large enough to learn which letters go together."""
    keras.utils.set_random_seed(1)
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS.values(), ".", *LETTERS])
    settings = {"vocab_size": 18, "hidden_size": 48, "num_layers": 1, "intermediate_size": 97, "max_positions": 17}
    small = config(**settings, dropout=0.0, attention_dropout=0.0, initializer_range=0.1)
    return MaskedLanguageModel(Encoder(small), Preprocessor(tokenizer, max_length=17), next_sentence=True, name=kind)


def letter_documents(kind: str, sentences: int, seed: int) -> list[str]:
    """Documents that tell the class of a pair.

    "next": two documents, each with two letters of its own. "order": each sentence of four with three letters of its own.
    """
    rng = np.random.default_rng(seed)

    def sentence(letters: str) -> str:
        return " ".join(rng.choice(list(letters), 3)).capitalize() + "."

    if kind == "next":
        return [" ".join(sentence(letters) for _ in range(sentences)) for letters in ("ab", "cd")]
    parts = [LETTERS[start : start + 3] for start in range(0, 12, 3)]
    return [" ".join(map(sentence, parts)) for _ in range(sentences // 4)]
