"""BERT's tokeniser as pure TensorFlow ops, token for token that of the `tokenizers` library."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.bert_characters import bert_characters
from keras_bert_lab.text.normalized_offsets import offsets_before
from keras_bert_lab.text.normalizer_model import normalizer_model
from keras_bert_lab.text.special_tokens import normalized_tokens, tokenize_around
from keras_bert_lab.text.vocabulary import LONGEST_WORD, Vocabulary

__all__ = ["WordPieceOps"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

_LAST_PRIVATE = 0xF8FF


@functools.cache
def _normalizer_model(lowercase: bool, strip_accents: bool, split_cjk: bool) -> np.ndarray:
    return normalizer_model(bert_characters(lowercase, strip_accents, split_cjk).replacements)


class WordPieceOps:
    """Normalising and splitting into pieces; makes its constants at once, so make it outside of graphs.

    Args:
        vocabulary: V tokens.
        lowercase: lower the case.
        strip_accents: take the accents away.
        split_cjk: make every Chinese character a word of its own.
    """

    def __init__(self, vocabulary: Vocabulary, lowercase: bool, strip_accents: bool, split_cjk: bool) -> None:
        # No word holds a blank, but the op would go into tokens that do: these get a character that no text holds.
        renamed = bert_characters(lowercase, strip_accents, split_cjk).renamed | {ord(" "): _LAST_PRIVATE}
        # Added tokens are found before texts are split into pieces; words must not be taken for them.
        tokens = [token.translate(renamed) for token in vocabulary.tokens[: vocabulary.trained]]
        tokens += [f"{chr(_LAST_PRIVATE)}{index}" for index in range(vocabulary.trained, len(vocabulary))]
        self._ids = vocabulary.ids
        self._unk_id = vocabulary.unk_id
        self._begins_word = tf.constant([not token.startswith("##") for token in tokens])  # (V,)
        self._normalizer = tf_text.FastBertNormalizer(
            model_buffer=tf.constant(_normalizer_model(lowercase, strip_accents, split_cjk))
        )
        self._splitter = tf_text.FastWordpieceTokenizer(
            tokens,
            max_bytes_per_word=4 * LONGEST_WORD,  # no shorter word has too many characters: those are counted afterwards
            token_out_type=tf.int32,
            unknown_token=tokens[vocabulary.unk_id],
        )
        self._normalized = normalized_tokens(self._normalizer, vocabulary)

    def tokenize(self, texts: Any) -> Any:
        """String tensor (B,) -> ids, ragged int32 (B, tokens)."""
        return self._split(self._normalizer.normalize(texts))[0]

    def tokenize_with_offsets(self, texts: Any, tokens: Sequence[AddedToken] = ()) -> tuple[Any, Any, Any]:
        """String tensor (B,) -> ids, starts, ends, ragged int32 (B, tokens); starts and ends are byte offsets in the texts.

        Args:
            texts: the texts.
            tokens: added tokens, looked for in the normalised texts.
        """
        normalized, sources = self._normalizer.normalize_with_offsets(texts)  # sources: of each byte and of the end
        ids, starts, ends = self._around(normalized, tokens)
        return ids, *offsets_before(sources, starts, ends)

    def _around(self, normalized: Any, tokens: Sequence[AddedToken]) -> tuple[Any, Any, Any]:
        """Normalised texts (B,) -> ids, ragged int32 (B, tokens); starts and ends in these texts, int64."""
        if not tokens:
            return self._split(normalized)
        written = [self._normalized[token.content] for token in tokens]
        ids = {same.content: self._ids[token.content] for token, same in zip(tokens, written, strict=True)}
        return tokenize_around(normalized, written, ids, self._split)

    def _split(self, normalized: Any) -> tuple[Any, Any, Any]:
        """Normalised texts (B,) -> ids, ragged int32 (B, tokens); starts and ends in these texts, int64."""
        ids, starts, ends = self._splitter.tokenize_with_offsets(normalized)
        begins_word = tf.gather(self._begins_word, ids.flat_values)  # (tokens of all texts,)
        first = tf.where(begins_word)[:, 0]  # (words,)
        last = tf.concat([first, tf.shape(begins_word, out_type=tf.int64)], axis=0)[1:] - 1
        start, end = tf.gather(starts.flat_values, first), tf.gather(ends.flat_values, last)
        suspect = end - start > LONGEST_WORD  # in bytes

        def without_long_words() -> tuple[Any, Any, Any]:
            some = tf.where(suspect)[:, 0]
            texts = tf.gather(normalized, tf.gather(ids.value_rowids(), tf.gather(first, some)))
            words = tf.strings.substr(texts, tf.gather(start, some), tf.gather(end - start, some))
            long = tf.strings.length(words, unit="UTF8_CHAR") > LONGEST_WORD
            word = tf.cumsum(tf.cast(begins_word, tf.int64)) - 1  # of each token
            unknown = tf.gather(tf.tensor_scatter_nd_update(suspect, some[:, tf.newaxis], long), word)
            kept = ids.with_flat_values(begins_word | ~unknown)
            parts = (
                tf.where(unknown, self._unk_id, ids.flat_values),
                starts.flat_values,
                tf.where(unknown, tf.gather(end, word), ends.flat_values),
            )
            return tuple(tf.ragged.boolean_mask(ids.with_flat_values(part), kept) for part in parts)

        return tf.cond(tf.reduce_any(suspect), without_long_words, lambda: (ids, starts, ends))
