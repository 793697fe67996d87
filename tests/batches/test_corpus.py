"""Prepared corpora are read as they were written; every damage is found and named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_bert_lab import FormatError
from keras_bert_lab.batches.corpus import Corpus, MemoryCorpus, check_corpus, open_corpus
from keras_bert_lab.batches.corpus_files import CORPUS_MANIFEST, facts_of
from keras_bert_lab.batches.token_rows import TokenRows
from keras_bert_lab.batches.vocabulary_table import VocabularyTable
from tests.batches.prepared import SHARD_FILES, documents_of, prepared, tokenizer
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("whole"), shards=3).path


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "corpus"))


def test_read_gives_each_document_over_all_shards(whole: Path) -> None:
    corpus = open_corpus(str(whole))
    assert isinstance(corpus, Corpus)
    assert corpus.document_splits.dtype == np.int64
    assert (corpus.document_splits[0], corpus.document_splits[-1]) == (0, corpus.tokens)
    assert corpus.documents == len(corpus.document_splits) - 1 == len(documents_of())
    assert corpus.sentences == len(corpus.sentence_splits) - 1
    assert np.isin(corpus.document_splits, corpus.sentence_splits).all()
    expected = sorted(ids.tobytes() for ids in tokenizer().tokenize(documents_of()).numpy())
    found = [corpus.read(start, stop) for start, stop in zip(corpus.document_splits, corpus.document_splits[1:], strict=False)]
    assert all(ids.dtype == np.int32 for ids in found)
    assert sorted(ids.tobytes() for ids in found) == expected
    assert corpus.token_counts().tolist() == np.bincount(np.concatenate(found), minlength=len(corpus.vocabulary)).tolist()


def test_read_refuses_what_is_in_no_document(whole: Path) -> None:
    corpus = open_corpus(whole)
    end = corpus.manifest["shards"][0]["tokens"]
    assert len(corpus.read(end, end)) == len(corpus.read(corpus.tokens, corpus.tokens)) == 0
    for start, stop in ((end - 1, end + 1), (-1, 2), (5, 4), (0, corpus.tokens + 1), (corpus.tokens + 1, corpus.tokens + 1)):
        with pytest.raises(ValueError, match=rf"within one document .*Received: start={start}, stop={stop}"):
            corpus.read(start, stop)


def test_vocabulary_is_that_of_the_tokenizer(whole: Path) -> None:
    corpus, vocabulary = open_corpus(whole), tokenizer().vocabulary
    table = corpus.vocabulary
    assert (len(table), table.vocab_size) == (len(vocabulary), len(vocabulary))
    for name in ("pad_id", "unk_id", "cls_id", "sep_id", "mask_id"):
        assert getattr(table, name) == getattr(vocabulary, name)
    np.testing.assert_array_equal(table.special_ids, vocabulary.special_ids)
    np.testing.assert_array_equal(table.word_starts, vocabulary.word_starts)
    assert table.word_starts.dtype == bool
    assert not table.word_starts.all()
    assert corpus.tokenizer.get_config() == tokenizer().get_config()


def test_one_shard_is_memory_mapped(tmp_path: Path) -> None:
    corpus = prepared(tmp_path)
    assert isinstance(corpus.document_splits, np.memmap)
    assert isinstance(corpus.sentence_splits, np.memmap)


def test_shards_may_be_empty(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, shards=13)
    assert any(shard["tokens"] == 0 for shard in corpus.manifest["shards"])
    assert corpus.documents == len(documents_of())
    assert check_corpus(corpus.path).read(0, 3).tolist() == corpus.read(0, 3).tolist()


def test_memory_corpus() -> None:
    rows = TokenRows(np.arange(5, 12, dtype=np.int32), np.zeros(7, np.int32), np.array([0, 3, 7]))
    corpus = MemoryCorpus(rows, tokenizer().vocabulary, np.array([0, 2, 3, 7]))
    assert (corpus.documents, corpus.tokens) == (2, 7)
    assert corpus.read(3, 6).tolist() == [8, 9, 10]
    assert corpus.sentence_splits.dtype == np.int64
    assert MemoryCorpus(rows, None).sentence_splits is None
    with pytest.raises(ValueError, match=r"sentence_splits must hold all boundaries.*3 boundaries, without \[3\]"):
        MemoryCorpus(rows, None, np.array([0, 2, 7]))


@pytest.mark.parametrize("ids", [{}, {"pad_id": 0}, None, {"special_ids": 3}])
def test_vocabulary_table_refuses_impossible_ids(ids: dict | None) -> None:
    good = VocabularyTable.of(tokenizer().vocabulary)
    assert VocabularyTable.from_dict(good.to_dict(), good.word_starts).to_dict() == good.to_dict()
    changed = good.to_dict() | (ids or {"sep_id": len(good)}) if ids != {} else {}
    if ids == {"pad_id": 0}:
        changed = good.to_dict() | {"pad_id": True}
    with pytest.raises(ValueError, match=f"ids must be from 0 to {len(good) - 1}"):
        VocabularyTable.from_dict(changed, good.word_starts)


@pytest.mark.parametrize("name", [*SHARD_FILES, "tokenizer.json", "word_starts.npy"])
def test_every_bit_flip_is_found(copied: Path, name: str) -> None:
    path = copied / ("shard-00001-of-00003" if name in SHARD_FILES else "") / name
    content = path.read_bytes()
    places = {0, len(content) // 2, len(content) - 1, *range(0, len(content), max(1, len(content) // 7))}
    for place in sorted(places):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(FormatError, match=f"{path}.*SHA-256"):
            check_corpus(copied)
    path.write_bytes(content)
    check_corpus(copied)


@pytest.mark.parametrize("name", [*SHARD_FILES, "tokenizer.json", "word_starts.npy"])
@pytest.mark.parametrize("keep", [0, 0.5, -1, 2])
def test_cut_and_longer_files_are_found_at_once(copied: Path, name: str, keep: float) -> None:
    path = copied / ("shard-00002-of-00003" if name in SHARD_FILES else "") / name
    content = path.read_bytes()
    path.write_bytes({0: b"", 0.5: content[: len(content) // 2], -1: content[:-1], 2: content * 2}[keep])
    for function in (open_corpus, check_corpus):
        with pytest.raises(FormatError, match=f"{path} has .* bytes and was written with {len(content):,}"):
            function(copied)
    path.unlink()
    for function in (open_corpus, check_corpus):
        with pytest.raises(FormatError, match=f"{path} is missing"):
            function(copied)


def test_all_damaged_files_are_named(copied: Path) -> None:
    for name in ("shard-00000-of-00003/tokens.bin", "shard-00002-of-00003/documents.npy"):
        (copied / name).write_bytes(b"other")
    with pytest.raises(FormatError, match=r"2 damaged file\(s\): .*00000-of-00003/tokens.bin .*00002-of-00003/documents.npy"):
        check_corpus(copied)


def change(path: Path, edit) -> None:
    manifest = json.loads((path / CORPUS_MANIFEST).read_text())
    edit(manifest)
    (path / CORPUS_MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda m: m.update(format=2), "prepared in format 2; this version reads format 1"),
        (lambda m: m.pop("shards"), "KeyError"),
        (lambda m: m["shards"].pop(), "shard 0 is called|do not add up"),
        (lambda m: m["shards"].reverse(), "shard 0 is called"),
        (lambda m: m.update(shards=[]), "do not add up|no shards"),
        (lambda m: m["totals"].update(tokens=3), "the numbers of tokens do not add up"),
        (lambda m: m["totals"].update(documents="3"), "the numbers of documents are no numbers"),
        (lambda m: m["shards"][1].update(unknown=True), "the numbers of unknown are no numbers"),
        (lambda m: m["shards"][1]["files"].pop("sentences.npy"), "shard 1 has the files"),
        (lambda m: m["shards"][0]["files"].update({"tokens.bin": {"bytes": 2, "sha256": "x"}}), "has 2 bytes for"),
        (lambda m: m["shards"][0]["files"].update({"tokens.bin": {"bytes": "2", "sha256": "x"}}), "without size and hash"),
        (lambda m: m.update(dtype="float64"), "dtype 'float64'"),
        (lambda m: m.update(files={}), "files"),
        (lambda m: m["vocabulary"].update(mask_id=10**6), "do not fit: ids must be from 0"),
    ],
)
def test_manifests_that_contradict_themselves(copied: Path, edit, said: str) -> None:
    change(copied, edit)
    with pytest.raises(FormatError, match=said):
        open_corpus(copied)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"null"])
def test_manifests_that_are_no_json_object(copied: Path, content: bytes) -> None:
    (copied / CORPUS_MANIFEST).write_bytes(content)
    for function in (open_corpus, check_corpus):
        with pytest.raises(FormatError, match=f"{CORPUS_MANIFEST} is damaged"):
            function(copied)


def test_boundaries_that_do_not_fit(copied: Path) -> None:
    for name, values in (("documents.npy", [0, 5]), ("sentences.npy", [1, 2, 3])):
        folder = copied / "shard-00000-of-00003"
        before = (folder / name).read_bytes(), (copied / CORPUS_MANIFEST).read_bytes()
        np.save(folder / name, np.array(values))
        change(copied, lambda m, n=name, f=folder: m["shards"][0]["files"].update({n: facts_of(f / n)}))
        with pytest.raises(FormatError, match=f"{folder / name} is damaged: its boundaries are not those"):
            open_corpus(copied)
        (folder / name).write_bytes(b"no array")
        change(copied, lambda m, n=name, f=folder: m["shards"][0]["files"].update({n: facts_of(f / n)}))
        with pytest.raises(FormatError, match=f"{folder / name} is damaged"):
            open_corpus(copied)
        (folder / name).write_bytes(before[0])
        (copied / CORPUS_MANIFEST).write_bytes(before[1])
    np.save(copied / "word_starts.npy", np.arange(3))
    change(copied, lambda m: m["files"].update({"word_starts.npy": facts_of(copied / "word_starts.npy")}))
    with pytest.raises(FormatError, match=r"word_starts.npy and .* do not fit: int64"):
        open_corpus(copied)


def test_a_shard_of_another_manifest(copied: Path) -> None:
    def edit(manifest: dict) -> None:
        for each in (manifest["shards"][0], manifest["totals"]):
            each["unknown"] += 1

    change(copied, edit)
    open_corpus(copied)
    with pytest.raises(FormatError, match=r"00000-of-00003/shard.json is not that of"):
        check_corpus(copied)


def test_what_is_no_whole_corpus(copied: Path, tmp_path: Path) -> None:
    for function in (open_corpus, check_corpus):
        with pytest.raises(FormatError, match=r"must be the folder of a prepared corpus. Received: no folder"):
            function(tmp_path / "nowhere")
        with pytest.raises(FormatError, match=r"Received: a folder with \['corpus'\]"):
            function(tmp_path)
    (copied / CORPUS_MANIFEST).unlink()
    with pytest.raises(FormatError, match=f"is not complete: {CORPUS_MANIFEST} is missing. Run"):
        open_corpus(copied)
    shutil.rmtree(copied / "shard-00001-of-00003")
    with pytest.raises(FormatError, match=r"is missing, and so are \['shard-00001-of-00003'\]"):
        open_corpus(copied)
    for entry in copied.glob("shard-*"):
        shutil.rmtree(entry)
    with pytest.raises(FormatError, match="is not complete"):
        open_corpus(copied)


def test_a_damaged_tokenizer_is_told(copied: Path) -> None:
    content = '{"class_name": "Nobody", "config": {}, "module": "nowhere", "registered_name": "Nobody"}'
    (copied / "tokenizer.json").write_text(content)
    change(copied, lambda m: m["files"].update({"tokenizer.json": facts_of(copied / "tokenizer.json")}))
    with pytest.raises(FormatError, match=r"tokenizer.json is damaged or of another version"):
        _ = open_corpus(copied).tokenizer


def test_reading_needs_numpy_alone(whole: Path) -> None:
    # Without the packages' __init__, which bring Keras with whatever backend there is.
    script = (
        "import sys, types\n"
        "for name in ('keras_bert_lab', 'keras_bert_lab.batches'):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        f"    sys.modules[name].__path__ = [{str(ROOT)!r} + '/' + name.replace('.', '/')]\n"
        "from keras_bert_lab.batches.corpus import check_corpus\n"
        f"corpus = check_corpus({str(whole)!r})\n"
        "assert len(corpus.read(0, 3)) == 3 and corpus.sentence_splits is not None\n"
        "print(*sorted({'numpy', 'tensorflow', 'keras', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout.split() == ["numpy"]
