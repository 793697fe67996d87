"""On two devices of `tf.distribute.MirroredStrategy`, a HubEncoder trains as on one device with the same global batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.small_hub_models import write_encoder


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("replicas")
    encoder = write_encoder(folder / "encoder", dropout=0.0)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "encoder" / "hub_on_two_replicas.py"), str(encoder), str(folder / "found.json")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("case", ["momentum", "adamw"])
def test_two_replicas_train_as_one_device(found: dict[str, Any], case: str) -> None:
    one, two = found[case]["losses"]
    assert found[case]["replicas"] == [1, 2]
    assert found[case]["kind"] == "MirroredVariable"
    assert two == pytest.approx(one, rel=1e-5)
    assert one[0] != one[-1]
    assert found[case]["difference"] < 1e-5


@pytest.mark.parametrize("case", ["momentum", "adamw"])
def test_saved_from_two_replicas_it_goes_on_there(found: dict[str, Any], case: str) -> None:
    one, two, again = found[case]["continued"]
    assert found[case]["reloaded"] == 0
    assert again == two
    assert two == pytest.approx(one, rel=1e-4)
