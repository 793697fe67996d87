"""Fair timing of peers that cannot share a process: one worker each, rounds taken in turn, only one of them computing.

A worker is `python -m <module> <arguments>` that calls `serve`. Parent and worker exchange single lines of JSON:

    parent -> worker   {"do": "run", "workload": "train", "steps": 4}
    worker -> parent   {"answer": {"seconds": [0.41, 0.40, 0.41, 0.40], "others": 0.02}}    or   {"error": "..."}

TensorFlow and torch each start a thread pool and an allocator of their own, hence the processes; a worker that waits for a
line takes no processor time, hence the fairness. Other work on the machine hits peers unequally (threads that wait for each
other lose most), so every run also tells how many cores others kept busy meanwhile, and is repeated while that is too much.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["QUIET", "Worker", "alternate", "busy_seconds", "machine", "serve", "summary", "time_steps", "timed_run", "versions"]

QUIET = 0.1
"""Cores that other processes may keep busy during a run that counts."""

# Instruction sets that decide how fast a matrix product can be.
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8")


class Worker:
    """A peer in its own process.

    Args:
        module: what `python -m` runs; it calls `serve`.
        arguments: its command line.
        threads: threads that it may use.

    Raises:
        RuntimeError: a command failed in the worker, or the worker died; its traceback is on standard error.
    """

    def __init__(self, module: str, arguments: Iterable[str], threads: int) -> None:
        self.name = " ".join((module, *arguments))
        count = str(threads)
        environment = os.environ | {
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "TF_NUM_INTRAOP_THREADS": count,
            "TF_NUM_INTEROP_THREADS": count,
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "KERAS_BACKEND": "tensorflow",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError(f"The worker has no pipes: {self.name}")
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def ask(self, do: str, **arguments: Any) -> Any:
        """Run one command in the worker and wait for its answer."""
        self._requests.write(json.dumps({"do": do, **arguments}) + "\n")
        self._requests.flush()
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"The worker ended without an answer to {do!r}: {self.name}, exit {self._process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"{do!r} failed in the worker {self.name}: {reply['error']}")
        return reply["answer"]

    def close(self) -> None:
        """End the worker, so that its memory is free for the next."""
        self._requests.close()
        self._process.wait()
        self._answers.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(commands: dict[str, Callable[..., Any]]) -> None:
    """Answer the parent's lines until it closes the pipe.

    Args:
        commands: name -> function, called with the other entries of the line; what it returns must be plain data.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print do not disturb the conversation
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"answer": commands[request.pop("do")](**request)}
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def time_steps(step: Callable[[], Any], steps: int) -> list[float]:
    """Seconds of each of `steps` calls; `step` returns only when its result is there."""
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def busy_seconds() -> float | None:
    """Seconds of processor time that the whole machine has spent on work; None where the system does not tell."""
    source = Path("/proc/stat")
    if not source.exists():
        return None
    user, nice, system, _, _, interrupt, soft_interrupt, steal = map(int, source.read_text(encoding="utf-8").split()[1:9])
    return (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")


def timed_run(step: Callable[[], Any], steps: int) -> dict[str, Any]:
    """`time_steps`, with the number of cores that other processes kept busy meanwhile ("others", None = not known)."""
    busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
    seconds = time_steps(step, steps)
    after, own, wall = busy_seconds(), time.process_time() - own, time.perf_counter() - start
    return {"seconds": seconds, "others": None if busy is None or after is None else max(0.0, (after - busy - own) / wall)}


def _wait_until_quiet(patience: float) -> float:
    """Wait until nobody computes, at most `patience` seconds; gives the seconds waited."""
    start = time.perf_counter()
    while time.perf_counter() - start < patience:
        before = busy_seconds()
        time.sleep(0.5)
        after = busy_seconds()
        if before is None or after is None or after - before <= QUIET:
            break
    return time.perf_counter() - start


def alternate(
    runs: Mapping[str, Callable[[], dict[str, Any]]], rounds: int, patience: float
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Run all in turn, A B C, C B A, A B C, ..., and repeat what other work on the machine disturbed.

    Args:
        runs: name -> function that gives the answer of `timed_run`.
        rounds: rounds.
        patience: seconds that may go by with waiting and repeating, over all rounds; afterwards every run counts.

    Returns:
        The median seconds of each round of each run; the most cores that others kept busy in any run that counts.
    """
    medians: dict[str, list[float]] = {name: [] for name in runs}
    worst = dict.fromkeys(runs, 0.0)
    for index in range(rounds):
        for name in list(runs) if index % 2 == 0 else reversed(list(runs)):
            patience -= _wait_until_quiet(patience)
            answer = runs[name]()
            while (answer["others"] or 0.0) > QUIET and patience > 0:
                start = time.perf_counter()
                _wait_until_quiet(patience)
                answer = runs[name]()
                patience -= time.perf_counter() - start
            medians[name].append(float(np.median(answer["seconds"])))
            worst[name] = max(worst[name], answer["others"] or 0.0)
    return medians, worst


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 10th and 90th percentile, in seconds."""
    p10, median, p90 = np.percentile(seconds, [10, 50, 90])
    return {"median": float(median), "p10": float(p10), "p90": float(p90)}


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, instruction sets, cores, memory, system."""
    facts: dict[str, str] = {}
    processors = Path("/proc/cpuinfo")
    for line in processors.read_text(encoding="utf-8").splitlines() if processors.exists() else []:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = facts.get("flags", "").split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "processor": facts.get("model name", platform.processor()),
        "family_model_stepping": [facts.get(key) for key in ("cpu family", "model", "stepping")],
        "flags": [flag for flag in _FLAGS if flag in flags],
        "cores": cores,
        "memory_gib": round(pages / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
