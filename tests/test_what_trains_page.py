"""The examples of docs/what_trains.md run, and its formulas count what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keras_bert_lab import Encoder, add_lora, load_task
from tests.conftest import ROOT
from tests.samples import F, H, L, config

PAGE = (ROOT / "docs" / "what_trains.md").read_text(encoding="utf-8")
TASK, ADAPTERS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(TASK, {})
    assert len(re.findall(r"of [\d,]+ parameters are trained", capsys.readouterr().out)) == 4
    assert "lora" in load_task("with-lora").encoder.get_config()
    assert "lora" not in load_task("merged").encoder.get_config()


def test_the_adapters(capsys: pytest.CaptureFixture[str]) -> None:
    exec(ADAPTERS, {})
    count = 4 * 2 * (2 * 256 * 64 + 64 + 256) + 9 * 2 * 256
    assert capsys.readouterr().out.startswith(f"{count:,} of ")


def test_the_formulas() -> None:
    assert "`query, value` makes 4 L rank H" in PAGE
    assert "L rank (10 H + 2 F)" in PAGE
    assert add_lora(Encoder(config()), rank=3).trainable == 4 * L * 3 * H
    assert add_lora(Encoder(config()), rank=3, targets="all").trainable == L * 3 * (10 * H + 2 * F)
