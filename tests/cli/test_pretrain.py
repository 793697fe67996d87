"""`keras-bert-lab pretrain` on small files: what it learns from, what it leaves behind."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

import keras_bert_lab
from keras_bert_lab import load_task
from keras_bert_lab.cli import main
from tests.cli.small_runs import DOCUMENTS, FIT, NEW, SHORT, TINY, contents, corpus, manifest, table
from tests.tasks.small_tasks import WORDS


def weights(folder: str | Path) -> list[np.ndarray]:
    return load_task(folder).get_weights()


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pretrain")


@pytest.fixture
def first(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """One run into runs/a below `folder`, the working folder, and its figures."""
    monkeypatch.chdir(folder)
    if not Path("runs/a").exists():
        corpus(Path("c.txt"))
        assert main(["pretrain", "c.txt", "--output", "runs/a", *NEW, "--seed", "5", "--json"]) == 0
        Path("figures.json").write_text(capsys.readouterr().out, encoding="utf-8")
    return json.loads(Path("figures.json").read_text(encoding="utf-8"))


def test_what_it_leaves_behind(first: dict[str, Any], folder: Path) -> None:
    files = {"config.yaml", "history.csv", "keras_bert_lab.json", "model.keras", "vocab.txt"}
    assert not list(Path("runs").glob(".*"))  # no scratch folder
    assert {path.name for path in Path("runs/a").iterdir()} == files
    written = manifest(Path("runs/a"))
    assert set(written["files"]) == files - {"keras_bert_lab.json"}
    assert written["task"] == "MaskedLanguageModel"
    assert written["versions"] == {
        "keras_bert_lab": keras_bert_lab.__version__,
        "keras": keras.version(),
        "tensorflow": tf.__version__,
    }
    about = written["about"]
    assert about["command"] == "pretrain"
    assert about["figures"] == first
    assert about["settings"] == yaml.safe_load(Path("runs/a/config.yaml").read_text())
    assert about["settings"]["seed"] == 5
    assert about["settings"]["corpus"] == ["c.txt"]
    assert about["settings"]["encoder"]["hidden_size"] == 10
    assert "overwrite" not in about["settings"]


def test_its_figures_are_true(first: dict[str, Any]) -> None:
    model = load_task("runs/a")
    assert (first["documents"], first["held_out_documents"]) == (9, 2)  # a fifth of 11
    assert first["weights"] == model.encoder.count_params()
    assert first["tokens"] == len(model.preprocessor.tokenizer.vocabulary) <= 97
    assert first["interrupted_by"] is None
    assert first["output"] == str(Path("runs/a").absolute())
    history = first["history"]
    assert {"loss", "accuracy", "perplexity", "val_loss", "val_accuracy", "val_perplexity"} <= set(history)
    assert history["val_perplexity"][0] == pytest.approx(np.exp(history["val_loss"][0]), rel=1e-5)
    log = pd.read_csv("runs/a/history.csv")
    assert log.loss.tolist() == pytest.approx(history["loss"], rel=1e-5)
    assert first["steps"] > 0


def test_the_model_is_as_it_was_ordered(first: dict[str, Any]) -> None:
    model = load_task("runs/a")
    config = model.encoder.config
    assert (config.hidden_size, config.num_layers, config.num_heads, config.max_positions) == (10, 1, 1, 13)
    assert (config.intermediate_size, config.dropout, model.preprocessor.row_length) == (40, 0.0, 13)
    tokens = model.preprocessor.tokenizer.vocabulary.tokens
    assert Path("runs/a/vocab.txt").read_text(encoding="utf-8").splitlines() == tokens
    assert not model.compiled


def test_the_same_seed_gives_the_same_weights_and_another_does_not(first: dict[str, Any], folder: Path) -> None:
    assert main(["pretrain", "--config", "runs/a/config.yaml", "--output", "runs/same"]) == 0
    assert main(["pretrain", "--config", "runs/a/config.yaml", "--output", "runs/other", "--seed", "7"]) == 0
    assert same(weights("runs/a"), weights("runs/same"))
    assert not same(weights("runs/a"), weights("runs/other"))


def test_going_on_from_an_earlier_run(first: dict[str, Any], folder: Path) -> None:
    start = ["pretrain", "c.txt", "--start", "runs/a", "--batch_size", "7", "--epochs", "1"]
    assert main([*start, "--output", "runs/still", "--sequence_length", "13", "--epochs", "0"]) == 0
    assert same(weights("runs/still"), weights("runs/a"))
    assert (
        main([*start, "--output", "runs/half", "--sequence_length", "11", "--precision", "mixed_bfloat16", "--epochs", "1"])
        == 0
    )
    assert not same(weights("runs/half"), weights("runs/a"))
    model = load_task("runs/half")
    assert model.encoder.dtype_policy.name == model.dtype_policy.name == "mixed_bfloat16"
    assert model.preprocessor.tokenizer.vocabulary.tokens == load_task("runs/a").preprocessor.tokenizer.vocabulary.tokens


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--sequence_length", "17"], "sequence_length must be at most 13"),
        (["--sequence_length", "13", "--encoder.hidden_size", "20"], "encoder"),
        (["--sequence_length", "13", "--vocabulary.size", "50"], "vocabulary"),
    ],
)
def test_a_start_is_not_changed(
    arguments: list[str], named: str, first: dict[str, Any], no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "c.txt", "--start", "runs/a", "--output", "runs/wrong", *arguments]) == 1
    err = capsys.readouterr().err
    assert named in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("runs/wrong").exists()


def test_settings_that_are_those_of_the_start_are_no_contradiction(first: dict[str, Any]) -> None:
    again = ["pretrain", "--config", "runs/a/config.yaml", "--start", "runs/a", "--output", "runs/on", "--epochs", "0"]
    assert main(again) == 0
    assert same(weights("runs/on"), weights("runs/a"))


def test_no_epochs_and_nothing_held_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW, "--json", "--epochs", "0", "--held_out", "0"]
    assert main(arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["documents"], figures["held_out_documents"], figures["steps"], figures["history"]) == (11, 0, 0, {})
    assert "history.csv" not in manifest(here / "a")["files"]
    assert len(load_task(here / "a").fill_mask("a [MASK] film", top_k=3)) == 3


def _learned_from(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that a run reads; it ends there."""
    seen: list[str] = []
    module = sys.modules["keras_bert_lab.recipes.pretrain"]
    read = module.read_documents

    def instead(*arguments: Any, **settings: Any) -> None:
        seen.extend(read(*arguments, **settings).corpus)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read_documents", instead)
    return seen


