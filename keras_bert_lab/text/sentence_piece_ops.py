"""SentencePiece as TensorFlow ops, with ALBERT's rules for texts as the `tokenizers` library has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.albert_characters import NO_CHARACTER, QUOTE, albert_characters
from keras_bert_lab.text.normalized_offsets import offsets_before
from keras_bert_lab.text.normalizer_model import normalizer_model
from keras_bert_lab.text.sentence_piece_model import NORMAL, USER_DEFINED, SentencePieceModel
from keras_bert_lab.text.special_tokens import WHITE_SPACE, WithOffsets, normalized_tokens, tokenize_around
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["AlbertOps", "SentencePieceOps"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

_BLANK = "▁"
_SCORE_STEPS = 2.0**17  # the 24 bits of a float32 hold sums of up to 128 in such steps
_BLANK_BYTES = len(_BLANK.encode())


def _pieces_of(content: bytes) -> WithOffsets:
    """The op of a model, as a function.

    The model belongs to the graph in which it is used: a model outside of it would be lost when random seeds are set, which
    empties TensorFlow's cache of kernels.
    """

    def pieces(texts: Any) -> tuple[Any, Any, Any]:
        op = tf_text.SentencepieceTokenizer(model=content, out_type=tf.int32)
        return tuple(tf.cast(part, tf.int32) for part in op.tokenize_with_offsets(texts))

    return tf.function(pieces, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


class SentencePieceOps:
    """What the `sentencepiece` library does, whole texts at once.

    Args:
        vocabulary: whose added tokens are kept whole.
        content: of the model's file.
    """

    def __init__(self, vocabulary: Vocabulary, content: bytes) -> None:
        self._ids = vocabulary.ids
        self._pieces = _pieces_of(content)

    def tokenize(self, texts: Any) -> Any:
        """String tensor (B,) -> ids, ragged int32 (B, tokens)."""
        return self._pieces(texts)[0]

    def tokenize_with_offsets(self, texts: Any, tokens: Sequence[AddedToken] = ()) -> tuple[Any, Any, Any]:
        """String tensor (B,) -> ids, starts, ends, ragged int32 (B, tokens); byte offsets in the texts."""
        return tokenize_around(texts, list(tokens), self._ids, self._pieces)


class AlbertOps:
    """ALBERT's rules for texts, then the model for each word; makes its constants at once, so make it outside of graphs.

    Args:
        vocabulary: whose added tokens are kept whole.
        model: a unigram model.
        lowercase: lower the case.
        strip_accents: decompose characters (NFKD) and take the marks away.
    """

    def __init__(self, vocabulary: Vocabulary, model: SentencePieceModel, lowercase: bool, strip_accents: bool) -> None:
        self._ids = vocabulary.ids
        # Without marks, the model's normaliser has nothing to compose and is a matter of single characters too: one table
        # says all. With them, it has to stay in the model, for the sequences of characters that it composes.
        table = albert_characters(lowercase, strip_accents, model.replacements())
        self._normalizer = tf_text.FastBertNormalizer(model_buffer=tf.constant(normalizer_model(table), np.uint8))
        self._pieces = _pieces_of(_with_exact_sums(model).serialized(normalizes=not strip_accents, blanks=False))
        self._normalized = normalized_tokens(self._normalizer, vocabulary)

    def tokenize(self, texts: Any) -> Any:
        """String tensor (B,) -> ids, ragged int32 (B, tokens)."""
        return self._words(self._normalizer.normalize(self._with_quotes(texts)))[0]

    def tokenize_with_offsets(self, texts: Any, tokens: Sequence[AddedToken] = ()) -> tuple[Any, Any, Any]:
        """String tensor (B,) -> ids, starts, ends, ragged int32 (B, tokens); byte offsets in the texts.

        Args:
            texts: the texts.
            tokens: added tokens, looked for in the normalised texts.
        """
        normalized, sources = self._normalizer.normalize_with_offsets(self._with_quotes(texts))
        written = [self._normalized[token.content] for token in tokens]
        ids = {same.content: self._ids[token.content] for token, same in zip(tokens, written, strict=True)}
        found, starts, ends = tokenize_around(normalized, written, ids, self._words)
        return found, *offsets_before(sources, starts, ends)

    def _with_quotes(self, texts: Any) -> Any:
        quote, other = chr(QUOTE), chr(NO_CHARACTER)
        return tf.strings.regex_replace(tf.strings.regex_replace(texts, quote, other), "``|''", quote)

    def _words(self, texts: Any) -> tuple[Any, Any, Any]:
        """Normalised texts (B,) -> ids, starts, ends in these texts, ragged int32 (B, tokens)."""
        parts, begins, _ = tf_text.regex_split_with_offsets(texts, f"{WHITE_SPACE}+")  # ragged (B, words)
        is_word = parts.flat_values != ""
        words, text, least = (
            tf.boolean_mask(part, is_word) for part in (parts.flat_values, parts.value_rowids(), begins.flat_values)
        )
        lacks = tf.cast(tf.strings.substr(words, 0, _BLANK_BYTES) != _BLANK, tf.int32)
        different, which = tf.unique(tf.strings.join([tf.gather(["", _BLANK], lacks), words]))
        ids, starts, ends = (tf.gather(part, which) for part in self._pieces(different))
        lengths = ids.row_lengths()
        least = tf.cast(least, tf.int32)
        shift = tf.repeat(least - _BLANK_BYTES * lacks, lengths)
        least = tf.repeat(least, lengths)  # the blank that was put before a word has no place

        def by_text(values: Any) -> Any:
            return tf.RaggedTensor.from_value_rowids(values, tf.repeat(text, lengths), nrows=tf.size(texts, out_type=tf.int64))

        return (
            by_text(ids.flat_values),
            by_text(tf.maximum(starts.flat_values + shift, least)),
            by_text(tf.maximum(ends.flat_values + shift, least)),
        )


def _with_exact_sums(model: SentencePieceModel) -> SentencePieceModel:
    """The model with scores whose sums have no rounding error.

    Some words have several best sequences of pieces, "!" "!!!" and "!!!" "!". The op and `tokenizers` both take the first, but
    the op adds in float32: this lets it see that the sums are equal.
    """
    return dataclasses.replace(
        model,
        scores=[round(score * _SCORE_STEPS) / _SCORE_STEPS for score in model.scores_in_texts()],
        kinds=[NORMAL if kind == USER_DEFINED else kind for kind in model.kinds],
    )
