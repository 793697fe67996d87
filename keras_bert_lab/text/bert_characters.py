"""What BERT makes of each character, in terms that the ops of TensorFlow Text follow."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["PRIVATE", "BertCharacters", "bert_characters", "lower_case", "points_of"]

PRIVATE = 0xE000
"""The first private use character. BERT drops these from texts, so that they are free to stand for other characters."""

_MORE_PRIVATE = (0xF0000, 0x100000)  # 65,534 more of them from each of these on


@dataclasses.dataclass(frozen=True)
class BertCharacters:
    """How to make the WordPiece op see what BERT sees.

    Args:
        replacements: code point -> string, possibly empty, to put in its place in texts; all others stay.
        renamed: code point -> code point, to apply to the tokens of the vocabulary with `str.translate`.
    """

    replacements: dict[int, str]
    renamed: dict[int, int]


def points_of(ranges: str) -> Iterator[int]:
    """Code points in hexadecimal: "9 41-43" -> 0x9, 0x41, 0x42, 0x43."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


@functools.cache
def _table() -> dict[str, Any]:
    path = importlib.resources.files("keras_bert_lab.text") / "bert_characters.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    for name in ("dropped", "blanks", "split", "hidden", "chinese", "marks"):
        table[name] = list(points_of(table[name]))
    table["bare"] = dict.fromkeys(table["marks"], "")
    table["bare"] |= {point: unicodedata.normalize("NFD", chr(point)) for point in range(0xAC00, 0xD7A4)}  # Hangul syllables
    table["bare"] |= {ord(character): result for character, result in table["without_accents"].items()}
    table["lower"] = {ord(character): result for character, result in table["lowered"].items()}
    return table


def _changed(table: dict[str, Any], lowercase: bool, strip_accents: bool) -> dict[int, str]:
    """Code point -> what it becomes, for those that change: first without accents, then in lower case."""
    bare = table["bare"] if strip_accents else {}
    if not lowercase:
        return dict(bare)
    lower = table["lower"]
    return lower | {point: result.translate(lower) for point, result in bare.items()}


def _private(count: int) -> Iterator[int]:
    yield from range(PRIVATE, PRIVATE + min(count, 0x1000))
    for first in _MORE_PRIVATE:
        yield from range(first, first + 0xFFFE)


def lower_case() -> Mapping[int, str]:
    """Code point -> its lower case, for those that have one, by the Unicode tables of `tokenizers`."""
    return _table()["lower"]


@functools.cache
def bert_characters(lowercase: bool, strip_accents: bool | None = None, split_cjk: bool = True) -> BertCharacters:
    """The rules of BERT models of all kinds, from `bert_characters.json`.

    BERT treats every character by itself, so that a table says all: control characters are dropped, all kinds of white space
    become blanks; in uncased models accents are dropped and capitals lowered. Where the WordPiece op would split words and
    BERT does not (mostly punctuation of recent Unicode versions; Chinese, if so told), texts and vocabulary get a private use
    character instead; where BERT splits and the op does not, texts get blanks around the character.

    Args:
        lowercase: lower the case.
        strip_accents: take the accents away; None = as `lowercase`.
        split_cjk: make every Chinese character a word of its own.

    Reference: BertNormalizer and BertPreTokenizer of `tokenizers`, which `tests/text/ask_tokenizers.py` asks about every
    character to write the file; its Unicode tables are older than those of Python.

    Example:
        >>> rules = bert_characters(lowercase=True).replacements
        >>> rules[ord("É")], rules[0x0301], rules[0x00A0]
        ('e', '', ' ')
        >>> bert_characters(lowercase=True, strip_accents=False).replacements[ord("É")]
        'é'
    """
    table = _table()
    hidden_points = table["hidden"] if split_cjk else [*table["hidden"], *table["chinese"]]
    hidden = dict(zip(hidden_points, _private(len(hidden_points)), strict=False))
    spelled = {point: chr(private) for point, private in hidden.items()}
    changed = _changed(table, lowercase, lowercase if strip_accents is None else strip_accents)
    replacements = (
        spelled
        | {point: f" {chr(point)} " for point in table["split"]}
        | {point: result.translate(spelled) for point, result in changed.items()}
        | dict.fromkeys(table["blanks"], " ")
        | dict.fromkeys(table["dropped"], "")
    )
    if split_cjk:  # blanks go around Chinese before it is changed; the op itself splits at what is still Chinese afterwards
        chinese = set(table["chinese"])
        for point in chinese & changed.keys():
            if not (len(changed[point]) == 1 and ord(changed[point]) in chinese):
                replacements[point] = f" {replacements[point]} "
    return BertCharacters(replacements, hidden | {private: point for point, private in hidden.items()})
