"""The steps of long benchmarks: processes whose figures are kept at once, so that a run goes on where it stopped."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.from_scratch import run_command
from benchmarks.measure import busy_seconds, machine, versions

__all__ = ["Steps"]

_PACKAGES = ("keras-bert-lab", "keras", "tensorflow", "scikit-learn", "numpy")


def _run_worker(module: str, words: list[str]) -> dict[str, Any]:
    """One process: its figures, seconds, and who else was computing."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_WAIT_POLICY": "PASSIVE", "KERAS_BACKEND": "tensorflow"}
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{module}", *words, "--results", str(results)]
        before, start = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | quiet)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{words} failed with status {status}")
        seconds, own, after = time.perf_counter() - start, usage.ru_utime + usage.ru_stime, busy_seconds()
        others = None if before is None or after is None else max(0.0, (after - before - own) / seconds)
        return {
            "seconds": seconds,
            "processor_seconds": own,
            "cores_busy_with_other_work": others,
            "figures": json.loads(results.read_text(encoding="utf-8")),
        }


class Steps:
    """Named steps and their results, in a file.

    Args:
        output: the file of results; steps that are in it with the same command are not run again.
        command: the command of the benchmark, for the file.
        shown: paths that are called something else in the file, path -> name; longer ones first.
    """

    def __init__(self, output: Path, command: str, shown: dict[str, str]) -> None:
        self.output = output
        self._shown = shown
        self.report: dict[str, Any] = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
        self.report |= {"command": command, "machine": machine(), "versions": versions(_PACKAGES)}
        self.report.setdefault("steps", {})

    def _as_shown(self, text: str) -> str:
        for path, name in self._shown.items():
            text = text.replace(path, name)
        return text

    def _once(self, name: str, words: list[str], run: Callable[[], dict[str, Any]], is_there: bool = True) -> dict[str, Any]:
        shown = self._as_shown(" ".join(words))
        if self.report["steps"].get(name, {}).get("words") != shown or not is_there:
            self.report["steps"][name] = run() | {"words": shown}
            self.write()
            found = self.report["steps"][name]
            text = {key: value for key, value in found["figures"].items() if key in ("accuracy", "loss", "seconds")}
            print(f"{name}: {found['seconds']:.0f} s {json.dumps(text) if len(json.dumps(text)) < 100 else ''}", flush=True)
        return self.report["steps"][name]

    def package_command(self, name: str, *words: str, output: Path, is_kept: bool = True) -> dict[str, Any]:
        """A command of the package, as a user runs it.

        Args:
            name: of the step.
            *words: the command.
            output: folder that it makes; an earlier one is replaced.
            is_kept: whether other steps need that folder: it is made again where it is missing.
        """
        words = (*words, f"--output={output}")
        return self._once(name, list(words), lambda: run_command(*words, "--overwrite"), output.is_dir() or not is_kept)

    def process(self, name: str, module: str, *words: str) -> dict[str, Any]:
        """A worker: `python -m benchmarks.<module> <words> --results FILE`; gives the figures that it writes.

        Args:
            name: of the step.
            module: below `benchmarks`.
            *words: of its command line.
        """
        return self._once(name, [module, *words], lambda: _run_worker(module, list(words)))["figures"]

    def worker(self, name: str, command: str, model: Path, *words: str) -> dict[str, Any]:
        """A command of pretraining_worker.py on a model; gives its figures. Another model of the same name is a new step."""
        content = hashlib.sha256((model / "model.keras").read_bytes()).hexdigest()
        words = (command, str(model), *words)
        run = functools.partial(_run_worker, "pretraining_worker", list(words))
        return self._once(name, [*words, f"({content[:12]})"], run)["figures"]

    def here(self, name: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Something short in this process; gives its figures."""

        def run() -> dict[str, Any]:
            start = time.perf_counter()
            return {"figures": function(), "seconds": time.perf_counter() - start}

        return self._once(name, [name], run)["figures"]

    def write(self, **more: Any) -> None:
        """Write the file, with what else belongs into it."""
        self.report |= more
        unfinished = self.output.with_suffix(".part")
        unfinished.write_text(self._as_shown(json.dumps(self.report, indent=1)) + "\n", encoding="utf-8")
        unfinished.rename(self.output)
