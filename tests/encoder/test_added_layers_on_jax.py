"""Low-rank updates and adapters on Keras's JAX backend, in a process of its own that never imports TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_bert_lab import Encoder, add_adapters, add_lora
from keras_bert_lab.encoder.frozen_weights import weight_names
from tests.conftest import ROOT
from tests.encoder.test_lora import model_of
from tests.samples import B, H, batch, config, numpy, randomise, relative_error

SCRIPT = """
import sys
import numpy as np
import keras
from keras_bert_lab.encoder import add_lora, merge_lora

folder = sys.argv[1]
inputs = dict(np.load(f"{folder}/inputs.npz"))
model = keras.saving.load_model(f"{folder}/model.keras")
results = {"loaded": model.predict(inputs, verbose=0)}
model.compile(keras.optimizers.SGD(0.1), "mse")
model.fit(inputs, np.linspace(-1, 1, len(results["loaded"])), batch_size=len(results["loaded"]), verbose=0)
results |= {f"trained {number}": np.asarray(weight) for number, weight in enumerate(model.trainable_weights)}
results["before"] = model.predict(inputs, verbose=0)
merge_lora(model)
results["merged"] = model.predict(inputs, verbose=0)
results["again"] = add_lora(model, rank=1).trainable
np.savez(f"{folder}/results.npz", **results)
assert keras.backend.backend() == "jax", keras.backend.backend()
assert "tensorflow" not in sys.modules, "tensorflow was imported"
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install -e '.[test]'")
def test_jax_trains_and_merges_like_tensorflow(tmp_path: Path) -> None:
    encoder = Encoder(config(dropout=0.0, attention_dropout=0.0))
    model = model_of(encoder)
    add_adapters(model, 3, norms=False)
    add_lora(model, rank=2, targets="all")
    randomise(model)
    np.savez(tmp_path / "inputs.npz", **batch())
    model.save(tmp_path / "model.keras")
    expected = numpy(model(batch()))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    before = [numpy(weight) for weight in model.trainable_weights]
    model.fit(batch(), np.linspace(-1, 1, B), batch_size=B, verbose=0)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.load(tmp_path / "results.npz")
    assert relative_error(results["loaded"], expected) < 1e-5
    assert len(before) == 2 * (2 * 6 + 2 * 4) + 2
    for number, (weight, old) in enumerate(zip(model.trainable_weights, before, strict=True)):
        step = numpy(weight) - old
        assert np.abs(results[f"trained {number}"] - old - step).max() < 1e-4 * np.abs(step).max() + 1e-6, weight.path
    assert sum("_lora" in name for name in weight_names(model)) == 24
    assert relative_error(results["merged"], results["before"]) < 1e-5
    assert results["again"] == 2 * 2 * 2 * H + 2 * (2 * H * 3 + 3 + H) * 2 + H + 1
