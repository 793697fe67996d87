"""What concerns learning rates works on the JAX backend too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_on_jax():
    pytest.importorskip("jax")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "KERAS_BACKEND": "jax"}
    script = Path(__file__).with_name("rates_on_jax.py")
    found = json.loads(subprocess.run([sys.executable, script], env=environment, stdout=subprocess.PIPE, check=True).stdout)
    for name in ("number", "schedule", "accumulating"):
        is_as_before, is_next_the_same, tried, different = found[name]
        assert is_as_before
        assert is_next_the_same
        assert tried > 10
        assert different > tried - 5
    assert found["moved"] == {"block_0": pytest.approx(0.025, rel=1e-3), "block_1": pytest.approx(0.05, rel=1e-3)}
    assert found["rates"] == pytest.approx([1, 2, 3, 4, 5, 4, 3, 2, 1, 2])
    best, epochs, rate = found["autofit"]
    assert 1 <= best <= epochs <= 3
    assert rate > 0
