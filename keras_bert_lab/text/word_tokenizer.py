"""Whole words as tokens: Keras's TextVectorization with the special tokens it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.special_tokens import tokenize_around
from keras_bert_lab.text.text_tensor import as_text_tensor
from keras_bert_lab.text.vocabulary import SPECIAL_TOKENS, Vocabulary

__all__ = ["WordTokenizer"]

tf = LazyModule("tensorflow")

# The order of ids is TextVectorization's: 0 = padding, 1 = unknown; then the special tokens, then the words by frequency.
_ORDER = [SPECIAL_TOKENS[role] for role in ("pad", "unk", "cls", "sep", "mask")]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class WordTokenizer(keras.layers.Layer):
    """Texts -> ids of whole words.

    `keras.layers.TextVectorization` splits and counts; this layer adds [CLS], [SEP] and [MASK] with ids of their own, so that
    no word stands where a special token should: ids 0-4 are [PAD], [UNK], [CLS], [SEP], [MASK], words start at 5.

    Args:
        vocabulary: the words, most frequent first, without special tokens; None = learn them with `adapt`.
        standardize: as in TextVectorization: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            registered function on string tensors.

    Call arguments:
        texts: whatever `as_text_tensor` takes.

    Returns:
        Ragged int32 (B, tokens), without [CLS] and [SEP].

    Raises:
        ValueError: used before `adapt`, or a vocabulary that holds special tokens.
    """

    def __init__(
        self,
        vocabulary: Sequence[str] | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        name: str | None = "tokenizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self.supports_jit = False
        self.standardize = standardize
        self._vocabulary: Vocabulary | None = None
        self._vectorizer: Any = None
        if vocabulary is not None:
            self._set_words(vocabulary)
        self.built = True

    @property
    def vocabulary(self) -> Vocabulary:
        """Tokens and ids."""
        if self._vocabulary is None:
            raise ValueError("WordTokenizer has no vocabulary yet. Call adapt(texts), or pass vocabulary=[...].")
        return self._vocabulary

    def _text_vectorization(self, **settings: Any) -> Any:
        return keras.layers.TextVectorization(standardize=self.standardize, output_mode="int", ragged=True, **settings)

    def _set_words(self, words: Sequence[str]) -> None:
        if isinstance(words, (str, bytes)):
            raise ValueError(f"vocabulary must be a list of words. Received: {words!r}")
        special = sorted(set(words) & set(_ORDER))
        if special:
            raise ValueError(f"vocabulary must hold the words without special tokens. Received: {special} among them")
        self._vocabulary = Vocabulary([*_ORDER, *words])
        # A blank keeps the special tokens from being found in texts, which are split at blanks: they only hold their ids.
        self._vectorizer = self._text_vectorization(vocabulary=[*(f" {token}" for token in _ORDER[2:]), *words])

    def adapt(self, texts: Any, vocab_size: int | None = None) -> None:
        """Learn the words of these texts.

        Args:
            texts: whatever `as_text_tensor` takes, or a `tf.data.Dataset` of string batches.
            vocab_size: V, at most this many tokens, the five special ones included; None = all words.

        Raises:
            ValueError: a vocabulary too small for the special tokens.
        """
        if vocab_size is not None and vocab_size <= len(_ORDER):
            raise ValueError(f"vocab_size must be above {len(_ORDER)}, the special tokens. Received: vocab_size={vocab_size}")
        counter = self._text_vectorization()
        counter.adapt(texts if isinstance(texts, tf.data.Dataset) else as_text_tensor(texts))
        words = [word for word in counter.get_vocabulary()[2:] if word not in _ORDER]
        self._set_words(words if vocab_size is None else words[: vocab_size - len(_ORDER)])

    def _tokenize_with_offsets(self, texts: Any) -> tuple[Any, Any, Any]:
        ids = tf.cast(self._vectorizer(texts), tf.int32)
        return ids, tf.zeros_like(ids), tf.zeros_like(ids)  # TextVectorization keeps no offsets

    def tokenize(self, texts: Any, special_tokens: bool = False) -> Any:
        """Texts -> ragged int32 (B, tokens).

        Args:
            texts: whatever `as_text_tensor` takes.
            special_tokens: recognise special tokens written in the texts, such as "[MASK]".
        """
        vocabulary = self.vocabulary
        texts = as_text_tensor(texts)
        if special_tokens:
            return tokenize_around(texts, vocabulary, self._tokenize_with_offsets)[0]
        return self._tokenize_with_offsets(texts)[0]

    def detokenize(self, ids: Any) -> list[str]:
        """Rows of ids -> readable texts; punctuation and case are not restored."""
        rows = ids.to_list() if hasattr(ids, "to_list") else list(ids)
        return [self.vocabulary.to_text(row) for row in rows]

    def call(self, texts: Any) -> Any:
        return self.tokenize(texts)

    def get_config(self) -> dict[str, Any]:
        words = None if self._vocabulary is None else self._vocabulary.tokens[len(_ORDER) :]
        standardize = self.standardize
        if callable(standardize):
            standardize = keras.saving.serialize_keras_object(standardize)
        return super().get_config() | {"vocabulary": words, "standardize": standardize}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WordTokenizer:
        config = dict(config)
        if isinstance(config["standardize"], dict):
            config["standardize"] = keras.saving.deserialize_keras_object(config["standardize"])
        return cls(**config)
