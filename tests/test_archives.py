"""Archives: what they hold arrives, whatever would lead out of their folder or fill the disk does not."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from keras_bert_lab import archives
from keras_bert_lab.archives import is_archive, unpack_archive, unpack_into
from keras_bert_lab.errors import FormatError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def member(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"abc", **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for info, content in members:
            file.addfile(info, io.BytesIO(content) if info.isfile() else None)
    return path


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name.replace("__", "/"), content)
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz")])
def test_tar_arrives(tmp_path: Path, name: str, mode: str) -> None:
    path = tar(tmp_path / name, member("./saved_model.pb"), member("assets/vocab.txt", content=b"xy"), mode=mode)
    folder = unpack_archive(path)
    assert (folder / "saved_model.pb").read_bytes() == b"abc"
    assert (folder / "assets" / "vocab.txt").read_bytes() == b"xy"
    assert sorted(path.name for path in folder.iterdir()) == ["assets", "saved_model.pb"]


def test_zip_arrives_without_the_only_folder_around_it(tmp_path: Path) -> None:
    folder = unpack_archive(zipped(tmp_path / "a.zip", bert__model__config=b"1", bert__model__vocab=b"2"))
    assert folder.name == "model"
    assert sorted(path.name for path in folder.iterdir()) == ["config", "vocab"]


def test_the_same_file_is_unpacked_once_and_a_changed_one_again(tmp_path: Path, cache: Path) -> None:
    path = zipped(tmp_path / "a.zip", config=b"1")
    first = unpack_archive(path)
    (first / "mark").touch()
    assert unpack_archive(path) == first
    assert (first / "mark").exists()
    zipped(path, config=b"22")
    assert unpack_archive(path) != first
    assert (unpack_archive(path) / "config").read_bytes() == b"22"
    assert len(list((cache / "keras_bert_lab" / "archives").iterdir())) == 2  # no scratch is left


def test_links_inside_are_kept(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", member("a/b"), member("a/c", tarfile.SYMTYPE, linkname="b"), member("d"), mode="w")
    assert (unpack_archive(path) / "a" / "c").read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (member("/etc/evil"), "stay inside its folder"),
        (member("../evil"), "stay inside its folder"),
        (member("a/../../evil"), "stay inside its folder"),
        (member("..\\evil"), "stay inside its folder"),
        (member("C:/evil"), "stay inside its folder"),
        (member("evil", tarfile.SYMTYPE, linkname="/etc/passwd"), "links in it must stay"),
        (member("evil", tarfile.SYMTYPE, linkname="../../outside"), "links in it must stay"),
        (member("evil", tarfile.LNKTYPE, linkname="../outside"), "links in it must stay"),
        (member("evil", tarfile.FIFOTYPE), "no devices"),
        (member("evil", tarfile.CHRTYPE), "no devices"),
        (member("evil", tarfile.BLKTYPE), "no devices"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[0].type.decode()}:{value[0].name}",
)
def test_dangerous_members_of_tar_are_refused_by_name(tmp_path: Path, cache: Path, entry: tuple, rule: str) -> None:
    path = tar(tmp_path / "a.tar.gz", member("good"), entry)
    with pytest.raises(FormatError, match=rule) as caught:
        unpack_archive(path)
    assert repr(entry[0].name) in str(caught.value)
    assert list((cache / "keras_bert_lab" / "archives").iterdir()) == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_dangerous_members_of_zip_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(name, b"x")
    with pytest.raises(FormatError, match="stay inside its folder") as caught:
        unpack_archive(tmp_path / "a.zip")
    assert repr(name) in str(caught.value)


def test_links_in_zip_are_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(FormatError, match=r"no links or devices.*'link'"):
        unpack_archive(tmp_path / "a.zip")


def test_bombs_are_refused_before_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_FREE", 10_000)
    zeros = bytes(1_000_000)
    for path in (zipped(tmp_path / "a.zip", small=b"1", large=zeros), tar(tmp_path / "a.tgz", member("large", content=zeros))):
        with pytest.raises(FormatError, match=r"it holds more.*'large'"):
            unpack_archive(path)
    noise = os.urandom(100_000)  # what cannot be compressed is no bomb
    assert (unpack_archive(zipped(tmp_path / "b.zip", large=noise)) / "large").read_bytes() == noise


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_FILES", 3)
    with pytest.raises(FormatError, match=r"in 3 files.*'d'"):
        unpack_archive(zipped(tmp_path / "a.zip", a=b"", b=b"", c=b"", d=b""))


def test_a_tar_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    header = member("huge", content=b"abc")[0]
    header.size = 2**50
    (tmp_path / "a.tar").write_bytes(header.tobuf() + bytes(1024))
    with pytest.raises(FormatError, match=r"it holds more.*'huge'"):
        unpack_archive(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_damaged_archives_are_refused(tmp_path: Path, name: str, cache: Path) -> None:
    path = tmp_path / name
    if name == "a.zip":
        zipped(path, config=os.urandom(5000))
    else:
        tar(path, member("config", content=os.urandom(5000)), mode="w" if name == "a.tar" else "w:gz")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive at all", b""):
        path.write_bytes(content)
        with pytest.raises(FormatError, match="damaged or truncated"):
            unpack_archive(path)
    assert list((cache / "keras_bert_lab" / "archives").iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", config=b"1")
    (tmp_path / "taken").write_text("x")
    with pytest.raises(FormatError, match="taken must be a folder"):
        unpack_into(path, tmp_path / "taken")


def test_somebody_faster_is_no_error(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", config=b"1")
    unpack_into(path, tmp_path / "folder")
    unpack_into(path, tmp_path / "folder")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["config"]


def test_archives_are_known_by_their_names() -> None:
    assert all(is_archive(Path(name)) for name in ("a.tar", "a.TAR.GZ", "a.tgz", "a.zip"))
    assert not any(is_archive(Path(name)) for name in ("a", "a.gz", "a.keras", "tar"))
