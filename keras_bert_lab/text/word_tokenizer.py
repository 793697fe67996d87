"""Whole words as tokens: Keras's TextVectorization with the special tokens it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.added_tokens import AddedToken, added_tokens_of
from keras_bert_lab.text.piece_tokenizer import PieceTokenizer
from keras_bert_lab.text.special_tokens import tokenize_around, wanted_tokens
from keras_bert_lab.text.text_tensor import as_text_tensor
from keras_bert_lab.text.vocabulary import SPECIAL_TOKENS, Vocabulary

__all__ = ["WordTokenizer"]

tf = LazyModule("tensorflow")

# The order of ids is TextVectorization's: 0 = padding, 1 = unknown; then the special tokens, then the words by frequency.
_ORDER = [SPECIAL_TOKENS[role] for role in ("pad", "unk", "cls", "sep", "mask")]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class WordTokenizer(PieceTokenizer, keras.layers.Layer):
    """Texts -> ids of whole words.

    `keras.layers.TextVectorization` splits and counts; this layer adds [CLS], [SEP] and [MASK] with ids of their own, so that
    no word stands where a special token should: ids 0-4 are [PAD], [UNK], [CLS], [SEP], [MASK], words start at 5.

    Args:
        vocabulary: the words, most frequent first, without special tokens; None = learn them with `adapt`.
        standardize: as in TextVectorization: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            registered function on string tensors.
        added_tokens: tokens that are kept whole wherever they stand in a text, spelled as given (`normalized` does not
            matter); their ids follow the words.

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
        added_tokens: Iterable[str | Mapping[str, Any] | AddedToken] = (),
        name: str | None = "tokenizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._set_up()
        self.standardize = standardize
        self.added_tokens = added_tokens_of(added_tokens)
        self._vocabulary: Vocabulary | None = None
        self._vectorizer: Any = None
        if vocabulary is not None:
            self._set_words(vocabulary)

    @property
    def vocabulary(self) -> Vocabulary:  # type: ignore[override]
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
        self._vocabulary = Vocabulary([*_ORDER, *words], added_tokens=self.added_tokens)
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

    def _around(self, texts: Any, tokens: list[AddedToken]) -> tuple[Any, Any, Any]:
        return tokenize_around(texts, tokens, self.vocabulary.ids, self._words_with_offsets)

    def _words_with_offsets(self, texts: Any) -> tuple[Any, Any, Any]:
        ids = tf.cast(self._vectorizer(texts), tf.int32)
        return ids, tf.zeros_like(ids), tf.zeros_like(ids)  # TextVectorization keeps no offsets

    def tokenize(self, texts: Any, special_tokens: bool = False) -> Any:
        tokens = wanted_tokens(self.vocabulary, special_tokens)  # complains, where there is no vocabulary yet
        return self._around(as_text_tensor(texts), tokens)[0]

    def tokenize_with_offsets(self, texts: Any, special_tokens: bool = False) -> tuple[Any, Any, Any]:
        """Not there.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("WordTokenizer has no offsets: TextVectorization keeps none. Use WordPieceTokenizer.")

    def _added(self) -> tuple[AddedToken, ...]:
        return self.added_tokens

    def get_config(self) -> dict[str, Any]:
        known = self._vocabulary
        words = None if known is None else known.tokens[len(_ORDER) : known.trained]
        standardize = self.standardize
        if callable(standardize):
            standardize = keras.saving.serialize_keras_object(standardize)
        return super().get_config() | {
            "vocabulary": words,
            "standardize": standardize,
            "added_tokens": [token.as_data() for token in self.added_tokens],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WordTokenizer:
        config = dict(config)
        if isinstance(config["standardize"], dict):
            config["standardize"] = keras.saving.deserialize_keras_object(config["standardize"])
        return cls(**config)
