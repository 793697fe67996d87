"""Opening text files, plain or packed."""

from __future__ import annotations

import bz2
import codecs
import encodings.aliases
import gzip
import io
import lzma
import pathlib
import zlib
from typing import Any, BinaryIO, TextIO, cast

from keras_bert_lab.data.table_formats import PACKED
from keras_bert_lab.data.wording import did_you_mean, reason
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["Utf8Stream", "check_encoding", "open_text", "unpacked"]

pa = LazyModule("pyarrow")

_PIECE = 1 << 20
_OTHER_UNICODE = {  # in this order: the first mark is the start of the third
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = {
    b"\x1f\x8b": "a gzip file: give it the suffix .gz",
    b"BZh": "a bzip2 file: give it the suffix .bz2",
    b"\xfd7zXZ": "an xz file: give it the suffix .xz",
    b"\x28\xb5\x2f\xfd": "a Zstandard file: give it the suffix .zst",
    b"PK\x03\x04": "a zip file: unpack it, or give it the suffix .xlsx if it is a spreadsheet",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save it as .xlsx or CSV",
    b"PAR1": "a Parquet file: give it the suffix .parquet",
}


def open_text(path: pathlib.Path) -> TextIO:
    """The lines of a UTF-8 file; one that ends in .gz is unpacked."""
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")


def unpacked(path: pathlib.Path, file: BinaryIO) -> Any:
    """What the contents of an open file are when unpacked."""
    match path.suffix.lower():
        case ".gz":
            return gzip.GzipFile(fileobj=file)
        case ".bz2":
            return bz2.BZ2File(file)
        case ".xz":
            return lzma.LZMAFile(file)
        case ".zst":
            return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
    return file


def check_encoding(encoding: str) -> None:
    try:
        "text".encode(encoding)
    except (LookupError, TypeError, ValueError) as error:
        names = sorted(set(encodings.aliases.aliases.values()) - {encoding})
        cure = did_you_mean(str(encoding), names) or " Usual ones: 'utf-8', 'cp1252', 'latin-1'."
        raise DataError(f"encoding must be the name of a text encoding. Received: {encoding!r}.{cure}") from error


class Utf8Stream(io.RawIOBase):
    """The bytes of a text file, unpacked, as valid UTF-8 without a byte order mark, piece by piece.

    Args:
        path: plain, or packed with one of the suffixes .gz, .bz2, .xz, .zst.
        encoding: of the file.

    Attributes:
        holds_nul: whether a NUL character was read so far.

    Raises:
        DataError: here or while reading: an unknown encoding; the file is empty, cannot be opened or unpacked, or has bytes
            that are no text in this encoding (the offset in the unpacked file is told).
    """

    def __init__(self, path: pathlib.Path, encoding: str = "utf-8") -> None:
        super().__init__()
        check_encoding(encoding)
        self._path = path
        self._packed = path.suffix.lower() in PACKED
        self._encoding = encoding
        self._utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        self._decoder = codecs.getincrementaldecoder("utf-8" if self._utf8 else encoding)()
        self.holds_nul = False
        self._count = 0  # bytes read so far
        self._ready = memoryview(b"")
        self._ended = False
        try:
            self._raw = path.open("rb")
            self._file = unpacked(path, self._raw)
        except OSError as error:
            raise DataError(f"{path} cannot be opened: {reason(error)}.") from error

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._ready and not self._ended:
            self._ready = memoryview(self._next_piece())
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        if not self.closed and hasattr(self, "_raw"):
            self._raw.close()
        super().close()

    @property
    def position(self) -> int:
        """Bytes of the file that were read so far, packed as they are."""
        return self._raw.tell()

    def check_rest(self) -> None:
        """Unpack the rest: where a file is damaged, that is the error to tell, whatever its contents look like.

        Raises:
            DataError: the file cannot be unpacked.
        """
        while self._read():
            pass

    def _read(self) -> bytes:
        try:
            return cast(bytes, self._file.read(_PIECE))
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            what = "unpacked, it is damaged, cut off or of another form" if self._packed else "read"
            raise DataError(f"{self._path} cannot be {what}: {reason(error)}.") from error

    def _next_piece(self) -> bytes:
        raw = self._read()
        self._ended = not raw
        first = not self._count
        if first:
            self._check_start(raw)
        waiting = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(raw, final=self._ended)
            piece = raw if self._utf8 else text.encode()
        except UnicodeDecodeError as error:
            self.check_rest()
            raise DataError(self._no_text(error, self._count - waiting + error.start, raw if first else b"")) from error
        except UnicodeError as error:
            raise DataError(f"{self._path} is no text in {self._encoding}: {reason(error)}.") from error
        self._count += len(raw)
        self.holds_nul = self.holds_nul or b"\0" in piece
        return piece.removeprefix(codecs.BOM_UTF8) if first else piece

    def _check_start(self, raw: bytes) -> None:
        if not raw:
            packed = "" if self._path.stat().st_size == 0 else " after unpacking"
            raise DataError(f"{self._path} is empty: 0 bytes{packed}.")
        if not self._utf8:
            return
        for mark, name in _OTHER_UNICODE.items():
            if raw.startswith(mark):
                raise DataError(
                    f"{self._path} starts with the mark of {name.upper()}, it is not UTF-8. "
                    f"Pass encoding={name!r} (--encoding {name}), or save it as UTF-8."
                )
        for name, half in (("utf-16-le", raw[1:200:2]), ("utf-16-be", raw[0:200:2])):
            if len(half) >= 4 and not half.strip(b"\0"):
                raise DataError(
                    f"{self._path} looks like UTF-16: every second byte is 0. "
                    f"Pass encoding={name!r} (--encoding {name}), or save it as UTF-8."
                )

    def _no_text(self, error: UnicodeDecodeError, offset: int, start: bytes) -> str:
        for magic, what in _NO_TEXT.items():
            if start.startswith(magic):
                return f"{self._path} is no text. It starts like {what}."
        name = "UTF-8" if self._utf8 else self._encoding
        cures = {True: "cp1252", False: "utf-8"}
        return (
            f"{self._path} is not {name}: byte 0x{error.object[error.start]:02x} at offset {offset:,} of the "
            f"{'unpacked ' if self._packed else ''}file ({error.reason}). "
            f"Pass the encoding that it was saved in, such as encoding={cures[self._utf8]!r} "
            f"(--encoding {cures[self._utf8]}){' or latin-1' if self._utf8 else ''}, or save it as UTF-8."
        )
