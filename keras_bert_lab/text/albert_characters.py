"""What ALBERT's tokenizer makes of each character before it looks for pieces."""

from __future__ import annotations

import functools
import importlib.resources
import json
import unicodedata
from collections.abc import Mapping

from keras_bert_lab.text.bert_characters import lower_case, points_of

__all__ = ["NO_CHARACTER", "QUOTE", "albert_characters", "bare_in_unicode_3_2"]

QUOTE = 0x378
"""Stands for two characters, `` or '', that become a quotation mark: as long as them, and no character."""

NO_CHARACTER = 0x379
"""Stands for what the ops cannot have in texts, U+0000 and U+0378, and is as unknown to any model."""


def bare_in_unicode_3_2(character: str) -> str:
    """Compatibility decomposition without marks, by the Unicode tables that every Python has.

    Example:
        >>> bare_in_unicode_3_2("É"), bare_in_unicode_3_2("ﬁ")
        ('E', 'fi')
    """
    decomposed = unicodedata.ucd_3_2_0.normalize("NFKD", character)
    return "".join(each for each in decomposed if unicodedata.ucd_3_2_0.category(each)[0] != "M")


@functools.cache
def _bare() -> Mapping[int, str]:
    """Code point -> its compatibility decomposition without marks, for those that change."""
    path = importlib.resources.files("keras_bert_lab.text") / "albert_characters.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    found = {}
    for point in range(0x110000):
        if not 0xD800 <= point < 0xE000 and (result := bare_in_unicode_3_2(chr(point))) != chr(point):
            found[point] = result
    for point in points_of(table["kept"]):
        del found[point]
    found |= dict.fromkeys(points_of(table["dropped"]), "")
    return found | {ord(character): result for character, result in table["changed"].items()}


def albert_characters(lowercase: bool, strip_accents: bool, replacements: Mapping[int, str]) -> dict[int, str]:
    """The replacements of single characters, in ALBERT's order: accents, case, the model's own normaliser.

    Args:
        lowercase: lower the case.
        strip_accents: decompose characters (NFKD) and take the marks away.
        replacements: of the model's normaliser; {} where there is none.

    Returns:
        Code point -> string, for those that change.

    Example:
        >>> albert_characters(True, True, {ord("e"): "3"})[ord("É")]
        '3'
    """
    found: dict[int, str] = dict(_bare()) if strip_accents else {}
    steps = [lower_case()] if lowercase else []
    for step in [*steps, replacements]:
        found = {point: result.translate(step) for point, result in found.items()} | {
            point: result for point, result in step.items() if point not in found
        }
    return found | {QUOTE: '"', 0: chr(NO_CHARACTER)}
