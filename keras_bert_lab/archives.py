"""Archives of models, unpacked once into a cache, without trusting what they say."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import stat
import tarfile
import tempfile
import zipfile
import zlib

from keras_bert_lab.errors import FormatError

__all__ = ["cache_folder", "is_archive", "unpack_archive", "unpack_into"]

_ENDINGS = (".tar", ".tar.gz", ".tgz", ".zip")
_LARGEST = 64 * 2**30  # bytes of all files together
_FREE = 2**30  # so much may come out of any archive,
_EXPANSION = 100  # more only up to so many times its size: weights are hardly compressible
_MOST_FILES = 100_000
# What Python raises at damaged, encrypted or unknown archives.
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def is_archive(path: pathlib.Path) -> bool:
    """Whether a file's name is that of an archive.

    Example:
        >>> is_archive(pathlib.Path("bert.tar.gz")), is_archive(pathlib.Path("bert.h5"))
        (True, False)
    """
    return path.name.lower().endswith(_ENDINGS)


def cache_folder() -> pathlib.Path:
    """Where unpacked archives are kept."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "keras_bert_lab"


class _Checks:
    """What every member of an archive has to pass, in the order in which they come."""

    def __init__(self, archive: pathlib.Path) -> None:
        self.archive = archive
        self.limit = min(_LARGEST, max(_FREE, _EXPANSION * archive.stat().st_size))
        self.total = 0
        self.count = 0

    def refuse(self, member: str, rule: str) -> FormatError:
        return FormatError(f"{self.archive} is not unpacked: {rule}. Received: the member {member!r:.200}. Get another copy.")

    def member(self, name: str, size: int) -> None:
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ":" in parts[0] or ".." in parts or "\0" in name:
            raise self.refuse(name, "names in it must stay inside its folder")
        self.total += max(size, 0)
        self.count += 1
        if self.total > self.limit or self.count > _MOST_FILES:
            raise self.refuse(name, f"it may hold {self.limit} bytes in {_MOST_FILES} files, up to this one it holds more")


def _unpack_tar(archive: pathlib.Path, folder: pathlib.Path) -> None:
    checks = _Checks(archive)
    with tarfile.open(archive) as file:
        for member in file:  # its header is read, its content not yet
            checks.member(member.name, member.size)
            if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
                raise checks.refuse(member.name, "it may hold files, folders and links, no devices")
            try:
                file.extract(member, folder, filter="data")
            except tarfile.FilterError as error:
                raise checks.refuse(member.name, "links in it must stay inside its folder") from error


def _unpack_zip(archive: pathlib.Path, folder: pathlib.Path) -> None:
    checks = _Checks(archive)
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            checks.member(member.filename, member.file_size)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise checks.refuse(member.filename, "it may hold files and folders, no links or devices")
            file.extract(member, folder)


def unpack_into(archive: pathlib.Path, folder: pathlib.Path) -> None:
    """Unpack an archive so that `folder` appears complete or not at all.

    Raises:
        FormatError: no archive, a damaged one, or one with names or links that lead out of the folder, with devices, or with
            far more in it than its size allows.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as scratch:
        content = pathlib.Path(scratch, "content")
        content.mkdir()
        try:
            (_unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar)(archive, content)
        except _DAMAGED as error:
            raise FormatError(f"{archive} is no archive, damaged or truncated ({error}). Get another copy.") from error
        with contextlib.suppress(OSError):  # somebody else was faster: theirs is as good
            content.replace(folder)
            return
    if not folder.is_dir():
        raise FormatError(f"{folder} must be a folder, to unpack {archive} into it. Remove what is there.")


def _only_folder(folder: pathlib.Path) -> pathlib.Path | None:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink() else None


def unpack_archive(archive: pathlib.Path) -> pathlib.Path:
    """The folder with the content of an archive, unpacked at first use; the same file is not unpacked again.

    Args:
        archive: `.tar`, `.tar.gz`, `.tgz` or `.zip`.

    Returns:
        The folder, or the one that it holds where it holds nothing else.
    """
    described = archive.resolve()
    size, changed = described.stat().st_size, described.stat().st_mtime_ns
    key = hashlib.sha256(f"{described}\n{size}\n{changed}".encode()).hexdigest()[:32]
    folder = cache_folder() / "archives" / key
    if not folder.is_dir():
        unpack_into(archive, folder)
    while inner := _only_folder(folder):
        folder = inner
    return folder
