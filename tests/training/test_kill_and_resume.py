"""A few of the trainings that `benchmarks/kill_and_resume.py` kills by the hundred."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


def run(tmp_path: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    output = tmp_path / "found.json"
    words = [
        sys.executable,
        "-m",
        "benchmarks.kill_and_resume",
        "--quick",
        f"--work={tmp_path}",
        f"--output={output}",
        *options,
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert output.exists(), done.stderr[-3000:]
    return done.returncode, json.loads(output.read_text(encoding="utf-8"))["checks"], done.stdout


def test_trainings_that_are_killed_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    code, found, said = run(tmp_path, "--only=kills,commits", "--cases=3")
    assert code == 0, said
    assert found["kills"]["kills"] >= 3
    assert found["kills"]["differences"] == 0
    assert found["kills"]["inside_a_save"] >= 1
    assert found["commits"]["kills"] > 20
