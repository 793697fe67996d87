"""Classes, their balance and their spelling."""

from __future__ import annotations

import collections
import difflib
import itertools
import math
from collections.abc import Sequence

import numpy as np

from keras_bert_lab.data.cell_checks import as_label, as_number, label_problem, number_problem
from keras_bert_lab.data.table_checks.examined_table import ExaminedTable
from keras_bert_lab.data.table_checks.text_patterns import is_placeholder
from keras_bert_lab.data.wording import folded, listed, nearest, shown

__all__ = ["check_labels_across", "check_labels_of", "check_numbers", "check_swapped", "label_names"]

_IMBALANCE = 0.9  # share of the largest class
_MANY = 20  # classes, from which on numbers look like measurements
_ALIKE = 0.85  # of two names, as difflib counts
_SHIFT = 0.15  # total variation distance between the shares of classes
_COMMON, _RARE = 100, 300  # names that are compared with each other
_NEGATIONS = ("a", "an", "dis", "il", "im", "in", "ir", "mis", "no", "non", "not", "un")


def check_swapped(table: ExaminedTable) -> None:
    """Report texts and labels that look exchanged: longer labels than texts, and more different ones; then exchange them."""
    texts = [text for _, text in table.texts()]
    labels = [cell for cell in table.cells.get("label", []) if isinstance(cell, str)]
    if len(texts) < 5 or len(labels) < 5 or len(set(labels)) <= len(set(texts)):
        return
    ours, theirs = (float(np.mean([len(cell) for cell in cells])) for cells in (texts, labels))
    if theirs > 1.5 * ours:
        detail = f"Labels have {theirs:.0f} characters on average, texts {ours:.0f}. All else is told with the two exchanged."
        table.report("columns_swapped", role="label", example=labels[0], detail=detail)
        table.cells["text"], table.cells["label"] = table.cells["label"], table.cells["text"]
        table.names["text"], table.names["label"] = table.names["label"], table.names["text"]


def label_names(table: ExaminedTable) -> list[list[str]]:
    """The names of the labels of each row: one, several for lists, none where the label is missing or the row unread."""
    found: list[list[str]] = []
    for row, cell in enumerate(table.cells.get("label", [None] * table.rows)):
        if row in table.unread:
            found.append([])
        elif isinstance(cell, (list, tuple, set, frozenset)):
            found.append(sorted({as_label(each) for each in cell if label_problem(each) is None}))
        else:
            found.append([] if label_problem(cell) else [as_label(cell)])
    return found


