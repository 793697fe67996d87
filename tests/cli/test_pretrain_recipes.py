"""`keras-bert-lab pretrain` on a prepared corpus: recipes, steps, pairs, parts of batches, what it shows meanwhile."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import load_task
from keras_bert_lab.batches import open_corpus
from keras_bert_lab.cli import main
from tests.cli.small_runs import DOCUMENTS, corpus

SMALL = ["--encoder.preset", "bert_tiny", "--encoder.hidden_size", "10", "--encoder.num_layers", "1", "--sequence_length", "13"]
FEW = ["--steps", "4", "--batch_size", "8", "--held_out", "0.2"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus of sentences, with a vocabulary of its own."""
    folder = tmp_path_factory.mktemp("prepared")
    sentences = [". ".join(part.capitalize() for part in document.split(" . ")) for document in 3 * DOCUMENTS]
    texts = corpus(folder / "c.txt", [f"{document}." for document in sentences])
    assert main(["prepare", texts, "--output", str(folder / "corpus"), "--vocabulary.size", "97"]) == 0
    return str(folder / "corpus")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["pretrain", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["pretrain", *arguments]) == 1
    message = capsys.readouterr().err
    assert len(message.strip().splitlines()) == 1
    return message


def test_tokenizer_and_documents_are_those_of_the_corpus(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = run(capsys, prepared, "--output", "a", *SMALL, *FEW)
    found = open_corpus(prepared)
    assert figures["documents"] + figures["held_out_documents"] == found.documents == 33
    assert figures["held_out_documents"] == 7
    assert figures["steps"] == 4
    assert 0.5 < figures["slots_filled"] <= 1
    model = load_task("a")
    assert model.preprocessor.tokenizer.vocabulary.tokens == found.tokenizer.vocabulary.tokens
    assert {"share_of_peak", "tokens_per_second", "padding", "val_loss"} <= set(figures["history"])


def test_the_same_seed_gives_the_same_weights_in_parts_too(
    prepared: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch in two parts: rounding, and the mean of two means in place of one, make a small difference."""
    run(capsys, prepared, "--output", "a", *SMALL, *FEW)
    run(capsys, prepared, "--output", "b", *SMALL, *FEW)
    parts = run(capsys, prepared, "--output", "c", *SMALL, *FEW, "--accumulate", "2")
    one, same, halves = ([*load_task(name).get_weights()] for name in "abc")
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(one, same, strict=True))
    assert parts["steps"] == 4
    change = max(np.abs(ours - theirs).max() for ours, theirs in zip(one, halves, strict=True))
    assert 0 < change < 0.01


def test_how_long_and_how_often_validated(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = run(capsys, prepared, "--output", "a", *SMALL, *FEW, "--steps", "7", "--validate_every", "2")
    assert figures["steps"] == 4 * (7 // 4)  # four rounds, the same number of steps in each
    log = pd.read_csv("a/history.csv")
    assert len(log) == 4
    assert log["val_loss"].notna().all()
    figures = run(capsys, prepared, "--output", "b", *SMALL, "--epochs", "2", "--batch_size", "8", "--held_out", "0")
    assert len(figures["history"]["loss"]) == 2
    assert "val_loss" not in figures["history"]


@pytest.mark.parametrize(
    ("recipe", "rate", "dropout", "pairs"), [("original", 1e-4, 0.1, True), ("short_budget", 2e-3, 0.0, False)]
)
def test_recipes(
    recipe: str, rate: float, dropout: float, pairs: bool, prepared: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = run(capsys, prepared, "--output", "a", *SMALL, "--steps", "3", "--recipe", recipe)
    model = load_task("a")
    assert figures["learning_rate"] == rate
    assert (model.encoder.config.dropout, model.next_sentence) == (dropout, pairs)
    assert ("val_pair_accuracy" in figures["history"]) is pairs


def test_what_is_given_goes_before_the_recipe(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--optimizer.learning_rate", "0.25", "--encoder.dropout", "0.3", "--sentence_pairs", "order"]
    figures = run(capsys, prepared, "--output", "a", *SMALL, *FEW, "--recipe", "short_budget", *given, "--batch_ramp", "0")
    model = load_task("a")
    assert (figures["learning_rate"], model.encoder.config.dropout, model.next_sentence) == (0.25, 0.3, True)


def test_going_on_with_pairs(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, prepared, "--output", "a", *SMALL, *FEW)
    again = ["--start", "a", "--output", "b", "--sequence_length", "13", *FEW]
    figures = run(capsys, prepared, *again, "--sentence_pairs", "next")
    assert "val_pair_loss" in figures["history"]
    assert load_task("b").next_sentence


def test_gaps_are_shown_as_training_goes(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pretrain", prepared, *SMALL, *FEW, "--validate_every", "2"]
    Path("gaps.txt").write_text("a [MASK] film\nthe bad [MASK]\n")
    assert main([*words, "--output", "a", "--gaps", "gaps.txt"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("  a [MASK] film\n") == shown.count("  the bad [MASK]\n") == 2
    assert main([*words, "--output", "b"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("(was: ") == 2 * 3  # by default three sentences that are held out
    Path("gaps.txt").write_text("no gap here\n")
    assert "[MASK]" in refused(capsys, *words[1:], "--output", "c", "--gaps", "gaps.txt")
    assert not Path("c").exists()


def test_tensorboard_is_asked_for_before_anything_long(
    prepared: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    message = refused(capsys, prepared, "--output", "a", *SMALL, *FEW, "--tensorboard", "tb")
    assert "pip install keras-bert-lab[tensorboard]" in message


def test_what_tensorboard_reads(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    figures = run(capsys, prepared, "--output", "a", *SMALL, *FEW, "--validate_every", "2", "--tensorboard", "tb")
    events = accumulator.EventAccumulator("tb/validation")
    events.Reload()
    found = [float(tf.make_ndarray(each.tensor_proto)) for each in events.Tensors("epoch_loss")]
    assert found == pytest.approx(figures["history"]["val_loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch_ramp", "0.5", "--batch_size", "12"], "batch_size must be a multiple of 8 where the batch grows"),
        (["--accumulate", "3"], "accumulate must divide the smallest batch, of 8 rows"),
        (["--accumulate", "2", "--batch_ramp", "0.5"], "accumulate must divide the smallest batch, of 1 rows"),
        (["--batch_ramp", "1"], "batch_ramp must be a number of at least 0 and below 1"),
        (["--steps", "0"], "steps must be an integer of at least 1"),
        (["--validate_every", "0"], "validate_every must be an integer of at least 1"),
        (["--accumulate", "0"], "accumulate must be an integer of at least 1"),
        (["--text", "review"], "text is for tables"),
        (["--vocabulary.size", "50"], "vocabulary is for a new one, and a prepared corpus brings its own"),
        (["--teacher", "x", "--start", "y"], "teacher is for a new model"),
        (["--teacher", "x", "--sentence_pairs", "next"], "teacher is for a new model that learns no pairs"),
    ],
)
def test_refused(arguments: list[str], message: str, prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(capsys, prepared, "--output", "a", *SMALL, *FEW, *arguments)
    assert not Path("a").exists()


def test_one_corpus_at_a_time(prepared: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, prepared, corpus(here / "more.txt"), "--output", "a", *SMALL, *FEW)
    assert "corpus must be text files, or the folder of one prepared corpus" in message
    (here / "folder").mkdir()
    assert "must be the folder of a prepared corpus" in refused(capsys, "folder", "--output", "a", *SMALL, *FEW)
