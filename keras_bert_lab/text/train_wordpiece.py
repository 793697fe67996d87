"""Texts -> a WordPiece vocabulary."""

from __future__ import annotations

import collections
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from keras_bert_lab.data.text_files import open_text
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.vocabulary import LONGEST_WORD, SPECIAL_TOKENS

__all__ = ["train_wordpiece"]

tokenizers = LazyModule("tokenizers")

_LONG = re.compile(rf"\S{{{LONGEST_WORD + 1}}}")


def _texts(source: Any) -> Iterator[str]:
    if isinstance(source, (str, bytes)):
        raise ValueError(f"source must be an iterable of texts or a pathlib.Path. Received: the string {source!r:.60}")
    if isinstance(source, pathlib.Path):
        source = [source]
    for item in source:
        if isinstance(item, pathlib.Path):
            with open_text(item) as lines:
                yield from lines
        elif isinstance(item, str):
            yield item
        else:
            raise ValueError(f"source must hold strings or pathlib.Paths. Received: {item!r:.60} ({type(item).__name__})")


def _normalized(texts: Iterator[str], normalizer: Any, words_of: Any) -> Iterator[str]:
    """Texts as BERT sees them, without the words that it takes for unknown: the trainer would need hours for a few of them."""
    for text in texts:
        normalized = normalizer.normalize_str(text)
        if _LONG.search(normalized):
            words = (word for word, _ in words_of.pre_tokenize_str(normalized))
            normalized = " ".join(word for word in words if len(word) <= LONGEST_WORD)
        yield normalized


def train_wordpiece(
    source: Iterable[str | pathlib.Path] | pathlib.Path,
    vocab_size: int,
    lowercase: bool = True,
    min_frequency: int = 2,
    limit_alphabet: int = 1000,
) -> list[str]:
    """Learn a WordPiece vocabulary; the same texts give the same vocabulary, in any process.

    Args:
        source: texts, or paths of text files (UTF-8, plain or .gz), read line by line. Read twice, so no generator.
        vocab_size: V, number of tokens to reach, the special tokens and the alphabet included. Fewer come out when the texts
            do not hold enough frequent pieces.
        lowercase: lower the case and strip accents first; give the tokenizer the same setting.
        min_frequency: a pair of pieces must occur this often to be joined.
        limit_alphabet: only the most frequent characters are kept; a word with any other one becomes [UNK].

    Returns:
        The tokens, for `WordPieceTokenizer`: [PAD], [UNK], [CLS], [SEP], [MASK], the alphabet, then pieces by the order in
        which they were joined.

    Raises:
        ValueError: an impossible source, or a `vocab_size` too small for the special tokens and the alphabet.
        DataError: the source holds no text.

    Reference: Schuster and Nakajima 2012; the trainer is that of the `tokenizers` library.
    """
    if isinstance(source, Iterator):
        raise ValueError(f"source is read twice and cannot be a generator. Received: {source!r}. Pass list(source).")
    normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    words_of = tokenizers.pre_tokenizers.BertPreTokenizer()
    characters: collections.Counter[str] = collections.Counter()
    for text in _normalized(_texts(source), normalizer, words_of):
        characters.update(text)
    frequent = sorted((character for character in characters if not character.isspace()), key=lambda c: (-characters[c], c))
    alphabet = sorted(frequent[:limit_alphabet])
    if not alphabet:
        raise DataError("source holds no text. Received: no character but white space.")
    # The trainer numbers the characters inside words in the order in which a hash map gives them, which differs from process
    # to process, and breaks ties between pairs by these numbers. Named beforehand, all numbers are fixed.
    first = [*SPECIAL_TOKENS.values(), *alphabet, *(f"##{character}" for character in alphabet)]
    if vocab_size < len(first):
        raise ValueError(
            f"vocab_size must be at least {len(first)}: {len(SPECIAL_TOKENS)} special tokens and {len(alphabet)} characters, "
            f"each at the start of a word and inside. Received: vocab_size={vocab_size}. Raise it, or lower limit_alphabet."
        )
    trained = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token=SPECIAL_TOKENS["unk"]))
    trained.pre_tokenizer = words_of
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        limit_alphabet=0,
        special_tokens=first,
        show_progress=False,
    )
    trained.train_from_iterator(_normalized(_texts(source), normalizer, words_of), trainer)
    vocabulary = trained.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)
