"""Text files -> documents."""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Iterable, Iterator

from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.table_formats import table_format
from keras_bert_lab.data.text_files import Utf8Stream
from keras_bert_lab.errors import DataError

__all__ = ["read_corpus"]

_GLOB = "Name its files, for example sorted(pathlib.Path({!r}).glob('*.txt'))."


def _documents(path: pathlib.Path, encoding: str) -> Iterator[str]:
    lines: list[str] = []
    with Utf8Stream(path, encoding) as stream, io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8") as file:
        for line in file:
            if not line.isspace():
                lines.append(line.removesuffix("\n"))
            elif lines:
                yield "\n".join(lines)
                lines = []
    if lines:
        yield "\n".join(lines)


def _checked(path: str | os.PathLike[str]) -> pathlib.Path:
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


def read_corpus(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, encoding: str = "utf-8") -> list[str]:
    r"""Read documents from text files, for pretraining and for training a vocabulary.

    A document is what stands between blank lines (white space counts as blank) or the ends of a file.

    Args:
        paths: one or many files, plain or with the suffix .gz, .bz2, .xz or .zst.
        encoding: of the files.

    Returns:
        The documents, in order; their lines are joined by "\n" and otherwise unchanged.

    Raises:
        DataError: a missing or empty file, a folder, a table, a damaged packed file, bytes that are no text; no document.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not given:
        raise DataError("paths must name at least one file. Received: none")
    files = [_checked(path) for path in given]
    documents = [document for file in files for document in _documents(file, encoding)]
    if not documents:
        raise DataError(
            f"A corpus must hold at least one document. Received only blank lines in: {', '.join(map(str, files[:5]))}"
        )
    return documents
