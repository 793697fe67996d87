"""The same weights on Keras's JAX backend, in a process of its own that never imports TensorFlow."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import MaskedLMHead
from tests.conftest import ROOT
from tests.samples import VARIANTS, batch, config, numpy, randomise, relative_error

SCRIPT = """
import json, sys
import numpy as np
from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import MaskedLMHead
import keras

folder, variants = sys.argv[1], json.loads(sys.argv[2])
inputs = dict(np.load(f"{folder}/inputs.npz"))
positions = inputs.pop("masked_lm_positions")
results = {}
for name, settings in variants.items():
    encoder = Encoder(EncoderConfig.from_dict(settings))
    encoder.load_weights(f"{folder}/{name}.weights.h5")
    outputs = encoder(inputs)
    for key in ("sequence_output", "pooled_output"):
        results[f"{name}.{key}"] = np.asarray(outputs[key])
    for layer, weights in enumerate(encoder.attention_maps(inputs)):
        results[f"{name}.attention_maps.{layer}"] = np.asarray(weights)
    head = MaskedLMHead(encoder)
    head.set_weights([np.asarray(value) for value in np.load(f"{folder}/{name}.head.npz").values()])
    results[f"{name}.logits"] = np.asarray(head(outputs["sequence_output"], positions))
    symbolic = {key: keras.Input(array.shape[1:], dtype="int32") for key, array in inputs.items()}
    results[f"{name}.predicted"] = keras.Model(symbolic, encoder(symbolic)["pooled_output"]).predict(inputs, verbose=0)
np.savez(f"{folder}/results.npz", **results)
assert keras.backend.backend() == "jax", keras.backend.backend()
assert "tensorflow" not in sys.modules, "tensorflow was imported"
"""


def _packed() -> dict[str, np.ndarray]:
    inputs = batch((8, 8), 11)
    ids = np.array([[1] * 3 + [2] * 5 + [0] * 3] * 2, "int32")
    positions = np.array([[0, 1, 2, 0, 1, 2, 3, 4, 0, 0, 0]] * 2, "int32")
    starts = np.array([[0, 3, -1]] * 2, "int32")
    masked = np.array([[1, 3, 7, 4, 0], [0, 2, 3, 5, 6]], "int32")
    return inputs | {
        "input_example_ids": ids,
        "input_positions": positions,
        "input_example_starts": starts,
        "masked_lm_positions": masked,
    }


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install -e '.[test]'")
@pytest.mark.parametrize("packed", [False, True], ids=["separate", "packed"])
def test_jax_gives_the_same_numbers_without_tensorflow(tmp_path: Path, packed: bool) -> None:
    inputs = _packed() if packed else batch((11, 5)) | {"masked_lm_positions": _packed()["masked_lm_positions"]}
    np.savez(tmp_path / "inputs.npz", **inputs)
    positions = inputs.pop("masked_lm_positions")
    expected, settings, real = {}, {}, inputs["input_mask"]
    for name, changes in VARIANTS.items():
        encoder = randomise(Encoder(config(**changes)))
        head = randomise(MaskedLMHead(encoder), seed=8)
        encoder.save_weights(tmp_path / f"{name}.weights.h5")
        np.savez(tmp_path / f"{name}.head.npz", *head.get_weights())
        outputs = encoder(inputs)
        settings[name] = encoder.config.to_dict()
        expected[f"{name}.sequence_output"] = numpy(outputs["sequence_output"])
        expected[f"{name}.pooled_output"] = expected[f"{name}.predicted"] = numpy(outputs["pooled_output"])
        for layer, weights in enumerate(encoder.attention_maps(inputs)):
            expected[f"{name}.attention_maps.{layer}"] = numpy(weights)
        expected[f"{name}.logits"] = numpy(head(outputs["sequence_output"], positions))
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(settings)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.load(tmp_path / "results.npz")
    assert sorted(results) == sorted(expected)
    for name, theirs in expected.items():
        seen = 1  # which numbers are promised: not those of padding
        if name.endswith("sequence_output"):
            seen = real[..., None]
        elif "attention_maps" in name:
            seen = real[:, None, :, None]
        assert relative_error(results[name] * seen, theirs * seen) < 1e-5, name
