"""`pretrain` on Keras's JAX backend: two processes get the curves of one, and TensorFlow can use what was trained."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import random
import signal
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

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install -e '.[test]'")

MORE = ("parts", "texts", "pairs")
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


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def started(corpus: Path, folder: Path, cases: tuple[str, ...], **environment: str) -> subprocess.Popen[str]:
    known = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    # Compiling is most of the work here.
    known["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(corpus), str(folder), *cases],
        env=os.environ | known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pair(corpus: Path, folder: Path, cases: tuple[str, ...], **of_second: str) -> list[subprocess.Popen[str]]:
    """Two processes that train together."""
    known = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    first = started(corpus, folder, cases, **known, KERAS_DISTRIBUTION_PROCESS_ID="0")
    return [first, started(corpus, folder, cases, **known, KERAS_DISTRIBUTION_PROCESS_ID="1", **of_second)]


def done(processes: list[subprocess.Popen[str]], code: int = 0) -> list[str]:
    """What they printed; on standard error too where they were not to succeed."""
    try:
        found = [process.communicate(timeout=900) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, found, strict=True):
        assert process.returncode == code, errors[-3000:]
    return [printed + (errors if code else "") for printed, errors in found]


@pytest.fixture(scope="module")
def runs(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Folders of the same run in one process and in two, and what was printed."""
    folder = tmp_path_factory.mktemp("runs")
    both = [started(prepared, folder / "one", ("plain",)), *pair(prepared, folder / "two", ("plain",))]
    return {"one": folder / "one", "two": folder / "two", "printed": done(both)}


def figures(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "keras_bert_lab.json").read_text(encoding="utf-8"))["about"]["figures"]


MEASURED = {"tokens_per_second", "share_of_peak"}


def assert_same_curves(one: Path, two: Path, epochs: int) -> None:
    expected, found = figures(one), figures(two)
    curves = expected["history"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "padding"} < set(curves)
    assert len(curves["loss"]) == epochs
    for name in set(curves) - MEASURED:
        assert found["history"][name] == pytest.approx(curves[name], rel=1e-5), name
    for name in ("steps", "weights", "documents"):
        assert found[name] == expected[name]


def test_two_processes_have_the_curves_of_one(runs: dict[str, Any]) -> None:
    assert_same_curves(runs["one"] / "plain", runs["two"] / "plain", epochs=3)


@pytest.mark.slow
def test_two_processes_have_the_curves_of_one_whatever_they_train(prepared: Path, tmp_path: Path) -> None:
    done([started(prepared, tmp_path / "one", MORE), *pair(prepared, tmp_path / "two", MORE)])
    for case, epochs in zip(MORE, (1, 1, 2), strict=True):
        assert_same_curves(tmp_path / "one" / case, tmp_path / "two" / case, epochs)
    assert "val_pair_loss" in figures(tmp_path / "two" / "pairs")["history"]


def assert_went_on(prepared: Path, folder: Path, whole: Path) -> None:
    """Started again, they end as two that were never interrupted."""
    printed, _ = done(pair(prepared, folder, ("plain",)))
    assert "Going on from epoch 2, batch 1 of 2" in printed
    assert {path.name for path in folder.iterdir()} == {"plain", "outputs.npz"}
    assert_same_curves(whole / "plain", folder / "plain", epochs=3)
    one, two = (np.load(each / "outputs.npz")["weights"] for each in (whole, folder))
    assert np.array_equal(one, two)


def test_after_one_is_killed_both_go_on(runs: dict[str, Any], prepared: Path, tmp_path: Path) -> None:
    first, second = pair(prepared, tmp_path, ("plain",), AFTER="4", SIGNAL=str(int(signal.SIGKILL)))
    assert second.wait(timeout=900) == -signal.SIGKILL
    first.kill()  # as whatever started them does; by itself it would wait for the other one's heartbeat
    done([first, second], code=-signal.SIGKILL)
    assert (tmp_path / "plain.training").is_dir()
    assert not (tmp_path / "plain").exists()
    assert_went_on(prepared, tmp_path, runs["two"])


@pytest.mark.slow
def test_told_to_stop_one_stops_both(runs: dict[str, Any], prepared: Path, tmp_path: Path) -> None:
    printed, other = done(pair(prepared, tmp_path, ("plain",), AFTER="3", SIGNAL=str(int(signal.SIGTERM))), code=143)
    assert "the same call goes on from here" in printed
    assert "SIGTERM: stopping after this batch" in other
    assert figures(tmp_path / "plain")["interrupted_by"] == "SIGTERM"
    assert_went_on(prepared, tmp_path, runs["two"])


@pytest.mark.slow
def test_an_error_of_one_ends_both(prepared: Path, tmp_path: Path) -> None:
    first, second = pair(prepared, tmp_path, ("plain",), AFTER="3", SIGNAL="error")
    try:
        _, errors = second.communicate(timeout=120)  # JAX itself would wait for five minutes
        first.communicate(timeout=120)
    finally:
        first.kill()
        second.kill()
    assert "RuntimeError: something is wrong here" in errors
    assert first.returncode
    assert second.returncode
    assert (tmp_path / "plain.training").is_dir()


def test_what_the_main_process_refuses_ends_both(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "mine.txt").write_text("of somebody")
    printed, other = done(pair(prepared, tmp_path, ("plain",)), code=1)
    assert "output must be a new folder" in printed
    assert "Process 0, which this one trains with, has ended. Received: FormatError" in other


def test_weights_are_those_of_one_process(runs: dict[str, Any]) -> None:
    one, two = (np.load(runs[name] / "outputs.npz") for name in ("one", "two"))
    assert np.abs(one["weights"] - two["weights"]).max() < 1e-5
    assert np.abs(one["weights"]).max() > 0.1


def test_the_main_process_alone_writes_and_prints(runs: dict[str, Any]) -> None:
    single, main_process, other = runs["printed"]
    assert "documents to learn from" in main_process
    assert "Saved in" in main_process
    assert "pretraining" in single
    assert not [line for line in other.splitlines() if not line.startswith("[Gloo]")]
    for name in ("one", "two"):
        assert {path.name for path in runs[name].iterdir()} == {"plain", "outputs.npz"}
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
