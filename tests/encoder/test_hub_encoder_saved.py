"""`.keras` files with a HubEncoder hold all that it needs: it gives equal outputs and goes on training where it stopped."""

from __future__ import annotations

import base64
import gc
import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_bert_lab as kbl
from keras_bert_lab import HubEncoder
from keras_bert_lab.errors import FormatError
from tests.conftest import ROOT
from tests.encoder.test_hub_encoder import ENCODER, model_of
from tests.samples import B, batch, numpy, symbolic
from tests.small_hub_models import packed_encoder, write_encoder

TARGETS = np.linspace(-1, 1, B)


def compiled(folder: Path, what: str, optimizer: Any, **settings: Any) -> keras.Model:
    model = model_of(HubEncoder(folder, trainable=True, name="bert"))
    kbl.set_trainable(model, what)
    model.compile(optimizer, "mse", jit_compile=False, **settings)
    return model


def losses(model: keras.Model) -> list[float]:
    """Of two epochs more."""
    return model.fit(batch(), TARGETS, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]


CASES = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "adamw": lambda: kbl.AdamW(kbl.LinearWarmupDecay(0.01, 20, 3)),
}
CHOICES = {"adam": "all", "momentum": "last 1", "adamw": ["*/kernel", "pooler*"]}

SCRIPT = """
import json, sys
import keras
import keras_bert_lab
sys.path.insert(0, {root!r})
from tests.encoder.test_hub_encoder_saved import batch, losses, numpy
found = {{}}
for name in {names!r}:
    model = keras.saving.load_model(f"{folder}/{{name}}.keras", safe_mode=True)
    outputs = numpy(model(batch())).tolist()
    found[name] = {{
        "outputs": outputs,
        "trained": [weight.path for weight in model.trainable_weights],
        "iterations": int(model.optimizer.iterations),
        "losses": losses(model),
    }}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def continued(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """For each case: what a model gives that went on, and one saved and loaded in a fresh process without its folder."""
    root = tmp_path_factory.mktemp("saved")
    folder = write_encoder(root / "encoder", dropout=0.0)  # the seeds of its ops are part of a SavedModel's graph
    expected, models = {}, {}
    for name, optimizer in CASES.items():
        keras.utils.set_random_seed(7)
        models[name] = model = compiled(folder, CHOICES[name], optimizer())
        model.fit(batch(), TARGETS, batch_size=4, epochs=2, verbose=0)
    shutil.rmtree(folder)
    for name, model in models.items():
        model.save(root / f"{name}.keras")
        expected[name] = {
            "outputs": numpy(model(batch())).tolist(),
            "trained": [weight.path for weight in model.trainable_weights],
            "iterations": int(model.optimizer.iterations),
            "losses": losses(model),
        }
    script = SCRIPT.format(root=str(ROOT), names=list(CASES), folder=root)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: (expected[name], found[name]) for name in CASES}


@pytest.mark.parametrize("case", CASES)
def test_a_fresh_process_gives_equal_outputs_and_goes_on_equally(continued: Any, case: str) -> None:
    expected, found = continued[case]
    assert found["outputs"] == expected["outputs"]
    assert found["trained"] == expected["trained"]
    assert found["iterations"] == expected["iterations"] == 4
    assert found["losses"] == expected["losses"]
    assert expected["losses"][0] != expected["losses"][1]
    assert len(expected["trained"]) == {"adam": 11, "momentum": 6, "adamw": 6}[case]


def test_weights_are_stored_once(shared: Path, tmp_path: Path) -> None:
    encoder = HubEncoder(shared / ENCODER)
    model_of(encoder).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        sizes = {entry.filename: entry.file_size for entry in file.infolist()}
    weights = 4 * encoder.count_params()
    mlm = 4 * (30522 + 128 * 128 + 3 * 128)
    assert set(sizes) == {"metadata.json", "config.json", "model.weights.h5"}
    assert weights + mlm < sizes["model.weights.h5"] < weights + mlm + 200_000
    assert sizes["config.json"] < 400_000  # graph and vocabulary, 1.5 MB, compressed


def test_what_is_no_weight_survives_too(tmp_path: Path) -> None:
    """Flags and the weights of `mlm`, which the layer itself does not use."""
    encoder = HubEncoder(write_encoder(tmp_path / "encoder"))
    model = model_of(encoder)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").get_layer(encoder.name)
    assert len(again._rest) == 3
    for ours, theirs in zip(again._rest, encoder._rest, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert bool(again._hub.do_lower_case)
    assert np.abs(again._hub.mlm.bias.numpy()).max() > 0.1


def test_weights_alone_are_saved_and_loaded(tmp_path: Path) -> None:
    model = model_of(HubEncoder(write_encoder(tmp_path / "first")))
    other = model_of(HubEncoder(write_encoder(tmp_path / "second", seed=6)))
    expected = numpy(model(batch()))
    assert np.abs(numpy(other(batch())) - expected).max() > 0.01
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(numpy(other(batch())), expected)


def test_a_model_is_cloned(tmp_path: Path) -> None:
    model = model_of(HubEncoder(write_encoder(tmp_path / "encoder"), trainable=True))
    shutil.rmtree(tmp_path / "encoder")
    clone = keras.models.clone_model(model)
    assert np.abs(np.concatenate([np.ravel(weight) for weight in clone.layers[-2].get_weights()])).max() == 0
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(numpy(clone(batch())), numpy(model(batch())))
    clone.set_weights([weight + 1 for weight in clone.get_weights()])
    assert np.abs(numpy(clone(batch())) - numpy(model(batch()))).max() > 0.1


def test_two_encoders_in_one_model(tmp_path: Path) -> None:
    inputs = symbolic(batch())
    encoders = [HubEncoder(write_encoder(tmp_path / str(seed), seed=seed), name=f"bert_{seed}") for seed in (3, 4)]
    both = keras.Model(inputs, [encoder(inputs)["pooled_output"] for encoder in encoders])
    both.save(tmp_path / "both.keras")
    again = keras.saving.load_model(tmp_path / "both.keras")
    for ours, theirs in zip(again(batch()), both(batch()), strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that TensorFlow reads from goes with the layer."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    encoder = HubEncoder(write_encoder(tmp_path / "encoder"))
    (own,) = scratch.iterdir()
    assert sorted(str(path.relative_to(own)) for path in own.rglob("*") if path.is_file()) == [
        "assets/vocab.txt",
        "saved_model.pb",
    ]
    settings = encoder.get_config()
    graph = saved_model_pb2.SavedModel.FromString(encoder._sealed.files["saved_model.pb"])
    graph.meta_graphs[0].graph_def.library.function[0].node_def[0].op = "NoSuchOp"
    settings["sealed"]["saved_model.pb"] = base64.b64encode(zlib.compress(graph.SerializeToString())).decode()
    with pytest.raises(FormatError, match="needs the TensorFlow op 'NoSuchOp', which no installed package has"):
        HubEncoder.from_config(settings)
    assert list(scratch.iterdir()) == [own]
    del encoder
    gc.collect()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "assets/../../evil", "assets//evil", "variables\\..\\evil", "other/file", "evil"]
)
def test_names_of_files_cannot_leave_the_folder(name: str) -> None:
    settings = HubEncoder("small", sealed=packed_encoder()).get_config()
    settings["sealed"][name] = settings["sealed"]["saved_model.pb"]
    with pytest.raises(FormatError, match="is no SavedModel: wrong file names") as caught:
        HubEncoder.from_config(settings)
    assert repr([name]) in str(caught.value)


def test_a_damaged_config_is_refused() -> None:
    settings = HubEncoder("small", sealed=packed_encoder()).get_config()
    graph = settings["sealed"]["saved_model.pb"]
    for wrong, rule in ((graph[:-8], "truncated|damaged"), ("?" * 8, "damaged in this file: saved_model.pb"), (3, "damaged")):
        with pytest.raises(FormatError, match=rule) as caught:
            HubEncoder.from_config(settings | {"sealed": settings["sealed"] | {"saved_model.pb": wrong}})
    with pytest.raises(FormatError, match=r"no saved_model\.pb"):
        HubEncoder.from_config(settings | {"sealed": {}})
    assert graph[:50] not in str(caught.value)  # the error does not print the packed SavedModel
    with pytest.raises(FormatError, match=r"needs the file assets/vocab\.txt"):
        HubEncoder.from_config(settings | {"sealed": {"saved_model.pb": graph}})
    with pytest.raises(ValueError, match=r"frozen must hold places among the 9 weights.*\[9, 77\]"):
        HubEncoder.from_config(settings | {"trainable": True, "frozen": [1, 77, 9]})


def test_it_is_exported_as_any_layer(tmp_path: Path) -> None:
    model = model_of(HubEncoder(write_encoder(tmp_path / "encoder"), trainable=True))
    shutil.rmtree(tmp_path / "encoder")
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    answers = exported.serve({key: tf.constant(value) for key, value in batch().items()})
    np.testing.assert_allclose(numpy(answers), numpy(model(batch())), atol=1e-6)
