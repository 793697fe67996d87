"""A prepared corpus holds exactly the tokens of its texts, however it was made: in how many shards, processes and attempts."""

from __future__ import annotations

import errno
import functools
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import DataError, FormatError
from keras_bert_lab.batches import prepare_corpus as module
from keras_bert_lab.batches import shard_progress, shard_work, text_blocks
from keras_bert_lab.batches.corpus import Corpus, check_corpus, open_corpus
from keras_bert_lab.batches.corpus_files import CORPUS_MANIFEST
from keras_bert_lab.batches.prepare_corpus import check_corpus_folder, prepare_corpus
from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.text import WordPieceTokenizer, WordTokenizer
from keras_bert_lab.text.sentences import split_sentences
from tests.batches.prepared import TOKENS, corpus_file, documents_of, prepared, tokenizer
from tests.conftest import ROOT


def content(corpus: Corpus) -> list[bytes]:
    """The documents, sorted, since shards change their order."""
    splits = corpus.document_splits
    return sorted(corpus.read(start, stop).tobytes() for start, stop in itertools.pairwise(splits))


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def tokens_of(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (data, _) in files(folder).items() if name.endswith((".bin", ".npy"))}


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.fixture
def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs and segments of a few documents, so that a small corpus has many."""
    monkeypatch.setattr(shard_work, "_JOB_CHARACTERS", 977)
    monkeypatch.setattr(text_blocks, "SEGMENT_CHARACTERS", 3001)


class Counting:
    """A tokenizer that counts its texts and breaks off when there are enough."""

    def __init__(self, most: float = np.inf, error: BaseException | None = None) -> None:
        self.texts = 0
        self.vocabulary = tokenizer().vocabulary
        self._most, self._error = most, error or RuntimeError("broken off")

    def tokenize(self, texts: Any) -> Any:
        self.texts += len(texts)
        if self.texts > self._most:
            raise self._error
        return tokenizer().tokenize(texts)

    def get_config(self) -> dict[str, Any]:
        return tokenizer().get_config()


@pytest.fixture
def like_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serialise a `Counting` as what it wraps."""
    serialize = module.keras.saving.serialize_keras_object
    monkeypatch.setattr(module.keras.saving, "serialize_keras_object", lambda each: serialize(_inner(each)))
    registered = module.keras.saving.get_registered_name
    monkeypatch.setattr(
        module.keras.saving, "get_registered_name", lambda kind: registered(WordPieceTokenizer if kind is Counting else kind)
    )


def _inner(each: Any) -> Any:
    return tokenizer() if isinstance(each, Counting) else each


@functools.cache
def sentence_ends() -> dict[bytes, list[int]]:
    """Tokens of a document -> where its sentences end."""
    sentences = [split_sentences(document) for document in documents_of()]
    lengths = iter(tokenizer().tokenize([each for some in sentences for each in some]).row_lengths().numpy().tolist())
    rows = tokenizer().tokenize(documents_of()).numpy()
    return {
        row.tobytes(): np.cumsum([0, *itertools.islice(lengths, len(some))]).tolist()
        for row, some in zip(rows, sentences, strict=True)
    }


@pytest.mark.parametrize("shards", [1, 3, 13])
@pytest.mark.parametrize("workers", [1, 3])
def test_tokens_and_sentences_are_those_of_the_texts(tmp_path: Path, small_jobs: None, shards: int, workers: int) -> None:
    corpus = prepared(tmp_path, shards=shards, workers=workers)
    check_corpus(corpus.path)
    ids = tokenizer().tokenize(documents_of()).numpy()
    assert content(corpus) == sorted(row.tobytes() for row in ids)
    expected = sentence_ends()
    ends = corpus.sentence_splits
    for start, stop in itertools.pairwise(corpus.document_splits.tolist()):
        inside = ends[(ends >= start) & (ends <= stop)] - start
        assert inside.tolist() == expected[corpus.read(start, stop).tobytes()]
    totals = corpus.manifest["totals"]
    assert totals["unknown"] == sum(int((row == 1).sum()) for row in ids) > 0
    assert leftovers(corpus.path) == []


def test_blocks_of_64_documents_go_to_the_shards_in_turn(tmp_path: Path, small_jobs: None) -> None:
    corpus = prepared(tmp_path, shards=3)
    blocks = [documents_of()[start : start + 64] for start in range(0, 641, 64)]
    expected = [document for shard in range(3) for block in blocks[shard::3] for document in block]
    splits = corpus.document_splits
    for document, start, stop in zip(expected, splits, splits[1:], strict=False):
        assert corpus.read(start, stop).tolist() == tokenizer().tokenize([document]).flat_values.numpy().tolist()


