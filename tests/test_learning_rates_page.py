"""The examples of docs/learning_rates.md run, one after the other, and the table is the one that is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "learning_rates.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed = []
    for language, block in BLOCKS:
        if language == "python":
            exec(block.replace("kbl.autofit(model, x, y)", "kbl.autofit(model, x, y, max_epochs=2, verbose=0)"), names)
            printed.append(capsys.readouterr().out.strip())
    assert names["found"].suggestion is not None
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert names["result"].reason in printed
    table = next(block for language, block in BLOCKS if not language)
    assert table.strip() in printed
