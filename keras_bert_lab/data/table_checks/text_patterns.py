"""Marks in one text that show that something went wrong before it came into the table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["is_placeholder", "marks_in", "mended"]

_NAMES = (
    "a|abbr|article|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|"
    "input|li|link|meta|nav|ol|p|pre|q|script|section|small|span|strike|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|tt|u|ul"
)
_TAG = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>]*)?/?>|<!--|<!DOCTYPE|<!\[CDATA\[", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,6}|#x[0-9a-f]{2,5}|[a-z]{4,8});", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_C1 = re.compile("[\x80-\x9f]")
# Joiners belong to emojis, and to the scripts of India, Iran and Arabia, so between Latin letters only.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]|(?<=[A-Za-z])[\u200c\u200d](?=[A-Za-z])")
_FOREIGN = re.compile("[ÂÃÄÅÐÑâðï][\x80-\u2122]{1,3}")
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[nrt](?![A-Za-z]{2})|\\[rn](?=\\[rn])")
_BYTES = re.compile(r"""b(['"]).*\1""", re.DOTALL)
_URL = re.compile(r"(?:(?:https?|ftp)://|www\.)\S+(?:\s+(?:(?:https?|ftp)://|www\.)\S+)*", re.IGNORECASE)
_NUMBERS = re.compile(r"[\d\s.,:;/%+\-()€$£#*]*\d[\d\s.,:;/%+\-()€$£#*]*")
_FORMULA = re.compile(r"=[A-Z][A-Z.]+\(.*\)|=[$A-Z]{1,4}\d+(?:[-+*/&:].*)?", re.DOTALL | re.IGNORECASE)
_PLACEHOLDERS = frozenset({
    "n/a", "na", "n.a.", "nan", "null", "(null)", "none", "nil", "undefined", "-", "--", "---", "?", "xxx", "tbd", "todo",
    "test", "#ref!", "#n/a", "#value!", "#div/0!", "#name?", "#num!", "#null!", "#nv", "#bezug!", "#wert!", "<na>", "[removed]",
    "[deleted]", "no comment", "no text", "not available", "not applicable", "lorem ipsum",
})  # fmt: skip


def _decoded(text: str) -> str | None:
    """What a stretch was before UTF-8 was read as Windows-1252; None = it was not."""
    raw = bytearray()
    for character in text:
        try:
            raw += character.encode("cp1252")
        except UnicodeEncodeError:
            if ord(character) > 255:
                return None
            raw.append(ord(character))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def mended(text: str) -> str | None:
    """The first stretch of a text that is UTF-8 read as Windows-1252, and what it was; None = there is none.

    Example:
        >>> mended("a cafÃ© at noon")
        "'Ã©' was 'é'"
    """
    for found in _FOREIGN.finditer(text):
        for end in range(len(found[0]), 1, -1):
            was = _decoded(found[0][:end])
            if was is not None:
                return f"{found[0][:end]!r} was {was!r}"
    return None


def is_placeholder(text: str) -> bool:
    """Whether a text stands for no text.

    Example:
        >>> is_placeholder(" N/A "), is_placeholder("a film")
        (True, False)
    """
    return len(text) < 40 and " ".join(text.casefold().split()) in _PLACEHOLDERS  # longer ones are texts


def _no_word(text: str) -> bool:
    """No letter, digit or symbol such as an emoji."""
    return all(unicodedata.category(character)[0] in "PZC" for character in text)


def _whole(text: str) -> str | None:
    """The kind of a text that is nothing but a mark."""
    stripped = text.strip()
    if is_placeholder(stripped):
        return "placeholders"
    if stripped.startswith("=") and _FORMULA.fullmatch(stripped):
        return "formula_texts"
    if stripped[:4].lower() in ("http", "ftp:", "www.") and _URL.fullmatch(stripped):
        return "only_url"
    if len(stripped) < 200 and not any(character.isalpha() for character in stripped):
        if _NUMBERS.fullmatch(stripped):
            return "only_number"
        if _no_word(stripped):
            return "only_punctuation"
    return None


def marks_in(text: str) -> Iterator[str]:
    """The kinds of problems that a text shows by itself.

    Example:
        >>> list(marks_in("so <b>good</b>&amp; long")), list(marks_in("N/A"))
        (['html_tags', 'html_entities'], ['placeholders'])
    """
    whole = _whole(text)
    if whole is not None:
        yield whole
        return
    if "<" in text and _TAG.search(text):
        yield "html_tags"
    if "&" in text and _ENTITY.search(text):
        yield "html_entities"
    if "\\" in text and _ESCAPE.search(text):
        yield "escaped_characters"
    if text.startswith("b") and _BYTES.fullmatch(text.strip()):
        yield "bytes_as_text"
    if _CONTROL.search(text):
        yield "control_characters"
    if text.isascii():
        return
    if "\ufffd" in text:
        yield "replacement_characters"
    if mended(text) is not None:
        yield "mojibake"
    elif _C1.search(text):
        yield "windows_characters"
    if _INVISIBLE.search(text):
        yield "invisible_characters"
