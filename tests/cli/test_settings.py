"""What is typed, what stands in a YAML file, and what is shown: the same settings."""

from __future__ import annotations

import dataclasses
import inspect
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from keras_bert_lab.cli import main
from keras_bert_lab.cli.commands import COMMANDS
from keras_bert_lab.cli.parser import build_parser
from keras_bert_lab.recipes.runs import plain
from tests.cli.small_runs import manifest

EXAMPLES = [line.strip() for command in COMMANDS.values() for line in command.examples.splitlines()]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the recipes are called with; nothing is run."""
    found: list[dict[str, Any]] = []

    def instead(command: str, settings: dict[str, Any]) -> int:
        given = {name: value for name, value in settings.items() if name != "json"}
        bound = inspect.signature(COMMANDS[command].run).bind(**given)
        bound.apply_defaults()
        found.append(plain(bound.arguments))
        return 0

    monkeypatch.setattr(sys.modules["keras_bert_lab.cli.main"], "_run", instead)
    return found


def called(calls: list[dict[str, Any]], *arguments: str) -> dict[str, Any]:
    assert main(arguments) == 0
    return calls.pop()


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_are_understood(line: str, calls: list[dict[str, Any]], here: Path) -> None:
    (here / "runs" / "my-bert").mkdir(parents=True)
    (here / "runs" / "my-bert" / "config.yaml").write_text("corpus: [a.txt]\noutput: runs/my-bert\nepochs: 3\n")
    arguments = shlex.split(line)
    assert arguments[0] == "keras-bert-lab"
    assert main(arguments[1:]) == 0
    assert len(calls) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_option_and_the_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    out = capsys.readouterr().out
    assert left.value.code == 0
    assert COMMANDS[name].examples in out
    assert (COMMANDS[name].run.__doc__ or "").splitlines()[0] in out
    for option, parameter in inspect.signature(COMMANDS[name].run).parameters.items():
        assert f"--{option}" in out
        if dataclasses.is_dataclass(parameter.default):
            for field in dataclasses.fields(parameter.default):
                assert f"--{option}.{field.name} " in out
    assert "--json" in out
    assert "--config" in out
    assert all(word.upper() in out for word in COMMANDS[name].words)


WORDS = [
    (["predict", "m", "good", "bad"], {"texts": ["good", "bad"]}),
    (["predict", "m", "good", "bad", "--probabilities"], {"texts": ["good", "bad"], "probabilities": True}),
    (["predict", "--probabilities", "m", "good", "bad"], {"texts": ["good", "bad"], "probabilities": True}),
    (["predict", "m", "--probabilities", "good", "bad"], {"texts": ["good", "bad"], "probabilities": True}),
    (["predict", "m", "--batch_size", "3", "good"], {"texts": ["good"], "batch_size": 3}),
    (["predict", "m", "good", "--batch_size=3", "bad"], {"texts": ["good", "bad"], "batch_size": 3}),
    (["predict", "m", "null", "12", "[x]", "{a: b}", "~", "true"], {"texts": ["null", "12", "[x]", "{a: b}", "~", "true"]}),
    (["predict", "m", "-- so it goes", "-5"], {"texts": ["-- so it goes", "-5"]}),
    (["predict", "m", "--", "--good", "-bad"], {"texts": ["--good", "-bad"]}),
    (["evaluate", "m", "--json", "t.csv"], {"model": "m", "table": "t.csv"}),
    (["evaluate", "--model", "m", "--table", "t.csv"], {"model": "m", "table": "t.csv"}),
    (["pretrain", "a.txt", "--output", "o", "b.txt"], {"corpus": ["a.txt", "b.txt"], "output": "o"}),
    (["pretrain", "--output", "o", "--drop_unusable", "a.txt"], {"corpus": ["a.txt"], "drop_unusable": True}),
    (["pretrain", "a.txt", "--output", "o", "--sheet", "2"], {"sheet": 2}),
    (["pretrain", "a.txt", "--output", "o", "--sheet", "two"], {"sheet": "two"}),
    (["export", "m", "--json", "o"], {"model": "m", "output": "o"}),
    (["fill-mask", "m", "a [MASK]", "--top_k", "3", "[MASK] b"], {"texts": ["a [MASK]", "[MASK] b"], "top_k": 3}),
]


@pytest.mark.parametrize(("arguments", "expected"), WORDS, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_words_may_stand_anywhere(arguments: list[str], expected: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    settings = called(calls, *arguments)
    assert {name: settings[name] for name in expected} == expected


def test_a_file_of_settings_and_options_after_it(calls: list[dict[str, Any]], here: Path) -> None:
    (here / "a.yaml").write_text(
        "corpus: [c.txt, d.txt]\noutput: runs/a\nepochs: 7\nencoder: {preset: bert_small, hidden_size: 64}\n"
        "optimizer: {learning_rate: 0.5}\nvocabulary: {file: v.txt}\noverwrite: true\n"
    )
    settings = called(calls, "pretrain", "--config", "a.yaml", "--encoder.hidden_size", "128", "--epochs", "2")
    assert (settings["corpus"], settings["output"], settings["epochs"]) == (["c.txt", "d.txt"], "runs/a", 2)
    assert (settings["encoder"]["preset"], settings["encoder"]["hidden_size"]) == ("bert_small", 128)
    assert (settings["optimizer"]["learning_rate"], settings["optimizer"]["weight_decay"]) == (0.5, 0.01)
    assert (settings["vocabulary"]["file"], settings["overwrite"], settings["held_out"]) == ("v.txt", True, 0.02)
    assert called(calls, "pretrain", "e.txt", "--config", "a.yaml")["corpus"] == ["e.txt"]  # a word goes before the file
    assert called(calls, "pretrain", "--config", "a.yaml", "e.txt", "f.txt")["corpus"] == ["e.txt", "f.txt"]
    assert called(calls, "pretrain", "--epochs", "2", "--config", "a.yaml")["epochs"] == 7  # options after it go before it


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("epoch: 3\n", "epoch"),
        ("encoder: {hiden_size: 3}\n", "hiden_size"),
        ("epochs: many\n", "many"),
        ("epochs: [1\n", "did not find expected"),
        ("- 1\n", "Unexpected config"),
    ],
)
def test_a_wrong_file_of_settings_is_wrong_usage(
    content: str, named: str, here: Path, calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.yaml").write_text(content)
    with pytest.raises(SystemExit) as left:
        main(["pretrain", "c.txt", "--output", "o", "--config", "a.yaml"])
    assert left.value.code == 2
    assert named in capsys.readouterr().err
    assert calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["quickstart", "--small", "--seed", "3"],
        ["pretrain", "a.txt", "b.txt", "--output", "o"],
        [
            "pretrain",
            "--output",
            "o",
            "--encoder.hidden_size",
            "10",
            "a.txt",
            "--vocabulary.kind",
            "words",
            "--masking.rate",
            "0.2",
        ],
        ["train", "t.csv", "--output", "o", "--encoder", "e", "--text_pair", "other", "--sheet", "two", "--no-baseline"],
        ["evaluate", "m", "t.csv", "--text", "größe"],
        ["predict", "m", "null", "two: words"],
        ["fill-mask", "m", "a [MASK]", "--top_k", "2"],
        ["export", "m", "o"],
    ],
    ids=" ".join,
)
def test_shown_settings_do_the_same_again(
    arguments: list[str], calls: list[dict[str, Any]], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show-config", *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert not any(name.startswith("words_") for name in yaml.safe_load(shown.out))
    (here / "again.yaml").write_text(shown.out, encoding="utf-8")
    expected = called(calls, *arguments)
    assert called(calls, arguments[0], "--config", "again.yaml") == expected


def test_show_config_of_a_command_alone_gives_its_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show-config", "pretrain"]) == 0
    settings = yaml.safe_load(capsys.readouterr().out)
    assert settings["encoder"]["preset"] == "bert_mini"
    assert settings["optimizer"]["learning_rate"] is None  # chosen by the recipe
    assert set(inspect.signature(COMMANDS["pretrain"].run).parameters) <= set(settings)


def test_show_config_of_a_run(judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show-config", str(judge)]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == manifest(judge)["about"]["settings"]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["runs/nowhere"], 1, "There is no folder 'runs/nowhere'"),
        (["pretrein"], 1, "Did you mean pretrain?"),
        (["pretrain", "--epoch", "3"], 2, "--epoch"),
        (["pretrain", "--epochs", "three"], 2, "three"),
    ],
)
def test_show_config_refuses(
    arguments: list[str], code: int, named: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show-config", *arguments]) == code
    shown = capsys.readouterr()
    assert named in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("arguments", [["--help"], ["pretrain", "--help"], ["train", "t.csv", "-h"]])
def test_help_of_show_config_is_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["show-config", *arguments])
    assert left.value.code == 0
    assert "usage: keras-bert-lab" in capsys.readouterr().out


def test_the_parser_knows_all_commands() -> None:
    known = build_parser().parse_args(["quickstart"])
    assert known.command == "quickstart"
