"""The examples of docs/resuming.md run, and go on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab.cli.parser import build_parser
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "resuming.md").read_text(encoding="utf-8")
OWN, TASK, CALLBACK = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_a_model_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    found: list[dict[str, Any]] = []
    for _ in range(2):
        names: dict[str, Any] = {}
        exec(OWN, names)
        found.append(names)
    assert "Going on from the end" in capfd.readouterr().out
    for one, other in zip(*(names["model"].get_weights() for names in found), strict=True):
        assert np.array_equal(one, other)


def test_a_callback_of_ones_own() -> None:
    names: dict[str, Any] = {}
    exec(CALLBACK, names)
    callback = names["Counts"]()
    assert isinstance(callback, keras.callbacks.Callback)
    callback.on_train_batch_end(0)
    assert callback.get_state() == {"seen": 1}
    callback.set_state({"seen": 7})
    assert callback.seen == 7


@pytest.mark.slow
def test_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(TASK, {})
    assert list((tmp_path / "runs" / "reviews").glob("checkpoint-*"))


def test_commands_are_understood() -> None:
    lines = re.findall(r"^keras-bert-lab (.*?)(?: &)?(?: +#.*)?$", PAGE, flags=re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        build_parser().parse_args(line.split())
