"""The examples of docs/what_trains.md run, and its formulas count what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import keras_bert_lab as kbl
from keras_bert_lab import Encoder, EncoderConfig, add_lora, load_task
from keras_bert_lab.encoder.initial_weights import blank_weights
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


def test_the_table_counts_right() -> None:
    """With zeros that take no memory instead of weights."""
    sizes: dict[str, int] = {
        "vocab_size": 30522,
        "hidden_size": 384,
        "num_layers": 6,
        "num_heads": 12,
        "intermediate_size": 1536,
    }
    with blank_weights():
        encoder = Encoder(EncoderConfig(**sizes))
    found = re.findall(r"^\| .* \| `(\w+)\(model, (.*)\)` \| ([\d,]+) \|", PAGE, flags=re.MULTILINE)
    assert len(found) == 6
    for function, settings, count in sorted(found, key=lambda row: row[0] == "add_adapters"):  # these stay
        trained = eval(f"kbl.{function}(encoder, {settings})", {"kbl": kbl, "encoder": encoder}).trainable
        if function == "add_lora":
            kbl.merge_lora(encoder)
        assert f"{trained:,}" == count, (function, settings)
        if settings == '"all"':
            assert f"V = 30,522): {trained:,} numbers." in PAGE
