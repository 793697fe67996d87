"""Files that are on the disk, and not only on their way to it, when a function returns."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pathlib
import stat
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["HashedWriter", "make_folder", "sync", "write_file"]

_NOT_FOR_FOLDERS = (errno.EBADF, errno.EINVAL)  # what some network file systems say


def sync(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Bring the contents of files, and the names in folders, onto the disk.

    Raises:
        OSError: the disk fails.
    """
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in _NOT_FOR_FOLDERS or not stat.S_ISDIR(os.fstat(handle).st_mode):
                raise
        finally:
            os.close(handle)


def make_folder(path: pathlib.Path) -> None:
    """Make a folder, and those above it, if need be, and bring their names onto the disk.

    Raises:
        OSError: there is something else, it is not allowed, or the disk is full or fails; no new folder is left.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        sync(each.parent for each in missing)
    except OSError:
        with contextlib.suppress(OSError):  # somebody else uses it already
            for each in missing:
                each.rmdir()
        raise


class HashedWriter:
    """What a writing function takes for a file that it writes from beginning to end.

    Args:
        handle: of an open file.

    Attributes:
        bytes: how many were written.
    """

    def __init__(self, handle: int) -> None:
        self.bytes = 0
        self._handle = handle
        self._hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        """Write all of it; a system that takes only a part is asked again."""
        rest = memoryview(data).cast("B")
        count = len(rest)
        self._hash.update(rest)
        while rest:
            written = os.write(self._handle, rest)
            if not written:
                raise OSError("the system took nothing")
            rest = rest[written:]
        self.bytes += count
        return count

    def flush(self) -> None:
        """Nothing is held back."""

    def sha256(self) -> str:
        """Of what was written."""
        return self._hash.hexdigest()


def write_file(path: pathlib.Path, write: Callable[[HashedWriter], object]) -> dict[str, Any]:
    """Make a file, and bring it onto the disk.

    Args:
        path: of the new file.
        write: writes into it.

    Returns:
        {"bytes": its length, "sha256": of its content}.

    Raises:
        OSError: it is there already, or the disk is full or fails.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        writer = HashedWriter(handle)
        write(writer)
        os.fsync(handle)
    finally:
        os.close(handle)
    return {"bytes": writer.bytes, "sha256": writer.sha256()}
