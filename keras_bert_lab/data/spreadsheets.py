"""Tables as Excel files (.xlsx)."""

from __future__ import annotations

import contextlib
import datetime
import io
import pathlib
import re
import warnings
from typing import Any, BinaryIO

from keras_bert_lab.data.cells import as_json, plain
from keras_bert_lab.data.wording import listed, plural, reason, rows_named
from keras_bert_lab.errors import DataError, MissingPackageError
from keras_bert_lab.lazy import LazyModule

__all__ = ["check_sheet_limits", "formula_cells", "read_spreadsheet", "write_spreadsheet"]

openpyxl = LazyModule("openpyxl")
cell_kinds = LazyModule("openpyxl.cell", install="openpyxl")
pd = LazyModule("pandas")

# ECMA-376, 18.2.29 and 22.9.2.19 (ST_Xstring); limits: support.microsoft.com, "Excel specifications and limits".
_ROWS, _COLUMNS, _CHARACTERS = 1_048_576, 16_384, 32_767
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile("\r|_(?=x[0-9A-Fa-f]{4}_)")
_EXACT = 2**53  # Excel's numbers are 64-bit floats
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def _problem(path: pathlib.Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(len(_OLE))
        if not start:
            return f"{path} is empty: 0 bytes."
        if start == _OLE and "EncryptedPackage".encode("utf-16-le") in file.read():
            return f"{path} is protected by a password. Save it without one."
    if start == _OLE:
        return f"{path} is an old Excel file (.xls) under another name. Save it as .xlsx."
    if not start.startswith(b"PK"):
        return f"{path} is no .xlsx file: it starts with {start!r}. Give it the suffix of its form, or save it as .xlsx."
    return f"{path} cannot be read as .xlsx, it is damaged, cut off or another zip file: {reason(error)}."


def _sheet(path: pathlib.Path, workbook: Any, sheet: int | str) -> Any:
    names = [each.title for each in workbook.worksheets]
    if not names:
        raise DataError(_problem(path, ValueError("it holds no sheet")))
    place = names.index(sheet) if sheet in names else sheet
    if not isinstance(place, int) or not 0 <= place < len(names):
        raise DataError(f"{path} has no sheet {sheet!r}. Sheets: {listed(names)}. Pass sheet= with a name, or a number from 0.")
    found = workbook.worksheets[place]
    found.reset_dimensions()  # some programs write a wrong size, and rows would be lost
    return found


def _rows(path: pathlib.Path, sheet: int | str, formulas: bool = False) -> list[list[Any]]:
    """The values of all cells, or True for those with formulas; rows without any are empty lists."""
    # A file of our own, since openpyxl forgets to close the one that it opens when it fails.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of openpyxl, about styles and validations that tables do not need
        try:
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=not formulas)
            rows = ([_value(cell, formulas) for cell in row] for row in _sheet(path, workbook, sheet).iter_rows())
            return [row if any(cell is not None for cell in row) else [] for row in rows]
        except (DataError, MissingPackageError, MemoryError):
            raise
        except Exception as error:  # a damaged file fails in zipfile, the XML parser or anywhere in openpyxl
            raise DataError(_problem(path, error)) from error


def _value(cell: Any, formulas: bool) -> Any:
    if formulas:
        return True if cell.data_type == "f" else None
    if cell.data_type == "e":  # #N/A, #DIV/0!: no value
        return None
    value = cell.value
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    return value


def read_spreadsheet(path: pathlib.Path, sheet: int | str) -> Any:
    """All columns as Python values, None for empty cells; of formulas the results that Excel stored.

    Empty rows before the header and after the last row do not count.

    Raises:
        DataError: no .xlsx file, a damaged one, one with a password, an unknown sheet, an empty sheet.
    """
    rows = _rows(path, sheet)
    filled = [place for place, row in enumerate(rows) if row]
    if not filled:
        raise DataError(f"{path}: the sheet {sheet!r} is empty.")
    rows = rows[filled[0] : filled[-1] + 1]
    width = max(place + 1 for row in rows for place, cell in enumerate(row) if cell is not None)
    names, *rows = [[*row[:width], *[None] * (width - len(row))] for row in rows]
    table = pd.DataFrame({place: pd.Series([row[place] for row in rows], dtype=object) for place in range(width)})
    table.columns = ["" if name is None else str(name) for name in names]
    return table


