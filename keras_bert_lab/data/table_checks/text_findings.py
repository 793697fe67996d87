"""What the texts of a column show: marks of damage, scripts, odd lengths, and answers inside of them."""

from __future__ import annotations

import collections
import re

import numpy as np

from keras_bert_lab.data.table_checks.examined_table import ExaminedTable
from keras_bert_lab.data.table_checks.fingerprints import words_of
from keras_bert_lab.data.table_checks.scripts import script_of, word_of_two_scripts
from keras_bert_lab.data.table_checks.text_patterns import marks_in, mended
from keras_bert_lab.data.wording import shown

__all__ = ["check_texts"]

_MOSTLY = 0.8  # share of a script that makes others strangers
_LEAK = 0.9  # share of a class's texts that hold its name
_CUT = 0.01  # share of texts that have exactly the greatest length
_SHEET = 32_767  # characters of a cell in a spreadsheet
_AROUND = 30


def check_texts(table: ExaminedTable, names: list[list[str]]) -> None:
    """Report what the texts show.

    Args:
        table: to look at.
        names: of the labels of each row.
    """
    for role in table.text_roles:
        texts = table.texts(role)
        if texts:
            whole = _marks(table, role, texts)
            _scripts(table, role, texts)
            _lengths(table, role, [(row, text) for row, text in texts if row not in whole])
            _swallowed(table, role, texts, names)
            _leaks(table, role, texts, names)
    if len(table.text_roles) == 2:
        first, second = (dict(table.texts(role)) for role in table.text_roles)
        same = [row for row, text in first.items() if row in second and text.strip() == second[row].strip()]
        if same:
            table.report("same_in_both", same, role="text_pair")