def test_files_do_not_depend_on_workers_jobs_or_who_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = tokens_of(prepared(tmp_path, "a", shards=3, workers=1).path)
    monkeypatch.setattr(shard_work, "_JOB_CHARACTERS", 311)
    monkeypatch.setattr(text_blocks, "SEGMENT_CHARACTERS", 2000)
    monkeypatch.setattr(shard_work, "_SHARDS_AT_ONCE", 2)
    assert tokens_of(prepared(tmp_path, "b", shards=3, workers=2).path) == one
    source, path = corpus_file(tmp_path), tmp_path / "c"
    for shard in (2, 0):
        assert prepare_corpus(source, tokenizer(), path, shard=(shard, 3), show_progress=False) is None
        assert not (path / CORPUS_MANIFEST).exists()
    assert prepare_corpus(source, tokenizer(), path, shard=(1, 3), show_progress=False) is not None
    assert tokens_of(path) == one


def test_without_sentences(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, sentences=False, shards=2)
    assert (corpus.sentences, corpus.sentence_splits, corpus.manifest["totals"]["sentences"]) == (None, None, None)
    assert not list(corpus.path.rglob("sentences.npy"))
    assert corpus.documents == 641
    assert content(corpus) == content(prepared(tmp_path, "other"))
    check_corpus(corpus.path)


