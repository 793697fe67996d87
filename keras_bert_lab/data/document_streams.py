"""Files of any size -> documents, one after the other, in bounded memory."""

from __future__ import annotations

import collections
import io
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.table_formats import table_format
from keras_bert_lab.data.text_columns import TextColumn
from keras_bert_lab.data.text_files import Utf8Stream
from keras_bert_lab.errors import DataError

__all__ = ["DocumentStream"]

PART = 1 << 20
"""Characters after which a long document goes on in another part."""

_GLOB = "Name its files, for example sorted(pathlib.Path({!r}).glob('*.txt'))."


def _checked(path: str | os.PathLike[str]) -> pathlib.Path:
    """A text file that is there."""
    if "*" in str(path) and not pathlib.Path(path).exists():
        raise DataError(
            f"There is no file {path}. Give the files that it stands for: sorted(pathlib.Path().glob({str(path)!r}))."
        )
    found = existing_file(path, _GLOB.format(str(path)))
    try:
        table_format(found)
    except DataError:
        return found
    raise DataError(
        f"{found} is a table by its suffix, no text file. Use list(read_table({str(path)!r}, label=None).text), "
        "or name its column with --text."
    )


def _cut_place(text: str) -> int:
    """Where a long line is cut: before its last white space, so that no word is; else at its end."""
    place = len(text)
    while place and not text[place - 1].isspace():
        place -= 1
    return place - 1 if place > 1 else len(text)


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    """Lines with their ends; a line of more than `PART` characters comes in pieces."""
    rest = ""
    while line := file.readline(PART):
        line, rest = rest + line, ""
        if len(line) >= PART and not line.endswith("\n"):
            place = _cut_place(line)
            line, rest = line[:place], line[place:]
        yield line
    if rest:
        yield rest


def _parts(stream: Utf8Stream) -> Iterator[tuple[str, bool]]:
    """The documents of a text file in parts, and whether a part is the last one of its document."""
    waiting: list[str] = []
    size = 0
    inside = False  # the last line goes on
    with io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8") as file:
        for line in _lines(file):
            if not inside and line.isspace():
                if waiting:
                    yield "".join(waiting).removesuffix("\n"), True
                    waiting, size = [], 0
                continue
            if size >= PART:
                # The line end stays with what follows it, so that the last part has none to lose.
                text = "".join(waiting)
                kept = text.endswith("\n")
                yield text[:-1] if kept else text, False
                waiting, size = ["\n"] if kept else [], 0
            waiting.append(line)
            size += len(line)
            inside = not line.endswith("\n")
        if waiting:
            yield "".join(waiting).removesuffix("\n"), True


class DocumentStream:
    r"""The documents of text files, or of a column of tables; each pass over it reads the files again.

    In text files a document is what stands between blank lines (white space counts as blank) or the ends of a file; its lines
    are joined by "\n" and otherwise unchanged. In tables each row is one. The memory that is needed depends neither on the
    files nor on their lines, and with `parts` not on the documents either (.json and .xlsx tables are read whole).

    Args:
        paths: one or many files: text, plain or with the suffix .gz, .bz2, .xz or .zst; with `text` tables.
        text: name of the column of texts, where the files are tables.
        encoding: of the files.
        separator: between the cells of a .csv or .tsv; None = comma or tab, by the suffix.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: leave out rows of tables whose text is empty, missing or no text; False = they are an error.

    Attributes:
        files: the paths.
        settings: what decides, with the files, which documents come out; unusable rows are no documents in any case.
        bytes: their sizes together.
        position: how many of these bytes the running pass has read; tables count when they are read to their end.
        dropped: "column: problem" -> number of rows left out in the last whole pass.

    Raises:
        DataError: a missing file, a folder, a table in place of a text; while reading: an empty or damaged file, bytes that
            are no text, unusable rows, no document.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        text: str | None = None,
        encoding: str = "utf-8",
        separator: str | None = None,
        sheet: int | str = 0,
        drop_unusable: bool = False,
    ) -> None:
        given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        if not given:
            raise DataError("paths must name at least one file. Received: none")
        self.settings: dict[str, Any] = {"text": text, "encoding": encoding}
        self._columns: list[TextColumn] = []
        if text is None:
            self.files = [_checked(path) for path in given]
        else:
            self._columns = [
                TextColumn(
                    existing_file(path, _GLOB.format(str(path))),
                    text,
                    encoding=encoding,
                    separator=separator,
                    sheet=sheet,
                    drop_unusable=drop_unusable,
                )
                for path in given
            ]
            self.files = [column.path for column in self._columns]
            self.settings |= {"separator": separator, "sheet": sheet}
        self._encoding = encoding
        self._sizes = [path.stat().st_size for path in self.files]
        self.bytes = sum(self._sizes)
        self.position = 0

    @property
    def dropped(self) -> dict[str, int]:
        """Rows left out."""
        found: collections.Counter[str] = collections.Counter()
        for column in self._columns:
            found.update(column.dropped)
        return dict(found)

    def parts(self) -> Iterator[tuple[str, bool]]:
        """Documents in parts of about a million characters; joined they are the document.

        Returns:
            Pairs of a part and whether it is the last one of its document. Parts of one document are cut before white space.
        """
        empty = True
        for place, path in enumerate(self.files):
            before = sum(self._sizes[:place])
            if self._columns:
                for text in self._columns[place]:
                    empty = False
                    yield text, True
            else:
                with Utf8Stream(path, self._encoding) as stream:
                    for part in _parts(stream):
                        empty = False
                        self.position = before + stream.position
                        yield part
            self.position = before + self._sizes[place]
        if empty:
            raise DataError(
                f"A corpus must hold at least one document. Received only blank lines in: {', '.join(map(str, self.files[:5]))}"
            )

    def __iter__(self) -> Iterator[str]:
        waiting: list[str] = []
        for part, ends in self.parts():
            waiting.append(part)
            if ends:
                yield "".join(waiting)
                waiting = []
