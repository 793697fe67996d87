"""Checkpoints: arrays and plain data in a folder, each whole or not there, and found damaged where it is."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import itertools
import json
import logging
import os
import pathlib
import re
import shutil
import socket
import weakref
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_bert_lab.durable_files import HashedWriter, make_folder, sync, write_file
from keras_bert_lab.errors import ResumeError

__all__ = ["Checkpoint", "CheckpointFolder"]

logger = logging.getLogger("keras_bert_lab")  # gets errors as text: an error that a handler keeps holds `fit` and its data

_MANIFEST = "manifest.json"
_ARRAYS = "arrays.npz"
_LOCK = "lock"
_ASIDE = "damaged-"
_NAME = re.compile(r"checkpoint-(\d{8,})")
_FORMAT = 1
_PART = 2**20
# What is wrong with this process, or the way to the disk, and not with what is on it.
_OURS = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT)


@dataclasses.dataclass
class _Lock:
    """A lock that this process holds.

    Attributes:
        handle: of the open file.
        holders: how many share it.
    """

    handle: int
    holders: int = 1


_LOCKS: dict[str, _Lock] = {}


def _is_there(lock: int, path: pathlib.Path) -> bool:
    """Whether an open file is still the one that is found under its name."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False


def _leave_locks() -> None:
    """A forked process, which may live longer, does not keep the locks of the one that it comes from."""
    for lock in _LOCKS.values():
        os.close(lock.handle)
    _LOCKS.clear()


os.register_at_fork(after_in_child=_leave_locks)


