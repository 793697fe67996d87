"""What BERT makes of each character, in terms that the ops of TensorFlow Text follow."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json
import unicodedata
from collections.abc import Iterator

__all__ = ["PRIVATE", "BertCharacters", "bert_characters"]

PRIVATE = 0xE000
"""The first private use character. BERT drops these from texts, so that they are free to stand for other characters."""


@dataclasses.dataclass(frozen=True)
class BertCharacters:
    """How to make the WordPiece op see what BERT sees.

    Args:
        replacements: code point -> string, possibly empty, to put in its place in texts; all others stay.
        renamed: code point -> code point, to apply to the tokens of the vocabulary with `str.translate`.
    """

    replacements: dict[int, str]
    renamed: dict[int, int]


def _points(ranges: str) -> Iterator[int]:
    """Code points in hexadecimal: "9 41-43" -> 0x9, 0x41, 0x42, 0x43."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


@functools.cache
def bert_characters(lowercase: bool) -> BertCharacters:
    """The rules of the uncased or the cased BERT models, from `bert_characters.json`.

    BERT treats every character by itself, so that a table says all: control characters are dropped, all kinds of white space
    become blanks; uncased, accents are dropped and capitals lowered. Where the WordPiece op would split words and BERT does
    not (mostly punctuation of recent Unicode versions), texts and vocabulary get a private use character instead; where BERT
    splits and the op does not, texts get blanks around the character.

    Args:
        lowercase: lower the case and strip accents.

    Reference: BertNormalizer and BertPreTokenizer of `tokenizers`, which `tests/text/ask_tokenizers.py` asks about every
    character to write the file; its Unicode tables are older than those of Python.

    Example:
        >>> rules = bert_characters(lowercase=True).replacements
        >>> rules[ord("É")], rules[0x0301], rules[0x00A0]
        ('e', '', ' ')
    """
    path = importlib.resources.files("keras_bert_lab.text") / "bert_characters.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    hidden = {point: PRIVATE + number for number, point in enumerate(_points(table["hidden"]))}
    replacements = (
        dict.fromkeys(_points(table["dropped"]), "")
        | dict.fromkeys(_points(table["blanks"]), " ")
        | {point: f" {chr(point)} " for point in _points(table["split"])}
        | {point: chr(private) for point, private in hidden.items()}
    )
    if lowercase:
        replacements |= dict.fromkeys(_points(table["uncased"]["dropped"]), "")
        replacements |= {point: unicodedata.normalize("NFD", chr(point)) for point in range(0xAC00, 0xD7A4)}  # Hangul syllables
        replacements |= {ord(character): changed for character, changed in table["uncased"]["changed"].items()}
    return BertCharacters(replacements, hidden | {private: point for point, private in hidden.items()})
