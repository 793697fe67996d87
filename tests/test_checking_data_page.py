"""The examples of docs/checking_data.md run, and the page names every kind of problem."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from keras_bert_lab.cli.parser import build_parser
from keras_bert_lab.data.table_checks.kinds import KINDS, SEVERITIES
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "checking_data.md").read_text(encoding="utf-8")
FRAMES, FILES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(FRAMES, names)
    assert "1,200 rows, 1,200 of them usable" in capsys.readouterr().out
    exec(FILES, names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == ["too_many_fields (2,)", "empty_text (4,)", "label_variants (5,)"]
    assert {line.split()[0] for line in printed[3:]} == {"placeholders", "html_tags", "rare_classes", "few_rows"}


def test_every_kind_is_named() -> None:
    section = PAGE.split("## What is found")[1].split("- **Duplicates**")[0]
    named = re.findall(r"`(\w+)`", section)
    assert sorted(named) == sorted(KINDS)
    for name, meaning in SEVERITIES.items():
        assert f"| `[{name}]` | {meaning} |" in PAGE


def test_commands_are_understood() -> None:
    lines = re.findall(r"^ *keras-bert-lab (.*)$", PAGE, flags=re.MULTILINE)
    assert lines
    for line in lines:
        build_parser().parse_args(line.split())
