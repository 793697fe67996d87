"""Checkpoints of a few arrays: killed, and failed by the disk, at each system call of four commits.

What must hold after each: the newest whole checkpoint is the last one that was acknowledged, or the one that was being written;
its content is what was saved; and the next commit succeeds.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resume_calls import NAMES, Act, Call, Interception, kill_at, record, seen_by_the_kernel
from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training.checkpoints import CheckpointFolder

__all__ = ["COMMITS", "PLACE", "calls_of_commits", "commit_all", "content", "problem", "run_faults", "run_kernel", "run_kills"]

COMMITS = 4
PLACE = Path("runs", "one")  # below the root; made by the first commit
_CHANGING = ("mkdir", "write", "rename", "unlink", "rmdir", "truncate")


def content(number: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and plain data of checkpoint `number`, each time others."""
    random = np.random.default_rng(number)
    arrays = {
        "weights/00000": random.normal(size=(13, 7)).astype(np.float32),
        "weights/00001": random.normal(size=(5,)).astype(np.float16),
        "optimizer/00000": np.array(number, np.int64),
        "seeds/keras": random.integers(2**32, size=2, dtype=np.uint32),
        "nothing": np.zeros((0, 3), np.float32),
    }
    return arrays, {"step": number, "history": [{"epoch": 0, "logs": {"loss": float(random.normal())}}]}


def commit_all(root: Path, acknowledge: Callable[[int], Any] = lambda number: None, count: int = COMMITS) -> None:
    """Open the folder, commit checkpoints 1, 2, ..., close it; what fails is left out, as a training does."""
    checkpoints = CheckpointFolder(root / PLACE)
    try:
        for number in range(1, count + 1):
            try:
                checkpoints.save(*content(number))
            except OSError:
                continue
            acknowledge(number)
    finally:
        checkpoints.close()


def calls_of_commits(root: Path) -> list[Call]:
    """All calls of `commit_all`, with marks where a commit was acknowledged."""
    calls: list[Call] = []
    with Interception(root, record(calls)):
        commit_all(root, lambda number: calls.append(Call(number, "mark", "acknowledged")))
    return calls


def problem(root: Path, acknowledged: int, begun: int | None = None, goes_on: bool = True) -> str | None:
    """What is wrong with what is left in a folder; None = nothing.

    Args:
        root: above the checkpoints; a commit is added to them.
        acknowledged: number of the last commit that returned; 0 = none.
        begun: of the last that was begun; None = `acknowledged`.
        goes_on: whether the next commit is tried, too.
    """
    newest = max(acknowledged, begun or 0)
    try:
        checkpoints = CheckpointFolder(root / PLACE)
    except (OSError, ResumeError) as error:
        return f"it cannot be opened: {error}"
    try:
        found = checkpoints.newest()
        number = 0 if found is None else found.about["step"]
        if not acknowledged <= number <= newest:
            return f"checkpoint {number} is found, {acknowledged} was acknowledged, {newest} begun"
        if found is not None:
            arrays, about = content(number)
            if found.about != about or not _same(found.arrays(), arrays):
                return f"the content of checkpoint {number} is not what was saved"
        if goes_on:
            following = COMMITS + 7
            checkpoints.save(*content(following))
            found = checkpoints.newest()
            if found is None or found.about["step"] != following:
                return "the next commit is not found"
            if [path for path in (root / PLACE).iterdir() if path.name.startswith(".")]:
                return "parts of unfinished commits stay"
    except (OSError, ResumeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        checkpoints.close()
    return None


def _same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> bool:
    return list(ours) == list(theirs) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(ours.values(), theirs.values(), strict=True)
    )


