"""The forms of tables, told by the suffix of the file."""

from __future__ import annotations

import dataclasses
import pathlib

from keras_bert_lab.data.wording import did_you_mean
from keras_bert_lab.errors import DataError

__all__ = ["PACKED", "TableFormat", "check_form_settings", "table_format"]

PACKED = (".gz", ".bz2", ".xz", ".zst")
"""Suffixes of packed files."""

_KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
}
_TEXT = ("csv", "tsv", "jsonl", "json")
_SEPARATED = ("csv", "tsv")
_CURES = {
    ".xls": "Save it as .xlsx in Excel or LibreOffice.",
    ".xlsm": "Save it as .xlsx in Excel or LibreOffice.",
    ".xlsb": "Save it as .xlsx in Excel or LibreOffice.",
    ".ods": "Save it as .xlsx in LibreOffice.",
    ".txt": "A table with a header takes the suffix of its form; for documents use read_corpus(path).",
    ".zip": "Unpack it first.",
}


@dataclasses.dataclass(frozen=True)
class TableFormat:
    """The form of a table's file.

    Attributes:
        kind: "csv", "tsv", "jsonl", "json", "xlsx" or "parquet".
        packing: one of `PACKED`, or "" for a plain file.
    """

    kind: str
    packing: str


def table_format(path: pathlib.Path) -> TableFormat:
    """The form that the suffix of a file names.

    Raises:
        DataError: an unknown suffix.

    Example:
        >>> table_format(pathlib.Path("reviews.csv.gz"))
        TableFormat(kind='csv', packing='.gz')
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKED else ""
    suffix = suffixes[-1] if suffixes else ""
    kind = _KINDS.get(suffix)
    if kind is None:
        known = f"{', '.join(_KINDS)}, those of text also with {', '.join(PACKED)}"
        cure = _CURES.get(suffix) or f"Give the file the suffix of its form.{did_you_mean(suffix, _KINDS) if suffix else ''}"
        raise DataError(f"{path}: the suffix of a table must be one of {known}. Received: {suffix + packing!r}. {cure}")
    if packing and kind not in _TEXT:
        raise DataError(f"{path}: a {suffix} file is packed already and is not read with {packing} around it. Unpack it first.")
    return TableFormat(kind, packing)


def check_form_settings(path: pathlib.Path, separator: str | None, sheet: int | str) -> None:
    """Whether settings belong to the form of a file.

    Raises:
        ValueError: a separator for a table without one, or a sheet for what is no spreadsheet.
    """
    kind = table_format(path).kind
    if separator is not None and kind not in _SEPARATED:
        raise ValueError(f"separator is for .csv and .tsv files. Received: separator={separator!r} for {path}")
    if sheet != 0 and kind != "xlsx":
        raise ValueError(f"sheet is for .xlsx files. Received: sheet={sheet!r} for {path}")
