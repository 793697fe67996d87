"""On two devices of `tf.distribute.MirroredStrategy`, tasks train as on one device with the same global batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("replicas") / "found.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "tasks" / "on_two_replicas.py"), str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(path.read_text())


@pytest.mark.parametrize("task", ["classifier", "language_model", "language_model_clipped", "pairs", "distillation"])
def test_two_replicas_train_as_one_device(found: dict[str, Any], task: str) -> None:
    one, two = found[task]["losses"]
    assert found[task]["replicas"] == [1, 2]
    assert len(one) >= 2
    assert two == pytest.approx(one, rel=1e-5)
    assert found[task]["difference"] < 1e-5