def _fresh(root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    return root


def run_kills(work: Path, every: int = 1) -> dict[str, Any]:
    """SIGKILL before each call of four commits, and in the middle of each write.

    Args:
        work: an empty folder.
        every: only each such call.
    """
    from benchmarks.resume_lives import Marks, live

    root = work / "root"
    calls = calls_of_commits(_fresh(root))
    failures: list[str] = []
    lines = [call for call in calls if call.name != "mark"]
    points = [(number, torn) for number, call in enumerate(lines) for torn in (False, True) if not torn or call.name == "write"]
    kills = 0
    for number, torn in points[::every]:
        _fresh(root)

        def work_of(marks: Marks, number: int = number, torn: bool = torn) -> None:
            with Interception(root, kill_at(number, torn)):
                marks.set(acknowledged=0)
                commit_all(root, lambda done: marks.set(acknowledged=done))

        life = live(work_of, work / "life")
        if life.status != -9:
            failures.append(f"{lines[number]}: the process ended with {life.status} instead of SIGKILL: {life.log}")
            continue
        acknowledged = life.marks["acknowledged"]
        kills += 1
        found = problem(root, acknowledged, min(acknowledged + 1, COMMITS))
        if found is not None:
            failures.append(f"killed {'in' if torn else 'before'} {lines[number]}: {found}")
    return {
        "kills": kills,
        "calls": len(lines),
        "calls_by_name": dict(Counter(call.name for call in lines)),
        "failures": failures,
    }


class _Fault:
    """Lets calls fail: the one with a number, or all of some kinds from there until the commit after the next begins."""

    def __init__(self, first: int, last: int, names: Sequence[str], number: int, short: bool = False) -> None:
        self.first, self.last, self.names, self.number, self.short = first, last, names, number, short
        self.hit = 0

    def __call__(self, call: Call, make: Callable[..., Any]) -> Any:
        changes = call.name in self.names or (call.name == "open" and call.makes and "mkdir" in self.names)
        if not (self.first <= call.number <= self.last and changes):
            return make()
        self.hit += 1
        if self.short:
            return make(call.data[: max(1, len(call.data) // 2)])
        if call.name == "close":
            make()  # it is closed all the same
        raise OSError(self.number, os.strerror(self.number), call.path)


def _faults(calls: list[Call]) -> list[tuple[str, _Fault]]:
    """All of them, with their names."""
    lines = [call for call in calls if call.name != "mark"]
    found = []
    for call in lines:
        for number in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EINTR):
            if call.name == "close" and number != errno.EIO:
                continue
            found.append((f"{errno.errorcode[number]} at {call}", _Fault(call.number, call.number, [call.name], number)))
        if call.name == "write":
            found.append((f"short write at {call}", _Fault(call.number, call.number, ["write"], 0, short=True)))
        long = len(lines) // COMMITS
        for number, names in (
            (errno.ENOSPC, ("mkdir", "write")),
            (errno.ENOSPC, _CHANGING),
            (errno.EROFS, _CHANGING),
            (errno.EIO, (*_CHANGING, "fsync", "open")),
        ):
            label = f"{errno.errorcode[number]} at {', '.join(names)} for a while from {call}"
            found.append((label, _Fault(call.number, call.number + long, names, number)))
    return found


def run_faults(work: Path, every: int = 1) -> dict[str, Any]:
    """A full disk, a failing one, one that is read-only, interrupted calls and short writes, at each call of four commits.

    Args:
        work: an empty folder.
        every: only each such fault.
    """
    root, copy = work / "root", work / "copy"
    calls = calls_of_commits(_fresh(root))
    failures: list[str] = []
    hits = refused = lost = 0
    names: Counter[str] = Counter()
    for name, fault in _faults(calls)[::every]:
        _fresh(root)
        acknowledged = [0]
        try:
            _commit_under(root, fault, acknowledged, copy)
        except ResumeError:
            refused += 1  # the folder itself could not be made
        except _ProblemError as error:
            failures.append(f"{name}: {error}")
            continue
        except OSError as error:
            failures.append(f"{name}: {type(error).__name__} instead of a ResumeError: {error}")
            continue
        hits += fault.hit
        names[name.split(" at ")[0]] += 1
        lost += COMMITS - len(acknowledged) + 1
        found = problem(root, acknowledged[-1], COMMITS)
        if found is not None:
            failures.append(f"{name}: {found}")
    return {
        "faults": sum(names.values()),
        "by_kind": dict(names),
        "failed_calls": hits,
        "commits_left_out": lost,
        "refused_to_begin": refused,
        "failures": failures,
    }


class _ProblemError(Exception):
    """What is left after a commit is not what it should be."""


def _commit_under(root: Path, fault: Act, acknowledged: list[int], copy: Path) -> None:
    """Commit with faults; after each commit a copy of the folder is looked at, as if the process had ended there."""
    with Interception(root, fault) as interception:
        checkpoints = CheckpointFolder(root / PLACE)
        try:
            for number in range(1, COMMITS + 1):
                before = interception.count
                try:
                    checkpoints.save(*content(number))
                    acknowledged.append(number)
                except OSError as error:
                    if not fault.first <= interception.count - 1 or before > fault.last:  # type: ignore[attr-defined]
                        raise _ProblemError(f"commit {number} failed though the disk was well again: {error}") from error
                interception.__exit__()
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(root, copy)
                found = problem(copy, acknowledged[-1], number, goes_on=False)
                interception.__enter__()
                if found is not None:
                    raise _ProblemError(f"after commit {number}: {found}")
        finally:
            checkpoints.close()


def run_kernel(work: Path) -> dict[str, Any]:
    """Whether the exchanged functions see every call that changes files: strace must count the same."""
    calls = calls_of_commits(_fresh(work / "root"))
    changing = [call for call in calls if call.name in NAMES and call.name != "close" and (call.name != "open" or call.makes)]
    ours = Counter(call.name for call in changing)
    root = _fresh(work / "root")
    theirs = seen_by_the_kernel("benchmarks.resume_one_process", ["commit", str(root)], root)
    failures = [] if theirs in (None, ours) else [f"strace sees {theirs}, the harness {ours}"]
    return {"calls": dict(ours), "is_seen_by_strace": theirs is not None, "failures": failures}
