"""Texts and labels as they should not be, and are, go the whole way."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_bert_lab import load_task, read_columns
from keras_bert_lab.cli import main
from tests.cli.small_runs import DOCUMENTS, FIT, NEW, corpus, table
from tests.tasks.small_tasks import TEXTS

AWKWARD = {
    "nul": "a good\0film",
    "long": "good film " * 10_000,
    "token": "x" * 1_000_000,
    "right_to_left": "\u0641\u064a\u0644\u0645 \u062c\u064a\u062f \u202e\u05e1\u05e8\u05d8 \u05d8\u05d5\u05d1",
    "chinese": "\u8fd9\u662f\u4e00\u90e8\u597d\u7535\u5f71",
    "emoji": "\U0001f600\U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "combining": "e\u0301\u0301\u0301" * 99,
    "lines": "good\r\nfilm\u2028bad\x85film\rfilm\v\f",
    "marks": "\ufeffgood \u00ad\u200bfilm",
    "formula": '=1+1;"',
    "none": "NaN",
    "special": "[CLS] [MASK] [SEP] [PAD]",
}


def test_awkward_texts_go_the_whole_way(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [*AWKWARD.values(), *TEXTS[: len(AWKWARD)]]
    table(here / "t.csv", {"text": texts, "label": [*"ab"] * (len(texts) // 2) + ["a"] * (len(texts) % 2)})
    assert main(["train", "t.csv", "--encoder", str(bert), "--output", "a", *FIT, "--baseline"]) == 0
    assert main(["evaluate", "a", "t.csv"]) == 0
    assert main(["predict", "a", "--table", "t.csv", "--output", "o.jsonl"]) == 0
    found = read_columns(here / "o.jsonl")
    assert found.text.tolist() == texts
    assert found.predicted_label.tolist() == load_task(here / "a").predict_text(texts).label.tolist()
    capsys.readouterr()
    assert main(["predict", "a", *(text for text in AWKWARD.values() if "\0" not in text)]) == 0


def test_awkward_texts_are_pretrained_on(here: Path) -> None:
    path = corpus(here / "c.txt", [*AWKWARD.values(), *DOCUMENTS])
    assert main(["pretrain", path, "--output", "a", *NEW, "--vocabulary.size", "200"]) == 0
    assert main(["fill-mask", "a", f"[MASK] {AWKWARD['chinese']}", "\U0001f600 [MASK]"]) == 0


def test_awkward_labels_go_the_whole_way(here: Path, bert: Path) -> None:
    labels = ["\U0001f600", "sehr gut, \u201eja\u201c\n", "=1+1", "a" * 999]
    table(here / "t.csv", {"text": TEXTS[:4] * 4, "label": labels * 4})
    assert main(["train", "t.csv", "--encoder", str(bert), "--output", "a", *FIT]) == 0
    assert main(["evaluate", "a", "t.csv"]) == 0
    assert main(["predict", "a", "--table", "t.csv", "--output", "o.csv", "--probabilities"]) == 0


def test_half_characters_of_the_command_line_are_refused(judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(judge), "good", "b\udcffd"]) == 1
    assert "row 1" in capsys.readouterr().err
