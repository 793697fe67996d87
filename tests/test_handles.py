"""From what a user names to a local folder: folders, archives, and the caches of other libraries, faked here."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import huggingface_hub
import kagglehub
import pytest

from keras_bert_lab import handles
from keras_bert_lab.errors import FormatError
from keras_bert_lab.handles import local_folder

ADDRESS = "https://tfhub.dev/tensorflow/bert_en_uncased_L-12_H-768_A-12/4"
KAGGLE = "https://www.kaggle.com/models/tensorflow/bert/TensorFlow2/en-uncased-preprocess/3"


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and no network."""
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)

    def no_network(*_: Any, **__: Any) -> Any:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setattr(kagglehub, "model_download", no_network)
    return tmp_path


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert local_folder(tmp_path) == tmp_path
    assert local_folder(str(tmp_path)) == tmp_path


def test_home_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bert").mkdir()
    assert local_folder("~/bert") == tmp_path / "bert"


def test_the_sample_encoder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample:encoder").mkdir()
    monkeypatch.chdir(tmp_path)
    found = local_folder("sample:encoder")
    assert found == Path(handles.__file__).parent / "data" / "samples" / "encoder"
    assert (found / "config.json").is_file()
    assert local_folder("./sample:encoder") == Path("sample:encoder")  # a folder of that name


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bert.zip", "w") as file:
        file.writestr("bert/config.json", "{}")
        file.writestr("bert/vocab.txt", "")
    assert sorted(path.name for path in local_folder(tmp_path / "bert.zip").iterdir()) == ["config.json", "vocab.txt"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").touch()
    with pytest.raises(FormatError, match=r"a folder or an archive.*the file .*model\.h5"):
        local_folder(tmp_path / "model.h5")


def test_a_mistyped_folder_gets_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "models" / "bert_uncased").mkdir(parents=True)
    for wrong, meant in (("models/bert_uncasd", "models/bert_uncased"), ("modles/bert_uncased", "models")):
        with pytest.raises(FormatError, match="There is no folder") as caught:
            local_folder(tmp_path / wrong)
        assert f"Did you mean {tmp_path / meant}?" in str(caught.value)
    with pytest.raises(FormatError, match=r"There is no folder '.*xyz'\. Give a folder, an archive"):
        local_folder(tmp_path / "xyz")


def test_no_handles_are_refused() -> None:
    for wrong in (None, 3, ["a"], b"bytes"):
        with pytest.raises(TypeError, match="handle must be a folder.*Received"):
            local_folder(wrong)  # type: ignore[arg-type]
    for wrong in ("", "  "):
        with pytest.raises(ValueError, match="handle must name"):
            local_folder(wrong)
    for wrong in (
        "https://example.org/bert.tar.gz",
        "gs://bucket/bert",
        "https://www.kaggle.com/models/tensorflow/bert",
        "http://",
    ):
        with pytest.raises(ValueError, match=r"handle must be an address of tfhub.dev.*Received"):
            local_folder(wrong)


@pytest.mark.parametrize(
    "address", [ADDRESS, ADDRESS + "/", ADDRESS.replace("https", "http"), ADDRESS + "?tf-hub-format=compressed"]
)
def test_the_cache_of_tensorflow_hub_is_read(caches: Path, address: str) -> None:
    folder = caches / "tfhub" / sha1(ADDRESS)
    folder.mkdir(parents=True)
    assert local_folder(address) == folder


def test_the_default_cache_of_tensorflow_hub_must_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "tfhub_modules" / sha1(ADDRESS)
    folder.mkdir(parents=True)
    assert local_folder(ADDRESS) == folder
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    if folder.stat().st_uid != 0:
        with pytest.raises(FormatError, match="is in no cache"):
            local_folder(ADDRESS)


def test_an_address_of_tfhub_is_fetched_into_that_cache(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        file.addfile(tarfile.TarInfo("saved_model.pb"))
    asked = []

    def urlopen(address: str, timeout: float) -> Any:
        asked.append((address, timeout))
        answer = io.BytesIO(buffer.getvalue())
        answer.headers = {"Content-Length": str(len(buffer.getvalue()))}  # type: ignore[attr-defined]
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert local_folder(ADDRESS) == caches / "tfhub" / sha1(ADDRESS)
    assert [path.name for path in local_folder(ADDRESS).iterdir()] == ["saved_model.pb"]
    assert asked == [(f"{ADDRESS}?tf-hub-format=compressed", 10)]  # once


def test_a_huge_answer_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = io.BytesIO()
    answer.headers = {"Content-Length": str(2**50)}  # type: ignore[attr-defined]
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: answer)
    with pytest.raises(FormatError, match="it is too large"):
        local_folder(ADDRESS)


def complete(cache: Path, version: int, framework: str = "tensorFlow2") -> Path:
    folder = cache / "kaggle" / "models" / "tensorflow" / "bert" / framework / "en-uncased-preprocess" / str(version)
    folder.mkdir(parents=True)
    folder.with_name(f"{version}.complete").touch()
    return folder


