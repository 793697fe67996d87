"""`keras-bert-lab compare` on two small runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_bert_lab.cli import main
from tests.cli.small_runs import FIT, refused, table


def test_two_runs(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", table(here / "t.csv"), "--encoder", str(bert), *FIT]
    for name, seed in (("a", "3"), ("b", "5")):
        assert main([*words, "--output", name, "--seed", seed]) == 0
    capsys.readouterr()
    assert main(["compare", "a", "b"]) == 0
    shown = capsys.readouterr().out
    assert "validation_accuracy" in shown
    assert main(["compare", "a", "b", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert sorted(run["run"] for run in runs) == ["a", "b"]
    assert {run["run"]: run["seed"] for run in runs} == {"a": 3, "b": 5}
    assert runs[0]["validation_accuracy"] >= runs[1]["validation_accuracy"]
    assert "epochs" not in runs[0]  # the same in both


def test_no_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "empty").mkdir()
    assert "must be the folder of a run" in refused(capsys, "compare", "empty")
