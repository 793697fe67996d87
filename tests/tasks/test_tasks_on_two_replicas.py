"""On two devices of `tf.distribute.MirroredStrategy`, tasks train as on one device with the same global batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT


def found_by(folder: Path, *tasks: str) -> dict[str, Any]:
    """What a process with two devices finds."""
    path = folder / "found.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "tasks" / "on_two_replicas.py"), str(path), *tasks],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(path.read_text())


def assert_same(found: dict[str, Any], task: str) -> None:
    one, two = found[task]["losses"]
    assert found[task]["replicas"] == [1, 2]
    assert len(one) >= 2
    assert two == pytest.approx(one, rel=1e-5, abs=1e-6)
    assert found[task]["difference"] < 1e-5


FAST = ("classifier", "language_model", "language_model_clipped")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return found_by(tmp_path_factory.mktemp("replicas"), *FAST)


@pytest.mark.parametrize("task", FAST)
def test_two_replicas_train_as_one_device(found: dict[str, Any], task: str) -> None:
    assert_same(found, task)


@pytest.mark.slow
def test_pairs_and_students_train_as_on_one_device(tmp_path: Path) -> None:
    tasks = ("pairs", "distillation")
    found = found_by(tmp_path, *tasks)
    for task in tasks:
        assert_same(found, task)
