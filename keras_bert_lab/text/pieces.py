"""How a vocabulary marks the pieces of words: where a word begins, and how pieces become text again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

__all__ = ["PIECES", "byte_characters"]


@functools.cache
def byte_characters() -> Mapping[int, str]:
    """The character by which byte-level vocabularies write each byte: byte -> character.

    Printable bytes of Latin-1 stand for themselves; the others, in order, for the characters from U+0100 on.

    Reference: Radford et al. 2019; bytes_to_unicode of github.com/openai/gpt-2.

    Example:
        >>> byte_characters()[ord(" ")], byte_characters()[ord("a")]
        ('Ġ', 'a')
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return {byte: chr(byte if byte in printable else next(others)) for byte in range(256)}


@functools.cache
def _bytes_of_characters() -> Mapping[str, int]:
    return {character: byte for byte, character in byte_characters().items()}


def _join_wordpieces(tokens: Sequence[str]) -> str:
    words: list[str] = []
    for token in tokens:
        if token.startswith("##") and words:
            words[-1] += token[2:]
        else:
            words.append(token)
    return " ".join(words)


def _join_bytes(tokens: Sequence[str]) -> str:
    known = _bytes_of_characters()
    joined = b"".join(
        bytes(known[character] for character in token) if known.keys() >= set(token) else token.encode() for token in tokens
    )
    return joined.decode(errors="replace")


def _join_sentencepieces(tokens: Sequence[str]) -> str:
    return "".join(tokens).replace("▁", " ").removeprefix(" ")


PIECES: Mapping[str, tuple[Callable[[str], bool], Callable[[Sequence[str]], str]]] = {
    "wordpiece": (lambda token: not token.startswith("##"), _join_wordpieces),
    "byte_level": (lambda token: token.startswith("Ġ"), _join_bytes),
    "sentencepiece": (lambda token: token.startswith("▁"), _join_sentencepieces),
}
"""Kind of pieces -> (whether a token begins a word, tokens -> text).

"wordpiece" marks pieces that continue a word with "##"; "byte_level" writes the blank before a word as "Ġ" and every byte as
one character; "sentencepiece" writes the blank as "▁". With the latter two, punctuation belongs to the word before it.
"""
