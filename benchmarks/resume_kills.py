"""Trainings that are killed again and again, and end as if nothing had happened.

A case is one training in a folder of its own, and the kills that its lives meet one after the other; then it may finish.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resume_calls import Act, Call, kill_at, record
from benchmarks.resume_lives import PHASES, Life, Marks, live
from benchmarks.resume_training import SAVES, Phases, acting, train

__all__ = ["Case", "Kill", "Reference", "make_cases", "reference", "run_case", "run_cases"]

_FULL = ("mkdir", "write", "rename", "unlink", "rmdir", "truncate")


@dataclasses.dataclass(frozen=True)
class Kill:
    """When a life ends.

    Attributes:
        at: "save" = before a call of a save; "recovery" = before a call between opening the folder and the choice of a
            checkpoint; "early", "late" = a moment between its begin and the first batch, and between that and its end.
        save: which save of this life, from 1.
        call: which call, from 0.
        torn: in the middle of it, where it writes.
        share: the moment, from 0 to 1.
    """

    at: str
    save: int = 0
    call: int = 0
    torn: bool = False
    share: float = 0.0


@dataclasses.dataclass(frozen=True)
class Case:
    """A training with its kills.

    Attributes:
        name: of the case.
        kills: one for each life but the last.
        damage: whether the newest checkpoint is damaged after each kill, where there are two.
        move: whether the folder is moved after each kill.
        full_at: numbers of saves during which the disk is full, in every life.
    """

    name: str
    kills: tuple[Kill, ...]
    damage: bool = False
    move: bool = False
    full_at: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Reference:
    """The training that nobody disturbs.

    Attributes:
        answer: of `train`.
        calls: of one of its saves, with all that a save does.
        early, late: seconds until its first batch, and from there to its end.
    """

    answer: dict[str, Any]
    calls: list[Call]
    early: float
    late: float


def _life_of(root: Path, case: Case, kill: Kill | None) -> Callable[[Marks], Any]:
    """The work of one life."""

    def full(call: Call, make: Callable[[], Any]) -> Any:
        if call.name in _FULL or call.makes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), call.path)
        return make()

    def in_save(number: int) -> Act | None:
        if kill is not None and kill.at == "save" and number == kill.save:
            return kill_at(kill.call, kill.torn)
        return full if number in case.full_at else None

    in_recovery = kill_at(kill.call, kill.torn) if kill is not None and kill.at == "recovery" else None

    def work(marks: Marks) -> Any:
        with acting(root, marks, in_save, in_recovery):
            return train(_checkpoints(root), (Phases(marks),))

    return work


def _checkpoints(root: Path) -> Path:
    return next(root.glob("place_*"), root / "place_0") / "checkpoints"


def _watch(kill: Kill | None, known: Reference) -> Callable[[Marks, float], int | None] | None:
    """Ends a life at a moment."""
    if kill is None or kill.at not in ("early", "late"):
        return None
    # By progress first: how long a batch takes depends on what else the machine does.
    place = kill.share * (SAVES - 1)
    came: list[float] = []

    def look(marks: Marks, seconds: float) -> int | None:
        if kill.at == "early":
            return signal.SIGKILL if seconds >= kill.share * known.early else None
        if marks.saves_begun > int(place) and not came:
            came.append(seconds)
        return signal.SIGKILL if came and seconds - came[0] >= place % 1 * known.late / SAVES else None

    return look


def reference(work: Path) -> tuple[Reference, list[str]]:
    """Train twice without a kill, once with checkpoints and once without; and what is wrong with that."""
    calls: list[list[Call]] = [[] for _ in range(SAVES + 1)]
    first: list[float] = []

    def training(marks: Marks) -> Any:
        with acting(work, marks, lambda number: record(calls[number])):
            found = train(work / "checkpoints", (Phases(marks),))
        fullest = max(calls[3:], key=len)
        return found | {"calls": [dataclasses.asdict(dataclasses.replace(call, data=b"")) | {"data": ""} for call in fullest]}

    def look(marks: Marks, seconds: float) -> None:
        if not first and marks.phase >= PHASES.index("training"):
            first.append(seconds)

    shutil.rmtree(work, ignore_errors=True)
    life = live(training, work / "life")
    timed = live(lambda marks: _plain(work / "other", marks), work / "life", look)
    for each in (life, timed):
        if each.status:
            raise RuntimeError(f"The training itself fails: {each.log}")
    problems = [] if life.answer["hash"] == timed.answer["hash"] else ["two trainings that nobody disturbs differ"]
    if life.marks["saves_done"] != SAVES:
        problems.append(f"{life.marks['saves_done']} saves instead of {SAVES}")
    found = [Call(**{**call, "data": b""}) for call in life.answer.pop("calls")]
    return Reference(life.answer, found, first[0], timed.seconds - first[0]), problems


def _plain(folder: Path, marks: Marks) -> Any:
    with acting(folder, marks, lambda _: None):
        return train(folder, (Phases(marks),))


def run_case(case: Case, work: Path, known: Reference) -> dict[str, Any]:
    """Live, kill, ..., finish; compare.

    Returns:
        "kills": phases in which lives were killed; "lives"; "failures".
    """
    shutil.rmtree(work, ignore_errors=True)
    root = work / "root"
    root.mkdir(parents=True)
    kills: list[str] = []
    failures: list[str] = []
    acknowledged = -1
    life: Life | None = None
    lives = 0
    for kill in (*case.kills, None):
        life = live(_life_of(root, case, kill), work / "life", _watch(kill, known))
        lives += 1
        reached = life.marks["phase"] > PHASES.index("recovery")
        if reached and not case.damage and life.marks["found"] < acknowledged:
            failures.append(f"life {lives} went on from {life.marks['found']}, though {acknowledged} was acknowledged")
        acknowledged = max(acknowledged, life.marks["acknowledged"])
        if life.status != -signal.SIGKILL:
            break
        kills.append(life.phase)
        if case.damage:
            _damage(_checkpoints(root))
        if case.move:
            place = _checkpoints(root).parent
            if place.exists():
                place.rename(root / f"place_{lives}")
    if life is None or life.status:
        failures.append(f"life {lives} ended with {life and life.status} in {life and life.phase}: {life and life.log}")
    elif life.answer["hash"] != known.answer["hash"]:
        different = [part for part, found in life.answer["parts"].items() if found != known.answer["parts"][part]]
        failures.append(f"the finished training differs in {', '.join(different)}")
    named = [f"{case.name} ({', '.join(kills)}; {case.kills}): {each}" for each in failures]
    if not failures:
        shutil.rmtree(work, ignore_errors=True)
    return {"kills": kills, "lives": lives, "failures": named}


def _damage(checkpoints: Path) -> None:
    """One bit of the newest checkpoint, where there is one before it."""
    found = sorted(checkpoints.glob("checkpoint-*"))
    if len(found) > 1:
        path = found[-1] / "arrays.npz"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(bytes(content))


def make_cases(known: Reference, quick: bool, seed: int) -> list[Case]:
    """All of them; with `quick` some of each kind.

    Args:
        known: the training that nobody disturbs.
        quick: about 15 kills instead of 220.
        seed: of the moments.
    """
    random = np.random.default_rng(seed)
    writes = [call.number for call in known.calls if call.name == "write"]
    others = [call.number for call in known.calls if call.name != "write"]
    some = random.choice(writes, 2 if quick else 24, replace=False).tolist()
    points = [(number, False) for number in (others[:: len(others) // 3] if quick else others)]
    points += [(number, place % 2 == 0) for place, number in enumerate(sorted({writes[0], writes[-1], *some}))]

    def save() -> int:
        return int(random.integers(1, SAVES + 1))

    def moment(at: str) -> Kill:
        return Kill(at, share=float(random.random()))

    def any_kill() -> Kill:
        if random.random() < 0.5:
            return Kill("save", int(random.integers(1, 4)), int(random.choice(len(known.calls))), bool(random.random() < 0.5))
        return moment("late")

    cases = [Case(f"call {known.calls[number]}", (Kill("save", save(), number, torn),)) for number, torn in points]
    cases += [Case("last save", (Kill("save", SAVES, number),)) for number in others[:: len(others) if quick else 4]]
    for number in range(0, 20, 9 if quick else 1):
        in_save = Kill("save", save(), int(random.choice(writes)), torn=True)
        cases.append(Case("recovery", (in_save, Kill("recovery", call=number), Kill("recovery", call=number // 2))))
    cases += [Case("early", (moment("late"), moment("early"))) for _ in range(1 if quick else 12)]
    cases += [Case("random", (moment("late"),)) for _ in range(2 if quick else 80)]
    cases += [Case("many", tuple(any_kill() for _ in range(6 if quick else 20))) for _ in range(1 if quick else 6)]
    cases += [Case("damaged", (any_kill(), any_kill()), damage=True) for _ in range(1 if quick else 6)]
    cases += [Case("moved", (any_kill(), any_kill()), move=True) for _ in range(1 if quick else 3)]
    return cases + [Case("full disk", (moment("late"),), full_at=(2, 3, 4, 7, 11)) for _ in range(1 if quick else 4)]


def run_cases(cases: Sequence[Case], work: Path, known: Reference, announce: Callable[[str], Any]) -> dict[str, Any]:
    """All of them, one after the other."""
    phases: Counter[str] = Counter()
    failures: list[str] = []
    lives = 0
    for number, case in enumerate(cases):
        found = run_case(case, work / f"case_{number:03}", known)
        phases.update(found["kills"])
        failures += found["failures"]
        lives += found["lives"]
        announce(f"{number + 1}/{len(cases)} {case.name}: {', '.join(found['kills']) or 'no kill'}")
    return {
        "cases": len(cases),
        "kinds": dict(Counter(case.name.split()[0] for case in cases)),
        "lives": lives,
        "kills": sum(phases.values()),
        "kills_by_phase": dict(phases),
        "inside_a_save": phases["save"],
        "differences": len(failures),
        "failures": failures,
    }
