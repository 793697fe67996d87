"""SIGTERM, and two processes that want one folder."""

from __future__ import annotations

import contextlib
import functools
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resume_kills import Reference
from benchmarks.resume_lives import PHASES, Marks, live
from benchmarks.resume_training import Phases, acting, train

__all__ = ["run_processes", "run_signals"]

_SELDOM = 600.0  # seconds from one checkpoint to the next: more than the training lasts
_REFUSED = 3


def _training(root: Path, marks: Marks) -> Any:
    with acting(root, marks, lambda _: None):
        return train(root / "checkpoints", (Phases(marks),), every=_SELDOM)


def _after(known: Reference, share: float, number: int, sent: list[float]) -> Callable[[Marks, float], int | None]:
    began: list[float] = []

    def look(marks: Marks, seconds: float) -> int | None:
        if marks.phase >= PHASES.index("training") and not began:
            began.append(seconds)
        if sent or not began or seconds - began[0] < share * known.late:
            return None
        sent.append(seconds)
        return number

    return look


def run_signals(work: Path, known: Reference, count: int, seed: int = 0) -> dict[str, Any]:
    """SIGTERM at random moments of a training that else saves nothing; then it is started again.

    Args:
        work: an empty folder.
        known: the training that nobody disturbs.
        count: how often.
        seed: of the moments.
    """
    random = np.random.default_rng(seed)
    failures: list[str] = []
    seconds: list[float] = []
    codes: list[int] = []
    for place in range(count):
        root = work / f"signal_{place:03}"
        shutil.rmtree(root, ignore_errors=True)
        sent: list[float] = []
        name = f"SIGTERM {place}"
        work_of = functools.partial(_training, root)
        watch = _after(known, 0.8 * random.random(), signal.SIGTERM, sent)  # the last moments belong to the end of the process
        life = live(work_of, root / "life", watch)
        if not sent or life.phase == "end":
            continue
        codes.append(life.status)
        seconds.append(life.seconds - sent[0])
        if life.status != 143:
            failures.append(f"{name}: exit code {life.status} instead of 143: {life.log}")
        done = life.marks["batches"]
        after = live(work_of, root / "life")
        if after.marks["found"] not in (done, done + 1):  # the one that was running is counted where the signal came before
            failures.append(f"{name}: {done} batches were trained on, and it went on from {after.marks['found']}")
        if after.status or after.answer["hash"] != known.answer["hash"]:
            failures.append(f"{name}: the finished training differs: {after.log}")
        shutil.rmtree(root, ignore_errors=True)
    if not codes:
        failures.append("no SIGTERM arrived during a training")
    return {
        "signals": len(codes),
        "exit_codes": sorted(set(codes)),
        "seconds_to_the_end_of_the_process": seconds,
        "failures": failures,
    }


@contextlib.contextmanager
def _other(folder: Path, what: str = "hold") -> Iterator[tuple[str, int, Any]]:
    """Another process that opens the folder: what it says, its exit code (-1: it lives), itself."""
    words = [sys.executable, "-m", "benchmarks.resume_one_process", what, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        try:
            yield said, -1 if said == "opened" else process.wait(), process
        finally:
            process.kill()


def run_processes(work: Path, known: Reference) -> dict[str, Any]:
    """A second process is refused as long as the first lives, and not longer."""
    root = work / "processes"
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "checkpoints"
    failures: list[str] = []
    with _other(folder) as (said, _, process):
        if said != "opened":
            failures.append(f"the first process is refused: {said}")
        with _other(folder) as (answer, code, _):
            if code != _REFUSED or f"process {process.pid} " not in answer:
                failures.append(f"a second process is not refused: {answer}")
        life = live(functools.partial(_training, root), root / "life")
        if life.status != 1 or "ResumeError: Another process" not in life.log:
            failures.append(f"a training beside another process is not refused: {life.status} {life.log}")
    # Killed, with a child of its own that lives on and has inherited all its files.
    with _other(folder, "hold_with_child") as (said, _, process):
        process.kill()
        process.wait()
        life = live(functools.partial(_training, root), root / "life")
        if life.status or life.answer["hash"] != known.answer["hash"]:
            failures.append(f"after the other process was killed: {life.status} {life.log}")
    return {"processes": 4, "failures": failures}
