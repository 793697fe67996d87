"""A folder of results that appears whole, or not at all."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from keras_bert_lab.durable_files import sync
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.manifest import MANIFEST

__all__ = ["check_new_folder", "new_folder", "remove_left_over"]


def check_new_folder(path: str | pathlib.Path, overwrite: bool = False) -> pathlib.Path:
    """Whether results may be written to this folder, before any work is done.

    Returns:
        The absolute path.

    Raises:
        FormatError: the folder is there already and not to be replaced, or was not written by this package, or is no folder.
    """
    path = pathlib.Path(path).absolute()
    if path.is_dir() and not path.is_symlink():
        entries = sorted(entry.name for entry in path.iterdir())
        if entries and MANIFEST not in entries:
            raise FormatError(
                f"output must be a new folder, or one of earlier results. Received: {path}, which holds {entries[:5]}. "
                "Name another folder."
            )
        if entries and not overwrite:
            raise FormatError(f"output is there already: {path}. Name another folder, or replace it with --overwrite.")
    elif os.path.lexists(path):
        raise FormatError(f"output must be a folder. Received: the file or link {path}. Name another folder.")
    above = next(folder for folder in path.parents if os.path.lexists(folder))
    if not above.is_dir():
        raise FormatError(f"output must be in a folder. Received: {path}, but {above} is a file. Name another folder.")
    return path


def _written(folder: pathlib.Path) -> set[str]:
    """Names of the files that the results in a folder brought."""
    try:
        return {MANIFEST, *json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {MANIFEST}


def _replace(path: pathlib.Path, fresh: pathlib.Path) -> None:
    """Put a new folder in the place of earlier results; files in there that no result brought are kept."""
    place = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=path.parent))
    old = place / path.name
    try:
        path.rename(old)
        fresh.rename(path)
    except BaseException:  # an interrupt too
        if old.exists():
            old.rename(path)
        place.rmdir()
        raise
    earlier = _written(old)
    for entry in old.iterdir():
        if entry.name not in earlier and not os.path.lexists(path / entry.name):
            shutil.move(entry, path / entry.name)
    shutil.rmtree(place)


def remove_left_over(path: pathlib.Path) -> None:
    """Remove what processes left that were killed while they wrote this folder; only where no other one writes it now."""
    for left_over in path.parent.glob(f"{glob.escape(_scratch(path))}*"):
        shutil.rmtree(left_over, ignore_errors=True)


def _scratch(path: pathlib.Path) -> str:
    """How the names of folders begin that are to become this one."""
    return f".{path.name}.new-"


@contextlib.contextmanager
def new_folder(path: str | pathlib.Path, overwrite: bool = False) -> Iterator[pathlib.Path]:
    """A folder to write into, which gets its name when the block ends without an error; else it is removed.

    Args:
        path: the name.
        overwrite: whether earlier results of that name may be replaced.

    Raises:
        FormatError: see `check_new_folder`; or the place cannot be written to.
        OSError: the disk is full.
    """
    path = check_new_folder(path, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.TemporaryDirectory(prefix=_scratch(path), dir=path.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise FormatError(
            f"output must be in a folder that can be written to. Received: {path} ({error.strerror}). Name another place."
        ) from error
    with beside as scratch:
        fresh = pathlib.Path(scratch, path.name)
        fresh.mkdir()
        yield fresh
        sync([*fresh.rglob("*"), fresh])
        check_new_folder(path, overwrite)  # somebody else may have been faster
        if path.is_dir() and any(path.iterdir()):
            _replace(path, fresh)
        else:
            fresh.rename(path)
        sync([path.parent])
