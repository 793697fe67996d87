"""Loss of power: what SIGKILL cannot show, because the system keeps what a dead process has written.

From the calls of four commits all disks are made that a loss of power can leave, as far as POSIX promises anything:

- what was written into a file since its last fsync is there, missing, there in part, or zeros;
- what was done to the names in a folder since its last fsync - making, renaming, removing - is done or not, each by itself;
- bringing a file onto the disk does not bring its name there.

On each of them the newest whole checkpoint must be the last one that was acknowledged, or a newer one.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resume_calls import Call
from benchmarks.resume_commits import COMMITS, PLACE, calls_of_commits, problem

__all__ = ["Disk", "run_power"]

_MOST, _DRAWN, _LONG = 20_000, 300, 10
Tree = dict[str, Any]
"""Names in a folder: bytes = a file, a Tree = a folder."""


@dataclasses.dataclass(eq=False)
class _File:
    """Content now, and on the disk."""

    now: bytes = b""
    kept: bytes = b""

    def count(self) -> float:
        return len(self.states())

    def draw(self, random: np.random.Generator) -> bytes:
        return self.states()[random.integers(len(self.states()))]

    def states(self) -> list[bytes]:
        torn = self.now[: (len(self.kept) + len(self.now)) // 2]
        zeros = self.kept[: len(self.now)].ljust(len(self.now), b"\0")
        return list(dict.fromkeys([self.now, self.kept, torn, zeros]))


@dataclasses.dataclass(eq=False)
class _Folder:
    """Names now, on the disk, and what was done to them in between: (name that goes, name that comes, what it is)."""

    now: dict[str, Any] = dataclasses.field(default_factory=dict)
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)
    done: list[tuple[str | None, str | None, Any]] = dataclasses.field(default_factory=list)

    def change(self, goes: str | None, comes: str | None, what: Any) -> None:
        self.done.append((goes, comes, what))
        _apply(self.now, self.done[-1])

    def count(self) -> float:
        """How many states there are; infinite where they are too many to be counted."""
        if len(self.done) > _LONG:
            return math.inf
        subsets = itertools.product((True, False), repeat=len(self.done))
        return sum(math.prod(each.count() for each in self._after(chosen).values()) for chosen in subsets)

    def draw(self, random: np.random.Generator) -> Tree:
        """One of them."""
        names = self._after(random.random(len(self.done)) < 0.5)
        return {name: each.draw(random) for name, each in names.items()}

    def _after(self, chosen: Iterable[Any]) -> dict[str, Any]:
        names = dict(self.kept)
        for step, happened in zip(self.done, chosen, strict=True):
            if happened:
                _apply(names, step)
        return names

    def states(self) -> Iterator[Tree]:
        for chosen in itertools.product((True, False), repeat=len(self.done)):
            names = self._after(chosen)
            for parts in itertools.product(*(list(each.states()) for each in names.values())):
                yield dict(zip(names, parts, strict=True))


def _apply(names: dict[str, Any], step: tuple[str | None, str | None, Any]) -> None:
    goes, comes, what = step
    if goes is not None:
        names.pop(goes, None)
    if comes is not None:
        names[comes] = what


class Disk:
    """A disk on which calls are made."""

    def __init__(self) -> None:
        self.root = _Folder()

    def _at(self, path: Path) -> Any:
        found: Any = self.root
        for part in path.parts:
            found = found.now[part]
        return found

    def make(self, call: Call) -> None:
        """Make a call."""
        path = Path(call.path)
        if call.name == "mkdir":
            self._at(path.parent).change(None, path.name, _Folder())
        elif call.name == "open" and call.makes and path.name not in self._at(path.parent).now:
            self._at(path.parent).change(None, path.name, _File())
        elif call.name == "write":
            self._at(path).now += call.data
        elif call.name == "truncate":
            self._at(path).now = b""
        elif call.name == "fsync":
            found = self._at(path)
            found.kept = dict(found.now) if isinstance(found, _Folder) else found.now
            if isinstance(found, _Folder):
                found.done.clear()
        elif call.name == "rename":
            if Path(call.to).parent != path.parent:
                raise ValueError(f"Only renaming within a folder is modelled. Received: {call}")
            self._at(path.parent).change(path.name, Path(call.to).name, self._at(path))
        elif call.name in ("unlink", "rmdir"):
            self._at(path.parent).change(path.name, None, None)

    def states(self, random: np.random.Generator) -> Iterator[Tree]:
        """What a loss of power can leave: all of it, or some of it where there is very much."""
        if self.root.count() <= _MOST:
            return self.root.states()
        return (self.root.draw(random) for _ in range(_DRAWN))


def _lay_out(folder: Path, tree: Tree) -> None:
    folder.mkdir()
    for name, what in tree.items():
        if isinstance(what, bytes):
            (folder / name).write_bytes(what)
        else:
            _lay_out(folder / name, what)


def _key(tree: Tree) -> Any:
    return tuple((name, what if isinstance(what, bytes) else _key(what)) for name, what in sorted(tree.items()))


def run_power(work: Path, share: float = 1.0, most: int = 1000) -> dict[str, Any]:
    """Look at all disks that a loss of power can leave, at any moment of four commits.

    Args:
        work: an empty folder.
        share: of the disks that are looked at; those without the folder are looked at in any case.
        most: failures, after which there is no more to be shown.
    """
    root = work / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    calls = calls_of_commits(root)
    random = np.random.default_rng(0)
    disk, acknowledged = Disk(), 0
    seen: set[Any] = set()
    failures: list[str] = []
    moments = looked_at = drawn = 0
    for call in calls:
        if call.name == "mark":
            acknowledged = call.number
        else:
            disk.make(call)
        moments += 1
        drawn += disk.root.count() > _MOST
        for tree in disk.states(random):
            if len(failures) >= most:
                break
            key = (acknowledged, hash(_key(tree)))
            if key in seen:
                continue
            seen.add(key)
            if random.random() >= share and PLACE.parts[0] in tree:
                continue
            looked_at += 1
            shutil.rmtree(root, ignore_errors=True)
            _lay_out(root, tree)
            found = problem(root, acknowledged, COMMITS, goes_on=looked_at % 10 == 0)
            if found is not None:
                failures.append(f"power lost after {call}: {found}")
    return {
        "moments": moments,
        "moments_with_too_many_disks": drawn,
        "disks": len(seen),
        "looked_at": looked_at,
        "failures": failures,
    }