@pytest.mark.parametrize(
    "handle",
    [
        KAGGLE,
        "https://kaggle.com/models/tensorflow/bert/tensorFlow2/en-uncased-preprocess/3",
        "https://www.kaggle.com/models/tensorflow/bert/frameworks/TensorFlow2/variations/en-uncased-preprocess/versions/3",
        "tensorflow/bert/tensorFlow2/en-uncased-preprocess/3",
        "kaggle://tensorflow/bert/tensorflow2/en-uncased-preprocess/3",
    ],
)
@pytest.mark.parametrize("framework", ["tensorFlow2", "TensorFlow2"])
def test_the_cache_of_kagglehub_is_read(caches: Path, handle: str, framework: str) -> None:
    folder = complete(caches, 3, framework)
    complete(caches, 12, framework)
    assert local_folder(handle) == folder


def test_without_a_version_the_newest_in_the_cache_is_taken(caches: Path) -> None:
    complete(caches, 9)
    newest = complete(caches, 12)
    unfinished = newest.with_name("13")
    unfinished.mkdir()
    assert local_folder("tensorflow/bert/tensorFlow2/en-uncased-preprocess") == newest
    with pytest.raises(FormatError, match="is in no cache"):
        local_folder("tensorflow/bert/tensorFlow2/en-uncased-preprocess/13")


def test_an_address_of_kaggle_is_read_from_the_cache_of_tensorflow_hub_too(caches: Path) -> None:
    folder = caches / "tfhub" / sha1(KAGGLE)
    folder.mkdir(parents=True)
    assert local_folder(KAGGLE) == folder


def test_kagglehub_fetches(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answers(*_: Any, **__: Any) -> Any:
        raise urllib.error.HTTPError("https://www.kaggle.com", 405, "no HEAD", {}, None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answers)
    monkeypatch.setattr(kagglehub, "model_download", lambda handle: asked.append(handle) or str(caches))
    assert local_folder(KAGGLE) == caches
    assert asked == ["tensorflow/bert/tensorFlow2/en-uncased-preprocess/3"]

    def refuses(_: str) -> str:
        raise RuntimeError("403: accept the licence first")

    monkeypatch.setattr(kagglehub, "model_download", refuses)
    with pytest.raises(FormatError, match="403: accept the licence first"):
        local_folder(KAGGLE)


@pytest.mark.parametrize(
    ("handle", "what", "where"),
    [
        (ADDRESS, f"download {ADDRESS}?tf-hub-format=compressed", sha1(ADDRESS)),
        (KAGGLE, f"download the archive from {KAGGLE.replace('TensorFlow2', 'tensorFlow2')}", "pass that file"),
        ("hf://google/bert_uncased_L-2_H-128_A-2@main", "run `hf download google/bert_uncased_L-2_H-128_A-2`", r"\$HF_HOME"),
    ],
)
@pytest.mark.parametrize("offline", [None, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_one_sentence_says_what_to_get_and_where_to_put_it(
    handle: str, what: str, where: str, offline: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if offline:
        monkeypatch.setenv(offline, "1")
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("the network was asked"))
    elif handle.startswith("hf:"):
        monkeypatch.setattr(huggingface_hub, "snapshot_download", _no_answer)
    with pytest.raises(FormatError, match=where) as caught:
        local_folder(handle)
    text = str(caught.value)
    assert text.startswith(f"{handle} is in no cache on this machine and cannot be downloaded (")
    assert what in text
    assert (f"({offline} is set)" if offline else "no network") in text
    assert "\n" not in text


def _no_answer(*_: Any, **__: Any) -> str:
    raise ConnectionError("no network\nwith a long explanation")


def snapshot(caches: Path, repository: str, revision: str) -> Path:
    """What huggingface_hub leaves in its cache."""
    root = caches / "hf" / f"models--{repository.replace('/', '--')}"
    folder = root / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / revision).write_text("a" * 40)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("handle", "revision"), [("hf://google/bert", "main"), ("hf://google/bert@v2", "v2"), ("hf://bert-base-uncased", "main")]
)
def test_the_cache_of_huggingface_is_read(caches: Path, handle: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = snapshot(caches, handle.removeprefix("hf://").partition("@")[0], revision)
    asked = {}
    original = huggingface_hub.snapshot_download

    def download(repository: str, **settings: Any) -> str:
        asked.update(settings)
        return original(repository, cache_dir=caches / "hf", **settings)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert local_folder(handle) == folder
    assert asked["local_files_only"] is True
    assert {"*.json", "model*.safetensors", "vocab.txt", "merges.txt", "*.model"} <= set(asked["allow_patterns"])
    assert not [pattern for pattern in asked["allow_patterns"] if pattern.endswith((".bin", ".pt", ".pkl", ".ckpt", "*"))
                and pattern not in ("variables/*", "assets/*", "bert_model.ckpt.*")]  # fmt: skip


def test_wrong_handles_of_huggingface_are_refused() -> None:
    for wrong in ("hf://", "hf://a/b/c", "hf://a b/c", "hf://a/b@", "hf://../etc"):
        with pytest.raises(ValueError, match=r"hf://organisation/name.*Received"):
            local_folder(wrong)


def test_parts_of_kaggle_handles_cannot_leave_the_cache() -> None:
    assert handles._kaggle_parts("../../tensorflow2/x/1") is None
    assert handles._kaggle_parts("a/../tensorflow2/x") is None
    assert handles._kaggle_parts("a/b/tensorflow2/x/latest") is None
    assert handles._kaggle_parts("a/b/c/d") is None
