"""Writing a file so that its name never stands for half of it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator
from typing import BinaryIO

from keras_bert_lab.data.wording import reason
from keras_bert_lab.durable_files import sync
from keras_bert_lab.errors import DataError

__all__ = ["atomic_file", "check_target"]


def _part_of(target: pathlib.Path) -> pathlib.Path:
    return target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.part")


def check_target(path: pathlib.Path, overwrite: bool) -> None:
    """Whether a file may be written there; leaves nothing behind.

    Raises:
        DataError: it exists and `overwrite` is False, it is a folder, or its folder is missing or cannot be written to.
    """
    target = pathlib.Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise DataError(f"{path} is a folder. Name a file in it.")
        if target.exists() and not overwrite:
            raise DataError(f"{path} exists already. Choose another name, or pass overwrite=True (--overwrite).")
        if not target.parent.is_dir():
            raise DataError(f"{path} cannot be written: there is no folder {target.parent}. Make it first.")
        part = _part_of(target)
        part.open("xb").close()  # permissions do not tell about read-only disks
        part.unlink()
    except OSError as error:
        raise DataError(f"{path} cannot be written: {reason(error)}. Choose a folder that can be written to.") from error


@contextlib.contextmanager
def atomic_file(path: pathlib.Path, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to write to; it gets its name only when everything is on the disk, and nothing stays behind otherwise.

    Raises:
        DataError: as `check_target`, or the disk is full or fails; an earlier file of this name stays as it was.
    """
    check_target(path, overwrite)
    target = pathlib.Path(os.path.realpath(path))
    part = _part_of(target)
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            check_target(path, overwrite)  # somebody may have made it meanwhile
            shutil.copymode(target, part)
        part.replace(target)
    except OSError as error:
        raise DataError(f"{path} could not be written: {reason(error)}. There is no new file.") from error
    finally:
        part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # where folders cannot be synchronised, the system does it some seconds later
        sync([target.parent])
