"""Lives of a process: forked from one that has imported everything and computed nothing, ended by itself or by SIGKILL.

The memory that a life shares with its parent tells afterwards where in its work it was when it ended.
"""

from __future__ import annotations

import dataclasses
import json
import mmap
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["PHASES", "Life", "Marks", "live", "threads_now"]

PHASES = ("start", "recovery", "training", "save", "validation", "end")
_FIELDS = ("phase", "batches", "saves_begun", "saves_done", "acknowledged", "found", "stamp")
_PATIENCE = 180.0


class Marks:
    """Numbers that a life writes and its parent reads.

    Attributes:
        phase: where it is, a number in PHASES.
        batches: it has trained on.
        saves_begun, saves_done: checkpoints.
        acknowledged: the place of the last checkpoint that was written (its step, or number).
        found: the place of the checkpoint that it went on from; -1 = none.
        stamp: anything.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8 * len(_FIELDS))
        self.set(found=-1, acknowledged=-1)

    def __getattr__(self, name: str) -> int:
        if name not in _FIELDS:
            raise AttributeError(name)
        return struct.unpack_from("q", self._memory, 8 * _FIELDS.index(name))[0]

    def set(self, **values: int) -> None:
        for name, value in values.items():
            struct.pack_into("q", self._memory, 8 * _FIELDS.index(name), value)

    def enter(self, phase: str) -> None:
        self.set(phase=PHASES.index(phase))

    def values(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in _FIELDS}


@dataclasses.dataclass
class Life:
    """How a life went.

    Attributes:
        status: exit code; -9 = ended by SIGKILL.
        seconds: it lasted.
        phase: where it ended.
        marks: its last marks.
        answer: what its work returned, if it came to its end.
        log: what it printed.
    """

    status: int
    seconds: float
    phase: str
    marks: dict[str, int]
    answer: Any
    log: str


def threads_now() -> int:
    """Threads of this process."""
    return len(list(Path("/proc/self/task").iterdir()))


def live(
    work: Callable[[Marks], Any],
    folder: Path,
    watch: Callable[[Marks, float], int | None] | None = None,
    marks: Marks | None = None,
) -> Life:
    """Fork, work, wait.

    Args:
        work: what the life does; given its marks; returns plain data.
        folder: for its log and its answer.
        watch: asked all the time with the marks and the seconds since the fork; returns a signal to send, or None.
        marks: those to use.

    Raises:
        RuntimeError: this process has several threads, and so cannot be forked; or a life that does not end.
    """
    if threads_now() != 1:
        raise RuntimeError(f"Only a process with one thread can be forked. This one has {threads_now()}")
    folder.mkdir(parents=True, exist_ok=True)
    marks = marks or Marks()
    answer, log = folder / "answer.json", folder / "log.txt"
    answer.unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    start = time.monotonic()
    process = os.fork()
    if not process:
        _be(work, marks, answer, log)
    status = _wait(process, start, marks, watch)
    seconds = time.monotonic() - start
    if status is None:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        raise RuntimeError(f"A life did not end within {_PATIENCE:.0f} s: {marks.values()}\n{_tail(log)}")
    text = answer.read_text(encoding="utf-8") if answer.exists() else "null"
    return Life(status, seconds, PHASES[marks.phase], marks.values(), json.loads(text), _tail(log))


def _be(work: Callable[[Marks], Any], marks: Marks, answer: Path, log: Path) -> None:
    """Live, and never return."""
    code = 1
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        found = work(marks)
        answer.write_text(json.dumps(found), encoding="utf-8")
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(process: int, start: float, marks: Marks, watch: Callable[[Marks, float], int | None] | None) -> int | None:
    """Exit code or minus the signal; None when the patience is at its end."""
    pause = 0.0002
    while (seconds := time.monotonic() - start) < _PATIENCE:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        number = None if watch is None else watch(marks, seconds)
        if number is not None:
            os.kill(process, number)
        time.sleep(pause)
        pause = min(pause * 1.1, 0.002)
    return None


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else ""