def test_lines_end_sentences_or_not(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a good\nfilm. Old\n")
    for line_ends, expected in ((True, [0, 2, 4, 5]), (False, [0, 4, 5])):
        path = tmp_path / str(line_ends)
        corpus = prepare_corpus(source, tokenizer(), path, line_ends=line_ends, show_progress=False)
        assert corpus.sentence_splits.tolist() == expected


@pytest.mark.parametrize(("count", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_large_vocabularies(tmp_path: Path, count: int, dtype: str) -> None:
    words = [*TOKENS[:5], *(f"w{number}" for number in range(count - 5))]
    source = tmp_path / "a.txt"
    source.write_text(f"w0 w7 w{count - 6}")
    corpus = prepare_corpus(source, WordPieceTokenizer(words), tmp_path / "corpus", show_progress=False)
    assert corpus.manifest["dtype"] == dtype
    assert corpus.read(0, 3).tolist() == [5, 12, count - 1]
    assert (corpus.path / "shard-00000-of-00001" / "tokens.bin").stat().st_size == 3 * np.dtype(dtype).itemsize


def test_long_documents_come_in_parts_and_very_long_ones_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.txt"
    source.write_text("they played. " * 100 + "\n\n" + "old " * 7)
    whole = tokenizer().tokenize(["they played. " * 100]).flat_values.numpy()
    monkeypatch.setattr("keras_bert_lab.data.document_streams.PART", 50)
    monkeypatch.setattr(shard_work, "_JOB_CHARACTERS", 70)
    corpus = prepare_corpus(source, tokenizer(), tmp_path / "one", show_progress=False)
    assert corpus.document_splits.tolist() == [0, len(whole), len(whole) + 7]
    np.testing.assert_array_equal(corpus.read(0, len(whole)), whole)
    monkeypatch.setattr(text_blocks, "LONGEST_DOCUMENT", 400)
    corpus = prepare_corpus(source, tokenizer(), tmp_path / "many", show_progress=False)
    assert corpus.documents in (4, 5)
    assert np.diff(corpus.document_splits).max() < len(whole) / 2
    np.testing.assert_array_equal(np.concatenate([corpus.read(0, 0), corpus._ids[0][: len(whole)]]), whole)


def test_documents_without_a_token_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("\x01\x02\n\na film.\x01\n\n\x03\n\nold. \x01\n")
    corpus = prepare_corpus(source, tokenizer(), tmp_path / "corpus", show_progress=False)
    assert corpus.document_splits.tolist() == [0, 3, 5]
    assert corpus.sentence_splits.tolist() == [0, 3, 5]


def test_other_tokenizers_and_tables(tmp_path: Path) -> None:
    words = WordTokenizer(["film", "good"])
    source = tmp_path / "a.jsonl"
    source.write_text('{"t": "good FILM"}\n{"t": "film"}\n')
    corpus = prepare_corpus(source, words, tmp_path / "words", text="t", show_progress=False)
    assert [corpus.read(*each).tolist() for each in ((0, 2), (2, 3))] == [[6, 5], [5]]
    assert corpus.tokenizer.get_config() == words.get_config()
    added = tokenizer().with_added_tokens(["old film"])
    source = tmp_path / "b.txt"
    source.write_text("a old film")
    assert prepare_corpus(source, added, tmp_path / "added", show_progress=False).read(0, 2).tolist() == [7, len(TOKENS)]


def test_the_same_again_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(prepared(tmp_path, shards=3).path)
    monkeypatch.setattr(module, "make_shards", None)
    assert prepared(tmp_path).documents == 641  # shards as in the folder
    assert prepared(tmp_path, shards=3, workers=2).documents == 641
    assert prepared(tmp_path, shard=(1, 3)).documents == 641
    assert files(tmp_path / "corpus") == before


@pytest.mark.parametrize("error", [RuntimeError("broken off"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
@pytest.mark.parametrize("most", [0, 500, 3500])
def test_it_goes_on_where_it_was_stopped(tmp_path: Path, small_jobs: None, like_ours: None, error: Any, most: int) -> None:
    source, path = corpus_file(tmp_path), tmp_path / "corpus"
    expected = tokens_of(prepared(tmp_path, "straight", shards=3).path)
    total = sum(len(split_sentences(document)) for document in documents_of())
    with pytest.raises(type(error)):
        prepare_corpus(source, Counting(most, error), path, shards=3, workers=1, show_progress=False)
    assert not (path / CORPUS_MANIFEST).exists()
    assert not list(path.glob("shard-*"))
    with pytest.raises(FormatError, match="is not complete"):
        open_corpus(path)
    again = Counting()
    prepare_corpus(source, again, path, shards=3, workers=1, show_progress=False)
    if most == 3500:
        assert again.texts < total - 2500  # most of it was there already
    else:
        assert again.texts <= total
    assert tokens_of(path) == expected
    assert leftovers(path) == []


def test_finished_shards_are_kept_when_another_fails(tmp_path: Path, like_ours: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_work, "_SHARDS_AT_ONCE", 1)
    source, path = corpus_file(tmp_path), tmp_path / "corpus"
    total = sum(len(split_sentences(document)) for document in documents_of())
    with pytest.raises(RuntimeError, match="broken off"):
        prepare_corpus(source, Counting(total * 0.6), path, shards=4, workers=1, show_progress=False)
    kept = {entry.name: files(entry) for entry in path.glob("shard-*")}
    assert 1 <= len(kept) <= 3
    again = Counting()
    prepare_corpus(source, again, path, show_progress=False)
    assert again.texts < total
    for name, before in kept.items():
        assert files(path / name) == before
    assert tokens_of(path) == tokens_of(prepared(tmp_path, "straight", shards=4).path)


KILLED = """
import os, signal, sys
from pathlib import Path
from keras_bert_lab.batches import shard_files, shard_work, text_blocks
from tests.batches.prepared import prepared

shard_work._JOB_CHARACTERS, text_blocks.SEGMENT_CHARACTERS, count = 977, 3001, 0
target, method, when = sys.argv[2], sys.argv[3], int(sys.argv[4])
original = getattr(shard_files.ShardFiles, method)

def instead(self, *arguments):
    global count
    count += 1
    if count == when:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments)

setattr(shard_files.ShardFiles, method, instead)
prepared(Path(sys.argv[1]), target, shards=3)
"""


@pytest.mark.parametrize(("method", "when"), [("write_segment", 5), pytest.param("_write_splits", 3, marks=pytest.mark.slow)])
def test_a_killed_process(tmp_path: Path, small_jobs: None, method: str, when: int) -> None:
    """The second one is killed while it makes a shard out of its segments, when another shard is there."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "corpus", method, str(when)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "KERAS_BACKEND": "tensorflow"},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    path = tmp_path / "corpus"
    shards = [entry.name for entry in path.glob("shard-*")]
    assert len(shards) == (0 if method == "write_segment" else 1)
    segments = files(path / ".parts")
    assert segments
    if shards:
        assert any(name.startswith(".shard-") for name in leftovers(path))
    assert tokens_of(prepared(tmp_path, shards=3).path) == tokens_of(prepared(tmp_path, "straight", shards=3).path)
    check_corpus(path)
    assert leftovers(path) == []


def test_a_damaged_segment_is_named_and_made_again(tmp_path: Path, small_jobs: None, like_ours: None) -> None:
    source, path = corpus_file(tmp_path), tmp_path / "corpus"
    with pytest.raises(RuntimeError):
        prepare_corpus(source, Counting(3500), path, shards=2, workers=1, show_progress=False)
    segment = sorted((path / ".parts").rglob("*.npz"))[1]
    data = segment.read_bytes()
    place = data.index(b"tokens.npy") + 200
    segment.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    with pytest.raises(FormatError, match=f"{re.escape(str(segment))} was damaged and is removed.*Run the same command again"):
        prepared(tmp_path)
    assert tokens_of(prepared(tmp_path).path) == tokens_of(prepared(tmp_path, "straight", shards=2).path)


def other_sources(folder: Path) -> Path:
    path = folder / "elsewhere" / "texts.txt"
    path.parent.mkdir()
    path.write_text("a film")
    return path


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: {"sentences": False}, "sentences=False (there True)"),
        (lambda f: {"line_ends": False}, "line_ends=False (there True)"),
        (lambda f: {"shards": 5}, "shards=5 (there 3)"),
        (lambda f: {"shard": (0, 4)}, "shards=4 (there 3)"),
        (lambda f: {"tokenizer": WordPieceTokenizer(TOKENS, lowercase=False)}, "tokenizer='"),
        (lambda f: {"tokenizer": WordPieceTokenizer([*TOKENS, "new"])}, f"tokens={len(TOKENS) + 1} (there {len(TOKENS)})"),
        (lambda f: {"source": other_sources(f)}, "other contents of ['texts.txt']"),
        (lambda f: {"source": [f / "texts.txt", f / "texts.txt"]}, "files ['texts.txt', 'texts.txt'] (there ['texts.txt'])"),
        (lambda f: {"source": DocumentStream(f / "texts.txt", encoding="latin-1")}, "encoding='latin-1' (there 'utf-8')"),
    ],
)
def test_what_is_made_otherwise_is_refused(tmp_path: Path, change: Any, said: str, finished: bool) -> None:
    source, path = corpus_file(tmp_path), tmp_path / "corpus"
    how: dict[str, Any] = {"shards": 3} if finished else {"shard": (1, 3)}
    prepare_corpus(source, tokenizer(), path, show_progress=False, **how)
    before = files(path)
    given = {"source": source, "tokenizer": tokenizer()} | change(tmp_path)
    with pytest.raises(FormatError, match=re.escape(said)) as caught:
        prepare_corpus(**given, output=path, show_progress=False)
    assert "overwrite=True (--overwrite)" in str(caught.value)
    assert files(path) == before


def test_overwrite_begins_anew_and_keeps_other_files(tmp_path: Path) -> None:
    path = prepared(tmp_path, shards=3).path
    (path / "notes.txt").write_text("mine")
    (path / ".parts").mkdir()
    corpus = prepared(tmp_path, sentences=False, overwrite=True)
    assert sorted(entry.name for entry in path.iterdir()) == [
        CORPUS_MANIFEST, "made_from.json", "notes.txt", "shard-00000-of-00001", "tokenizer.json", "word_starts.npy",
    ]  # fmt: skip
    assert corpus.sentences is None


def test_a_damaged_shard_is_named_and_alone_made_again(tmp_path: Path) -> None:
    path = prepared(tmp_path, shards=3).path
    before = tokens_of(path)
    shard = path / "shard-00001-of-00003"
    (shard / "tokens.bin").write_bytes(b"xy")
    with pytest.raises(FormatError, match=rf"{shard}/tokens.bin has 2 bytes .*Remove {shard}, and run"):
        prepared(tmp_path)
    shutil.rmtree(shard)
    others = files(path / "shard-00002-of-00003")
    check_corpus(prepared(tmp_path).path)
    assert tokens_of(path) == before
    assert files(path / "shard-00002-of-00003") == others
    of_others = '{"files": {}, "made_from": {"shards": 3}}'
    for about, said in (("{}", "shard.json is damaged"), (of_others, "was made from something else")):
        (shard / "shard.json").write_text(about)
        with pytest.raises(FormatError, match=said):
            prepared(tmp_path)


def test_a_full_disk_leaves_nothing_half(tmp_path: Path, small_jobs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    source = corpus_file(tmp_path)
    expected = tokens_of(prepared(tmp_path, "straight", shards=2).path)
    for number, step in enumerate(
        ("os.fsync", "pathlib.Path.rename", "pathlib.Path.replace", "tempfile.mkdtemp", "numpy.savez", "hashlib.file_digest")
    ):
        path = tmp_path / f"corpus{number}"
        with monkeypatch.context() as patched:
            patched.setattr(step, full)
            with pytest.raises((DataError, OSError), match="No space left on device"):
                prepare_corpus(source, tokenizer(), path, shards=2, show_progress=False)
        assert not list(path.glob("shard-*"))
        assert [name for name in (leftovers(path) if path.exists() else []) if name != ".parts"] == []
        assert tokens_of(prepared(tmp_path, path.name, shards=2).path) == expected


def test_somebody_faster_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def late(self: Path, target: Any) -> Any:
        shutil.copytree(self, target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    check_corpus(prepared(tmp_path, shards=2).path)
    assert leftovers(tmp_path / "corpus") == []


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    source = corpus_file(tmp_path)
    with pytest.raises(FormatError, match=r"output must be a new folder, or that of a prepared corpus.*\['texts.txt'\]"):
        prepare_corpus(source, tokenizer(), tmp_path, overwrite=True)
    with pytest.raises(FormatError, match=f"output must be a folder. Received: the file or link {source}"):
        prepare_corpus(source, tokenizer(), source)
    with pytest.raises(DataError, match="output must be in a folder that can be written to"):
        prepare_corpus(source, tokenizer(), source / "deeper", show_progress=False)
    assert check_corpus_folder(tmp_path / "new") == tmp_path / "new"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "spark"}, r"engine must be one of \['local', 'ray'\]. Received: engine='spark'"),
        ({"engine": "ray", "shard": (0, 2)}, r"engine='ray' makes all shards. Received: shard=0/2"),
        ({"shards": 0}, r"shards must be an integer of at least 1. Received: shards=0"),
        ({"workers": 0}, r"workers must be an integer of at least 1. Received: workers=0"),
        ({"shard": (2, 2)}, r"shard must be an integer from 0 to 1. Received: shard=2"),
        ({"shard": (0, 0)}, r"number of shards must be an integer of at least 1"),
        ({"shard": (0, 2), "shards": 3}, r"shards must be that of shard=0/2. Received: shards=3"),
        ({"shard": (0, 2), "overwrite": True}, r"overwrite would remove the shards of other workers"),
    ],
)
def test_impossible_settings(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        prepare_corpus(corpus_file(tmp_path), tokenizer(), tmp_path / "corpus", **settings)
    assert not (tmp_path / "corpus").exists()


def test_bad_texts_are_told(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"a film\n\n" * 1000 + b"\xff\n")
    with pytest.raises(DataError, match="is not UTF-8: byte 0xff at offset 8,000"):
        prepare_corpus(source, tokenizer(), tmp_path / "corpus", show_progress=False)


def test_an_attempt_that_came_to_nothing_is_forgotten(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes("A caf\xe9 film".encode("cp1252"))
    with pytest.raises(DataError, match="is not UTF-8"):
        prepare_corpus(source, tokenizer(), tmp_path / "corpus", shards=2, show_progress=False)
    cured = DocumentStream(source, encoding="cp1252")
    assert prepare_corpus(cured, tokenizer(), tmp_path / "corpus", shards=1, show_progress=False).tokens == 3


def test_progress_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_corpus(corpus_file(tmp_path), tokenizer(), tmp_path / "corpus")
    shown = capsys.readouterr().out
    assert "preparing: 100%" in shown
    assert "tokens/s" in shown


def test_no_progress_needs_no_tqdm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In notebooks without widgets already its import warns."""
    monkeypatch.setattr(shard_progress, "tqdm", None)
    assert prepare_corpus(corpus_file(tmp_path), tokenizer(), tmp_path / "corpus", show_progress=False) is not None


def test_what_the_manifest_tells(tmp_path: Path) -> None:
    manifest = json.loads((prepared(tmp_path, shards=2).path / CORPUS_MANIFEST).read_text())
    assert manifest["made_from"]["sources"][0]["name"] == "texts.txt"
    assert {"keras_bert_lab", "keras", "numpy"} <= set(manifest["versions"])
    assert [shard["name"] for shard in manifest["shards"]] == ["shard-00000-of-00002", "shard-00001-of-00002"]


@pytest.fixture
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    paths = os.pathsep.join([str(ROOT), *sys.path])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": paths}})
    yield ray
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray(cluster: Any, tmp_path: Path) -> None:
    corpus = prepared(tmp_path, engine="ray")
    assert len(corpus.manifest["shards"]) == 2  # one for each core
    assert tokens_of(corpus.path) == tokens_of(prepared(tmp_path, "straight", shards=2).path)
    source = tmp_path / "bad.txt"
    source.write_bytes(b"a film \xff")
    with pytest.raises(DataError, match="is not UTF-8"):
        prepare_corpus(source, tokenizer(), tmp_path / "bad", engine="ray", show_progress=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_ray_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(DataError, match=r"engine='ray' needs a Ray cluster that runs. Received: none. Start one"):
        prepared(tmp_path, engine="ray")
