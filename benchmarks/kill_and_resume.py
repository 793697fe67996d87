"""Trainings that are killed, damaged, starved of disk and of power, and end as if nothing had happened.

    python -m benchmarks.kill_and_resume --jobs 2          about 25 minutes on 2 cores
    python -m benchmarks.kill_and_resume --quick           about 3 minutes: some of everything
    python -m benchmarks.kill_and_resume --only cost       about 3 minutes, on a machine without other work: what saving costs
    python -m benchmarks.kill_and_resume --quick --sabotage hash    must fail: a part of the package is taken away

Checks:

- kills: a tiny training (a masked language model with dropout and validation; a checkpoint after every batch) is killed with
  SIGKILL at random moments, before each system call of a save and in the middle of writes, while it starts, while it recovers,
  many times in a row, with its newest checkpoint damaged, its folder moved, its disk full. Started again it must end with the
  same hash of weights, slots of the optimizer, seeds and history as one that nobody disturbed, and must never go on from an
  older checkpoint than one that was acknowledged. At least 200 kills, 50 of them inside a save: shared memory tells.
- commits: SIGKILL before every system call of four commits, and in the middle of every write.
- faults: a full, failing, read-only disk, interrupted calls, short writes at each call, once and for a while.
- damage: every truncation and 1,000 flipped bits of the newest checkpoint's files, and other files in their place.
- power: all disks that a loss of power can leave at any moment of four commits.
- signals: SIGTERM at random moments: saved, exit code 143, at most the running batch lost.
- processes: a second process on the same folder is refused as long as the first one lives.
- sabotage: parts of the package are taken away; each time the check that is named must find it.
- cost: seconds of a save and its share at one a minute; seconds until the first batch after going on.

Results in benchmarks/results/kill_and_resume.json, of the cost in kill_and_resume_cost.json; expected: no failure, exit code
0. Seed 0.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# A process that has several threads cannot be forked: importing NumPy and pyarrow shall start none.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from benchmarks.measure import machine, versions
from benchmarks.resume_commits import run_faults, run_kernel, run_kills
from benchmarks.resume_cost import run_cost
from benchmarks.resume_damage import run_damage
from benchmarks.resume_kills import Case, Kill, Reference, make_cases, reference, run_cases
from benchmarks.resume_lives import threads_now
from benchmarks.resume_power import run_power
from benchmarks.resume_sabotage import SABOTAGE, sabotage
from benchmarks.resume_signals import run_processes, run_signals

_KILLS, _INSIDE = 200, 50
_SHOWN = 5


class Checks:
    """All checks, of one size.

    Args:
        work: folder for trainings, on a disk.
        memory: folder for checkpoints of NumPy arrays.
        quick: some of everything.
        jobs: trainings at a time.
        seed: of moments and places.
    """

    def __init__(self, work: Path, memory: Path, quick: bool, jobs: int, seed: int) -> None:
        self.work, self.memory, self.quick, self.jobs, self.seed = work, memory, quick, jobs, seed
        self._known: Reference | None = None
        self.problems: list[str] = []
        self.brief = False
        self.few: int | None = None
        self.corpus: Path | None = None

    @property
    def known(self) -> Reference:
        """The training that nobody disturbs."""
        if self._known is None:
            self._known, self.problems = reference(self.work / "reference")
        return self._known

    def kills(self) -> dict[str, Any]:
        if self.brief:
            middle = Case("sabotage", (Kill("save", 4, 3),))
            return self._cases([middle, Case("full disk", (Kill("save", 9, 3),), full_at=(2, 3))])
        cases = make_cases(self.known, self.quick, self.seed)
        if self.few is not None:
            cases = cases[:: -(-len(cases) // self.few)]
        found = self._cases(cases)
        found["failures"] = self.problems + found["failures"]
        if not self.quick and not self.few and (found["kills"] < _KILLS or found["inside_a_save"] < _INSIDE):
            found["failures"].append(f"only {found['kills']} kills, {found['inside_a_save']} inside a save: nothing is shown")
        return found

    def _cases(self, cases: list[Case]) -> dict[str, Any]:
        """Dealt out to processes, each of which forks the lives of its own cases."""
        known = self.known
        jobs = 1 if self.brief else self.jobs
        if jobs == 1:
            return run_cases(cases, self.work / "cases", known, _announce)
        waiting = []
        for job in range(jobs):
            process = os.fork()
            if not process:
                _work_off(cases[job::jobs], self.work / f"cases_{job}", known)
            waiting.append(process)
        found: dict[str, Any] = {}
        for job, process in enumerate(waiting):
            _, status = os.waitpid(process, 0)
            if status:
                raise RuntimeError(f"A part of the kills failed with status {status}.")
            answer = json.loads((self.work / f"cases_{job}.json").read_text(encoding="utf-8"))
            found = answer if not found else _sum(found, answer)
        return found

    def commits(self) -> dict[str, Any]:
        found = run_kills(self.memory, every=7 if self.quick or self.brief else 1)
        if not self.brief:
            kernel = run_kernel(self.memory)
            found["failures"] += kernel.pop("failures")
            found["kernel"] = kernel
        return found

    def faults(self) -> dict[str, Any]:
        return run_faults(self.memory, every=5 if self.quick or self.brief else 1)

    def damage(self) -> dict[str, Any]:
        small = self.quick or self.brief
        return run_damage(self.memory, flips=200 if small else 1000, every=37 if small else 1, seed=self.seed)

    def power(self) -> dict[str, Any]:
        return run_power(self.memory, share=0.1 if self.quick or self.brief else 1.0, most=1 if self.brief else 1000)

    def signals(self) -> dict[str, Any]:
        return run_signals(self.work, self.known, 2 if self.brief else 5 if self.quick else 40, self.seed)

    def processes(self) -> dict[str, Any]:
        return run_processes(self.work, self.known)

    def sabotage(self) -> dict[str, Any]:
        """Each in turn; the check that is named must find it."""
        found, failures = {}, []
        self.known  # noqa: B018  # before anything is taken away
        self.brief = True
        for name, (_, check) in SABOTAGE.items():
            with sabotage(name):
                first = getattr(self, check)()["failures"][:1]
            found[name] = {"check": check, "found": bool(first), "first_failure": first[0][:300] if first else None}
            _announce(f"{name}: {'found by' if first else 'NOT FOUND by'} {check}")
            if not first:
                failures.append(f"{name} is taken away, and {check} does not find it")
        self.brief = False
        return {"taken_away": found, "failures": failures}

    def cost(self) -> dict[str, Any]:
        return run_cost(self.work, self.quick, self.corpus)


CHECKS = ("commits", "faults", "damage", "power", "kills", "signals", "processes", "sabotage")


def _work_off(cases: list[Case], folder: Path, known: Reference) -> None:
    code = 1
    try:
        found = run_cases(cases, folder, known, _announce)
        folder.with_suffix(".json").write_text(json.dumps(found), encoding="utf-8")
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def _sum(ours: Any, theirs: Any) -> Any:
    if isinstance(ours, dict):
        return {name: _sum(ours.get(name, 0), theirs.get(name, 0)) for name in dict.fromkeys([*ours, *theirs])}
    return ours + theirs


def _announce(line: str) -> None:
    print(f"  {line}", flush=True)


def _run(checks: Checks, names: list[str]) -> dict[str, Any]:
    found = {}
    for name in names:
        print(name, flush=True)
        start = time.perf_counter()
        check: Callable[[], dict[str, Any]] = getattr(checks, name)
        found[name] = check() | {"seconds_of_the_check": round(time.perf_counter() - start, 1)}
        failures = found[name]["failures"]
        shown = {key: value for key, value in found[name].items() if isinstance(value, int | float)}
        print(f"  {len(failures)} failures; {shown}")
        for failure in failures[:_SHOWN]:
            print(f"  FAILED {failure}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="some of everything")
    parser.add_argument("--only", default=",".join(CHECKS), help=f"some of {','.join(CHECKS)}")
    parser.add_argument("--sabotage", choices=SABOTAGE, help="take this part of the package away")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--cases", type=int, help="of the kills, only about so many")
    parser.add_argument("--corpus", type=Path, help="for the cost: a prepared corpus, how soon its batches are there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder on a disk for the trainings")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = set(names) - {*CHECKS, "cost"}
    if unknown:
        parser.error(f"--only must be some of {','.join(CHECKS)},cost. Received: {','.join(sorted(unknown))}")
    if options.sabotage:
        names = [name for name in names if name not in ("sabotage", "cost")]
    results = Path(__file__).parent / "results"
    kept = {CHECKS: results / "kill_and_resume.json", ("cost",): results / "kill_and_resume_cost.json"}
    default = None if options.quick or options.sabotage else kept.get(tuple(names))
    logging.getLogger("keras_bert_lab").addHandler(logging.NullHandler())
    logging.getLogger("keras_bert_lab").propagate = False
    work = Path(tempfile.mkdtemp(prefix="kill_and_resume_", dir=options.work))
    fast = Path("/dev/shm")  # its contents live as long as the machine: enough for all but the cost
    memory = Path(tempfile.mkdtemp(prefix="kill_and_resume_", dir=fast if fast.is_dir() else options.work))
    checks = Checks(work, memory, options.quick, options.jobs, options.seed)
    checks.few, checks.corpus = options.cases, options.corpus
    start = time.perf_counter()
    try:
        if options.sabotage and {"kills", "signals", "processes"} & set(names):
            checks.known  # noqa: B018  # before anything is taken away
        with sabotage(options.sabotage):
            found = _run(checks, names)
    finally:
        shutil.rmtree(memory, ignore_errors=True)
    failures = [failure for each in found.values() for failure in each["failures"]]
    report = {
        "command": "python -m benchmarks.kill_and_resume " + " ".join(sys.argv[1:]),
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "numpy"]),
        "threads_of_a_training": os.environ["TF_NUM_INTRAOP_THREADS"],
        "threads_when_forked": threads_now(),
        "seconds": round(time.perf_counter() - start, 1),
        "checks": found,
    }
    output = options.output or default or Path(tempfile.gettempdir()) / "kill_and_resume_part.json"
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if failures:
        print(f"{len(failures)} failures; what is left of them is in {work}")
        print(f"Written: {output}")
        sys.exit(1)
    shutil.rmtree(work, ignore_errors=True)
    print(f"No failure. Written: {output}")


if __name__ == "__main__":
    main()
