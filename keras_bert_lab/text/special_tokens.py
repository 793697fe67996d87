"""Finding special tokens that are written out in texts ("[MASK]"), for the callers that ask for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["tokenize_around"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")


def tokenize_around(
    texts: Any, vocabulary: Vocabulary, tokenize_with_offsets: Callable[[Any], tuple[Any, Any, Any]]
) -> tuple[Any, Any, Any]:
    """Tokenise texts and keep the special tokens in them whole.

    Args:
        texts: string tensor (B,).
        vocabulary: whose special tokens are looked for.
        tokenize_with_offsets: tokeniser of ordinary text: string tensor (N,) -> ids, starts, ends, ragged (N, tokens).

    Returns:
        ids, starts, ends: ragged int32 (B, tokens); starts and ends are byte offsets in the text.
    """
    pattern = "|".join(re.escape(token) for token in vocabulary.special_tokens.values())
    parts, part_starts, part_ends = tf_text.regex_split_with_offsets(texts, pattern, pattern)  # ragged (B, parts)
    flat = parts.flat_values
    special_ids = tf.fill(tf.shape(flat), -1)
    for token in vocabulary.special_tokens.values():
        special_ids = tf.where(flat == token, vocabulary.ids[token], special_ids)
    is_special = special_ids >= 0
    first = tf.cast(part_starts.flat_values, tf.int32)
    last = tf.cast(part_ends.flat_values, tf.int32)

    ids, starts, ends = tokenize_with_offsets(tf.where(is_special, "", flat))  # special parts give no token here ...

    def merged(ordinary: Any, special: Any) -> Any:
        rows = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(special, is_special), tf.cast(is_special, tf.int64))
        both = tf.concat([ordinary, rows], axis=1)  # ... and exactly one here
        return parts.with_flat_values(both).merge_dims(1, 2)

    return (
        merged(ids, special_ids),
        merged(starts + tf.expand_dims(first, 1), first),
        merged(ends + tf.expand_dims(first, 1), last),
    )
