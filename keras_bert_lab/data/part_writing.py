"""Tables of any size -> files, part by part."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from keras_bert_lab.data.atomic_files import atomic_file
from keras_bert_lab.data.delimited import SEPARATORS, write_delimited
from keras_bert_lab.data.json_rows import write_json_lines
from keras_bert_lab.data.parquet import parquet_schema, parquet_writer
from keras_bert_lab.data.spreadsheets import check_sheet_limits
from keras_bert_lab.data.table_formats import table_format
from keras_bert_lab.data.table_writing import check_cells, packed, write_table
from keras_bert_lab.data.wording import plural
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["MOST_ROWS", "FormCheck", "table_writer"]

pd = LazyModule("pandas")

MOST_ROWS = 1_048_575
"""Rows that a form which is written in one piece may have: those of an Excel sheet below its header."""
_WHOLE = ("json", "xlsx")


class FormCheck:
    """Whether a form can hold a table, found out part by part before any long work; and the types of its columns.

    Args:
        path: of the file to be; its suffix says the form.

    Call arguments:
        part: a pandas DataFrame; its index tells which rows of the table it holds, from 0.

    Attributes:
        schema: types of the columns so far, for Parquet; else None.

    Raises:
        DataError: an unknown suffix; columns of the same name; a text that is no Unicode; too many rows; a column of mixed
            types in Parquet; what does not fit into a spreadsheet.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.schema: Any = None
        self._path = path
        self._kind = table_format(path).kind

    def __call__(self, part: Any) -> None:
        first = int(part.index[0]) if len(part) else 0
        check_cells(part, self._kind, first)
        if self._kind in _WHOLE and first + len(part) > MOST_ROWS:
            raise DataError(
                f"{self._path}: a .{self._kind} table is written in one piece and holds up to {plural(MOST_ROWS, 'row')}. "
                f"Received: at least {plural(first + len(part), 'row')}. Write .csv, .jsonl or .parquet."
            )
        if self._kind == "xlsx":
            check_sheet_limits(part, first)
        if self._kind == "parquet":
            self.schema = parquet_schema(part, self.schema)


@contextlib.contextmanager
def table_writer(path: pathlib.Path, overwrite: bool = False, schema: Any = None) -> Iterator[Callable[[Any], None]]:
    """Write a table part by part; the file gets its name when the block ends without an error.

    .csv, .tsv, .jsonl (packed too) and .parquet need the memory of one part; .json and .xlsx that of the whole table.

    Args:
        path: as in `write_table`.
        overwrite: replace an existing file.
        schema: the types of all columns, for Parquet, see `FormCheck`; other forms need none.

    Returns:
        What writes the next part: a pandas DataFrame with the same columns as all others.

    Raises:
        DataError: as `write_table`.
    """
    form = table_format(path)
    if form.kind in _WHOLE:
        parts: list[Any] = []
        yield parts.append
        write_table(pd.concat(parts, ignore_index=True), path, overwrite=overwrite)
        return
    with atomic_file(path, overwrite) as file, packed(file, form.packing) as target:
        if form.kind == "parquet":
            with parquet_writer(target, schema) as write:
                yield write
        elif form.kind == "jsonl":
            yield lambda part: write_json_lines(part, target)
        else:
            yield _delimited_writer(target, SEPARATORS[form.kind])


def _delimited_writer(file: BinaryIO, separator: str) -> Callable[[Any], None]:
    """The names of the columns stand before the first part only."""
    is_first = True

    def write(part: Any) -> None:
        nonlocal is_first
        write_delimited(part, file, separator, header=is_first)
        is_first = False

    return write
