"""The examples of docs/cleaning.md and docs/imbalance_and_small_data.md run, and give what they say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keras_bert_lab import TextCleaner
from keras_bert_lab.text.cleaning_steps import STEPS
from tests.conftest import ROOT

CLEANING, SMALL_DATA = ((ROOT / "docs" / name).read_text("utf-8") for name in ("cleaning.md", "imbalance_and_small_data.md"))


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def test_the_cleaner_of_the_page() -> None:
    exec(blocks(CLEANING)[0], {})


@pytest.mark.slow
def test_the_preprocessor_of_the_page() -> None:
    exec("\n".join(blocks(CLEANING)), {})


def test_the_table_of_steps() -> None:
    rows = re.findall(r'^\| `"(\w+)"` \|.*\| `(.*)` → `(.*)` \|$', CLEANING, flags=re.MULTILINE)
    assert [name for name, _, _ in rows] == list(STEPS)
    for name, text, wanted in rows:
        assert TextCleaner([name])([text.replace(r"\n", "\n")]).numpy()[0].decode() == wanted, name


@pytest.mark.slow
def test_few_texts_and_rare_labels(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec("\n".join(blocks(SMALL_DATA)), names)
    printed = capsys.readouterr().out
    shown = re.findall(r"^```\n(.*?)^```$", SMALL_DATA, flags=re.MULTILINE | re.DOTALL)
    for text in shown:
        assert re.sub(r"\d\.\d{3}", "0.000", text) in re.sub(r"\d\.\d{3}", "0.000", printed)
    assert names["ax"].lines
