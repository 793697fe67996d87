"""Damaged checkpoints: every truncation and many flipped bits of the newest one's files, and whole files in the wrong place.

Each must be found, the checkpoint before must be used, and training on from there must never end without a whole one.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training.checkpoints import CheckpointFolder

__all__ = ["run_damage"]


def _content(number: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """About as much as the tiny training saves."""
    random = np.random.default_rng(number)
    arrays = {f"weights/{place:05}": random.normal(size=(7, 11)).astype(np.float32) for place in range(17)}
    arrays |= {f"optimizer/{place:05}": random.normal(size=(13,)).astype(np.float32) for place in range(23)}
    return arrays, {"step": number, "history": [{"epoch": epoch, "logs": {"loss": float(epoch)}} for epoch in range(9)]}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The package warns of each damaged checkpoint."""
    logger = logging.getLogger("keras_bert_lab")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


class _Two:
    """A folder with checkpoints 1 and 2; what happens to the second is undone afterwards."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.checkpoints = CheckpointFolder(folder)
        for number in (1, 2):
            self.newest = self.checkpoints.save(*_content(number))
        self.files = {path.name: path.read_bytes() for path in sorted(self.newest.iterdir())}
        self.before = {path.name: path.read_bytes() for path in (folder / "checkpoint-00000001").iterdir()}
        self.about = [_content(number)[1] for number in (1, 2)]

    def found(self) -> Any:
        """Plain data of the checkpoint that is found, or what is raised."""
        try:
            found = self.checkpoints.newest()
        except (ResumeError, OSError, ValueError) as error:
            return error
        return None if found is None else found.about

    def undo(self) -> None:
        for path in self.checkpoints.path.glob("*checkpoint-00000002*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.newest.mkdir()
        for name, content in self.files.items():
            (self.newest / name).write_bytes(content)

    def check(self, label: str, failures: list[str], damage: Callable[[], Any]) -> None:
        """Do damage, look, undo it."""
        damage()
        found = self.found()
        if found != self.about[0]:
            which = "the damaged one is used" if isinstance(found, dict) and found.get("step") != 1 else repr(found)
            failures.append(f"{label}: {which}")
        self.undo()


def _valid_arrays() -> bytes:
    file = io.BytesIO()
    np.savez(file, **{name.replace("/", "_"): array for name, array in _content(3)[0].items()})
    return file.getvalue()


def _others(two: _Two, work: Path) -> dict[str, Callable[[], Any]]:
    """Other damage than of single bytes."""
    newest, files, before = two.newest, two.files, two.before

    def put(name: str, content: bytes) -> Callable[[], Any]:
        return lambda: (newest / name).write_bytes(content)

    def gone(name: str) -> Callable[[], Any]:
        return (newest / name).unlink

    def folder_instead(name: str) -> None:
        (newest / name).unlink()
        (newest / name).mkdir()

    def file_instead() -> None:
        shutil.rmtree(newest)
        newest.write_bytes(b"")

    def link_to_nothing() -> None:
        shutil.rmtree(newest)
        newest.symlink_to(work / "nowhere")

    def empty() -> None:
        shutil.rmtree(newest)
        newest.mkdir()

    found: dict[str, Callable[[], Any]] = {
        "no files": empty,
        "a file in its place": file_instead,
        "a link to nothing in its place": link_to_nothing,
        "arrays of the one before": put("arrays.npz", before["arrays.npz"]),
        "manifest of the one before": put("manifest.json", before["manifest.json"]),
        "other valid arrays": put("arrays.npz", _valid_arrays()),
        "files exchanged": lambda: [put("arrays.npz", files["manifest.json"])(), put("manifest.json", files["arrays.npz"])()],
        "manifest without its seal": put("manifest.json", files["manifest.json"].partition(b"\n")[2]),
        "manifest of plain JSON": put("manifest.json", json.dumps({"format": 1, "files": {}, "about": {}}).encode()),
    }
    for name, content in files.items():
        found |= {
            f"{name} missing": gone(name),
            f"{name} a folder": lambda name=name: folder_instead(name),  # type: ignore[misc]
            f"{name} with a byte more": put(name, content + b"\0"),
            f"{name} of zeros": put(name, bytes(len(content))),
            f"{name} twice": put(name, content * 2),
            f"{name} with blocks exchanged": put(name, content[512:1024] + content[:512] + content[1024:]),
        }
    return found


def _series(folder: Path) -> list[str]:
    """One damaged after the other, with commits in between: a whole one must always be left."""
    shutil.rmtree(folder, ignore_errors=True)
    checkpoints = CheckpointFolder(folder)
    for number in (1, 2):
        checkpoints.save(*_content(number))
    whole = [1, 2]
    for number in range(3, 9):
        newest = folder / checkpoints.names()[-1]
        content = (newest / "arrays.npz").read_bytes()
        (newest / "arrays.npz").write_bytes(content[:-1])
        whole.pop()
        try:
            found = checkpoints.newest()
        except ResumeError as error:
            checkpoints.close()
            return [f"one after the other, before commit {number}: {error}"]
        if found is None or found.about["step"] != whole[-1]:
            checkpoints.close()
            return [f"one after the other, before commit {number}: {found and found.about['step']} instead of {whole[-1]}"]
        checkpoints.save(*_content(number))
        whole.append(number)
    checkpoints.close()
    return []


def run_damage(work: Path, flips: int = 1000, every: int = 1, seed: int = 0) -> dict[str, Any]:
    """Damage the newest of two checkpoints in all these ways, one after the other.

    Args:
        work: an empty folder.
        flips: single bits, at random places of its files.
        every: only each such length of a truncated file.
        seed: of the places.
    """
    failures: list[str] = []
    two = _Two(work / "checkpoints")
    random = np.random.default_rng(seed)
    if two.found() != two.about[1]:
        failures.append(f"not damaged at all: {two.found()}")
    sizes = {name: len(content) for name, content in two.files.items()}
    with _quiet():
        places = random.choice(8 * sum(sizes.values()), flips, replace=False)
        for place in places.tolist():
            name, content = _flipped(two.files, place)
            two.check(f"bit {place} of {name}", failures, lambda name=name, content=content: _write(two, name, content))
        truncations = 0
        for name, size in sizes.items():
            for length in range(0, size, every):
                truncations += 1
                path = two.newest / name
                two.check(f"{name} of {length} bytes", failures, lambda path=path, length=length: os.truncate(path, length))
        others = _others(two, work)
        for label, damage in others.items():
            two.check(label, failures, damage)
        failures += _series(work / "series")
    two.checkpoints.close()
    return {
        "bytes": sizes,
        "bits_flipped": len(places),
        "truncations": truncations,
        "other_damage": sorted(others),
        "failures": failures,
    }


def _write(two: _Two, name: str, content: bytes) -> None:
    (two.newest / name).write_bytes(content)


def _flipped(files: dict[str, bytes], place: int) -> tuple[str, bytes]:
    """One bit of one of the files, counted over all."""
    for name, content in files.items():
        if place < 8 * len(content):
            changed = bytearray(content)
            changed[place // 8] ^= 1 << place % 8
            return name, bytes(changed)
        place -= 8 * len(content)
    raise IndexError(place)
