"""Fair timing of peers that cannot share a process: one worker each, rounds taken in turn, only one of them computing.

A worker is `python -m <module> <arguments>` that calls `serve`. Parent and worker exchange single lines of JSON:

    parent -> worker   {"do": "run", "workload": "train", "steps": 4}
    worker -> parent   {"answer": {"seconds": [0.41, 0.40, 0.41, 0.40]}}    or   {"error": "..."}

TensorFlow and torch each start a thread pool and an allocator of their own, hence the processes; a worker that waits for a
line takes no processor time, hence the fairness.
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
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["Worker", "alternate", "machine", "serve", "summary", "time_steps", "versions"]

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

    def ask(self, do: str, **arguments: Any) -> Any:
        """Run one command in the worker and wait for its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None  # both are pipes, see above
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker ended without an answer to {do!r}: {self.name}, exit {self._process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"{do!r} failed in the worker {self.name}: {reply['error']}")
        return reply["answer"]

    def close(self) -> None:
        """End the worker, so that its memory is free for the next."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

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


def alternate(runs: dict[str, Callable[[], list[float]]], rounds: int) -> dict[str, list[float]]:
    """The median seconds of each round of each run, taken in turn: A B C, C B A, A B C, ..."""
    medians: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds):
        for name in list(runs) if index % 2 == 0 else reversed(runs):
            medians[name].append(float(np.median(runs[name]())))
    return medians


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 10th and 90th percentile, in seconds."""
    p10, median, p90 = np.percentile(seconds, [10, 50, 90])
    return {"median": float(median), "p10": float(p10), "p90": float(p90)}


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, instruction sets, cores, memory, system."""
    facts: dict[str, str] = {}
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
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
