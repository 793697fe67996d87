"""A file to read must be there and be a file."""

from __future__ import annotations

import os
import pathlib

from keras_bert_lab.data.wording import did_you_mean, reason
from keras_bert_lab.errors import DataError

__all__ = ["as_path", "existing_file"]


def as_path(path: str | os.PathLike[str]) -> pathlib.Path:
    """The path of a local file.

    Raises:
        TypeError: no path.
        DataError: the address of something on the network.
    """
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"path must be a str or a pathlib.Path. Received: {path!r:.60} ({type(path).__name__})")
    if "://" in str(path):
        raise DataError(f"path must name a file on this machine. Received: {str(path)!r}. Download it first.")
    return pathlib.Path(path)


def existing_file(path: str | os.PathLike[str], of_folder: str = "Name the file in it.") -> pathlib.Path:
    """The path of a file that is there.

    Args:
        path: what the user gave.
        of_folder: the cure when it is a folder.

    Raises:
        DataError: it is missing (the nearest name in its folder is told), or it is a folder.
    """
    path = as_path(path)
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder, not a file. {of_folder}")
        if path.exists():
            return path
        if not path.parent.is_dir():
            raise DataError(f"There is no file {path}: its folder {path.parent} does not exist.")
        names = [each.name for each in path.parent.iterdir() if each.is_file()]
    except OSError as error:
        raise DataError(f"The file {path} cannot be looked up: {reason(error)}.") from error
    if path.is_symlink():
        raise DataError(f"{path} is a link to {path.readlink()}, which does not exist.")
    raise DataError(f"There is no file {path}.{did_you_mean(path.name, names) or ' Give the path of a file.'}")
