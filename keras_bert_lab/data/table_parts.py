"""Tables of any size -> all of their rows, part by part, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from keras_bert_lab.data.delimited import SEPARATORS, delimited_rows
from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.json_rows import as_columns, json_rows
from keras_bert_lab.data.parquet import parquet_names, parquet_parts
from keras_bert_lab.data.table_formats import check_form_settings, table_format
from keras_bert_lab.data.tables import read_columns
from keras_bert_lab.data.wording import listed
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["LARGEST_WHOLE", "TableParts"]

pd = LazyModule("pandas")

LARGEST_WHOLE = 1 << 28
"""Bytes that a .json or .xlsx file may have: they are read in one piece, and need many times as much memory."""


class TableParts:
    """The rows of a table in parts, each with all columns; each pass over it reads the file again.

    The parts together are what `read_columns` gives. A .csv, .tsv, .jsonl (packed too) or .parquet table needs the memory of
    one part; a .json or .xlsx table is read whole, once.

    Args:
        path: as in `read_columns`.
        rows: rows of a part; the first and the last one may have fewer.
        encoding: of text files.
        separator: between the cells of a .csv or .tsv; None = comma or tab, by the suffix.
        sheet: of an .xlsx: its number, from 0, or its name.

    Attributes:
        names: of the columns, known after a whole pass. A column of a .jsonl that begins later in the table is missing in the
            earlier parts of the first pass, and is there in all parts of the following ones.

    Raises:
        DataError: a missing file, an unknown suffix, a .json or .xlsx file that is too large; while reading as `read_columns`.
        ValueError: `rows` below 1, or settings that do not belong to the form of the file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rows: int = 8192,
        *,
        encoding: str = "utf-8",
        separator: str | None = None,
        sheet: int | str = 0,
    ) -> None:
        if not isinstance(rows, int) or rows < 1:
            raise ValueError(f"rows must be an integer of at least 1. Received: rows={rows!r}")
        self.path = existing_file(path)
        self.kind = table_format(self.path).kind
        check_form_settings(self.path, separator, sheet)
        self.rows = rows
        self.encoding = encoding
        self.separator = separator
        self.sheet = sheet
        self.names: list[str] = []
        self._whole: Any = None
        size = self.path.stat().st_size
        if self.is_whole and size > LARGEST_WHOLE:
            raise DataError(
                f"{self.path}: a .{self.kind} table is read in one piece and may have up to {LARGEST_WHOLE:,} bytes. "
                f"Received: {size:,} bytes. Save it as .csv, .jsonl or .parquet."
            )

    @property
    def is_whole(self) -> bool:
        """Whether the whole table is in memory while it is read."""
        return self.kind in ("json", "xlsx")

    def __iter__(self) -> Iterator[Any]:
        """Parts as pandas DataFrames; their index is the number of the row in the table, from 0."""
        first = 0
        for part in self._parts():
            if len(part):
                part.index = pd.RangeIndex(first, first + len(part))
                first += len(part)
                yield part
        if not first:
            raise DataError(f"{self.path} has a header and no row below it. Columns: {listed(self.names)}")

    def _parts(self) -> Iterator[Any]:
        match self.kind:
            case "jsonl":
                yield from self._json_parts()
            case "parquet":
                self.names = parquet_names(self.path)
                yield from parquet_parts(self.path, self.rows)
            case "csv" | "tsv":
                separator = SEPARATORS[self.kind] if self.separator is None else self.separator
                for names, cells in delimited_rows(self.path, separator, self.encoding, self.rows):
                    self.names = names
                    part = cells.reset_index(drop=True)
                    part.columns = names
                    yield part
            case _:
                if self._whole is None:
                    self._whole = read_columns(self.path, encoding=self.encoding, sheet=self.sheet)
                    self.names = list(self._whole.columns)
                for first in range(0, len(self._whole), self.rows):
                    yield self._whole.iloc[first : first + self.rows].reset_index(drop=True)

    def _json_parts(self) -> Iterator[Any]:
        names = dict.fromkeys(self.names)
        waiting: list[dict[str, Any]] = []
        for row in json_rows(self.path, self.encoding):
            names.update(dict.fromkeys(row))
            waiting.append(row)
            if len(waiting) == self.rows:
                yield as_columns(waiting, names)
                waiting = []
        if waiting:
            yield as_columns(waiting, names)
        if not names:
            raise DataError(f"{self.path} holds no row with a named value.")
        self.names = list(names)
