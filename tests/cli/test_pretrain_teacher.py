"""`keras-bert-lab pretrain --teacher`: a student that learns from a larger model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_bert_lab import load_task
from keras_bert_lab.cli import main
from tests.cli.small_runs import NEW, SHORT, corpus


@pytest.fixture
def teacher(here: Path) -> list[str]:
    """A corpus, and a teacher of four layers that has seen it."""
    texts = corpus(here / "c.txt")
    assert main(["pretrain", texts, "--output", "teacher", *NEW, "--encoder.num_layers", "4"]) == 0
    return ["pretrain", texts, "--teacher", "teacher", *SHORT, "--held_out", "0.2"]


def test_a_student_learns(teacher: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main([*teacher, "--output", "student", "--epochs", "2", "--json"]) == 0
    history = json.loads(capsys.readouterr().out)["history"]
    assert len(history["val_loss"]) == 2
    master, student = load_task("teacher"), load_task("student")
    assert (master.encoder.config.num_layers, student.encoder.config.num_layers) == (4, 2)
    assert student.preprocessor.tokenizer.vocabulary.tokens == master.preprocessor.tokenizer.vocabulary.tokens
    assert len(student.fill_mask("a [MASK] film", top_k=3)) == 3


def test_number_of_layers_and_precision(teacher: list[str]) -> None:
    more = ["--encoder.num_layers", "1", "--precision", "mixed_bfloat16", "--epochs", "0"]
    assert main([*teacher, "--output", "student", *more]) == 0
    student = load_task("student")
    assert (student.encoder.config.num_layers, student.dtype_policy.name) == (1, "mixed_bfloat16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--encoder.hidden_size", "20"], "encoder must be left out, but for num_layers"),
        (["--sequence_length", "17"], "sequence_length must be at most 13"),
        (["--encoder.num_layers", "5"], "num_layers"),
    ],
)
def test_refused(
    arguments: list[str], message: str, teacher: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*teacher, "--output", "student", *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (here / "student").exists()
