"""A `.keras` file loads in a fresh process after `import keras_bert_lab` alone, with safe mode on, and gives equal outputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.conformance.examples import EXAMPLES, NAMES, Example
from tests.conftest import ROOT
from tests.samples import numpy, randomise, relative_error


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models, saved here, loaded and run in one other process."""
    folder = tmp_path_factory.mktemp("saved_models")
    for example in EXAMPLES:
        keras.utils.set_random_seed(7)
        _, model = example.random_model()
        inputs = example.inputs()
        model.save(folder / f"{example.name}.keras")
        np.savez(folder / f"{example.name}.inputs.npz", **inputs)
        np.savez(folder / f"{example.name}.expected.npz", *(numpy(tensor) for tensor in keras.tree.flatten(model(inputs))))
    script = ROOT / "tests" / "conformance" / "load_saved_models.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_outputs_are_equal_in_a_fresh_process(example: Example, reloaded: Path) -> None:
    outputs = np.load(reloaded / f"{example.name}.outputs.npz")
    expected = np.load(reloaded / f"{example.name}.expected.npz")
    assert sorted(outputs) == sorted(expected)
    for name in expected:
        assert relative_error(outputs[name], expected[name]) < 1e-6


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_weights_alone_survive(example: Example, tmp_path: Path) -> None:
    _, model = example.random_model()
    other = randomise(example.model(example.make(None)), seed=13)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert len(other.get_weights()) == len(model.get_weights())
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
