"""The same on Keras's JAX backend, and on two devices: each in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install -e '.[test]'")


def run(folder: Path, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "training" / "resume_elsewhere.py"), str(folder), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@needs_jax
def test_on_jax(tmp_path: Path) -> None:
    assert "same on jax one" in run(tmp_path, KERAS_BACKEND="jax")


@pytest.mark.slow
def test_on_two_devices(tmp_path: Path) -> None:
    assert "same on tensorflow two" in run(tmp_path, "two", KERAS_BACKEND="tensorflow")
