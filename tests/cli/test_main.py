"""The program: options reach the command, failures end with one line and a code."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import pytest

import keras_bert_lab
from keras_bert_lab import DataError
from keras_bert_lab.cli import main
from keras_bert_lab.cli.commands import COMMANDS
from tests.conftest import ROOT


def usage(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str, str]:
    """Exit code and output of arguments after which the parser leaves."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    shown = capsys.readouterr()
    return left.value.code, shown.out, shown.err


def test_help_names_the_commands_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = usage(capsys, "--help")
    assert (code, err) == (0, "")
    assert "usage: keras-bert-lab" in out
    assert "  keras-bert-lab pretrain corpus.txt --output runs/my-bert\n" in out
    assert all(command in out for command in [*COMMANDS, "show-config"])


def test_help_of_a_command_explains_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = usage(capsys, "quickstart", "--help")
    assert code == 0
    assert "Train, evaluate and export a small BERT on the sample data" in out
    for option, explained in (
        ("--output", "earlier results stay"),
        ("--seed", "of weights, order"),
        ("--small", "a smaller and shorter run"),
    ):
        assert option in out
        assert explained in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["quickstart", "--epochs", "3"], "epochs"),
        (["quickstart", "--seed", "seven"], "seven"),
        (["quickstart", "--smal"], "--smal"),  # no abbreviations
        (["pretrein"], "pretrein"),
        (["pretrain"], "output"),
        (["pretrain", "--output", "o"], "CORPUS is missing"),
        (["train", "t.csv", "--output", "o"], "encoder"),
        (["train", "--output", "o", "--encoder", "e"], "TABLE is missing"),
        (["train", "t.csv", "--output", "o", "--encoder", "e", "--kind", "ternary"], "ternary"),
        (["pretrain", "c.txt", "--output", "o", "--vocabulary.kind", "bpe"], "vocabulary.kind"),
        (["pretrain", "c.txt", "--output", "o", "--epochs", "1.5"], "epochs"),
        (["pretrain", "c.txt", "--output", "o", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["predict"], "MODEL is missing"),
        (["evaluate", "runs/x"], "TABLE is missing"),
        (["evaluate", "runs/x", "a.csv", "b.csv"], "b.csv"),
        (["fill-mask", "runs/x"], "TEXTS is missing"),
        (["export", "runs/x"], "OUTPUT is missing"),
        (["show-config"], "subject"),
        ([], "command"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_wrong(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = usage(capsys, *arguments)
    assert (code, out) == (2, "")
    assert named in err
    assert "Traceback" not in err


def _replaced(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None, **figures: Any) -> list[dict[str, Any]]:
    """Put a function in the place of quickstart that keeps what it is called with, prints, and raises."""
    calls = []

    def instead(output: pathlib.Path = pathlib.Path(), seed: int = 7, small: bool = False) -> dict[str, Any]:
        """Stand in.

        Args:
            output: folder.
            seed: number.
            small: whether.
        """
        calls.append({"output": output, "seed": seed, "small": small})
        print("at work")
        if error is not None:
            raise error
        return figures

    monkeypatch.setitem(COMMANDS, "quickstart", dataclasses.replace(COMMANDS["quickstart"], run=instead))
    return calls


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (
            ["--output", "/tmp/first-try", "--seed", "1", "--small"],
            {"output": pathlib.Path("/tmp/first-try"), "seed": 1, "small": True},
        ),
        (["--no-small"], {}),
        (["--small", "--no-small"], {}),
    ],
)
def test_options_reach_the_command(arguments: list[str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _replaced(monkeypatch)
    assert main(["quickstart", *arguments]) == 0
    assert calls == [{"output": pathlib.Path(), "seed": 7, "small": False} | expected]


def test_the_words_of_the_process_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _replaced(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["keras-bert-lab", "quickstart", "--seed", "3"])
    assert main() == 0
    assert calls[0]["seed"] == 3


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (DataError("There is no text in row 3."), 1, "keras-bert-lab quickstart: There is no text in row 3.\n"),
        (
            PermissionError(13, "Permission denied", "/no/place"),
            1,
            "keras-bert-lab quickstart: [Errno 13] Permission denied: '/no/place'\n",
        ),
        (OSError(28, "No space left on device"), 1, "keras-bert-lab quickstart: [Errno 28] No space left on device\n"),
        (KeyboardInterrupt(), 130, "keras-bert-lab quickstart: interrupted\n"),
    ],
)
def test_failures_end_with_a_line_and_a_code(
    error: BaseException, code: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = _replaced(monkeypatch, error)
    assert main(["quickstart"]) == code
    assert capsys.readouterr().err == shown
    assert len(calls) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), ValueError("of another library"), TypeError("a bug")])
def test_a_mistake_of_ours_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _replaced(monkeypatch, error)
    with pytest.raises(type(error), match=str(error)):
        main(["quickstart"])


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), (None, 0)])
def test_the_code_tells_of_the_signal_that_ended_a_training(
    name: str | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replaced(monkeypatch, interrupted_by=name)
    assert main(["quickstart"]) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_with_a_line_and_its_code(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    cleaned = []

    def instead(output: pathlib.Path = pathlib.Path()) -> dict[str, Any]:
        """Wait.

        Args:
            output: folder.
        """
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(True)
        return {}

    monkeypatch.setitem(COMMANDS, "quickstart", dataclasses.replace(COMMANDS["quickstart"], run=instead))
    assert main(["quickstart"]) == code
    assert cleaned == [True]
    assert capsys.readouterr().err == "keras-bert-lab quickstart: interrupted\n"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_json_is_all_that_stands_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _replaced(monkeypatch, word="größer", number=0.5)
    assert main(["quickstart", "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.out == '{\n  "word": "größer",\n  "number": 0.5\n}\n'
    assert shown.err == "at work\n"
    assert main(["quickstart"]) == 0
    assert capsys.readouterr().out == "at work\n"


def test_json_of_a_failure_is_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _replaced(monkeypatch, DataError("No."))
    assert main(["quickstart", "--json"]) == 1
    assert capsys.readouterr().out == ""


def test_it_is_a_program() -> None:
    command = [sys.executable, "-m", "keras_bert_lab", "--version"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["keras-bert-lab", keras_bert_lab.__version__]
