"""What a user gives -> a table to look at, with all that reading it would stop at."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from keras_bert_lab.data.delimited import SEPARATORS, other_separator
from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.table_checks.broken_files import read_broken
from keras_bert_lab.data.table_checks.examined_table import ExaminedTable
from keras_bert_lab.data.table_formats import table_format
from keras_bert_lab.data.tables import read_columns
from keras_bert_lab.data.text_files import check_encoding
from keras_bert_lab.data.wording import did_you_mean, folded, listed, reason
from keras_bert_lab.errors import DataError

__all__ = ["open_table"]


def open_table(
    given: Any,
    part: str,
    wanted: dict[str, str],
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
) -> ExaminedTable:
    """Read a table, as far as it can be read.

    Args:
        given: a DataFrame, or the path of a file.
        part: "table", "validation" or "test".
        wanted: role -> name of the column.
        encoding, separator, sheet: as in `read_columns`.

    Raises:
        DataError: no such file, or an unknown suffix or encoding.
        TypeError: neither a table nor a path.
    """
    if not isinstance(given, (str, os.PathLike)):
        if not hasattr(given, "columns") or not hasattr(given, "iloc"):
            raise TypeError(f"{part} must be a pandas DataFrame or a path. Received: {given!r:.60} ({type(given).__name__})")
        table = ExaminedTable(part, part, rows=len(given))
        names = [str(name) for name in given.columns]
        _take(table, names, lambda place: given.iloc[:, place].tolist(), wanted)
        if names and not table.rows:
            table.report("no_rows", detail=f"Columns: {listed(names)}.")
        return table
    path = existing_file(given)
    kind = table_format(path).kind
    check_encoding(encoding)
    table = ExaminedTable(str(path), part, kind)
    try:
        frame = read_columns(path, encoding=encoding, separator=separator, sheet=sheet)
    except DataError as error:
        if kind not in ("csv", "tsv", "jsonl") or "It starts like" in str(error):  # another kind of file
            table.report("no_rows" if "no row below it" in str(error) else "unreadable_file", detail=reason(error) + ".")
            return table
        _take_broken(table, path, error, wanted, encoding, separator)
        return table
    names = [str(name) for name in frame.columns]
    if kind in SEPARATORS:
        found = _suspected(names, separator or SEPARATORS[kind], wanted)
        if found is not None:
            table = open_table(given, part, wanted, encoding=encoding, separator=found)
            table.report("wrong_separator", detail=f"The columns are separated by {found!r}: pass separator={found!r}.")
            return table
    table.rows = len(frame)
    _take(table, names, lambda place: frame.iloc[:, place].tolist(), wanted)
    return table


def _suspected(names: list[str], separator: str, wanted: dict[str, str]) -> str | None:
    """The separator that a header of one column seems to have, if it then has the columns that are wanted."""
    hint = other_separator(names, separator)
    for other in (",", ";", "\t", "|"):
        if hint and repr(other) in hint and set(wanted.values()) <= {name.strip('"') for name in names[0].split(other)}:
            return other
    return None


def _take_broken(
    table: ExaminedTable, path: Any, error: DataError, wanted: dict[str, str], encoding: str, separator: str | None
) -> None:
    found = read_broken(path, table.kind, encoding, separator)
    if table.kind in SEPARATORS and found.names:
        other = _suspected(found.names, separator or SEPARATORS[table.kind], wanted)
        if other is not None:
            table.report("wrong_separator", detail=f"The columns are separated by {other!r}: pass separator={other!r}.")
            found = read_broken(path, table.kind, encoding, other)
    table.rows = len(found.records)
    table.unread = {row for row, record in enumerate(found.records) if record is None}
    for kind, rows, detail, example in found.problems:
        table.report(kind, rows, detail=detail, example=example)
    if not found.names:
        table.report("unreadable_file", detail=reason(error) + ".")
        return
    if not found.records:
        table.report("no_rows", detail=f"Columns: {listed(found.names)}.")
    elif not table.problems:
        table.report("unreadable_file", detail=reason(error) + ".")
    _take(table, found.names, lambda place: [None if record is None else record[place] for record in found.records], wanted)


def _take(table: ExaminedTable, names: list[str], column: Callable[[int], list[Any]], wanted: dict[str, str]) -> None:
    """The columns that are wanted; one that is there under almost the same name is looked at, too."""
    lacking = {}
    for role, name in wanted.items():
        places = [place for place, other in enumerate(names) if other == name]
        if len(places) > 1:
            table.names[role] = name
            table.report("double_column", role=role, detail=f"Columns {' and '.join(str(place + 1) for place in places)}.")
        if not places:
            alike = [place for place, other in enumerate(names) if folded(other) == folded(name)]
            lacking[role] = name
            places = alike if len(alike) == 1 else []
        if places:
            table.names[role] = names[places[0]]
            table.cells[role] = column(places[0])
    if not lacking:
        return
    if table.rows and len(lacking) == len(wanted) and not table.cells:
        headless = [place for place, name in enumerate(names) if name and name in column(place)]
        if headless and len(names) >= len(wanted) and len(headless) < len(names):
            table.report(
                "no_header", [], detail=f"The first row is {listed(names)}, and {names[headless[0]]!r} occurs below it."
            )
            return
    for role, name in lacking.items():
        table.report(
            "missing_column",
            detail=f"{role}={name!r} is not among {listed(names)}.{did_you_mean(name, names)}",
        )
