"""Tables whose cells are separated by a character: CSV, TSV."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import pathlib
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from keras_bert_lab.data.cells import as_json
from keras_bert_lab.data.text_files import Utf8Stream
from keras_bert_lab.data.wording import listed, plural
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["SEPARATORS", "delimited_rows", "fields_of_any_length", "other_separator", "read_delimited", "write_delimited"]

pd = LazyModule("pandas")

SEPARATORS = {"csv": ",", "tsv": "\t"}
_COMMON = (",", ";", "\t", "|")
_ROWS = 4096  # read at a time


def other_separator(header: list[str], separator: str) -> str:
    """A sentence that names the separator that a header of one column seems to have, or nothing.

    Example:
        >>> other_separator(["text;label"], ",")
        " The header looks separated by ';': pass separator=';'."
    """
    if len(header) != 1:
        return ""
    counts = {other: header[0].count(other) for other in _COMMON if other != separator}
    found = max(counts, key=counts.__getitem__)
    return f" The header looks separated by {found!r}: pass separator={found!r}." if counts[found] else ""


def _frames(path: pathlib.Path, separator: str, encoding: str, rows: int | None) -> Iterator[Any]:
    """The whole file, or some rows at a time, the header among them."""
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n\0':
        raise ValueError(f"separator must be one ASCII character, no quote and no line end. Received: separator={separator!r}")
    # The header counts as a row: with header=0 pandas would take the first cells of too long a row for row names.
    # As Arrow strings pandas 3.1 reads five times as fast as with dtype=str.
    how: dict[str, Any] = {
        "header": None,
        "dtype": "large_string[pyarrow]",
        "na_filter": False,
        "engine": "c",
        "chunksize": rows,
    }
    with Utf8Stream(path, encoding) as stream:
        try:
            found = pd.read_csv(stream, sep=separator, **how)
            for frame in [found] if rows is None else found:
                if stream.holds_nul and not _keeps_nul():
                    raise DataError(
                        f"{path} holds NUL characters, and pandas {pd.__version__} would cut its cells there. "
                        "Remove them, or pip install 'pandas>=3.1'."
                    )
                yield frame.astype(str)
        except pd.errors.EmptyDataError as error:
            raise DataError(f"{path} holds only blank lines. The first line must name the columns.") from error
        except pd.errors.ParserError as error:
            raise DataError(_diagnosis(path, separator, encoding, str(error).strip())) from error


def read_delimited(path: pathlib.Path, separator: str, encoding: str) -> Any:
    """All columns as strings, under the names of the first line.

    Raises:
        DataError: no text in this encoding, a row with more fields than the header, a quote that is not closed, no header.
    """
    (table,) = _frames(path, separator, encoding, None)
    names = table.iloc[0].tolist()
    table = table.iloc[1:].reset_index(drop=True)
    table.columns = names
    return table


def delimited_rows(path: pathlib.Path, separator: str, encoding: str, rows: int = _ROWS) -> Iterator[tuple[list[str], Any]]:
    """As `read_delimited`, some rows at a time: the names of the columns, and a frame without them.

    Args:
        path, separator, encoding: as in `read_delimited`.
        rows: lines of cells that are read at a time; the header is one of them.

    Raises:
        DataError: as `read_delimited`.
    """
    names: list[str] = []
    for frame in _frames(path, separator, encoding, rows):
        first = not names
        names = names or frame.iloc[0].tolist()
        yield names, frame.iloc[int(first) :]


@functools.cache
def _keeps_nul() -> bool:
    return bool(pd.read_csv(io.BytesIO(b"a\0b\n"), header=None, dtype=str).iloc[0, 0] == "a\0b")


@contextlib.contextmanager
def fields_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _diagnosis(path: pathlib.Path, separator: str, encoding: str, problem: str) -> str:
    """The line of the file where pandas, which counts rows, gave up."""
    header: list[str] = []
    start = line = 1
    with Utf8Stream(path, encoding) as stream, fields_of_any_length():
        # The reader counts the lines of the file, those inside quotes too.
        lines = csv.reader(io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8", newline=""), delimiter=separator)
        for record in lines:
            start, line = line, lines.line_num + 1
            if not record or not "".join(record).strip():
                continue
            header = header or record
            if len(record) > len(header):
                stream.check_rest()
                hint = other_separator(header, separator)
                return (
                    f"{path}: line {start} has {plural(len(record), 'field')}, the header has {len(header)}: {listed(header)}."
                    f"{hint or f' Put double quotes around texts that hold {separator!r}, and double the quotes inside.'}"
                )
    if "EOF inside string" in problem:
        return f"{path}: the row that starts in line {start} has a double quote that is never closed. Close it or remove it."
    return f"{path} cannot be read as a table: {problem}."


def write_delimited(table: Any, file: BinaryIO, separator: str, header: bool = True) -> None:
    """Texts in quotes, numbers without; an empty cell for what is missing; lists and dicts as JSON.

    Args:
        table: a pandas DataFrame.
        file: where to.
        separator: between cells.
        header: whether the names of the columns come first; False for what follows an earlier part of a table.
    """
    table = table.copy(deep=False)
    for place, dtype in enumerate(table.dtypes):
        if dtype.kind == "O" and not isinstance(dtype, pd.StringDtype):
            cells = [as_json(cell) if _is_nested(cell) else cell for cell in table.iloc[:, place]]
            table.isetitem(place, pd.Series(cells, index=table.index, dtype=object))
    # Quotes around each text: else a text of blanks alone, or one with a lone "\r", would not come back.
    table.to_csv(
        file,
        sep=separator,
        index=False,
        header=header,
        encoding="utf-8",
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC,
        mode="wb",
    )


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, (dict, list, tuple, set, frozenset)) or getattr(cell, "ndim", 0) > 0
