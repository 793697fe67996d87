from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import keras_bert_lab
from keras_bert_lab import DataError
from keras_bert_lab.cli import main
from tests.conftest import ROOT

COMMANDS = sys.modules["keras_bert_lab.cli.main"]._COMMANDS


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
    assert "  keras-bert-lab quickstart --output /tmp/first-try --seed 1 --small\n" in out
    assert all(command in out for command in COMMANDS)


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
        (["pretrein"], "pretrein"),
        ([], "command"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_wrong(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = usage(capsys, *arguments)
    assert (code, out) == (2, "")
    assert named in err


def _replaced(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None) -> list[dict[str, Any]]:
    """Put a function in the place of quickstart that keeps what it is called with, and raises."""
    calls = []

    def instead(output: pathlib.Path = pathlib.Path(), seed: int = 7, small: bool = False) -> None:
        calls.append({"output": output, "seed": seed, "small": small})
        if error is not None:
            raise error

    monkeypatch.setitem(COMMANDS, "quickstart", instead)
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
    ],
)
def test_options_reach_the_command(arguments: list[str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _replaced(monkeypatch)
    assert main(["quickstart", *arguments]) == 0
    assert calls == [{"output": pathlib.Path(), "seed": 7, "small": False} | expected]


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (DataError("There is no text in row 3."), 1, "keras-bert-lab quickstart: There is no text in row 3.\n"),
        (
            PermissionError(13, "Permission denied", "/no/place"),
            1,
            "keras-bert-lab quickstart: [Errno 13] Permission denied: '/no/place'\n",
        ),
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


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    _replaced(monkeypatch, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["quickstart"])


def test_it_is_a_program() -> None:
    command = [sys.executable, "-m", "keras_bert_lab", "--version"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["keras-bert-lab", keras_bert_lab.__version__]
