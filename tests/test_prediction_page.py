"""The examples of docs/prediction.md run, or at least are Python; its commands are understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keras_bert_lab.cli.parser import build_parser
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "prediction.md").read_text(encoding="utf-8")
OWN, RAY, SPARK = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_a_predictor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(OWN, {})
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["number", "text", "label", "score"]
    assert "a fine film" in first


def test_the_others_are_python() -> None:
    for block in (RAY, SPARK):
        compile(block, "docs/prediction.md", "exec")


def test_commands_are_understood() -> None:
    lines = re.findall(r"^keras-bert-lab (.*)$", PAGE, flags=re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        build_parser().parse_args(line.split())
