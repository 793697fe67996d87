"""The texts in one column of a table, as a stream."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from keras_bert_lab.data.cell_checks import text_problem
from keras_bert_lab.data.cells import is_missing
from keras_bert_lab.data.delimited import SEPARATORS, delimited_rows
from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.json_rows import json_rows
from keras_bert_lab.data.parquet import parquet_cells, parquet_names
from keras_bert_lab.data.table_formats import check_form_settings, table_format
from keras_bert_lab.data.tables import place_of_column, read_columns
from keras_bert_lab.data.wording import plural, shown
from keras_bert_lab.errors import DataError

__all__ = ["RowProblem", "TextColumn"]

_NAMES = 1000  # names of keys to remember for messages
_ROWS = 5  # row numbers to tell


@dataclasses.dataclass
class RowProblem:
    """One kind of problem: how many rows have it, the first of them, and an example."""

    count: int = 0
    rows: list[int] = dataclasses.field(default_factory=list)
    example: str = ""

    def add(self, row: int, value: Any) -> None:
        self.count += 1
        if len(self.rows) < _ROWS:
            self.rows.append(row)
        if not isinstance(value, str) and not is_missing(value) and not self.example:
            self.example = f": {type(value).__name__} {shown(value)}"

    def __str__(self) -> str:
        more = f" and {self.count - _ROWS:,} more" if self.count > _ROWS else ""
        return f"({'row' if self.count == 1 else 'rows'} {', '.join(map(str, self.rows))}{more}{self.example})"


class TextColumn:
    """The usable texts of a column, row by row, without the whole table in memory.

    CSV, TSV, JSONL and Parquet are read some rows at a time; a .json or .xlsx file is small and read whole.

    Args:
        path: as in `read_columns`.
        text: name of the column.
        encoding: of text files.
        separator: between the cells of a .csv or .tsv; None = comma or tab, by the suffix.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: leave out rows whose text is empty, missing, no text or no valid Unicode; False = they are an error.

    Attributes:
        dropped: "column: problem" -> number of rows left out, of the last time that the texts were read to their end.

    Raises:
        DataError: a missing file, or an unknown suffix; while reading: a damaged file, a column that is not there, unusable
            rows, or no other ones.
    """

    def __init__(
        self,
        path: pathlib.Path,
        text: str,
        *,
        encoding: str = "utf-8",
        separator: str | None = None,
        sheet: int | str = 0,
        drop_unusable: bool = False,
    ) -> None:
        self.path = existing_file(path)
        self.kind = table_format(self.path).kind
        check_form_settings(self.path, separator, sheet)
        self.text = text
        self.dropped: dict[str, int] = {}
        self._encoding = encoding
        self._separator = separator
        self._sheet = sheet
        self._drop_unusable = drop_unusable

    def _cells(self) -> Iterator[Any]:
        match self.kind:
            case "jsonl":
                yield from self._json_cells()
            case "parquet":
                self._place(parquet_names(self.path))
                for cells in parquet_cells(self.path, self.text):
                    yield from cells
            case "csv" | "tsv":
                separator = SEPARATORS[self.kind] if self._separator is None else self._separator
                for names, frame in delimited_rows(self.path, separator, self._encoding):
                    yield from frame.iloc[:, self._place(names)].tolist()
            case _:
                table = read_columns(self.path, encoding=self._encoding, sheet=self._sheet)
                yield from table.iloc[:, self._place(list(table.columns))].tolist()

    def _place(self, names: list[str]) -> int:
        return place_of_column(self.path, names, "text", self.text, self._separator)

    def _json_cells(self) -> Iterator[Any]:
        names: dict[str, None] = {}
        for row in json_rows(self.path, self._encoding):
            if len(names) < _NAMES or self.text in row:
                names.update(dict.fromkeys(row))
            yield row.get(self.text)
        if names:
            self._place(list(names))

    def __iter__(self) -> Iterator[str]:
        problems: dict[str, RowProblem] = {}
        row = 0
        for row, cell in enumerate(self._cells(), start=1):
            problem = text_problem(cell)
            if problem is not None:
                problems.setdefault(problem, RowProblem()).add(row, cell)
            elif self._drop_unusable or not problems:  # the first problem ends the stream, and the others are counted
                yield cell
        if not row:
            raise DataError(f"{self.path} holds no row with a text.")
        bad = sum(problem.count for problem in problems.values())
        if bad and (bad == row or not self._drop_unusable):
            first = "row 1 = first object" if self.kind in ("jsonl", "json") else "row 1 = first row below the header"
            kinds = ", ".join(f"{problem.count:,} {kind} {problem}" for kind, problem in problems.items())
            cure = "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable)."
            raise DataError(
                f"{self.path}: {bad:,} of {plural(row, 'row')} cannot be used ({first}). Column {self.text!r}: {kinds}. "
                f"{'No row is left.' if self._drop_unusable else cure}"
            )
        self.dropped = {f"{self.text}: {kind}": problem.count for kind, problem in problems.items()}