def formula_cells(path: pathlib.Path, sheet: int | str) -> set[tuple[int, int]]:
    """Row (1 = first row below the header) and column (from 0) of all formulas."""
    header = next(place for place, row in enumerate(_rows(path, sheet)) if row)
    flags = _rows(path, sheet, formulas=True)
    return {(row - header, column) for row, cells in enumerate(flags) for column, flag in enumerate(cells) if flag}


def check_sheet_limits(table: Any, first: int = 0) -> None:
    """Whether a table, or a part of it, fits into a sheet.

    Args:
        table: a pandas DataFrame.
        first: rows before this part.

    Raises:
        DataError: too many rows or columns; texts that are too long or hold control characters; rows are told.
    """
    if len(table) >= _ROWS or table.shape[1] > _COLUMNS:
        raise DataError(
            f"An .xlsx sheet holds {_ROWS - 1:,} rows below the header and {_COLUMNS:,} columns. "
            f"Received: {plural(len(table), 'row')}, {plural(table.shape[1], 'column')}. Write CSV instead."
        )
    for place, name in enumerate(table.columns):
        texts = [str(name), *(_text(cell) for cell in table.iloc[:, place].tolist())]
        long = [first * (row > 0) + row for row, text in enumerate(texts) if _length(text) > _CHARACTERS]
        if long:
            raise DataError(
                f"A cell of an .xlsx sheet holds {_CHARACTERS:,} characters. Received longer texts in column {str(name)!r}, "
                f"{rows_named(long)} (row 1 = first row below the header). Write CSV instead."
            )
        illegal = {row: found[0] for row, text in enumerate(texts) if (found := _ILLEGAL.search(text))}
        if illegal:
            rows = [first * (row > 0) + row for row in illegal]
            raise DataError(
                f"An .xlsx sheet holds no control characters. Received: {next(iter(illegal.values()))!r} in column "
                f"{str(name)!r}, {rows_named(rows)} (row 1 = first row below the header). Write CSV instead."
            )


def _length(text: str) -> int:
    """Excel counts halves of UTF-16, and openpyxl cuts what is longer when escaped."""
    escaped = len(_escaped(text))
    return escaped if escaped <= _CHARACTERS // 2 else max(escaped, len(text.encode("utf-16-le")) // 2)


def _text(value: Any) -> str:
    """The text that a cell becomes, "" for what stays a number, a date or empty."""
    value = _for_sheet(value)
    return value if isinstance(value, str) else ""


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _for_sheet(value: Any) -> Any:
    """A cell as a sheet knows it: text, number, truth value, date or None; lists and dicts as JSON."""
    if isinstance(value, datetime.datetime) and value.tzinfo is None and plain(value) is not None:
        return datetime.datetime(*value.timetuple()[:6], value.microsecond)  # a pandas Timestamp too
    if type(value) in (datetime.date, datetime.time):
        return value
    value = plain(value)
    if isinstance(value, (list, dict)):
        return as_json(value)
    return str(value) if isinstance(value, int) and abs(value) > _EXACT else value


def write_spreadsheet(table: Any, file: BinaryIO) -> None:
    """One sheet; texts stay texts, also those that look like formulas, numbers or errors."""
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("table")

    def cell(value: Any) -> Any:
        value = _for_sheet(value)
        if not isinstance(value, str):
            return value
        made = cell_kinds.WriteOnlyCell(sheet, _escaped(value))
        made.data_type = "s"  # openpyxl would take "=1+1" for a formula and "#N/A" for an error
        return made

    columns = [table.iloc[:, place].tolist() for place in range(table.shape[1])]
    content = io.BytesIO()  # a zip file that fails half-way tries again when it is forgotten
    try:
        sheet.append([cell(str(name)) for name in table.columns])
        for row in zip(*columns, strict=True):
            sheet.append([cell(value) for value in row])
        workbook.save(content)
    except OSError:  # of the folder for temporary files; openpyxl's writer tries again too, if it is not ended here
        with contextlib.suppress(Exception):
            sheet._writer.xf.close()
        raise
    file.write(content.getbuffer())
