"""A first look at a whole table, part by part, before long work with its texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from keras_bert_lab.data.cell_checks import text_problem
from keras_bert_lab.data.table_parts import TableParts
from keras_bert_lab.data.tables import place_of_column, read_table
from keras_bert_lab.data.text_columns import RowProblem
from keras_bert_lab.data.wording import plural
from keras_bert_lab.errors import DataError

__all__ = ["TableFacts", "scan_texts"]

_ROWS = 5


@dataclasses.dataclass(frozen=True)
class TableFacts:
    """What was found.

    Attributes:
        rows: of the table.
        usable: how many of them have texts.
        dropped: "column: problem" -> number of rows, and the first of them (1 = the first row below the header).
    """

    rows: int
    usable: int
    dropped: Mapping[str, tuple[int, list[int]]]


def scan_texts(
    parts: TableParts,
    text: str,
    text_pair: str | None = None,
    drop_unusable: bool = False,
    check: Callable[[Any], object] = lambda part: None,
) -> TableFacts:
    """Read a table to its end, and find all rows that have no text.

    Args:
        parts: the table.
        text: name of the column of texts.
        text_pair: name of the column of second texts, for pairs.
        drop_unusable: whether rows without texts are allowed, see `read_table`.
        check: called with each part, to refuse it.

    Raises:
        DataError: as `read_table`; what `check` raises.
        ValueError: one column for both texts.
    """
    wanted = {role: name for role, name in (("text", text), ("text_pair", text_pair)) if name is not None}
    if len(set(wanted.values())) < len(wanted):
        raise ValueError(f"text and text_pair must name different columns. Received: {wanted}")
    if parts.is_whole:
        return _of_a_whole_table(parts, wanted, drop_unusable, check)
    problems: dict[str, dict[str, RowProblem]] = {role: {} for role in wanted}
    rows = unusable = 0
    for part in parts:
        columns = {role: _cells(parts, part, role, name) for role, name in wanted.items()}
        for row, cells in enumerate(zip(*columns.values(), strict=True), start=rows + 1):
            found = {role: problem for role, cell in zip(columns, cells, strict=True) if (problem := text_problem(cell))}
            for role, problem in found.items():
                problems[role].setdefault(problem, RowProblem()).add(row, cells[list(columns).index(role)])
            unusable += bool(found)
        rows += len(part)
        check(part)
    for role, name in wanted.items():
        place_of_column(parts.path, parts.names, role, name, parts.separator)
    if unusable and (not drop_unusable or unusable == rows):
        first = "row 1 = first object" if parts.kind == "jsonl" else "row 1 = first row below the header"
        bad = " ".join(_summary(wanted[role], kinds) for role, kinds in problems.items() if kinds)
        cure = "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable)."
        raise DataError(
            f"{parts.path}: {unusable:,} of {plural(rows, 'row')} cannot be used ({first}). {bad} "
            f"{'No row is left.' if drop_unusable else cure}"
        )
    dropped = {
        f"{wanted[role]}: {kind}": (problem.count, problem.rows)
        for role, kinds in problems.items()
        for kind, problem in kinds.items()
    }
    return TableFacts(rows, rows - unusable, dropped)


def _cells(parts: TableParts, part: Any, role: str, name: str) -> list[Any]:
    """The cells of a column; a .jsonl may have it only further down."""
    if parts.kind == "jsonl" and name not in part.columns:
        return [None] * len(part)
    return part.iloc[:, place_of_column(parts.path, list(part.columns), role, name, parts.separator)].tolist()


def _summary(name: str, kinds: Mapping[str, RowProblem]) -> str:
    return f"Column {name!r}: {', '.join(f'{problem.count:,} {kind} {problem}' for kind, problem in kinds.items())}."


def _of_a_whole_table(
    parts: TableParts, wanted: Mapping[str, str], drop_unusable: bool, check: Callable[[Any], object]
) -> TableFacts:
    settings: dict[str, Any] = {"encoding": parts.encoding, "sheet": parts.sheet, "drop_unusable": drop_unusable}
    usable = read_table(parts.path, wanted["text"], None, wanted.get("text_pair"), **settings)  # knows formulas too
    rows = 0
    for part in parts:
        rows += len(part)
        check(part)
    return TableFacts(rows, len(usable), {what: (len(bad), bad[:_ROWS]) for what, bad in usable.attrs["dropped"].items()})
