"""Windows and extra columns on Keras's JAX backend, from a file: the same answers before and after a step."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_bert_lab import ExtraColumns
from tests.conftest import ROOT
from tests.samples import randomise
from tests.tasks.test_long_texts import LABELS, LONG, WINDOWS, classifier

SCRIPT = """
import json, sys
import keras
import numpy as np
import keras_bert_lab

folder = sys.argv[1]
given = json.load(open(f"{folder}/given.json"))
model = keras.saving.load_model(f"{folder}/model.keras")
found = {"predicted": model.predict(given["texts"], batch_size=4)}
model.compile(keras.optimizers.SGD(0.3))
model.fit(given["texts"], given["labels"], batch_size=11, verbose=0)
found["after"] = model.predict(given["texts"])
np.savez(f"{folder}/found.npz", **found)
assert keras.backend.backend() == "jax", keras.backend.backend()
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install 'keras-bert-lab[jax]'")
def test_on_jax(tmp_path: Path) -> None:
    table = {"text": LONG, "price": [float(row) if row % 3 else None for row in range(11)], "brand": list("abcabacbaab")}
    columns = ExtraColumns({"price": "number", "brand": "category"}, most_categories=2).learned_from(table)
    model = randomise(classifier(compiled=False, window_pooling="max", columns=columns, **WINDOWS))
    model.save(tmp_path / "model.keras")
    (tmp_path / "given.json").write_text(json.dumps({"texts": table, "labels": LABELS}))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "found.npz") as found:
        np.testing.assert_allclose(found["predicted"], model.predict(table), atol=1e-5)
        model.compile("sgd")
        model.optimizer.learning_rate = 0.3
        model.fit(table, LABELS, batch_size=11, verbose=0)
        np.testing.assert_allclose(found["after"], model.predict(table), atol=1e-5)
        assert np.abs(found["after"] - found["predicted"]).max() > 1e-2
