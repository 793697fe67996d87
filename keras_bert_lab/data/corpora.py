"""Text files -> documents."""

from __future__ import annotations

import os
from collections.abc import Iterable

from keras_bert_lab.data.document_streams import DocumentStream

__all__ = ["read_corpus"]


def read_corpus(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, encoding: str = "utf-8") -> list[str]:
    r"""Read documents from text files, for pretraining and for training a vocabulary; `DocumentStream` does it one by one.

    A document is what stands between blank lines (white space counts as blank) or the ends of a file.

    Args:
        paths: one or many files, plain or with the suffix .gz, .bz2, .xz or .zst.
        encoding: of the files.

    Returns:
        The documents, in order; their lines are joined by "\n" and otherwise unchanged.

    Raises:
        DataError: a missing or empty file, a folder, a table, a damaged packed file, bytes that are no text; no document.
    """
    return list(DocumentStream(paths, encoding=encoding))