def _around(text: str, place: int) -> str:
    return text[max(0, place - _AROUND // 2) : place + _AROUND]


_FINDERS = {
    "html_tags": re.compile(r"</?[A-Za-z!]"),
    "html_entities": re.compile(r"&[#\w]+;"),
    "escaped_characters": re.compile(r"\\[nrtux]"),
    "control_characters": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"),
    "windows_characters": re.compile("[\x80-\x9f]"),
    "replacement_characters": re.compile("\ufffd"),
    "invisible_characters": re.compile("[\u00ad\u200b-\u200d\u2060\ufeff\u202a-\u202e\u2066-\u2069]"),
}


def _example(kind: str, text: str) -> str:
    if kind == "mojibake":
        return mended(text) or ""
    found = _FINDERS[kind].search(text) if kind in _FINDERS else None
    if kind == "windows_characters" and found is not None:
        was = found[0].encode("latin-1").decode("cp1252", "replace")
        return f"{shown(_around(text, found.start()))}, where {found[0]!r} was {was!r}"
    return text if found is None else _around(text, found.start())


def _marks(table: ExaminedTable, role: str, texts: list[tuple[int, str]]) -> set[int]:
    """Report marks of damage; returns the rows whose text is nothing but such a mark."""
    rows: dict[str, list[int]] = {}
    for row, text in texts:
        for kind in marks_in(text):
            rows.setdefault(kind, []).append(row)
    cells = table.cells[role]
    for kind, places in rows.items():
        table.report(kind, places, role=role, example=_example(kind, cells[places[0]]))
    whole = ("placeholders", "formula_texts", "only_url", "only_number", "only_punctuation")
    return {row for kind in whole for row in rows.get(kind, ())}


def _scripts(table: ExaminedTable, role: str, texts: list[tuple[int, str]]) -> None:
    rows: dict[str, list[int]] = {}
    mixed = []
    for row, text in texts:
        script = script_of(text)
        if script is not None:
            rows.setdefault(script, []).append(row)
        if not text.isascii() and word_of_two_scripts(text):
            mixed.append(row)
    if mixed:
        table.report("mixed_letters", mixed, role=role, example=word_of_two_scripts(table.cells[role][mixed[0]]))
    if len(rows) < 2:
        return
    usual = max(rows, key=lambda name: len(rows[name]))
    counts = ", ".join(f"{name} {len(found):,}" for name, found in sorted(rows.items(), key=lambda item: -len(item[1])))
    others = sorted(row for name, found in rows.items() if name != usual for row in found)
    common = len(rows[usual]) >= _MOSTLY * sum(map(len, rows.values()))
    table.report("other_script" if common else "mixed_scripts", others, role=role, detail=f"Texts by script: {counts}.")


def _lengths(table: ExaminedTable, role: str, texts: list[tuple[int, str]]) -> None:
    if not texts:
        return
    rows = np.array([row for row, _ in texts])
    characters = np.array([len(text) for _, text in texts])
    longest = int(characters.max())
    cut = rows[characters == longest].tolist()
    ends = sum(table.cells[role][row].rstrip()[-1:] in tuple(".!?\"')]…。！？") for row in cut)
    if (longest == _SHEET) or (len(cut) >= max(5, _CUT * len(texts)) and longest >= 50 and ends < len(cut) / 2):
        distinct = len({table.cells[role][row] for row in cut})
        if longest == _SHEET or distinct >= 5:
            table.report("cut_texts", cut, role=role, detail=f"{len(cut):,} texts have exactly {longest:,} characters.")
    middle, high = np.median(characters), np.quantile(characters, 0.99)
    if len(texts) >= 20:
        short = rows[(characters <= 0.05 * middle) & (characters <= 20)].tolist()
        if short and middle >= 200:
            table.report("very_short", short, role=role, detail=f"Half of the texts have {middle:,.0f} characters or more.")
        far = max(5 * high if len(texts) >= 1000 else 20 * middle, 2000)
        long = rows[characters > far].tolist()
        if long:
            detail = f"The longest has {longest:,} characters; half of the texts have {middle:,.0f} or fewer."
            table.report("very_long", long, role=role, detail=detail)
    words = [row for row, text in texts if len(text) > 100 < max(map(len, text.split())) and _LONG_WORD.search(text)]
    if words:
        table.report("long_words", words, role=role, example=_LONG_WORD.search(table.cells[role][words[0]])[0])  # type: ignore[index]


_LONG_WORD = re.compile(r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{101,}")


def _swallowed(table: ExaminedTable, role: str, texts: list[tuple[int, str]], names: list[list[str]]) -> None:
    """Rows inside a text: lines that end in a separator and the name of a label."""
    labels = collections.Counter(name for each in names for name in each)
    known = [re.escape(name) for name, count in labels.most_common(50) if count > 1 or len(labels) < 10]
    if not known or table.kind not in ("csv", "tsv", "frame"):
        return
    ends = re.compile(rf"""[,;\t|]["']?(?:{"|".join(known)})["']?[ \t\r]*\n""")
    places = [row for row, text in texts if "\n" in text and ends.search(text)]
    if places:
        text = table.cells[role][places[0]]
        lines = len(ends.findall(text))
        table.report(
            "swallowed_rows", places, role=role, example=_around(text, ends.search(text).start()),  # type: ignore[union-attr]
            detail=f"The first holds at least {lines:,} more.",
        )  # fmt: skip


def _spaced(text: str) -> str:
    """The words of a text, each between blanks."""
    return f" {' '.join(words_of(text))} "


def _leaks(table: ExaminedTable, role: str, texts: list[tuple[int, str]], names: list[list[str]]) -> None:
    """Classes whose name is a word of nearly all of their texts, and of few others."""
    if role != "text":
        return
    own: dict[str, list[str]] = {}
    for row, text in texts:
        if len(names[row]) == 1:
            own.setdefault(names[row][0], []).append(text)
    if not 2 <= len(own) <= 200:
        return
    for name, found in own.items():
        word = _spaced(name)
        some = found[:: max(1, len(found) // 1000)]
        if len(found) < 5 or len(word) < 4 or sum(word in _spaced(text) for text in some) < _LEAK * len(some):
            continue
        rest = [text for other, texts_of in own.items() if other != name for text in texts_of[:: max(1, len(texts_of) // 200)]]
        elsewhere = sum(word in _spaced(text) for text in rest) / max(1, len(rest))
        if elsewhere <= 1 - _LEAK:
            rows = [row for row, text in texts if names[row] == [name]]
            table.report(
                "label_leak", rows, role=role, detail=f"Nearly all texts of {name!r} hold the word, {elsewhere:.0%} of others."
            )
