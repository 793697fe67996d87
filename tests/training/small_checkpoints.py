"""Checkpoints of two small arrays that the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_bert_lab.training.checkpoints import CheckpointFolder
from tests.conftest import ROOT

ARRAYS = {"weights/00000": np.arange(21, dtype=np.float32).reshape(3, 7), "nothing": np.zeros((0, 5), np.int8)}


def save(folder: CheckpointFolder, *numbers: int) -> None:
    for number in numbers:
        folder.save(ARRAYS, {"step": number})


def step(folder: CheckpointFolder) -> int:
    found = folder.newest()
    assert found is not None
    return found.about["step"]


def damage(folder: CheckpointFolder, name: str) -> None:
    path = folder.path / name / "arrays.npz"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def other_process(what: str, path: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.resume_one_process", what, str(path)]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def contents(folder: Path) -> list[str]:
    """Names, sorted."""
    return sorted(path.name for path in folder.iterdir())
