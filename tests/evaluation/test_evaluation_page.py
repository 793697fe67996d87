"""The examples of docs/evaluation.md run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import keras_bert_lab as kbl
from tests.conftest import ROOT
from tests.samples import randomise
from tests.tasks.small_tasks import LABELS, TEXTS, classifier

PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
TRAINING, *USES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
PICTURES = ["calibration.png", "confusion.png", "precision_recall.png", "roc.png", "threshold.png"]


def _run(blocks: list[str], names: dict[str, Any], folder: Path) -> None:
    for block in blocks:
        exec(block, names)
    assert sorted(path.name for path in folder.iterdir()) == PICTURES
    assert 0 <= names["low"] <= names["high"] <= 1
    assert str(names["stream"].result()).splitlines()[0] == str(names["report"]).splitlines()[0]


def test_what_is_shown_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    texts = pd.DataFrame({"text": [*TEXTS, *TEXTS[::-1]], "label": [*LABELS, *LABELS[1:], "neg"]})
    names = {"kbl": kbl, "model": randomise(classifier()), "learned": texts, "validation": texts[2:17], "test": texts}
    _run(USES, names, tmp_path)
    printed = capsys.readouterr().out
    assert all(part in printed for part in ("accuracy  ", "temperature ", "TF-IDF alone on", "entropy", "loss"))


@pytest.mark.slow
def test_all_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    _run([TRAINING, *USES], names, tmp_path)
    assert names["report"].accuracy > 0.65
