"""Signals and full disks: what was learned is kept, what was there stays, and nothing half-made lies about."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import MaskedLanguageModel, ResumableTraining, TextClassifier, load_task
from keras_bert_lab.cli import main
from tests.cli.small_runs import FIT, NEW, contents, corpus, manifest, table
from tests.conftest import ROOT

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture(params=["pretrain", "train"])
def command(request: pytest.FixtureRequest, here: Path, bert: Path) -> list[str]:
    """A command of many epochs, into the folder `a`."""
    if request.param == "pretrain":
        return ["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW, "--epochs", "50"]
    return ["train", table(here / "t.csv"), "--encoder", str(bert), "--output", "a", *FIT, "--epochs", "50", "--baseline"]


def _raise_after(monkeypatch: pytest.MonkeyPatch, batches: int, *numbers: signal.Signals) -> None:
    """Send signals to this process in the middle of a training."""
    on_end = ResumableTraining.on_train_batch_end
    seen: list[int] = []

    def instead(self: ResumableTraining, batch: int, logs: dict[str, Any] | None = None) -> None:
        seen.append(batch)
        if len(seen) == batches:
            for number in numbers:
                signal.raise_signal(number)
        on_end(self, batch, logs)

    monkeypatch.setattr(ResumableTraining, "on_train_batch_end", instead)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_the_training_keeps_what_was_learned(
    number: signal.Signals,
    code: int,
    command: list[str],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = [signal.getsignal(each) for each, _ in SIGNALS]
    _raise_after(monkeypatch, 4, number)
    assert main(command) == code
    shown = capsys.readouterr()
    assert "Interrupted: what was learned so far is saved" in shown.out
    assert f"{number.name}: stopping after this batch" in shown.err
    about = manifest(here / "a")["about"]
    assert about["figures"]["interrupted_by"] == number.name
    assert 1 <= len(about["figures"]["history"]["loss"]) <= 4
    assert about["settings"]["epochs"] == 50
    model = load_task(here / "a")
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert not list(here.glob(".*"))
    assert [signal.getsignal(each) for each, _ in SIGNALS] == before


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_second_signal_stops_at_once_and_keeps_it_too(
    number: signal.Signals, code: int, command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _raise_after(monkeypatch, 1, number, number)
    assert main(command) == code
    assert manifest(here / "a")["about"]["figures"]["interrupted_by"] == number.name
    assert load_task(here / "a")


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("place", ["announce", "compile", "fit", "save"])
def test_a_signal_outside_of_the_training_leaves_nothing(
    number: signal.Signals,
    code: int,
    place: str,
    command: list[str],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = contents(here)

    def instead(*_: Any, **__: Any) -> None:
        signal.raise_signal(number)

    for task in (MaskedLanguageModel, TextClassifier):
        if place in ("compile", "fit"):  # in `fit`: before the first batch, as while texts become tokens
            monkeypatch.setattr(task, place, instead)
    if place == "announce":
        monkeypatch.setattr("keras.utils.set_random_seed", instead)
    if place == "save":
        monkeypatch.setattr("keras_bert_lab.recipes.runs.write_task", instead)
        command = [*command, "--epochs", "1", "--no-baseline"] if command[0] == "train" else [*command, "--epochs", "0"]
    assert main(command) == code
    assert capsys.readouterr().err.endswith(f"keras-bert-lab {command[0]}: interrupted\n")
    trained = place == "save" and command[0] == "train"
    assert {name: each for name, each in contents(here).items() if not (trained and name.startswith("a.training/"))} == before
    assert (here / "a.training").is_dir() == trained  # for the next start


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_the_measuring_after_the_training_keeps_the_model(
    number: signal.Signals, code: int, here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = sys.modules["keras_bert_lab.recipes.train"]
    monkeypatch.setattr(train, "_validated", lambda *_: signal.raise_signal(number))
    assert main(["train", table(here / "t.csv"), "--encoder", str(bert), "--output", "a", *FIT]) == code
    assert manifest(here / "a")["about"]["figures"]["interrupted_by"] == number.name
    assert load_task(here / "a")


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


STEPS = [
    "os.fsync",
    "pathlib.Path.rename",
    "pathlib.Path.write_text",
    "keras.Model.save",
    "keras_bert_lab.recipes.runs.write_task",
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_there", [False, True], ids=["new", "overwrite"])
def test_a_full_disk_leaves_what_was_there(
    step: str, is_there: bool, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW, "--epochs", "0"]
    if is_there:
        assert main(arguments) == 0
        (here / "a" / "notes.txt").write_text("mine")
    before = contents(here)
    monkeypatch.setattr(step, _full)
    assert main([*arguments, "--overwrite", "--seed", "3"]) == 1
    monkeypatch.undo()
    assert "No space left on device" in capsys.readouterr().err
    assert contents(here) == before
    assert {path.name for path in here.iterdir()} == ({"a", "c.txt"} if is_there else {"c.txt"})


@pytest.mark.parametrize("broken", [1, 2])
def test_a_replacement_that_breaks_off_is_taken_back(broken: int, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW, "--epochs", "0"]
    assert main(arguments) == 0
    before = contents(here)
    rename, calls = Path.rename, []

    def instead(self: Path, target: Any) -> Any:
        calls.append(target)
        if len(calls) == broken:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", instead)
    assert main([*arguments, "--overwrite", "--seed", "3"]) == 130
    assert contents(here) == before
    assert {path.name for path in here.iterdir()} == {"a", "c.txt"}


LIMITED = """
import resource, sys
from keras_bert_lab.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.exit(main(sys.argv[1:]))
"""


# A program that is started in the background ignores Ctrl-C, and so do those that it starts.
LISTENING = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "keras-bert-lab"
runpy.run_module("keras_bert_lab", run_name="__main__")
"""


def _program(here: Path, *words: str) -> Any:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, *words], cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_a_file_that_is_too_large_for_the_disk(command: list[str], here: Path) -> None:
    before = contents(here)
    program = _program(here, "-c", LIMITED, *command, "--epochs", "1")
    _, err = program.communicate(timeout=900)
    assert program.returncode == 1
    assert "File too large" in err
    assert "Traceback" not in err
    assert contents(here) == before


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_the_program_ends_in_good_order(number: signal.Signals, code: int, command: list[str], here: Path) -> None:
    program = _program(here, "-c", LISTENING, *command, "--epochs", "9999")
    shown = ""
    while "1/9999" not in shown:
        piece = program.stdout.read(1)
        assert piece, program.stderr.read()[-3000:]
        shown += piece
    program.send_signal(number)
    out, err = program.communicate(timeout=900)
    assert program.returncode == code
    assert "Traceback" not in err
    assert "Interrupted" in shown + out
    assert manifest(here / "a")["about"]["figures"]["interrupted_by"] == number.name
    assert load_task(here / "a")
