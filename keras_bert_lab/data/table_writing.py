"""Tables -> files."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
from typing import Any, BinaryIO

from keras_bert_lab.data.atomic_files import atomic_file, check_target
from keras_bert_lab.data.cells import has_surrogates
from keras_bert_lab.data.delimited import SEPARATORS, write_delimited
from keras_bert_lab.data.input_files import as_path
from keras_bert_lab.data.json_rows import write_json, write_json_lines
from keras_bert_lab.data.parquet import write_parquet
from keras_bert_lab.data.spreadsheets import check_sheet_limits, write_spreadsheet
from keras_bert_lab.data.table_formats import table_format
from keras_bert_lab.data.wording import listed, rows_named
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["check_cells", "check_writable", "packed", "write_table"]

pa = LazyModule("pyarrow")


def check_writable(path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Whether `write_table` could write there: call it before long work whose result is to be kept.

    Args:
        path: of the file to be.
        overwrite: whether an existing file may be replaced.

    Raises:
        DataError: an unknown suffix, an existing file, a missing folder or one that cannot be written to.
    """
    path = as_path(path)
    table_format(path)
    check_target(path, overwrite)


class _LeftOpen(io.RawIOBase):
    """A file to write to that stays open when it is closed, as Arrow's stream does at its end."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)


def packed(file: BinaryIO, packing: str) -> Any:
    """What packs on the way into a file: a context manager that gives a file to write to, and leaves the given one open.

    Args:
        file: where to.
        packing: see `TableFormat`.
    """
    match packing:
        case ".gz":
            return gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0)
        case ".bz2":
            return bz2.BZ2File(file, "wb")
        case ".xz":
            return lzma.LZMAFile(file, "wb")
        case ".zst":
            return pa.CompressedOutputStream(pa.PythonFile(_LeftOpen(file), "w"), "zstd")
    return contextlib.nullcontext(file)


def check_cells(table: Any, kind: str, first: int = 0) -> None:
    """Whether a form can hold the names and texts of a table, or of a part of it.

    Args:
        table: a pandas DataFrame.
        kind: of the form, see `TableFormat`.
        first: rows before this part.

    Raises:
        DataError: columns of the same name in a form that tells them apart by name; a text that is no Unicode.
    """
    names = [str(name) for name in table.columns]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles and kind in ("jsonl", "json", "parquet"):
        raise DataError(f"Columns of a {kind} table must have different names. Received twice or more: {listed(doubles)}")
    for place, name in enumerate(names):
        cells = [name, *table.iloc[:, place].tolist()]
        broken = [first * (row > 0) + row for row, cell in enumerate(cells) if isinstance(cell, str) and has_surrogates(cell)]
        if broken:
            raise DataError(
                f"Texts to write must be valid Unicode. Received lone surrogates in column {name!r:.60}, {rows_named(broken)} "
                '(row 1 = first row below the header). Repair them: text.encode("utf-8", errors="replace").decode().'
            )


def write_table(table: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a table in the form that the suffix names; `read_columns` and `read_table` read it back.

    Lists and dicts become JSON where the form has no such thing; a missing value becomes an empty cell or null. The index is
    not written. The file gets its name only when it is complete.

    Args:
        table: a pandas DataFrame.
        path: of the file: .csv, .tsv, .jsonl, .json (each also with .gz, .bz2, .xz, .zst), .xlsx or .parquet.
        overwrite: replace an existing file.

    Raises:
        DataError: as `check_writable`; a text that is no Unicode; a table that the form cannot hold (.xlsx: 1,048,576 rows,
            32,767 characters in a cell, no control characters); a full disk.
    """
    path = as_path(path)
    form = table_format(path)
    check_target(path, overwrite)
    check_cells(table, form.kind)
    if form.kind == "xlsx":
        check_sheet_limits(table)
    with atomic_file(path, overwrite) as file, packed(file, form.packing) as target:
        match form.kind:
            case "jsonl":
                write_json_lines(table, target)
            case "json":
                write_json(table, target)
            case "xlsx":
                write_spreadsheet(table, target)
            case "parquet":
                write_parquet(table, target)
            case _:
                write_delimited(table, target, SEPARATORS[form.kind])