def test_several_files_plain_and_packed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus(here / "a.txt", DOCUMENTS[:3])
    (here / "b.txt.gz").write_bytes(gzip.compress("\n\n".join(DOCUMENTS[3:5]).encode()))
    seen = _learned_from(monkeypatch)
    assert main(["pretrain", "a.txt", "b.txt.gz", "--output", "o"]) == 130
    assert seen == DOCUMENTS[:5]


def test_tables_and_their_options(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.csv").write_bytes("review;mood\ngr\u00f6\u00dfer;x\n ;y\n".encode("cp1252"))
    table(here / "b.csv", {"review": ["good", "bad"]})
    seen = _learned_from(monkeypatch)
    options = ["--text", "review", "--separator", ";", "--encoding", "cp1252", "--drop_unusable", "--output", "o"]
    assert main(["pretrain", "a.csv", "b.csv", *options]) == 130
    assert seen == ["größer", "good", "bad"]
    assert "left out 1 rows: review: empty" in capsys.readouterr().out


def test_whole_words_as_vocabulary(here: Path) -> None:
    arguments = ["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW, "--epochs", "0", "--vocabulary.kind", "words"]
    assert main([*arguments, "--vocabulary.size", "13"]) == 0
    tokens = load_task(here / "a").preprocessor.tokenizer.vocabulary.tokens
    assert len(tokens) == 13
    assert {"good", "the", "was"} <= set(tokens)


def test_a_vocabulary_that_is_there(here: Path) -> None:
    (here / "v.txt").write_text("\n".join(WORDS) + "\n")
    arguments = ["pretrain", corpus(here / "c.txt"), "--output", "a", *TINY, *SHORT, "--vocabulary.file", "v.txt"]
    assert main(arguments) == 0
    model = load_task(here / "a")
    assert model.preprocessor.tokenizer.vocabulary.tokens == WORDS
    assert model.encoder.config.vocab_size == 23


def test_what_is_there_is_not_overwritten(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW]
    assert main(arguments) == 0
    before = contents(here / "a")
    assert main(arguments) == 1
    assert "output is there already" in capsys.readouterr().err
    assert contents(here / "a") == before
    (here / "a" / "notes.txt").write_text("mine")
    (here / "a" / "more").mkdir()
    (here / "a" / "more" / "plan.txt").write_text("mine too")
    assert main([*arguments, "--overwrite", "--epochs", "0"]) == 0
    after = contents(here / "a")
    assert set(after) == {"config.yaml", "keras_bert_lab.json", "model.keras", "vocab.txt", "notes.txt", "more/plan.txt"}
    assert (after["notes.txt"], after["more/plan.txt"]) == (b"mine", b"mine too")
    assert after["model.keras"] != before["model.keras"]
    assert {path.name for path in here.iterdir()} == {"a", "c.txt"}
    assert load_task(here / "a")


@pytest.mark.parametrize("name", ["file", "folder", "link", "file/below"])
def test_other_peoples_places_are_refused(
    name: str, here: Path, no_training: None, capsys: pytest.CaptureFixture[str], bert: Path
) -> None:
    (here / "file").write_text("mine")
    (here / "folder").mkdir()
    (here / "folder" / "thesis.doc").write_text("mine")
    (here / "link").symlink_to(bert)
    before = contents(here)
    assert main(["pretrain", "nowhere.txt", "--output", name, "--overwrite"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("keras-bert-lab pretrain: output must be")
    assert str(here / name) in err
    assert contents(here) == before


def test_the_readers_of_a_run_find_it_in_an_empty_folder_that_was_there(here: Path) -> None:
    (here / "a").mkdir()
    assert main(["pretrain", corpus(here / "c.txt"), "--output", "a", *NEW, "--epochs", "0"]) == 0
    table(here / "t.csv")
    assert main(["train", "t.csv", "--encoder", "a", "--output", "b", *FIT]) == 0
