"""Byte-level byte-pair encoding as pure TensorFlow ops, token for token that of the `tokenizers` library."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.bert_characters import points_of
from keras_bert_lab.text.pieces import byte_characters
from keras_bert_lab.text.special_tokens import tokenize_around
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["BytePairOps"]

tf = LazyModule("tensorflow")

_OTHER, _LETTER, _NUMBER, _BLANK = range(4)
_NEVER = np.iinfo(np.int32).max  # rank of a pair that is not merged


@functools.cache
def _classes() -> np.ndarray:
    """Class of each character: uint8 (0x110000,)."""
    path = importlib.resources.files("keras_bert_lab.text") / "byte_level_characters.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    classes = np.zeros(0x110000, np.uint8)
    for name, value in (("letters", _LETTER), ("numbers", _NUMBER), ("blanks", _BLANK)):
        classes[list(points_of(table[name]))] = value
    return classes


def _before(values: Any, first: Any) -> Any:
    """Values of the neighbours to the left."""
    return tf.concat([[first], values[:-1]], axis=0)[: tf.size(values)]


def _after(values: Any, last: Any, steps: int = 1) -> Any:
    """Values of the neighbours to the right."""
    return tf.concat([values[steps:], tf.fill([steps], tf.constant(last, values.dtype))], axis=0)[: tf.size(values)]


def word_starts(characters: Any) -> Any:
    r"""Where the words of GPT-2's pattern begin.

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

    A word is a run of letters, of numbers or of others, with one blank before it; the rest of the white space is a word; so
    are the endings. RE2, which TensorFlow has, knows no (?!), hence this.

    Args:
        characters: code points, ragged int32 (B, characters).

    Returns:
        bool (characters of all texts,).

    Reference: Radford et al. 2019, encoder.py of github.com/openai/gpt-2.
    """
    flat = characters.flat_values
    text = characters.value_rowids()
    kind = tf.gather(tf.constant(_classes()), flat)
    begins_text = text != _before(text, -1)
    ends_text = text != _after(text, -1)
    kind_before = _before(kind, _OTHER)
    blank, blank_before = kind == _BLANK, kind_before == _BLANK
    # The last blank before a word is a word of its own, or the first character of that word.
    starts = begins_text | tf.where(
        blank,
        ~blank_before | (~ends_text & (_after(kind, _BLANK) != _BLANK)),
        tf.where(blank_before, _before(flat, 0) != ord(" "), kind_before != kind),
    )
    same_1 = text == _after(text, -1)
    same_2 = text == _after(text, -1, 2)
    next_1, next_2 = _after(flat, 0), _after(flat, 0, 2)
    apostrophe = starts & (flat == ord("'"))
    short = apostrophe & same_1 & tf.reduce_any(next_1[:, tf.newaxis] == [ord(c) for c in "stmd"], axis=1)
    pairs = tf.stack([next_1, next_2], axis=1)[:, tf.newaxis] == [[ord(c) for c in ending] for ending in ("re", "ve", "ll")]
    long = apostrophe & same_2 & tf.reduce_any(tf.reduce_all(pairs, axis=2), axis=1)
    inside = _before(short | long, False) | _before(_before(long, False), False)
    behind = _before(_before(short, False), False) | _before(_before(_before(long, False), False), False)
    return (starts & ~inside) | (behind & ~blank)


class BytePairOps:
    """Splitting into words and merging; makes its constants at once, so make it outside of graphs.

    Args:
        vocabulary: V tokens.
        merges: pairs of tokens, in the order in which they are merged.
        add_prefix_space: put a blank before texts that do not begin with one.
    """

    def __init__(self, vocabulary: Vocabulary, merges: Sequence[tuple[str, str]], add_prefix_space: bool) -> None:
        ids = vocabulary.ids
        self._ids = ids
        self._add_prefix_space = add_prefix_space
        self._size = len(vocabulary)
        # -1: bytes that the vocabulary lacks are dropped.
        self._byte_ids = tf.constant([ids.get(character, -1) for character in byte_characters().values()], tf.int32)
        left = np.array([ids[first] for first, _ in merges], np.int64)
        right = np.array([ids[second] for _, second in merges], np.int64)
        keys = left * self._size + right
        order = np.argsort(keys, kind="stable")
        # One more key, so that every place that a search gives is one.
        self._keys = tf.constant(np.append(keys[order], np.iinfo(np.int64).max))
        self._ranks = tf.constant(np.append(order, _NEVER), tf.int32)
        self._merged = tf.constant([ids[first + second] for first, second in merges] or [0], tf.int32)
        leading = [len(token) - len(token.lstrip("Ġ")) for token in vocabulary.tokens]
        trailing = [len(token) - len(token.rstrip("Ġ")) for token in vocabulary.tokens]
        self._blanks = tf.constant([leading, trailing], tf.int32)  # (2, V)
        # Trained merges only join what earlier ones made: then no merge makes a pair that should have come before it.
        made: set[str] = set(byte_characters().values())
        self._in_order = True
        for first, second in merges:
            self._in_order &= first in made and second in made and first + second not in made
            made.add(first + second)

    def tokenize(self, texts: Any) -> Any:
        """String tensor (B,) -> ids, ragged int32 (B, tokens)."""
        return self._tokens(texts)[0]

    def tokenize_with_offsets(self, texts: Any, tokens: Sequence[AddedToken] = ()) -> tuple[Any, Any, Any]:
        """String tensor (B,) -> ids, starts, ends, ragged int32 (B, tokens); starts and ends are byte offsets in the texts.

        The blank of a word ("Ġdog") is left out of its place.

        Args:
            texts: the texts.
            tokens: added tokens, which are looked for in the texts: nothing is normalised.
        """
        return tokenize_around(texts, list(tokens), self._ids, self._tokens)

    def _tokens(self, texts: Any) -> tuple[Any, Any, Any]:
        shift = tf.zeros(tf.shape(texts), tf.int32)
        if self._add_prefix_space:
            lacks = (tf.strings.length(texts) > 0) & (tf.strings.substr(texts, 0, 1) != " ")
            shift = tf.cast(lacks, tf.int32)
            texts = tf.strings.join([tf.gather(["", " "], shift), texts])
        characters, places = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
        first = tf.where(word_starts(characters))[:, 0]  # (words,)
        words = tf.RaggedTensor.from_row_starts(characters.flat_values, first)
        word_text = tf.gather(characters.value_rowids(), first)
        word_place = tf.cast(tf.gather(places.flat_values, first), tf.int32)
        different, which = tf.unique(tf.strings.unicode_encode(words, "UTF-8"))
        ids, begins, ends = (tf.gather(part, which) for part in self._merge(different))  # ragged (words, tokens)
        lengths = ids.row_lengths()
        text = tf.repeat(word_text, lengths)
        # In the text as it was given, without the blank that was put before it.
        place = tf.repeat(word_place, lengths) - tf.gather(shift, text)
        blanks = tf.gather(self._blanks, ids.flat_values, axis=1)
        begin = begins.flat_values + blanks[0]
        end = tf.maximum(ends.flat_values - blanks[1], begin)

        def by_text(values: Any) -> Any:
            return tf.RaggedTensor.from_value_rowids(values, text, nrows=tf.size(texts, out_type=tf.int64))

        return by_text(ids.flat_values), by_text(tf.maximum(begin + place, 0)), by_text(tf.maximum(end + place, 0))

    def _merge(self, words: Any) -> tuple[Any, Any, Any]:
        """Different words (U,) -> ids, begins, ends in bytes of the word: ragged int32 (U, tokens)."""
        lengths = tf.strings.length(words)
        count = tf.size(words)
        word = tf.repeat(tf.range(count), lengths)
        begin = tf.range(tf.size(word)) - tf.gather(tf.cumsum(lengths, exclusive=True), word)
        ids = tf.gather(self._byte_ids, tf.cast(tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8), tf.int32))
        known = ids >= 0
        tokens = tf.boolean_mask(tf.stack([ids, word, begin, begin + 1], axis=1), known)  # (tokens, 4)

        def step(active: Any, done: Any) -> tuple[Any, Any]:
            ids, word = active[:, 0], active[:, 1]
            key = tf.cast(ids, tf.int64) * self._size + tf.cast(_after(ids, 0), tf.int64)
            place = tf.searchsorted(self._keys, key)
            found = (tf.gather(self._keys, place) == key) & (word == _after(word, -1))
            rank = tf.where(found, tf.gather(self._ranks, place), _NEVER)
            best = tf.math.unsorted_segment_min(rank, word, count)  # (U,)
            own_best = tf.gather(best, word)
            goes_on = own_best < _NEVER
            chosen = found & (rank == own_best)
            number = tf.range(tf.size(ids))
            if self._in_order:  # all at once; of pairs that overlap (a a a), every second one
                run = chosen & ~_before(chosen, False)
                run_start = tf.gather(
                    tf.concat([number[:1], tf.boolean_mask(number, run)], axis=0), tf.cumsum(tf.cast(run, tf.int32))
                )
                chosen &= (number - run_start) % 2 == 0
            else:
                leftmost = tf.math.unsorted_segment_min(tf.where(chosen, number, _NEVER), word, count)
                chosen &= number == tf.gather(leftmost, word)
            merged = tf.gather(self._merged, tf.where(chosen, rank, 0))
            joined = tf.stack(
                [
                    tf.where(chosen, merged, ids),
                    word,
                    active[:, 2],
                    tf.where(chosen, _after(active[:, 3], 0), active[:, 3]),
                ],
                axis=1,
            )
            kept = goes_on & ~_before(chosen, False)
            return tf.boolean_mask(joined, kept), tf.concat([done, tf.boolean_mask(active, ~goes_on)], axis=0)

        shape = tf.TensorSpec([None, 4], tf.int32)
        _, done = tf.while_loop(
            lambda active, done: tf.size(active) > 0,
            step,
            [tokens, tokens[:0]],
            shape_invariants=[shape, shape],
        )
        done = tf.gather(done, tf.argsort(done[:, 1], stable=True))
        return tuple(tf.RaggedTensor.from_value_rowids(done[:, column], done[:, 1], nrows=count) for column in (0, 2, 3))
