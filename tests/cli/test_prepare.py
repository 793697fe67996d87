"""`prepare` and `inspect-corpus` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keras_bert_lab.batches.corpus import open_corpus
from keras_bert_lab.cli import main
from keras_bert_lab.data import read_corpus
from keras_bert_lab.recipes import inspect_corpus, prepare
from tests.batches.prepared import TOKENS, corpus_file, documents_of
from tests.cli.small_runs import contents, table


def vocabulary_file(folder: Path, name: str = "vocab.txt", tokens: list[str] = TOKENS) -> str:
    (folder / name).write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return str(folder / name)


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == code
    return capsys.readouterr().err


def test_a_vocabulary_is_learned_and_the_same_again_changes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus_file(here)
    words = ("prepare", "texts.txt", "--output", "corpus", "--vocabulary.size", "97")
    found = figures(capsys, *words, "--shards", "2")
    assert (found["documents"], found["shards"], found["finished"]) == (641, 2, True)
    assert found["unknown"] == 0
    corpus = open_corpus("corpus")
    assert found["tokens"] == corpus.tokens
    assert corpus.tokenizer.lowercase
    texts = {corpus.tokenizer.vocabulary.to_text(corpus.read(0, end)) for end in corpus.document_splits[1:2]}
    assert texts == {"a film !"}
    before = contents(here / "corpus")
    assert figures(capsys, "prepare", "texts.txt", "--output", "corpus")["tokens"] == found["tokens"]
    assert contents(here / "corpus") == before
    said = error_of(capsys, *words)
    assert "vocabulary is for a new tokenizer, and" in said
    assert "--overwrite" in said
    assert figures(capsys, *words, "--overwrite", "--no-sentences")["sentences"] is None


def test_whole_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus_file(here)
    size = ("--vocabulary.kind", "words", "--vocabulary.size", "8")
    found = figures(capsys, "prepare", "texts.txt", "--output", "corpus", *size)
    corpus = open_corpus("corpus")
    assert len(corpus.vocabulary) == 8
    assert 0 < found["unknown"] < found["tokens"]


@pytest.mark.parametrize("kind", ["vocab.txt", "cased", "model", "corpus"])
def test_tokenizers_that_are_there(here: Path, bert: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(corpus_file(here))
    if kind == "model":
        name = str(bert)
    elif kind == "cased":
        name = vocabulary_file(here, "cased.txt", [*TOKENS, "A", "They"])
    else:
        name = vocabulary_file(here)
    if kind == "corpus":
        prepare([source], here / "first", tokenizer=name)
        name = "first"
    found = figures(capsys, "prepare", source, "--tokenizer", name, "--output", "corpus")
    tokenizer = open_corpus("corpus").tokenizer
    assert tokenizer.lowercase == (kind != "cased")
    assert found["documents"] == 641
    said = error_of(capsys, "prepare", source, "--tokenizer", name, "--output", "x", "--vocabulary.size", "99")
    assert "vocabulary is for a new tokenizer. Received: tokenizer=" in said
    assert not (here / "x").exists()


def test_one_shard_each(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(corpus_file(here))
    words = ("prepare", source, "--tokenizer", vocabulary_file(here), "--output", "corpus", "--shard")
    assert figures(capsys, *words, "1/2")["finished"] is False
    assert main([*words, "1/2"]) == 0
    assert "others are still missing" in capsys.readouterr().out
    assert figures(capsys, *words, "0/2")["tokens"] == open_corpus("corpus").tokens
    for shard, said in (
        ("2/2", "shard must be an integer from 0 to 1. Received: shard=2"),
        ("two", "shard must be its number and how many there are, such as 3/16. Received: shard='two'"),
    ):
        assert said in error_of(capsys, *words, shard)
    assert "shard needs a tokenizer" in error_of(capsys, "prepare", source, "--output", "x", "--shard", "0/2")


def test_tables(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(here / "a.csv", {"review": ["a film.", "", "good"], "n": [1, 2, 3]})
    words = ("prepare", path, "--tokenizer", vocabulary_file(here), "--output", "corpus")
    assert "is a table by its suffix" in error_of(capsys, *words)
    assert "1 of 3 rows cannot be used" in error_of(capsys, *words, "--text", "review")
    assert main([*words, "--text", "review", "--drop_unusable"]) == 0
    assert "left out 1 rows: review: empty" in capsys.readouterr().out
    assert open_corpus("corpus").documents == 2


def test_what_cannot_be_used_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(corpus_file(here))
    assert "must be a new folder" in error_of(capsys, "prepare", source, "--output", ".")
    assert "There is no file" in error_of(capsys, "prepare", "nothing.txt", "--output", "corpus")
    assert "must be the folder of a prepared corpus" in error_of(capsys, "inspect-corpus", "nowhere")
    prepare([source], here / "corpus", tokenizer=vocabulary_file(here))
    path = here / "corpus" / "shard-00000-of-00001" / "tokens.bin"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert f"{path.relative_to(here)} has other bytes than were written" in error_of(capsys, "inspect-corpus", "corpus")


@pytest.fixture
def corpus(here: Path) -> Path:
    prepare([corpus_file(here)], here / "corpus", tokenizer=vocabulary_file(here), shards=2)
    return here / "corpus"


def test_inspect_counts_what_is_there(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "inspect-corpus", str(corpus), "--tokens", "3")
    tokenized = open_corpus(corpus)
    lengths = np.diff(tokenized.document_splits)
    for each in found["lengths"]["documents"]:
        assert each["count"] == int(((lengths >= each["from"]) & (lengths <= each["to"])).sum())
    assert sum(each["count"] for each in found["lengths"]["sentences"]) == tokenized.sentences
    counts = tokenized.token_counts()
    assert [each["count"] for each in found["frequent"]] == sorted(counts.tolist())[-3:][::-1]
    assert found["unknown_share"] == pytest.approx(counts[1] / tokenized.tokens)
    assert (found["documents"], found["masked_rows"]) == (641, [])
    assert len(found["rows"]) == 3
    assert main(["inspect-corpus", str(corpus)]) == 0
    shown = capsys.readouterr().out
    for part in ("2 shard(s), every byte as written", "641 documents", "documents by", "sentences by", "most frequent"):
        assert part in shown


@pytest.mark.parametrize("pairs", ["none", "next", "order"])
def test_masked_rows(corpus: Path, pairs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "inspect-corpus",
        str(corpus),
        "--masked",
        "--masking.rate",
        "0.4",
        "--row_length",
        "37",
        "--sentence_pairs",
        pairs,
    ]
    found = figures(capsys, *words, "--rows", "5")
    assert len(found["masked_rows"]) == 5
    for row in found["masked_rows"]:
        assert row["text"].startswith("[CLS] ")
        signs = [word for word in row["text"].split() if word.startswith("[") and word not in ("[CLS]", "[SEP]", "[UNK]")]
        assert len(signs) == row["masked_tokens"] > 0
    assert any("[MASK:" in row["text"] for row in found["masked_rows"])
    assert "\033" not in found["masked_rows"][0]["text"]
    again = figures(capsys, *words, "--rows", "5")
    assert again == found
    assert figures(capsys, *words, "--seed", "3")["masked_rows"][0] != found["masked_rows"][0]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[31m[MASK:" in "".join(row["text"] for row in inspect_corpus(str(corpus), masked=True)["masked_rows"])
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in "".join(row["text"] for row in inspect_corpus(str(corpus), masked=True)["masked_rows"])


@pytest.mark.parametrize(("name", "value"), [("rows", -1), ("tokens", -1), ("seed", -1), ("row_length", 0)])
def test_inspect_refuses_impossible_numbers(corpus: Path, name: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be an integer of at least .*{name}={value}"):
        inspect_corpus(str(corpus), **{name: value})


def test_a_corpus_of_one_document_and_none_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "one.txt").write_text(documents_of()[12])
    assert len(read_corpus(here / "one.txt")) == 1
    prepare([here / "one.txt"], here / "one", tokenizer=vocabulary_file(here), sentences=False)
    found = figures(capsys, "inspect-corpus", "one", "--rows", "0", "--masked")
    assert (found["rows"], found["masked_rows"], list(found["lengths"])) == ([], [], ["documents"])
