"""Cells that reading a table would stop at, and labels of mixed types."""

from __future__ import annotations

import pathlib
from typing import Any

from keras_bert_lab.data.cell_checks import MISSING, label_problem, number_problem, problems_of, text_problem
from keras_bert_lab.data.cells import is_missing
from keras_bert_lab.data.spreadsheets import formula_cells
from keras_bert_lab.data.table_checks.examined_table import ExaminedTable
from keras_bert_lab.data.tables import read_columns
from keras_bert_lab.data.wording import shown

__all__ = ["check_cells"]

_TEXT = {"empty": "empty_text", MISSING: "missing_text", "not a text": "text_not_text"}
_LABEL = {MISSING: "missing_label", "not a single value": "label_not_single", "not a finite number": "label_not_number"}


def check_cells(table: ExaminedTable, label_type: str, sheet: int | str = 0) -> None:
    """Report the cells that cannot be used, and repeated headers.

    Args:
        table: to look at.
        label_type: "name" or "number", as in `read_table`.
        sheet: of an .xlsx.
    """
    _headers(table)
    for role, cells in table.cells.items():
        is_label = role == "label"
        check = text_problem if not is_label else number_problem if label_type == "number" else label_problem
        if is_label and _all_lists(cells):
            continue  # several labels for each text
        for problem, rows in problems_of(cells, check).items():
            places = [row - 1 for row in rows if row - 1 not in table.unread]
            kind = (_LABEL if is_label else _TEXT).get(problem, "invalid_unicode")
            if problem == MISSING and table.kind == "xlsx":
                formulas = _formulas(table, role, sheet)
                unsolved = [place for place in places if place in formulas]
                places = [place for place in places if place not in formulas]
                if unsolved:
                    table.report("formula_without_result", unsolved, role=role)
            if places:
                detail = "" if problem in (MISSING, "empty") else _types([cells[place] for place in places])
                table.report(kind, places, role=role, detail=detail)
        if is_label and label_type == "name":
            _mixed(table, cells)


def _headers(table: ExaminedTable) -> None:
    roles = list(table.cells)
    names = [table.names[role] for role in roles]
    places = [
        place
        for place, row in enumerate(zip(*table.cells.values(), strict=True))
        if [cell.strip() if isinstance(cell, str) else None for cell in row] == names
    ]
    if places and len(roles) > 1:
        table.report("header_repeated", places, role="text" if "text" in roles else roles[0])
        table.unread.update(places)


def _formulas(table: ExaminedTable, role: str, sheet: int | str) -> set[int]:
    path = pathlib.Path(table.where)
    column = [str(name) for name in read_columns(path, sheet=sheet).columns].index(table.names[role])
    return {row - 1 for row, place in formula_cells(path, sheet) if place == column}


def _all_lists(cells: list[Any]) -> bool:
    return bool(cells) and all(isinstance(cell, (list, tuple, set, frozenset)) for cell in cells)


def _type(cell: Any) -> str:
    if isinstance(cell, str):
        return "text"
    return "truth value" if isinstance(cell, bool) or type(cell).__name__ == "bool_" else "number" if _number(cell) else "other"


def _number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) or hasattr(cell, "dtype")


def _types(cells: list[Any]) -> str:
    examples = {type(cell).__name__: shown(cell) for cell in reversed(cells)}
    return "They are " + ", ".join(f"{name} ({value})" for name, value in list(examples.items())[::-1][:4]) + "."


def _mixed(table: ExaminedTable, cells: list[Any]) -> None:
    rows: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if place not in table.unread and label_problem(cell) is None and not is_missing(cell):
            rows.setdefault(_type(cell), []).append(place)
    if len(rows) > 1:
        usual = max(rows, key=lambda name: len(rows[name]))
        others = sorted(place for name, places in rows.items() if name != usual for place in places)
        kinds = ", ".join(f"{len(places):,} {name}" for name, places in rows.items())
        table.report("label_types", others, role="label", detail=f"There are {kinds}.")
