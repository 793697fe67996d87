"""Predictions of a table on their way: finished parts are kept beside the output until all are there."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.durable_files import make_folder, sync, write_file
from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training.training_identity import differences

__all__ = ["PredictionParts"]

UNFINISHED = ".unfinished"
"""What the folder is called, after the name of the output."""

_IDENTITY = "made_from.json"
_LOCK = "lock"
_PART = re.compile(r"part-(\d{8,})\.json")
_SHOWN = 8


class PredictionParts:
    """The folder beside an output in which finished parts are kept; for a `with` block.

    A part is written beside its name, brought onto the disk, then renamed; its first line is the hash of what follows. So
    whatever ends the process or the machine, what has a name is whole, and what the disk did to it later is found. When the
    block ends, the folder goes if the work is done or no part is there; else it is there for the next start.

        out.csv.unfinished/
          made_from.json          what the parts were made from
          part-00000000.json      hash, then {"made_from": hash, "rows": 8192, "label": [...], "score": [...], ...}
          lock

    Args:
        output: of the table to be.
        identity: plain data that must be the same when the work goes on: model, table, settings.
        overwrite: whether parts that were made from something else may be given up.

    Attributes:
        path: of the folder.
        is_done: set it when the output is there.

    Raises:
        ResumeError: on entering: another process is at it, or the parts were made from something else.
        OSError: the disk is full, or the folder cannot be written to.
    """

    def __init__(self, output: pathlib.Path, identity: Mapping[str, Any], overwrite: bool) -> None:
        output = pathlib.Path(output).absolute()
        self.path = output.with_name(output.name + UNFINISHED)
        self.is_done = False
        self._identity = json.loads(json.dumps(identity))
        self._made_from = hashlib.sha256(json.dumps(self._identity, sort_keys=True).encode()).hexdigest()
        self._overwrite = overwrite
        self._lock: int | None = None

    def check(self) -> None:
        """Whether what is there can be gone on with, before any work; nothing is changed.

        Raises:
            ResumeError: the parts were made from something else, and are not to be given up.
        """
        changed = differences(self._before(), self._identity) if self.numbers() else []
        if changed and not self._overwrite:
            raise ResumeError(
                f"Unfinished predictions are in {self.path}, made from something else. Received: "
                f"{'; '.join(changed[:_SHOWN])}. Give the model, table and settings of before to go on, or --overwrite to give "
                "them up and begin anew."
            )

    def _before(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / _IDENTITY).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def __enter__(self) -> PredictionParts:
        self._take_lock()
        try:
            self.check()
            if self._before() != self._identity:
                if self.numbers():
                    print(f"Given up: the unfinished predictions in {self.path}, made from something else", flush=True)
                for left_over in self.path.glob("part-*"):
                    left_over.unlink()
                self._write(_IDENTITY, json.dumps(self._identity, indent=1, ensure_ascii=False).encode() + b"\n")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        self.is_done = self.is_done and kind is None
        if not self.is_done and self.numbers():
            print(f"What was predicted is kept in {self.path}: the same command goes on from there.", flush=True)
        self._end()

    def _take_lock(self) -> None:
        """It ends with the process, however that ends."""
        while self._lock is None:
            make_folder(self.path)
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(lock)
                raise ResumeError(
                    f"Another process predicts into {self.path}, or files there cannot be locked ({error.strerror}). Wait for "
                    "its end, or name another output."
                ) from error
            try:
                is_there = os.path.samestat(os.fstat(lock), (self.path / _LOCK).stat())
            except OSError:
                is_there = False
            if is_there:
                self._lock = lock
            else:  # who had it has removed the folder meanwhile
                os.close(lock)

    def _end(self) -> None:
        if self.is_done or not self.numbers():
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, name: str, content: bytes) -> None:
        fresh = self.path / f".new-{name}"
        fresh.unlink(missing_ok=True)
        try:
            write_file(fresh, lambda file: file.write(content))
            fresh.replace(self.path / name)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        sync([self.path])

    def numbers(self) -> list[int]:
        """Of the parts that are there."""
        names = [path.name for path in self.path.iterdir()] if self.path.is_dir() else []
        return sorted(int(match[1]) for match in map(_PART.fullmatch, names) if match)

    def _file(self, number: int) -> pathlib.Path:
        return self.path / f"part-{number:08}.json"

    def read(self, number: int) -> dict[str, Any] | None:
        """A part; None where there is none, or it is damaged or was made from something else."""
        try:
            seal, _, content = self._file(number).read_bytes().partition(b"\n")
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest().encode() != seal:
            return None
        part = json.loads(content)
        return part if part["made_from"] == self._made_from else None

    def write(self, number: int, part: Mapping[str, Any]) -> None:
        """Keep a part.

        Raises:
            OSError: the disk is full or fails; all earlier parts are still there.
        """
        content = json.dumps({"made_from": self._made_from, **part}, ensure_ascii=False).encode()
        self._write(self._file(number).name, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