def _places(names: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, each in enumerate(names):
        for name in each:
            found.setdefault(name, []).append(row)
    return found


def check_labels_of(table: ExaminedTable, names: list[list[str]], rare: int) -> None:
    """Report what is wrong with the classes of the table that is learned from.

    Args:
        table: to look at.
        names: of its labels, see `label_names`.
        rare: a class with fewer rows is reported.
    """
    rows = _places(names)
    total = sum(map(len, rows.values()))
    if not total:
        return
    marks = sorted(
        row for name, found in rows.items() if is_placeholder(name) and name.strip().casefold() != "none" for row in found
    )
    if marks:
        table.report("label_placeholders", marks, role="label")
    if len(rows) == 1:
        table.report("one_class", role="label", example=next(iter(rows)))
        return
    if _no_classes(table, rows, total):
        return
    misspelt = _spellings(table, rows)
    few = {name: found for name, found in rows.items() if len(found) < rare and name not in misspelt}
    if few:
        counts = ", ".join(
            f"{shown(name)} {len(found)}" for name, found in sorted(few.items(), key=lambda item: len(item[1]))[:10]
        )
        places = sorted({row for found in few.values() for row in found})
        detail = f"{len(few):,} of {len(rows):,} classes with fewer than {rare} rows: {counts}."
        table.report("rare_classes", places, role="label", detail=detail)
    largest = max(rows, key=lambda name: len(rows[name]))
    if len(rows[largest]) / total >= _IMBALANCE:
        table.report("imbalance", rows[largest], role="label")
    _order(table, names, rows)


def _no_classes(table: ExaminedTable, rows: dict[str, list[int]], total: int) -> bool:
    """Whether the labels do not look like classes at all."""
    numbers = [as_number(name) for name in rows]
    if len(rows) >= _MANY and not any(map(math.isnan, numbers)) and (
        len(rows) > total / 10 or any(not number.is_integer() for number in numbers)
    ):  # fmt: skip
        detail = f"{len(rows):,} different numbers in {total:,} rows, from {min(numbers):g} to {max(numbers):g}."
        table.report("labels_like_numbers", role="label", detail=detail)
        return True
    if total >= 20 and len(rows) > 0.5 * total:
        table.report(
            "labels_nearly_unique", role="label", example=next(iter(rows)), detail=f"{len(rows):,} labels in {total:,} rows."
        )
        return True
    return False


def _spellings(table: ExaminedTable, rows: dict[str, list[int]]) -> set[str]:
    """Report names that are probably the same; returns those that seem wrong."""
    wrong: set[str] = set()
    for kind, key in (("label_variants", folded), ("label_numbers", _as_number_key)):
        groups = collections.defaultdict(list)
        for name in rows:
            groups[key(name)].append(name)
        alike = [sorted(group, key=lambda name: -len(rows[name])) for group in groups.values() if len(group) > 1]
        others = [name for group in alike for name in group[1:] if name not in wrong]
        if others:
            listed_names = "; ".join(
                " and ".join(f"{shown(name)} ({len(rows[name]):,})" for name in group) for group in alike[:10]
            )
            table.report(kind, sorted(row for name in others for row in rows[name]), role="label", detail=listed_names + ".")
            wrong.update(others)
    typos = {}
    common = sorted((name for name in rows if name not in wrong), key=lambda name: -len(rows[name]))[:_COMMON]
    for name in sorted((name for name in rows if name not in wrong), key=lambda name: len(rows[name]))[:_RARE]:
        meant = [other for other in common if _misspelt(name, other, len(rows[name]), len(rows[other]))]
        if meant:
            typos[name] = max(meant, key=lambda other: len(rows[other]))
    if typos:
        listed_names = "; ".join(
            f"{name!r} ({len(rows[name]):,}), probably {meant!r} ({len(rows[meant]):,})" for name, meant in typos.items()
        )
        table.report(
            "label_typos", sorted(row for name in typos for row in rows[name]), role="label", detail=listed_names + "."
        )
    return wrong | set(typos)


def _as_number_key(name: str) -> str:
    number = as_number(name)
    return name if math.isnan(number) else repr(number)


def _is_negated(name: str, other: str) -> bool:
    return any(other == f"{negation}{joint}{name}" for negation in _NEGATIONS for joint in ("", "_", "-", " "))


def _misspelt(name: str, other: str, count: int, other_count: int) -> bool:
    """Whether a rare name is probably a common one with a slip of the fingers.

    Names that differ in digits only, or in a prefix that negates, are different: "class1" and "class2", "typical" and
    "atypical".

    Example:
        >>> _misspelt("postive", "positive", 2, 90), _misspelt("atypical", "typical", 2, 90), _misspelt("a1", "a2", 2, 90)
        (True, False, False)
    """
    if count * 10 > other_count or min(len(name), len(other)) < 3:
        return False
    ours, theirs = folded(name), folded(other)
    letters = ["".join(each for each in text if each.isalpha()) for text in (ours, theirs)]
    if letters[0] == letters[1]:
        return [each for each in ours if each.isdigit()] == [each for each in theirs if each.isdigit()]
    if _is_negated(ours, theirs) or _is_negated(theirs, ours):
        return False
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    return matcher.real_quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


def _order(table: ExaminedTable, names: list[list[str]], rows: dict[str, list[int]]) -> None:
    """Report rows that stand together by label: far fewer changes from row to row than in a random order."""
    sequence = [each[0] for each in names if len(each) == 1]
    if len(sequence) < 20:
        return
    changes = sum(first != second for first, second in itertools.pairwise(sequence))
    shares = np.array([len(found) for found in rows.values()]) / len(sequence)
    expected = (len(sequence) - 1) * (1 - float(np.square(shares).sum()))
    if changes <= 0.1 * expected or changes == len(rows) - 1 < expected / 3:
        detail = f"The label changes {changes:,} times from row to row; in a random order about {expected:,.0f} times."
        table.report("sorted_by_label", role="label", detail=detail)


def check_labels_across(table: ExaminedTable, learned: ExaminedTable, names: list[list[str]], known: list[list[str]]) -> None:
    """Report classes that only one of two tables has, and other shares of them.

    Args:
        table: the one that is tested with.
        learned: the one that is learned from.
        names: of the labels of the first.
        known: of the labels of the second.
    """
    rows, classes = _places(names), _places(known)
    if not rows or not classes:
        return
    unknown = [name for name in rows if name not in classes]
    if unknown:
        parts = []
        for name in sorted(unknown, key=lambda name: -len(rows[name]))[:10]:
            near = nearest(name, classes)
            parts.append(f"{name!r} ({len(rows[name]):,})" + (f", nearest {near!r}" if near else ""))
        places = sorted({row for name in unknown for row in rows[name]})
        table.report("class_only_in_test", places, role="label", detail="; ".join(parts) + ".", other=learned.where)
    absent = [name for name in classes if name not in rows]
    if absent:
        table.report(
            "class_missing_in_test", role="label", detail=f"None of its rows has {listed(absent)}.", other=learned.where
        )
    totals = [sum(map(len, found.values())) for found in (rows, classes)]
    both = dict.fromkeys([*classes, *rows])
    shares = {
        name: [len(found.get(name, ())) / total for found, total in zip((rows, classes), totals, strict=True)] for name in both
    }
    distance = sum(abs(ours - theirs) for ours, theirs in shares.values()) / 2
    chance = sum(math.sqrt(theirs * (1 - theirs) / totals[0]) for _, theirs in shares.values())
    if distance > _SHIFT + chance and not unknown:
        most = sorted(shares, key=lambda name: -abs(shares[name][0] - shares[name][1]))[:3]
        detail = ", ".join(f"{name!r} {shares[name][0]:.1%} here, {shares[name][1]:.1%} in training" for name in most)
        table.report("other_balance", role="label", detail=detail + ".", other=learned.where)


def check_numbers(table: ExaminedTable) -> list[float]:
    """The numbers of a table for regression; reports those that never change."""
    cells = table.cells.get("label", [])
    found = [as_number(cell) for row, cell in enumerate(cells) if row not in table.unread and number_problem(cell) is None]
    if len(found) > 1 and len(set(found)) == 1:
        table.report("constant_number", role="label", example=found[0])
    return found