def _release(path: str, lock: _Lock) -> None:
    if _LOCKS.get(path) is not lock:
        return  # the folder is gone, or the lock belongs to the process that this one was forked from
    lock.holders -= 1
    if not lock.holders:
        del _LOCKS[path]
        with contextlib.suppress(OSError):  # it is closed all the same
            os.close(lock.handle)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole.

    Attributes:
        folder: of its files.
        about: the plain data.
    """

    folder: pathlib.Path
    about: Mapping[str, Any]

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays."""
        with np.load(self.folder / _ARRAYS, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


class CheckpointFolder:
    """The checkpoints of one training. One process at a time may use it, which may open it several times; `close` it each time.

    A checkpoint is written beside its name: the arrays, then a manifest with their hash and its own, each brought onto the
    disk; then it is renamed, and the name brought onto the disk. So whatever ends the process or the machine, what has a name
    is whole; and what the disk did to it later is found when it is read.

        folder/
          checkpoint-00000007/    arrays.npz, manifest.json
          checkpoint-00000008/
          lock

    Args:
        path: of the folder; made if need be.
        keep: how many checkpoints stay, at least 2: the newest, and what is left should it be damaged.

    Raises:
        ResumeError: another process uses the folder, or nothing can be written there.
        ValueError: a `keep` below 2.
    """

    def __init__(self, path: str | os.PathLike[str], keep: int = 2) -> None:
        if not isinstance(keep, int) or keep < 2:
            raise ValueError(f"keep must be at least 2: a checkpoint can be damaged. Received: keep={keep!r}")
        self.path = pathlib.Path(path)
        self.keep = keep
        # Also when it is forgotten: by a notebook, in which a training failed.
        self._release = weakref.finalize(self, _release, os.path.realpath(self.path), self._locked())
        for left_over in (*self.path.glob(".new-*"), *self.path.glob(".old-*")):
            shutil.rmtree(left_over, ignore_errors=True)

    def _locked(self) -> _Lock:
        """Take the lock; it ends with the process, however that ends."""
        path = os.path.realpath(self.path)
        held = _LOCKS.get(path)
        if held is not None and _is_there(held.handle, self.path / _LOCK):
            held.holders += 1
            return held
        if held is not None:  # the folder was removed, or moved
            os.close(_LOCKS.pop(path).handle)
        try:
            make_folder(self.path)
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise ResumeError(
                f"Checkpoints need a folder that can be written to. Received: {self.path} ({error.strerror}). Name another "
                "folder."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(lock, 200).decode(errors="replace").strip()
            os.close(lock)
            raise ResumeError(
                f"Another process trains in {self.path} ({owner or 'unknown'}). Wait for its end, or name another folder."
            ) from error
        except OSError as error:
            os.close(lock)
            raise ResumeError(
                f"Checkpoints need a folder in which files can be locked. Received: {self.path} ({error.strerror}). Name a "
                "folder on another disk."
            ) from error
        if not _is_there(lock, self.path / _LOCK):  # who had it has removed the folder meanwhile
            os.close(lock)
            return self._locked()
        with contextlib.suppress(OSError):  # it is locked, also where the disk has no room for a name
            os.truncate(lock, 0)
            os.write(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return _LOCKS.setdefault(path, _Lock(lock))

    def close(self) -> None:
        """Let others use the folder."""
        self._release()

    def names(self) -> list[str]:
        """Of all checkpoints, oldest first."""
        found = [match for match in (_NAME.fullmatch(path.name) for path in self.path.iterdir()) if match]
        return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]

    def clear(self) -> None:
        """Give up all checkpoints, also those that are damaged."""
        for path in self._all():
            shutil.rmtree(path, ignore_errors=True)

    def is_empty(self) -> bool:
        """Whether there is no checkpoint, and none that is damaged."""
        return not self._all()

    def _all(self) -> list[pathlib.Path]:
        return [*self.path.glob("checkpoint-*"), *self.path.glob(f"{_ASIDE}*")]

    def save(self, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> pathlib.Path:
        """Write a checkpoint; older ones than `keep` go.

        Args:
            arrays: named arrays, of number types.
            about: plain data for JSON.

        Returns:
            Its folder.

        Raises:
            OSError: the disk is full or fails; all earlier checkpoints are still there.
        """
        names = self.names()
        number = int(names[-1].rpartition("-")[2]) + 1 if names else 1
        target = self.path / f"checkpoint-{number:08}"
        fresh = self.path / f".new-{target.name}"
        try:
            shutil.rmtree(fresh, ignore_errors=True)  # of a commit that failed, and could not be removed then
            fresh.mkdir()
            facts = write_file(fresh / _ARRAYS, lambda file: _write_arrays(file, arrays))
            content = {"format": _FORMAT, "files": {_ARRAYS: facts}, "about": about}
            text = json.dumps(content).encode()
            seal = hashlib.sha256(text).hexdigest().encode()

            def _sealed(file: HashedWriter) -> None:
                file.write(seal + b"\n" + text)

            write_file(fresh / _MANIFEST, _sealed)
            sync([fresh])
            fresh.rename(target)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        sync([self.path])
        self._forget(names[: len(names) + 1 - self.keep])
        return target

    def _forget(self, names: list[str]) -> None:
        """Remove old checkpoints; each loses its name first, so that what has one is never half."""
        try:
            for name in names:
                (self.path / name).rename(self.path / f".old-{name}")
            for old in self.path.glob(".old-*"):
                shutil.rmtree(old)
        except OSError as error:
            logger.warning("Old checkpoints in %s could not be removed: %s", self.path, str(error))

    def newest(self) -> Checkpoint | None:
        """The newest whole checkpoint; None where there is none at all. Damaged ones are named in the log and set aside.

        Raises:
            ResumeError: there are checkpoints, and all of them are damaged; or the newest cannot be read, or was written by
                another version of this package.
        """
        names = self.names()
        damaged = sorted(path.name for path in self.path.glob(f"{_ASIDE}*"))
        for name in reversed(names):
            folder = self.path / name
            try:
                return Checkpoint(folder, _verified(folder))
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in _OURS:
                    raise ResumeError(f"The checkpoint {folder} cannot be read ({error.strerror}).") from error
                logger.warning("The checkpoint %s is damaged and left out: %s", folder, str(error))
                damaged.append(self._set_aside(name))
        if damaged:
            raise ResumeError(
                f"None of the checkpoints in {self.path} is whole: {', '.join(damaged)}. To begin anew, remove the folder or "
                "name another one."
            )
        return None

    def _set_aside(self, name: str) -> str:
        """Give a damaged checkpoint another name, so that no whole one is given up for it."""
        free = next(number for number in itertools.count(1) if not (self.path / f"{_ASIDE}{name}-{number}").exists())
        aside = f"{_ASIDE}{name}-{free}"
        try:
            (self.path / name).rename(self.path / aside)
        except OSError as error:
            logger.warning("It could not be set aside: %s", str(error))
            return name
        return aside


def _write_arrays(file: HashedWriter, arrays: Mapping[str, np.ndarray]) -> None:
    """As `numpy.savez` does, which asks for a file that it can also read."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _verified(folder: pathlib.Path) -> dict[str, Any]:
    """The plain data of a checkpoint whose files are what was written.

    Raises:
        OSError, ValueError: they are not.
        ResumeError: they are, but those of another version.
    """
    seal, _, text = (folder / _MANIFEST).read_bytes().partition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != seal:
        raise ValueError(f"{_MANIFEST} is not what was written")
    content = json.loads(text)
    if content["format"] != _FORMAT:
        raise ResumeError(
            f"The checkpoint {folder} must have format {_FORMAT}. Received: {content['format']}, of another version of this "
            "package. Go on with that one."
        )
    for name, facts in content["files"].items():
        found = hashlib.sha256()
        with (folder / name).open("rb") as file:
            while part := file.read(_PART):
                found.update(part)
        if found.hexdigest() != facts["sha256"]:
            raise ValueError(f"{name} is not what was written ({facts['bytes']} bytes, now {(folder / name).stat().st_size})")
    return content["about"]
