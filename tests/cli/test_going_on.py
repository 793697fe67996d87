"""`train` and `pretrain` go on where they stopped when they are started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import ResumableTraining, load_task
from keras_bert_lab.cli import main
from tests.cli.small_runs import FIT, NEW, corpus, manifest, table
from tests.conftest import ROOT


@pytest.fixture(params=["pretrain", "train"])
def command(request: pytest.FixtureRequest, here: Path, bert: Path) -> list[str]:
    """A command of four short epochs."""
    if request.param == "pretrain":
        return ["pretrain", corpus(here / "c.txt"), *NEW, "--epochs", "4"]
    return ["train", table(here / "t.csv"), "--encoder", str(bert), *FIT, "--epochs", "4"]


def _weights(folder: Path) -> list[np.ndarray]:
    return load_task(folder).get_weights()


def _assert_same(one: Path, other: Path) -> None:
    for ours, theirs in zip(_weights(one), _weights(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first, second = (manifest(folder)["about"]["figures"]["history"] for folder in (one, other))
    names = [name for name in first if name not in ("tokens_per_second", "share_of_peak")]
    assert {name: first[name] for name in names} == {name: second[name] for name in names}
    assert len((other / "history.csv").read_text().splitlines()) == len(first["loss"]) + 1


def _ends_after(monkeypatch: pytest.MonkeyPatch, batches: int, how: Any) -> None:
    on_end = ResumableTraining.on_train_batch_end
    seen: list[int] = []

    def instead(self: ResumableTraining, batch: int, logs: dict[str, Any] | None = None) -> None:
        seen.append(batch)
        if len(seen) == batches:
            how()
        on_end(self, batch, logs)

    monkeypatch.setattr(ResumableTraining, "on_train_batch_end", instead)


@pytest.mark.parametrize(("command", "batches"), [("pretrain", 5), ("train", 1), ("train", 5)], indirect=["command"])
def test_a_run_that_was_interrupted_ends_with_the_same_weights(
    command: list[str], batches: int, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--output", "whole"]) == 0
    with monkeypatch.context() as patched:
        _ends_after(patched, batches, lambda: signal.raise_signal(signal.SIGTERM))
        assert main([*command, "--output", "a"]) == 143
    assert "the same call goes on from here" in capsys.readouterr().err
    assert manifest(here / "a")["about"]["figures"]["interrupted_by"] == "SIGTERM"
    assert main([*command, "--output", "a"]) == 0
    assert "Going on from epoch" in capsys.readouterr().out
    assert manifest(here / "a")["about"]["figures"]["interrupted_by"] is None
    assert not (here / "a.training").exists()
    _assert_same(here / "whole", here / "a")
    assert main([*command, "--output", "a"]) == 1
    assert "output is there already" in capsys.readouterr().err


def test_an_error_after_the_training_costs_no_training(
    here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", table(here / "t.csv"), "--encoder", str(bert), *FIT, "--epochs", "2"]

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr("keras_bert_lab.recipes.runs.write_task", full)
        assert main([*command, "--output", "a"]) == 1
    assert (here / "a.training").is_dir()
    assert not (here / "a").exists()
    with monkeypatch.context() as patched:
        _ends_after(patched, 1, lambda: pytest.fail("it trained again"))
        assert main([*command, "--output", "a"]) == 0
    assert "Going on from the end" in capsys.readouterr().out
    assert main([*command, "--output", "whole"]) == 0
    _assert_same(here / "whole", here / "a")


def _interrupted(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        _ends_after(patched, 3, lambda: signal.raise_signal(signal.SIGTERM))
        assert main([*command, "--output", "a"]) == 143


@pytest.mark.parametrize("command", ["train"], indirect=True)  # what both do in the same way
def test_other_settings_are_not_mixed_with_it(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _interrupted(command, monkeypatch)
    other = [*command, "--output", "a", "--epochs", "5", "--seed", "3"]
    capsys.readouterr()
    assert main(other) == 1
    error = capsys.readouterr().err
    assert "begun with other settings. Received: epochs: 4 before, 5 now; seed: 0 before, 3 now." in error
    assert "--overwrite" in error
    assert main([*other, "--overwrite"]) == 0
    assert "Given up: the unfinished run" in capsys.readouterr().out
    assert len(manifest(here / "a")["about"]["figures"]["history"]["loss"]) == 5
    assert not (here / "a.training").exists()


def test_other_data_are_not_mixed_with_it(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _interrupted(command, monkeypatch)
    data = Path(command[1])
    text = data.read_text(encoding="utf-8")
    data.write_text(text.replace("film", "play") if "film" in text else text.replace("a", "e", 1), encoding="utf-8")
    assert main([*command, "--output", "a"]) == 1
    assert "can only go on as it was begun. Received: " in capsys.readouterr().err
    assert (here / "a.training").is_dir()
    assert main([*command, "--output", "a", "--overwrite"]) == 0
    assert "Given up: another training in" in capsys.readouterr().out
    assert len(manifest(here / "a")["about"]["figures"]["history"]["loss"]) == 4


@pytest.mark.parametrize("command", ["train"], indirect=True)  # what both do in the same way
def test_overwrite_with_the_same_settings_goes_on(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _interrupted(command, monkeypatch)
    assert main([*command, "--output", "a", "--overwrite"]) == 0
    assert "Going on from epoch" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["train"], indirect=True)  # what both do in the same way
def test_damaged_checkpoints_are_kept(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _interrupted(command, monkeypatch)
    for path in (here / "a.training").glob("checkpoint-*/arrays.npz"):
        path.write_bytes(b"")
    capsys.readouterr()
    for _ in range(2):
        assert main([*command, "--output", "a"]) == 1
        assert "None of the checkpoints in" in capsys.readouterr().err
        assert list((here / "a.training").glob("damaged-*"))


@pytest.mark.parametrize("command", ["train"], indirect=True)  # what both do in the same way
def test_unreadable_settings_are_other_settings(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _interrupted(command, monkeypatch)
    (here / "a.training" / "config.yaml").write_text("")
    assert main([*command, "--output", "a"]) == 1
    assert "begun with other settings" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train"], indirect=True)  # what both do in the same way
def test_what_a_killed_process_left_is_removed(command: list[str], here: Path) -> None:
    left, other = here / ".a.new-x1", here / ".ab.new-x1"
    for folder in (left, other):
        folder.mkdir()
    assert main([*command, "--output", "a"]) == 0
    assert not left.exists()
    assert other.exists()


HOLDING = """
import sys
from keras_bert_lab.training.checkpoints import CheckpointFolder
folder = CheckpointFolder(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused(command: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", HOLDING, str(here / "a.training")]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert main([*command, "--output", "a"]) == 1
        assert f"Another process trains in {here / 'a.training'} (process {other.pid} on " in capsys.readouterr().err
        other.stdin.close()
    assert main([*command, "--output", "a"]) == 0
