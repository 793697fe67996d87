from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

import keras_bert_lab
from keras_bert_lab import FormatError
from keras_bert_lab.formats.manifest import MANIFEST, Manifest, check_file, read_manifest, write_manifest


def folder_with(path: Path, **files: str) -> Path:
    (path / "deep").mkdir()
    for name, content in files.items():
        (path / name.replace("__", "/")).write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_manifest(folder_with(tmp_path, a="ä", deep__b="two"), "huggingface", "TextClassifier", {"seed": 3})
    return tmp_path


def test_it_names_every_file_with_its_hash(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert set(content) == {"format", "layout", "task", "files", "versions", "about"}
    assert content["files"] == {
        "a": {"bytes": 2, "sha256": hashlib.sha256("ä".encode()).hexdigest()},
        "deep/b": {"bytes": 3, "sha256": hashlib.sha256(b"two").hexdigest()},
    }
    assert content["versions"] == {
        "keras_bert_lab": keras_bert_lab.__version__,
        "keras": keras.version(),
        "tensorflow": tf.__version__,
    }


def test_it_is_read_as_it_was_written(folder: Path) -> None:
    found = read_manifest(folder)
    assert (found.layout, found.task, found.about) == ("huggingface", "TextClassifier", {"seed": 3})
    assert found.files["deep/b"] == (3, hashlib.sha256(b"two").hexdigest())


def test_an_earlier_manifest_is_none_of_the_files(folder: Path) -> None:
    write_manifest(folder, "tfhub", None, {})
    found = read_manifest(folder)
    assert (found.layout, found.task, sorted(found.files)) == ("tfhub", None, ["a", "deep/b"])


def test_the_manifests_of_the_first_version_are_read(folder: Path) -> None:
    """They had no layout: there was one."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del content["layout"]
    (folder / MANIFEST).write_text(json.dumps(content))
    assert read_manifest(folder).layout == "keras_bert_lab"


def test_each_file_can_be_checked(folder: Path) -> None:
    manifest = read_manifest(folder)
    check_file(folder, manifest, "deep/b")
    (folder / "a").write_text("o\n")  # of the same length
    with pytest.raises(FormatError, match=rf"{folder}/a is damaged: its size or hash is not that of {MANIFEST}"):
        check_file(folder, manifest, "a")
    (folder / "deep" / "b").write_text("two and more")
    with pytest.raises(FormatError, match=r"deep/b is damaged"):
        check_file(folder, manifest, "deep/b")
    (folder / "deep" / "b").unlink()
    for name in ("deep/b", "c"):
        with pytest.raises(FormatError, match=rf"is not complete: {name} is missing"):
            check_file(folder, manifest, name)


GOOD: dict[str, Any] = {"format": 1, "layout": "keras_bert_lab", "task": None, "files": {}, "about": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"files": None},
        {"files": []},
        {"files": {"a": None}},
        {"files": {"a": {}}},
        {"files": {"a": {"bytes": 3}}},
        {"files": {"a": {"bytes": "many", "sha256": ""}}},
        {"about": None},
        {"about": 3},
        {"about": "text"},
        {"task": ["TextClassifier"]},
        {"task": 3},
        {"layout": ["huggingface"]},
        {"layout": {}},
        {"layout": None},
    ],
)
def test_damaged_manifests_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(GOOD))
    assert read_manifest(tmp_path) == Manifest("keras_bert_lab", None, {}, {})
    (tmp_path / MANIFEST).write_text(json.dumps(GOOD | changes))
    with pytest.raises(FormatError, match=rf"{MANIFEST} is damaged"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 10**5, b"{}", b"[]", b"3"])
def test_what_is_no_manifest_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(FormatError, match=rf"{MANIFEST} (is damaged|must hold a JSON object)"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("version", [2, 0, "1", None, [1]])
def test_another_version_is_named(version: Any, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(GOOD | {"format": version}))
    with pytest.raises(FormatError, match=r"was written in format .*; this version reads format 1"):
        read_manifest(tmp_path)
