"""`pretrain` on Keras's JAX backend: two processes get the curves of one, and TensorFlow can use what was trained."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import load_task
from keras_bert_lab.cli import main
from tests.cli import pretrain_on_jax
from tests.cli.small_runs import corpus
from tests.conftest import ROOT
from tests.tasks.small_tasks import TEXTS

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install keras-bert-lab[jax]")

CASES = ("plain", "parts", "texts", "pairs")
SCRIPT = ROOT / "tests" / "cli" / "pretrain_on_jax.py"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of 2 to 5 sentences."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = random.Random(5)
    words = sorted({word for text in TEXTS for word in text.split() if word.isalpha()})
    sentences = [" ".join(rng.choices(words, k=rng.randint(2, 7))).capitalize() + "." for _ in range(140)]
    ends = [0]
    while ends[-1] < 120:
        ends.append(ends[-1] + rng.randint(2, 5))
    texts = corpus(folder / "c.txt", [" ".join(sentences[a:b]) for a, b in itertools.pairwise(ends)])
    assert main(["prepare", texts, "--output", str(folder / "corpus"), "--vocabulary.size", "97"]) == 0
    return folder / "corpus"


def started(corpus: Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    known = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    # Compiling is most of the work here.
    known["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(corpus), str(folder), *CASES],
        env=os.environ | known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What they printed."""
    try:
        found = [process.communicate(timeout=900) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, found, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return [printed for printed, _ in found]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def runs(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Folders of the same runs in one process and in two, and what was printed."""
    folder = tmp_path_factory.mktemp("runs")
    places = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    pair = [started(prepared, folder / "two", **places, KERAS_DISTRIBUTION_PROCESS_ID=str(number)) for number in (0, 1)]
    printed = done(pair)
    return {"one": folder / "one", "two": folder / "two", "printed": printed + done([started(prepared, folder / "one")])}


def figures(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "keras_bert_lab.json").read_text(encoding="utf-8"))["about"]["figures"]


MEASURED = {"tokens_per_second", "share_of_peak"}


@pytest.mark.parametrize("case", CASES)
def test_two_processes_have_the_curves_of_one(runs: dict[str, Any], case: str) -> None:
    one, two = (figures(runs[name] / case) for name in ("one", "two"))
    curves = one["history"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "padding"} < set(curves)
    assert ("val_pair_loss" in curves) is (case == "pairs")
    assert len(curves["loss"]) == {"plain": 3, "parts": 1, "texts": 1, "pairs": 2}[case]
    for name in set(curves) - MEASURED:
        assert two["history"][name] == pytest.approx(curves[name], rel=1e-5), name
    assert {name: one[name] for name in ("steps", "weights", "documents")} == {
        name: two[name] for name in ("steps", "weights", "documents")
    }


def test_weights_are_those_of_one_process(runs: dict[str, Any]) -> None:
    one, two = (np.load(runs[name] / "outputs.npz") for name in ("one", "two"))
    assert np.abs(one["weights"] - two["weights"]).max() < 1e-5
    assert np.abs(one["weights"]).max() > 0.1


def test_the_main_process_alone_writes_and_prints(runs: dict[str, Any]) -> None:
    main_process, other, single = runs["printed"]
    assert "documents to learn from" in main_process
    assert "Saved in" in main_process
    assert "pretraining" in single
    assert not [line for line in other.splitlines() if not line.startswith("[Gloo]")]
    for name in ("one", "two"):
        assert {path.name for path in runs[name].iterdir()} == {*CASES, "outputs.npz"}
    assert {path.name for path in (runs["two"] / "plain").iterdir()} == {
        path.name for path in (runs["one"] / "plain").iterdir()
    }


def test_tensorflow_loads_and_exports_what_jax_trained(runs: dict[str, Any], tmp_path: Path) -> None:
    folder = str(runs["two"] / "plain")
    expected = np.load(runs["two"] / "outputs.npz")
    found = pretrain_on_jax.outputs(folder)
    assert np.array_equal(found["weights"], expected["weights"])
    scale = np.abs(expected["logits"]).max()
    assert np.abs(found["logits"] - expected["logits"]).max() < 1e-5 * scale
    assert main(["export", folder, str(tmp_path / "exported")]) == 0
    assert (tmp_path / "exported" / "1" / "saved_model.pb").is_file()
    assert len(load_task(folder).fill_mask(["the film was [MASK]"], top_k=3)) == 3
