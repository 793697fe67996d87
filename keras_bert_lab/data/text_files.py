"""Opening text files, plain or gzipped."""

from __future__ import annotations

import gzip
import pathlib
from typing import TextIO, cast

__all__ = ["open_text"]


def open_text(path: pathlib.Path) -> TextIO:
    """The lines of a UTF-8 file; one that ends in .gz is unpacked."""
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")
