"""What cannot be used is refused in one line that names it, before anything long has begun, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.small_runs import NEW, contents, corpus, manifest, refused, table
from tests.tasks.small_tasks import LABELS, TEXTS

pytestmark = pytest.mark.usefixtures("no_training")


NUMBERS = [
    ("pretrain", "--optimizer.learning_rate", "0", "learning_rate must be a finite number above 0"),
    ("pretrain", "--optimizer.learning_rate", ".nan", "learning_rate"),
    ("pretrain", "--optimizer.warmup", "1.5", "warmup must be"),
    ("pretrain", "--sequence_length", "1", "sequence_length must be an integer of at least 4"),
    ("pretrain", "--batch_size", "0", "batch_size must be an integer of at least 1"),
    ("pretrain", "--batch_size", "-3", "batch_size must be an integer of at least 1"),
    ("pretrain", "--epochs", "-1", "epochs must be an integer of at least 0"),
    ("pretrain", "--held_out", "1.5", "held_out must be"),
    ("pretrain", "--held_out", "-0.1", "held_out must be"),
    ("pretrain", "--held_out", ".nan", "held_out must be"),
    ("pretrain", "--seed", "-1", "seed"),
    ("pretrain", "--seed", "99999999999", "seed"),
    ("pretrain", "--vocabulary.size", "3", "size must be an integer of at least 6"),
    ("pretrain", "--vocabulary.size", "7", "vocab_size must be at least"),
    ("pretrain", "--vocabulary.file", "nowhere.txt", "nowhere.txt"),
    ("pretrain", "--encoder.num_heads", "3", "hidden_size must be divisible by num_heads"),
    ("pretrain", "--encoder.preset", "bert_tinny", "Did you mean 'bert_tiny'?"),
    ("pretrain", "--encoder.dropout", "1", "dropout must be"),
    ("pretrain", "--masking.rate", "0", "rate must be"),
    ("pretrain", "--masking.mask_share", "0.95", "mask_share"),
    ("train", "--optimizer.learning_rate", "-1", "learning_rate must be a finite number above 0"),
    ("train", "--batch_size", "0", "batch_size must be an integer of at least 1"),
    ("train", "--epochs", "-1", "epochs must be an integer of at least"),
    ("train", "--validation_split", "1.5", "validation_split must be"),
    ("train", "--validation_split", "0.01", "validation_split must leave rows on both sides"),
    ("train", "--max_length", "0", "max_length must be an integer of at least 4"),
    ("train", "--max_length", "999", "max_positions=19"),
    ("train", "--dropout", "1", "dropout must be"),
    ("train", "--seed", "-1", "seed"),
    ("train", "--kind", "regression", "not a finite number"),
    ("evaluate", "--batch_size", "0", "batch_size must be an integer of at least 1"),
]


@pytest.mark.parametrize(("command", "option", "value", "named"), NUMBERS, ids=lambda value: str(value)[:30])
def test_settings_out_of_range(
    command: str,
    option: str,
    value: str,
    named: str,
    here: Path,
    bert: Path,
    judge: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus(here / "c.txt")
    table(here / "t.csv")
    before = contents(here)
    words = {
        "pretrain": ["c.txt", *NEW, "--output", "o"],
        "train": ["t.csv", "--encoder", bert, "--output", "o"],
        "evaluate": [judge, "t.csv"],
    }
    assert named in refused(capsys, command, *words[command], option, value)
    assert contents(here) == before
    assert not (here / "o").exists()


TABLES: list[tuple[str, dict[str, list[Any]] | None, list[str]]] = [
    ("unknown column", {"txt": TEXTS, "label": LABELS}, ["'text'", "txt"]),
    ("no rows", {"text": [], "label": []}, ["no row below"]),
    ("empty text", {"text": ["good", " ", "bad"], "label": ["a", "b", "a"]}, ["'text'", "row 2", "--drop_unusable"]),
    ("missing label", {"text": ["good", "so", "bad"], "label": ["a", "b", ""]}, ["'label'", "row 3"]),
    ("one label", {"text": TEXTS, "label": ["a"] * 11}, ["at least two classes", "'a'"]),
    ("alike", {"text": TEXTS, "label": ["pos", "Pos ", *["neg"] * 9]}, ["'pos'", "'Pos '"]),
    ("none", None, ["There is no file", "t.csv"]),
]


@pytest.mark.parametrize(("columns", "named"), [each[1:] for each in TABLES], ids=[each[0] for each in TABLES])
def test_tables_to_learn_from(
    columns: dict[str, list[Any]] | None, named: list[str], here: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if columns is not None:
        table(here / "t.csv", columns)
    message = refused(capsys, "train", "t.csv", "--encoder", bert, "--output", "o")
    assert all(part in message for part in named)
    assert not list(here.glob(".*"))
    assert not (here / "o").exists()


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([{"text": 5, "label": "a"}, {"text": "x", "label": "b"}], ["not a text", "row 1"]),
        ([{"text": None, "label": "a"}, {"text": "x", "label": "b"}], ["missing", "row 1"]),
        ([{"text": "x", "label": float("nan")}, {"text": "x", "label": "b"}], ["'label'", "missing"]),
        ([{"text": "x", "label": "a"}, {"text": "half \ud83d", "label": "b"}], ["surrogate", "row 2"]),
    ],
)
@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_cells_of_json(
    rows: list[dict[str, Any]],
    named: list[str],
    command: str,
    here: Path,
    bert: Path,
    judge: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if command == "predict" and "'label'" in named:
        pytest.skip("predict reads no labels")
    (here / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = {
        "train": ["t.jsonl", "--encoder", bert, "--output", "o"],
        "evaluate": [judge, "t.jsonl", "--text", "text", "--label", "label"],
        "predict": [judge, "--table", "t.jsonl", "--output", "o.jsonl", "--text", "text"],
    }
    message = refused(capsys, command, *words[command])
    assert all(part in message for part in named)
    assert {path.name for path in here.iterdir()} == {"t.jsonl"}


def test_labels_to_validate_on_must_be_known(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "t.csv")
    table(here / "v.csv", {"text": ["x", "y"], "label": ["pos", "neutral"]})
    message = refused(capsys, "train", "t.csv", "--validation", "v.csv", "--encoder", bert, "--output", "o")
    assert "'neutral' in 1 row, row 2" in message


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("none.txt", None, ["There is no file none.txt"]),
        ("empty.txt", b"", ["empty.txt is empty"]),
        ("blank.txt", b"\n \n\n", ["blank lines"]),
        ("latin.txt", "good\n\ngröße".encode("latin-1"), ["latin.txt is not UTF-8", "offset 8", "--encoding"]),
        ("cut.txt.gz", gzip.compress(b"good\n" * 999, mtime=0)[:-9], ["cut.txt.gz", "damaged"]),
        ("no.txt.gz", b"good", ["no.txt.gz", "damaged"]),
        ("one.txt", b"one document", ["1 document(s)", "--held_out 0"]),
        ("t.csv", b"text\ngood\n", ["t.csv is a table"]),
        ("all*.txt", None, ["all*.txt"]),
    ],
)
def test_corpora(name: str, content: bytes | None, named: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if content is not None:
        (here / name).write_bytes(content)
    message = refused(capsys, "pretrain", name, *NEW, "--output", "o")
    assert all(part in message for part in named)
    assert {path.name for path in here.iterdir()} <= {name}


def test_a_corpus_of_tables(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "t.csv", {"review": ["good", ""]})
    assert "'text'" in refused(capsys, "pretrain", "t.csv", *NEW, "--output", "o", "--text", "text")
    assert "row 2" in refused(capsys, "pretrain", "t.csv", *NEW, "--output", "o", "--text", "review")


def _cut(folder: Path) -> None:
    (folder / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:-99])


def _flip(folder: Path) -> None:
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)


def _cut_manifest(folder: Path) -> None:
    path = folder / "keras_bert_lab.json"
    path.write_text(path.read_text()[:99])


def _rewrite(folder: Path, **changes: Any) -> None:
    (folder / "keras_bert_lab.json").write_text(json.dumps(manifest(folder) | changes))


def _emptied(folder: Path, *names: str) -> None:
    shutil.rmtree(folder)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


FOLDERS: list[tuple[str, Callable[[Path], Any], list[str]]] = [
    ("missing", shutil.rmtree, ["There is no folder", "Did you mean", "my-bort"]),
    ("file", lambda folder: (shutil.rmtree(folder), folder.write_text("x")), ["the file"]),
    ("saved_model", lambda folder: _emptied(folder, "saved_model.pb"), ["saved_model.pb", "damaged"]),
    ("versions", lambda folder: _emptied(folder, "1/saved_model.pb"), ["SavedModels", "load_exported"]),
    ("hugging_face", lambda folder: _emptied(folder, "model.safetensors", "config.json"), ["config.json", "damaged"]),
    ("original", lambda folder: _emptied(folder, "bert_config.json"), ["bert_config.json", "damaged"]),
    ("plain", lambda folder: _emptied(folder, "notes.txt"), ["keras_bert_lab.json", "notes.txt"]),
    ("empty", lambda folder: (shutil.rmtree(folder), folder.mkdir()), ["keras_bert_lab.json"]),
    ("no_manifest", lambda folder: (folder / "keras_bert_lab.json").unlink(), ["not complete", "keras_bert_lab.json"]),
    ("no_model", lambda folder: (folder / "model.keras").unlink(), ["not complete", "model.keras"]),
    ("cut", _cut, ["model.keras", "damaged"]),
    ("flipped", _flip, ["model.keras", "damaged"]),
    ("manifest_cut", _cut_manifest, ["keras_bert_lab.json", "damaged"]),
    ("manifest_list", lambda folder: (folder / "keras_bert_lab.json").write_text("[]"), ["keras_bert_lab.json", "list"]),
    (
        "manifest_binary",
        lambda folder: (folder / "keras_bert_lab.json").write_bytes(b"\xff"),
        ["keras_bert_lab.json", "damaged"],
    ),
    ("newer", lambda folder: _rewrite(folder, format=2), ["format 2", "reads format 1"]),
    ("newer_and_other", lambda folder: (folder / "keras_bert_lab.json").write_text('{"format": 2}'), ["format 2"]),
]


@pytest.mark.parametrize(("damage", "named"), [each[1:] for each in FOLDERS], ids=[each[0] for each in FOLDERS])
@pytest.mark.parametrize("command", ["train", "pretrain", "fill-mask", "export", "show-config"])
def test_folders_of_models(
    command: str, damage: Callable[[Path], Any], named: list[str], here: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(bert, here / "my-bert")
    (here / "my-bort").mkdir()
    damage(here / "my-bert")
    corpus(here / "c.txt")
    table(here / "t.csv")
    before = contents(here)
    words = {
        "train": ["t.csv", "--encoder", "my-bert", "--output", "o"],
        "pretrain": ["c.txt", "--start", "my-bert", "--output", "o"],
        "fill-mask": ["my-bert", "a [MASK]"],
        "export": ["my-bert", "o"],
        "show-config": ["my-bert"],
    }
    message = refused(capsys, command, *words[command])
    assert "my-bert" in message
    assert all(part in message for part in named)
    assert contents(here) == before


@pytest.mark.parametrize(("command", "wanted"), [("pretrain", "MaskedLanguageModel"), ("fill-mask", "MaskedLanguageModel")])
def test_a_classifier_is_no_language_model(
    command: str, wanted: str, here: Path, judge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["a [MASK]"] if command == "fill-mask" else [corpus(here / "c.txt"), "--start", judge, "--output", "o"]
    message = refused(capsys, command, *([judge, *words] if command == "fill-mask" else words))
    assert f"A {wanted} was expected" in message
    assert "holds a TextClassifier" in message


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_language_model_is_no_classifier(command: str, here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["good"] if command == "predict" else [table(here / "t.csv")]
    assert "A TextClassifier was expected" in refused(capsys, command, bert, *words)
