"""Tables as JSON: one object a line, or one list of objects."""

from __future__ import annotations

import io
import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from keras_bert_lab.data.cells import has_surrogates, plain
from keras_bert_lab.data.text_files import Utf8Stream
from keras_bert_lab.data.wording import shown
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["as_columns", "json_rows", "read_json", "read_json_lines", "write_json", "write_json_lines"]

pd = LazyModule("pandas")


def as_columns(rows: list[dict[str, Any]], names: Iterable[str]) -> Any:
    """Objects as a frame of Python values with columns of these names, None where a row lacks one."""
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    return pd.DataFrame(columns, index=range(len(rows)))


def _table(path: pathlib.Path, rows: list[dict[str, Any]]) -> Any:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise DataError(f"{path} holds no row with a named value.")
    broken = [name for name in names if has_surrogates(name)]
    if broken:
        raise DataError(
            f"{path}: names of columns must be valid Unicode. Received: {shown(broken[0])}, with a lone surrogate. Rename it."
        )
    return as_columns(rows, names)


def json_rows(path: pathlib.Path, encoding: str) -> Iterator[dict[str, Any]]:
    """The objects of a file with one in each line, one after the other; blank lines are no rows.

    Raises:
        DataError: no text in this encoding, or a line that is no JSON object; its number is told.
    """
    with Utf8Stream(path, encoding) as stream, io.BufferedReader(stream) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                stream.check_rest()
                where = f"{error.msg} (character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else error
                raise DataError(
                    f"{path}: line {number} is no JSON: {where}. Each line must be one object such as "
                    '{"text": "...", "label": "..."}.'
                ) from error
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}: line {number} must be a JSON object such as "
                    f'{{"text": "...", "label": "..."}}. Received: {shown(row)}'
                )
            yield row


def read_json_lines(path: pathlib.Path, encoding: str) -> Any:
    """All keys as columns of Python values, None where a row lacks one.

    Raises:
        DataError: as `json_rows`.
    """
    return _table(path, list(json_rows(path, encoding)))


def read_json(path: pathlib.Path, encoding: str) -> Any:
    """A list of objects, as `read_json_lines` gives it.

    Raises:
        DataError: no text in this encoding, no JSON, or another form.
    """
    with Utf8Stream(path, encoding) as stream:
        content = stream.readall().decode()
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        hint = " If each line is an object of its own, name the file .jsonl." if content.lstrip().startswith("{") else ""
        raise DataError(f"{path} is no JSON: {error}.{hint}") from error
    if not isinstance(rows, list):
        raise DataError(f"{path} must hold a list of objects. Received: {shown(rows)} ({type(rows).__name__})")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{path}: row {number} must be an object. Received: {shown(row)} ({type(row).__name__})")
    return _table(path, rows)


def _objects(table: Any) -> list[dict[str, Any]]:
    columns = [[plain(cell) for cell in table.iloc[:, place].tolist()] for place in range(table.shape[1])]
    names = [str(name) for name in table.columns]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def write_json_lines(table: Any, file: BinaryIO) -> None:
    """One object a line."""
    for row in _objects(table):
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def write_json(table: Any, file: BinaryIO) -> None:
    """One list of objects."""
    file.write(json.dumps(_objects(table), ensure_ascii=False, indent=1).encode() + b"\n")
