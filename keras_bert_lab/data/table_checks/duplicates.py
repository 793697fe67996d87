"""Texts that occur more than once, in one table and across tables."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_bert_lab.data.table_checks.examined_table import ExaminedTable
from keras_bert_lab.data.table_checks.fingerprints import WordIds, candidate_pairs, shared_share, signatures, words_of
from keras_bert_lab.data.wording import plural, shown

__all__ = ["check_duplicates"]

_ALIKE = 0.8  # Jaccard similarity of the word pairs
_LEAST = 0.6  # of the signatures' agreement: an estimate of it, from 48 numbers
_SHORTEST = 12  # words: in shorter texts one word decides ("the capital of Peru")
_MOST = 300_000  # pairs that are compared in full


@dataclasses.dataclass
class _Texts:
    """The texts of all tables, one after the other.

    Attributes:
        table: place of the table of each.
        row: its row, from 0.
        exact: what is equal for the same text.
        folded: what is equal for texts with the same words.
        label: name of its label, None = none or several.
    """

    table: list[int] = dataclasses.field(default_factory=list)
    row: list[int] = dataclasses.field(default_factory=list)
    exact: list[int] = dataclasses.field(default_factory=list)
    folded: list[int] = dataclasses.field(default_factory=list)
    label: list[str | None] = dataclasses.field(default_factory=list)


def check_duplicates(tables: list[ExaminedTable], labels: list[list[str | None]], near: bool = True) -> list[dict[str, object]]:
    """Report repeated texts and contradicting labels; in pairs both texts count.

    Args:
        tables: in this order: what training sees, then what it must not see.
        labels: for each table the name of each row's label, or None.
        near: also look for texts that are almost the same.

    Returns:
        For each two tables how many texts and rows they share.
    """
    roles = tables[0].text_roles
    texts, columns = _collected(tables, labels, roles)
    alike = _alike(texts, columns) if near else {}
    for place, table in enumerate(tables):
        _within(place, table, texts, alike)
    return [
        _across(tables, first, second, texts, alike) for first in range(len(tables)) for second in range(first + 1, len(tables))
    ]


def _collected(tables: list[ExaminedTable], labels: list[list[str | None]], roles: list[str]) -> tuple[_Texts, list[WordIds]]:
    texts, columns = _Texts(), [WordIds() for _ in roles]
    exact: dict[tuple[str, ...], int] = {}
    folded: dict[tuple[str, ...], int] = {}
    for place, table in enumerate(tables):
        if not roles or table.text_roles != roles:
            continue
        usable = [dict(table.texts(role)) for role in roles]
        for row in usable[0]:
            if not all(row in column for column in usable):
                continue
            cells = tuple(column[row] for column in usable)
            words = [words_of(cell) for cell in cells]
            key = tuple(" ".join(each) or cell.strip() for each, cell in zip(words, cells, strict=True))
            known = key in folded
            texts.table.append(place)
            texts.row.append(row)
            texts.exact.append(exact.setdefault(cells, len(exact)))
            texts.folded.append(folded.setdefault(key, len(folded)))
            texts.label.append(labels[place][row])
            if not known:
                for column, each in zip(columns, words, strict=True):
                    column.add(each)
    return texts, columns


def _alike(texts: _Texts, columns: list[WordIds]) -> dict[int, list[int]]:
    """Folded text -> other folded texts that are almost the same."""
    count = len(columns[0].rows) if columns else 0
    lengths = np.array([sum(len(column.rows[place]) for column in columns) for place in range(count)], int)
    long = np.flatnonzero(lengths >= _SHORTEST)
    if len(long) < 2:
        return {}
    signs = [signatures([column.rows[place] for place in long]) for column in columns]
    pairs = long[candidate_pairs(np.minimum.reduce(signs), _LEAST)][:_MOST]
    found: dict[int, list[int]] = {}
    for first, second in pairs.tolist():
        if all(shared_share(column.rows[first], column.rows[second]) >= _ALIKE for column in columns):
            found.setdefault(first, []).append(second)
            found.setdefault(second, []).append(first)
    return found


def _firsts(texts: _Texts, table: int, names: list[int]) -> dict[int, int]:
    """Name of a text -> the first row of the table that has it."""
    found: dict[int, int] = {}
    for where, row, name in zip(texts.table, texts.row, names, strict=True):
        if where == table:
            found.setdefault(name, row)
    return found


def _within(place: int, table: ExaminedTable, texts: _Texts, alike: dict[int, list[int]]) -> None:
    exact, folded = _firsts(texts, place, texts.exact), _firsts(texts, place, texts.folded)
    same: list[tuple[int, int]] = []
    close: list[tuple[int, int]] = []
    by_text: dict[int, list[tuple[int, str]]] = {}
    for where, row, name, words, label in zip(texts.table, texts.row, texts.exact, texts.folded, texts.label, strict=True):
        if where != place:
            continue
        if label is not None:
            by_text.setdefault(words, []).append((row, label))
        if exact[name] < row:
            same.append((row, exact[name]))
            continue
        earlier = [folded[other] for other in (words, *alike.get(words, ())) if folded.get(other, row) < row]
        if earlier:
            close.append((row, min(earlier)))
    if same:
        _report(table, "duplicate_texts", same)
    if close:
        detail = _compared(table, table, close[0])
        _report(table, "near_duplicates", close, detail)
    clashes = [rows for rows in by_text.values() if len({label for _, label in rows}) > 1]
    pairs = sorted((row, next(other for other, name in rows if name != label)) for rows in clashes for row, label in rows)
    if pairs:
        names = dict(row for rows in clashes for row in rows)
        detail = f"{plural(len(clashes), 'text')}; the first has {names[pairs[0][0]]!r} and {names[pairs[0][1]]!r}."
        _report(table, "conflicting_labels", pairs, detail)


def _report(
    table: ExaminedTable, kind: str, pairs: list[tuple[int, int]], detail: str = "", other: ExaminedTable | None = None
) -> None:
    rows, others = [row for row, _ in pairs], [row for _, row in pairs]
    where = None if other is None else other.where
    table.report(kind, rows, role="text", detail=detail, other=where, other_places=others)


def _across(
    tables: list[ExaminedTable], first: int, second: int, texts: _Texts, alike: dict[int, list[int]]
) -> dict[str, object]:
    exact, folded = _firsts(texts, first, texts.exact), _firsts(texts, first, texts.folded)
    labels: dict[int, dict[str, int]] = {}
    for where, row, words, label in zip(texts.table, texts.row, texts.folded, texts.label, strict=True):
        if where == first and label is not None:
            labels.setdefault(words, {}).setdefault(label, row)
    same: list[tuple[int, int]] = []
    close: list[tuple[int, int]] = []
    clashes: list[tuple[int, int]] = []
    distinct = set()
    for where, row, name, words, label in zip(texts.table, texts.row, texts.exact, texts.folded, texts.label, strict=True):
        if where != second:
            continue
        if name in exact:
            same.append((row, exact[name]))
            distinct.add(name)
        else:
            others = [folded[other] for other in (words, *alike.get(words, ())) if other in folded]
            if others:
                close.append((row, min(others)))
        known = labels.get(words, {})
        if label is not None and known and label not in known:
            clashes.append((row, min(known.values())))
    table, other = tables[second], tables[first]
    for kind, pairs in (("shared_texts", same), ("shared_near_duplicates", close), ("conflicting_parts", clashes)):
        if pairs:
            detail = _compared(table, other, pairs[0]) if kind == "shared_near_duplicates" else ""
            _report(table, kind, pairs, detail, other)
    return {
        "where": table.where,
        "other": other.where,
        "texts": len(distinct),
        "rows": len(same),
        "near_rows": len(close),
        "other_labels": len(clashes),
    }


def _compared(table: ExaminedTable, other: ExaminedTable, pair: tuple[int, int]) -> str:
    both = [(table.cells[role][pair[0]], other.cells[role][pair[1]]) for role in table.text_roles]
    ours, theirs = next(cells for cells in both if cells[0] != cells[1])
    start = next((place for place, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    start = max(0, start - 10)
    return f"They differ first at {shown(ours[start:])} and {shown(theirs[start:])}."
