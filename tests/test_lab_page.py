"""The examples of docs/lab.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_all_blocks_are_python() -> None:
    for block in BLOCKS:
        compile(block, "lab.md", "exec")


@pytest.mark.slow
def test_from_texts_to_a_kept_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    begin, others, baselines, keep, _ = BLOCKS
    exec(begin, names)
    assert re.search(r"accuracy  0\.[67]", capsys.readouterr().out)
    trained = names["lab"]
    exec(others, names)
    names["lab"] = trained
    exec(f"table = {baselines}", names)
    assert len(names["table"]) == 5
    exec(keep.replace(', "runs/other"', ""), names)
    assert (tmp_path / "runs" / "reviews" / "README.md").is_file()
