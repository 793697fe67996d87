"""Finding tokens that are written out in texts: added tokens always, "[MASK]" and the like for the callers that ask for it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["WHITE_SPACE", "WithOffsets", "normalized_tokens", "tokenize_around", "wanted_tokens"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

WithOffsets = Callable[[Any], tuple[Any, Any, Any]]
"""A tokeniser of ordinary text: string tensor (N,) -> ids, starts, ends, ragged (N, tokens)."""

WHITE_SPACE = r"[\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
"""Unicode's white space, as RE2 writes it; its own \\s knows that of ASCII only."""


def wanted_tokens(vocabulary: Vocabulary, special_tokens: bool) -> list[AddedToken]:
    """The tokens that are kept whole in texts: the added ones, and the special ones if asked for.

    An added token that is one of the special tokens only says how that one is matched.
    """
    how = {token.content: token for token in vocabulary.added_tokens}
    special = dict.fromkeys(vocabulary.special_tokens.values())
    found = [token for token in vocabulary.added_tokens if token.content not in special]
    if special_tokens:
        found += [how.get(content, AddedToken(content, normalized=False)) for content in special]
    return found


def normalized_tokens(normalizer: Any, vocabulary: Vocabulary) -> dict[str, AddedToken]:
    """Content of each added token -> the token as it looks in normalised texts.

    Raises:
        ValueError: nothing is left of it.
    """
    contents = [token.content for token in vocabulary.added_tokens]
    normalized = [text.decode() for text in normalizer.normalize(tf.constant(contents, tf.string)).numpy().tolist()]
    empty = [content for content, left in zip(contents, normalized, strict=True) if not left.strip()]
    empty = [token.content for token in vocabulary.added_tokens if token.content in empty and token.normalized]
    if empty:
        raise ValueError(
            f"Something of an added token must be left when texts are normalised. Received: {empty}. "
            "Look for its spelling: AddedToken(content, normalized=False)."
        )
    return {
        token.content: dataclasses.replace(token, content=left)
        for token, left in zip(vocabulary.added_tokens, normalized, strict=True)
        if left.strip()
    }


def _pattern(tokens: Sequence[AddedToken]) -> str:
    """The longest of the tokens at a place, with the white space that belongs to it."""
    return "|".join(
        f"{WHITE_SPACE}*" * token.lstrip + re.escape(token.content) + f"{WHITE_SPACE}*" * token.rstrip
        for token in sorted(tokens, key=lambda token: -len(token.content))
    )


def _ids_of(parts: Any, tokens: Iterable[AddedToken], ids: dict[str, int]) -> Any:
    """Ids of the parts that are one of the tokens, -1 for the others: int32 (parts,)."""
    found = tf.fill(tf.shape(parts), -1)
    stripped = tf.strings.regex_replace(parts, f"^{WHITE_SPACE}+|{WHITE_SPACE}+$", "")
    for as_written, strips in ((parts, False), (stripped, True)):
        some = [token.content for token in tokens if (token.lstrip or token.rstrip) == strips]
        if some:
            equal = as_written[:, tf.newaxis] == tf.constant([content.strip() if strips else content for content in some])
            place = tf.argmax(equal, axis=1)
            found = tf.where(tf.reduce_any(equal, axis=1), tf.gather([ids[content] for content in some], place), found)
    return found


def tokenize_around(
    texts: Any, tokens: Sequence[AddedToken], ids: dict[str, int], tokenize_with_offsets: WithOffsets
) -> tuple[Any, Any, Any]:
    """Tokenise texts and keep some tokens in them whole.

    Args:
        texts: string tensor (B,).
        tokens: what is looked for, with its white space; their `normalized` does not matter here.
        ids: token -> id.
        tokenize_with_offsets: tokeniser of what stands between them.

    Returns:
        ids, starts, ends: ragged int32 (B, tokens); starts and ends are byte offsets in the text.
    """
    if not tokens:
        found, starts, ends = tokenize_with_offsets(texts)
        return found, tf.cast(starts, tf.int32), tf.cast(ends, tf.int32)
    pattern = _pattern(tokens)
    # The op stops at U+0000: it gets other texts, of which only the places are used.
    without_zeros = tf.strings.regex_replace(texts, r"\x{0}", "\x01")
    parts, part_starts, part_ends = tf_text.regex_split_with_offsets(without_zeros, pattern, pattern)  # ragged (B, parts)
    flat = tf.strings.substr(
        tf.gather(texts, parts.value_rowids()), part_starts.flat_values, part_ends.flat_values - part_starts.flat_values
    )
    special_ids = _ids_of(flat, tokens, ids)
    is_special = special_ids >= 0
    first = tf.cast(part_starts.flat_values, tf.int32)
    last = tf.cast(part_ends.flat_values, tf.int32)

    found, starts, ends = tokenize_with_offsets(tf.where(is_special, "", flat))  # special parts give no token here ...

    def merged(ordinary: Any, special: Any) -> Any:
        rows = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(special, is_special), tf.cast(is_special, tf.int64))
        both = tf.concat([tf.cast(ordinary, tf.int32), rows], axis=1)  # ... and exactly one here
        return parts.with_flat_values(both).merge_dims(1, 2)

    return (
        merged(found, special_ids),
        merged(tf.cast(starts, tf.int32) + tf.expand_dims(first, 1), first),
        merged(tf.cast(ends, tf.int32) + tf.expand_dims(first, 1), last),
    )
