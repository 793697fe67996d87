"""Reading what can be read of a text file that `read_columns` refuses, and telling all that is wrong with it."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import json
import pathlib
from typing import Any

from keras_bert_lab.data.delimited import SEPARATORS, fields_of_any_length
from keras_bert_lab.data.text_files import unpacked
from keras_bert_lab.data.wording import listed, plural, reason, shown

__all__ = ["BrokenFile", "read_broken"]

_PIECE = 1 << 16
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # in this order: the first mark begins with the third
_RESTARTS = 50


@dataclasses.dataclass
class BrokenFile:
    """What could be read.

    Attributes:
        names: of the columns.
        records: the cells of each row, as many as there are names; None for a row that was not read.
        problems: kind, rows from 0, detail, example.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    records: list[list[Any] | None] = dataclasses.field(default_factory=list)
    problems: list[tuple[str, list[int], str, str | None]] = dataclasses.field(default_factory=list)


def _content(path: pathlib.Path, found: BrokenFile) -> bytes:
    pieces = []
    with path.open("rb") as raw:
        try:
            file = unpacked(path, raw)
            read = getattr(file, "read1", file.read)  # which gives what there is before it stops at the damage
            while piece := read(_PIECE):
                pieces.append(piece)
        except Exception as error:  # each packing has errors of its own
            found.problems.append(("damaged_file", [], f"Unpacking stopped: {reason(error)}.", None))
    return b"".join(pieces)


def _decoded(content: bytes, encoding: str, found: BrokenFile) -> tuple[str, str]:
    """The text, in which bytes that are none have become lone surrogates; and the encoding that was used."""
    for mark, name in _MARKS.items():
        if content.startswith(mark) and codecs.lookup(encoding).name.startswith("utf-8"):
            detail = f"The file starts with the mark of {name.upper()}: pass encoding={name!r}."
            found.problems.append(("wrong_encoding", [], detail, None))
            return content.decode(name, errors="replace"), name
    for name, half in (("utf-16-le", content[1:200:2]), ("utf-16-be", content[0:200:2])):
        if len(half) >= 4 and not half.strip(b"\0") and codecs.lookup(encoding).name.startswith("utf-8"):
            detail = f"It looks like UTF-16, every second byte is 0: pass encoding={name!r}."
            found.problems.append(("wrong_encoding", [], detail, None))
            return content.decode(name, errors="replace"), name
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode(encoding, errors="surrogateescape"), encoding
    except UnicodeError as error:  # encodings of two bytes a character cannot escape single ones
        found.problems.append(("wrong_encoding", [], f"It is no {encoding}: {reason(error)}.", None))
        return content.decode("utf-8", errors="surrogateescape"), "utf-8"


def _reread(cell: str, encoding: str) -> tuple[str, str]:
    """A cell with bytes that are no text, in the encoding that it probably has, and the name of that."""
    raw = cell.encode(encoding, errors="surrogateescape")
    for name in ("utf-8", "cp1252"):
        try:
            return raw.decode(name), name
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"


def _has_bytes(cell: Any) -> bool:
    return isinstance(cell, str) and not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell)


def _mend_bytes(found: BrokenFile, encoding: str) -> None:
    rows, example, likely = [], None, ""
    header = [name for name in found.names if _has_bytes(name)]
    found.names = [_reread(name, encoding)[0] if _has_bytes(name) else name for name in found.names]
    for row, record in enumerate(found.records):
        if record is None or not any(map(_has_bytes, record)):
            continue
        rows.append(row)
        for place, cell in enumerate(record):
            if _has_bytes(cell):
                record[place], name = _reread(cell, encoding)
                likely = likely or name
                example = example or f"as {name}: {shown(record[place])}"
    if rows or header:
        detail = f"The bytes are no {encoding}; {likely or 'cp1252'} reads them: pass encoding={likely or 'cp1252'!r}."
        found.problems.append(("wrong_encoding", rows, detail, example))


def _records(text: str, separator: str, found: BrokenFile) -> list[tuple[int, list[str]]]:
    """Line and cells of each record; a quote that is never closed ends with its line."""
    lines = io.StringIO(text, newline="").readlines()
    records: list[tuple[int, list[str]]] = []
    start = 0
    with fields_of_any_length():
        for _ in range(_RESTARTS):
            reader = csv.reader(lines[start:], delimiter=separator, strict=False)
            line, last = start, start
            fresh = []
            for record in reader:
                last, line = line, start + reader.line_num
                fresh.append((last + 1, record))
            if not fresh or not _is_open(lines[last:line], separator):
                return records + fresh
            records += fresh[:-1]
            # What follows is read as if this line had no quotes.
            records.append((last + 1, next(csv.reader([lines[last]], delimiter=separator, quoting=csv.QUOTE_NONE))))
            count = sum(bool("".join(each).strip()) for _, each in records)
            found.problems.append(("unclosed_quote", [max(0, count - 2)], f"It opens in line {last + 1} of the file.", None))
            start = last + 1
    return records


def _is_open(lines: list[str], separator: str) -> bool:
    """Whether the quotes of a record are not closed when it ends: then one more line still belongs to it."""
    return len(list(csv.reader([*lines, "one more line\n"], delimiter=separator))) == 1


def _delimited(text: str, separator: str, found: BrokenFile) -> None:
    records = [
        (line, record) for line, record in _records(text, separator, found) if "".join(record).strip() or len(record) > 1
    ]
    if not records:
        return
    found.names = records[0][1]
    width = len(found.names)
    long, example = [], ""
    for row, (line, record) in enumerate(records[1:]):
        # pandas, too, fills short rows with empty cells
        found.records.append(None if len(record) > width else record + [""] * (width - len(record)))
        if len(record) > width:
            long.append(row)
            example = example or f"line {line} of the file has {plural(len(record), 'field')}: {listed(record)}"
    if long:
        found.problems.append(("too_many_fields", long, f"The header has {width}; {example}.", None))


def _json_lines(text: str, found: BrokenFile) -> None:
    rows: list[dict[str, Any] | None] = []
    bad: list[int] = []
    detail = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            problem = "" if isinstance(row, dict) else f"it is {type(row).__name__} {shown(row)}"
        except (ValueError, RecursionError) as error:
            row, problem = None, reason(error)
        if problem:
            bad.append(len(rows))
            detail = detail or f"The first is line {number} of the file: {problem}."
        rows.append(None if problem else row)
    found.names = list(dict.fromkeys(name for row in rows if row is not None for name in row))
    found.records = [None if row is None else [row.get(name) for name in found.names] for row in rows]
    if bad:
        found.problems.append(("broken_json", bad, detail, None))


def read_broken(path: pathlib.Path, kind: str, encoding: str, separator: str | None) -> BrokenFile:
    """Read what can be read.

    Args:
        path: of the file.
        kind: "csv", "tsv" or "jsonl".
        encoding: that it should be in.
        separator: between cells; None = by the kind.
    """
    found = BrokenFile()
    text, used = _decoded(_content(path, found), encoding, found)
    if kind == "jsonl":
        _json_lines(text, found)
    else:
        _delimited(text, separator or SEPARATORS[kind], found)
    _mend_bytes(found, used)
    return found
