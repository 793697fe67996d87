"""Files -> tables of examples."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.data.cell_checks import (
    MISSING,
    as_label,
    as_number,
    label_problem,
    number_problem,
    problems_of,
    text_problem,
)
from keras_bert_lab.data.delimited import SEPARATORS, other_separator, read_delimited
from keras_bert_lab.data.extra_cells import EXTRA_KINDS, check_extra_names, extra_kinds, extra_values
from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.json_rows import read_json, read_json_lines
from keras_bert_lab.data.parquet import read_parquet
from keras_bert_lab.data.spreadsheets import formula_cells, read_spreadsheet
from keras_bert_lab.data.table_formats import check_form_settings, table_format
from keras_bert_lab.data.wording import did_you_mean, listed, plural, rows_named, shown
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["place_of_column", "read_columns", "read_table"]

pd = LazyModule("pandas")

_LABEL_TYPES = ("name", "number")
_TYPES = 4
_FORMULA = "formula without a stored result: open and save the file in Excel"


def read_columns(
    path: str | os.PathLike[str], *, encoding: str = "utf-8", separator: str | None = None, sheet: int | str = 0
) -> Any:
    """All columns of a table as they are in the file.

    Args:
        path: .csv, .tsv, .tab, .jsonl, .ndjson, .json (each also with .gz, .bz2, .xz, .zst), .xlsx or .parquet. Its first row
            names the columns (JSON: the keys do).
        encoding: of text files.
        separator: between the cells of a .csv or .tsv; None = comma or tab, by the suffix.
        sheet: of an .xlsx: its number, from 0, or its name.

    Returns:
        A pandas DataFrame with the index 0..n-1. CSV and TSV: strings, "" for empty cells; other forms: Python values, missing
        ones as None or NA. Nothing is interpreted: "NA", "null" and "007" stay what they are. Blank lines are no rows.

    Raises:
        DataError: a missing, empty or damaged file, an unknown suffix, bytes that are no text, rows with too many fields, or
            no row below the header.
    """
    path = existing_file(path)
    form = table_format(path)
    check_form_settings(path, separator, sheet)
    match form.kind:
        case "jsonl":
            table = read_json_lines(path, encoding)
        case "json":
            table = read_json(path, encoding)
        case "xlsx":
            table = read_spreadsheet(path, sheet)
        case "parquet":
            table = read_parquet(path)
        case _:
            table = read_delimited(path, SEPARATORS[form.kind] if separator is None else separator, encoding)
    if not len(table):
        raise DataError(f"{path} has a header and no row below it. Columns: {listed(list(table.columns))}")
    return table


def place_of_column(path: pathlib.Path, names: list[str], role: str, name: str, separator: str | None) -> int:
    """The place of a column that must be there once.

    Raises:
        DataError: it is not there, or there twice.
    """
    places = [place for place, other in enumerate(names) if other == name]
    if len(places) == 1:
        return places[0]
    if places:
        raise DataError(
            f"{path}: the column {name!r} must be there once. Received: it is column "
            f"{' and '.join(str(place + 1) for place in places)} of {len(names)}. Rename all but one."
        )
    form = table_format(path).kind
    hint = other_separator(names, separator or SEPARATORS[form]) if form in SEPARATORS else ""
    raise DataError(
        f"{path} has no column {name!r}. Columns: {listed(names)}."
        f"{hint or f'{did_you_mean(name, names)} Name the column with {role}= (--{role}).'}"
    )


def _tell_formulas(path: pathlib.Path, sheet: int | str, column: int, problems: dict[str, list[int]]) -> dict[str, list[int]]:
    """Formulas that were never calculated apart from empty cells: both come without a value."""
    formulas = formula_cells(path, sheet)
    unsolved = [row for row in problems[MISSING] if (row, column) in formulas]
    empty = [row for row in problems[MISSING] if (row, column) not in formulas]
    return {kind: rows for kind, rows in (problems | {MISSING: empty, _FORMULA: unsolved}).items() if rows}


def _summary(name: str, cells: list[Any], problems: dict[str, list[int]]) -> str:
    parts = []
    for kind, rows in problems.items():
        by_type = {type(cells[row - 1]).__name__: cells[row - 1] for row in reversed(rows)} if kind.startswith("not ") else {}
        examples = ", ".join(f"{name} {shown(value)}" for name, value in list(by_type.items())[::-1][:_TYPES])
        parts.append(f"{len(rows):,} {kind} ({rows_named(rows)}{': ' if examples else ''}{examples})")
    return f"Column {name!r}: {', '.join(parts)}."


def read_table(
    path: str | os.PathLike[str],
    text: str = "text",
    label: str | None = "label",
    text_pair: str | None = None,
    *,
    columns: Mapping[str, str] | Sequence[str] = (),
    encoding: str = "utf-8",
    drop_unusable: bool = False,
    label_type: str = "name",
    separator: str | None = None,
    sheet: int | str = 0,
) -> Any:
    """Read the texts and labels of a table, all of them usable.

    Args:
        path: .csv, .tsv, .tab, .jsonl, .ndjson, .json (each also with .gz, .bz2, .xz, .zst), .xlsx or .parquet.
        text: name of the column with the texts.
        label: name of the column with the labels; None = no labels are needed.
        text_pair: name of the column with the second texts, for pairs.
        columns: more columns, for a classifier that reads them beside the text: name -> "number" or "category"; or the names
            alone, of which those whose cells are all numbers are numbers. Missing cells stay, as NaN and "".
        encoding: of text files.
        drop_unusable: leave out rows whose text is empty (white space alone counts as empty), missing, no text or no valid
            Unicode, or whose label is missing, or in which another column holds something else than its kind; False = such rows
            are an error.
        label_type: "name" = labels are text (1 becomes "1", True becomes "True"); "number" = finite numbers, for regression.
        separator: between the cells of a .csv or .tsv; None = comma or tab, by the suffix.
        sheet: of an .xlsx: its number, from 0, or its name.

    Returns:
        A pandas DataFrame with the columns `text`, `text_pair` if asked for, `label` if asked for, those of `columns` by their
        own names (numbers as float64, categories as text), and the index 0..n-1. Texts are unchanged. `attrs["dropped"]` tells
        what was left out: a dict "column: problem" -> row numbers, 1 = the first row below the header.

    Raises:
        DataError: as `read_columns`; a column that is not there, or there twice; unusable rows, or no other ones.
    """
    if label_type not in _LABEL_TYPES:
        raise ValueError(f"label_type must be one of {list(_LABEL_TYPES)}. Received: label_type={label_type!r}")
    wanted = {role: name for role, name in (("text", text), ("text_pair", text_pair), ("label", label)) if name is not None}
    if len(set(wanted.values())) < len(wanted):
        raise ValueError(f"text, text_pair and label must name different columns. Received: {wanted}")
    check_extra_names(columns, wanted)
    table = read_columns(path, encoding=encoding, separator=separator, sheet=sheet)
    path = pathlib.Path(path)
    names = list(table.columns)
    found, problems, bad = {}, {}, {}
    places = {role: place_of_column(path, names, role, name, separator) for role, name in wanted.items()}
    places |= {name: place_of_column(path, names, "columns", name, separator) for name in columns}
    kinds = extra_kinds(columns, {name: table.iloc[:, places[name]].tolist() for name in columns})
    checks = dict.fromkeys(wanted, text_problem) | {name: EXTRA_KINDS[kind] for name, kind in kinds.items()}
    checks["label"] = number_problem if label_type == "number" else label_problem
    for role, place in places.items():
        found[role] = table.iloc[:, place]
        cells = found[role].tolist()
        problems[role] = problems_of(cells, checks[role])
        if MISSING in problems[role] and table_format(path).kind == "xlsx":
            problems[role] = _tell_formulas(path, sheet, place, problems[role])
        if role in kinds:
            problems[role].pop(MISSING, None)  # that stays as it is
        if problems[role]:
            bad[role] = _summary(names[place], cells, problems[role])
    unusable = {row for found_there in problems.values() for rows in found_there.values() for row in rows}
    if unusable and (not drop_unusable or len(unusable) == len(table)):
        first = "row 1 = first object" if table_format(path).kind in ("jsonl", "json") else "row 1 = first row below the header"
        cure = "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable)."
        raise DataError(
            f"{path}: {len(unusable):,} of {plural(len(table), 'row')} cannot be used ({first}). {' '.join(bad.values())} "
            f"{'No row is left.' if drop_unusable else cure}"
        )
    if unusable:
        kept = [row - 1 for row in range(1, len(table) + 1) if row not in unusable]
        found = {role: column.iloc[kept].reset_index(drop=True) for role, column in found.items()}
    if "label" in found and label_type == "number":
        found["label"] = pd.Series(map(as_number, found["label"].tolist()), dtype="float64")
    elif "label" in found and not pd.api.types.is_string_dtype(found["label"]):
        found["label"] = pd.Series(map(as_label, found["label"].tolist()), dtype=str)
    found |= {name: extra_values(found[name].tolist(), kind) for name, kind in kinds.items()}
    result = pd.DataFrame({role: column if column.dtype == float else column.astype(str) for role, column in found.items()})
    result.attrs["dropped"] = {
        f"{names[places[role]]}: {kind}": rows for role, by_kind in problems.items() for kind, rows in by_kind.items()
    }
    return result
