from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from keras_bert_lab import FormatError
from keras_bert_lab.formats import MANIFEST, check_new_folder, new_folder


def fill(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def earlier(path: Path, **others: str) -> Path:
    """Results of this package: a and b, and other people's files."""
    fill(path, a="old a", b="old b", **others)
    (path / MANIFEST).write_text('{"files": {"a": {}, "b": {}}}')
    return path


def seen(folder: Path) -> dict[str, str | None]:
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else None for path in folder.rglob("*")}


def write(path: Path, error: BaseException | None = None, overwrite: bool = False, **files: str) -> None:
    with new_folder(path, overwrite) as fresh:
        fill(fresh, **files)
        if error is not None:
            raise error
        (fresh / MANIFEST).write_text("new")


def test_it_gets_its_name_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "some" / "where" / "x"
    with new_folder(target) as fresh:
        (fresh / "a").write_text("1")
        (fresh / "deep").mkdir()
        (fresh / "deep" / "b").write_text("2")
        assert not target.exists()
        assert fresh.parent.parent == target.parent  # the same disk
        mode = fresh.stat().st_mode
    assert seen(target) == {"a": "1", "deep": None, "deep/b": "2"}
    assert target.stat().st_mode == mode
    assert list(target.parent.iterdir()) == [target]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write(fill(tmp_path / "x"), a="1")
    assert seen(tmp_path / "x") == {"a": "1", MANIFEST: "new"}


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1), OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("is_there", [False, True])
def test_an_error_leaves_all_as_it_was(error: BaseException, is_there: bool, tmp_path: Path) -> None:
    if is_there:
        earlier(tmp_path / "x")
    before = seen(tmp_path)
    with pytest.raises(type(error)):
        write(tmp_path / "x", error, overwrite=True, a="half")
    assert seen(tmp_path) == before


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.rename", "os.rename"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_full_disk_at_the_end_leaves_all_as_it_was(
    step: str, is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if is_there:
        earlier(tmp_path / "x", notes="mine")
    before = seen(tmp_path)
    monkeypatch.setattr(step, full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "x", overwrite=True, a="new")
    monkeypatch.undo()
    assert seen(tmp_path) == before


@pytest.mark.parametrize("broken", [1, 2])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_a_replacement_that_breaks_off_is_taken_back(
    broken: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier(tmp_path / "x", notes="mine")
    before = seen(tmp_path)
    rename, calls = Path.rename, []

    def instead(self: Path, target: Any) -> Any:
        calls.append(target)
        if len(calls) == broken:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", instead)
    with pytest.raises(type(error)):
        write(tmp_path / "x", overwrite=True, a="new")
    assert seen(tmp_path) == before


def test_what_no_result_brought_stays_and_old_results_go(tmp_path: Path) -> None:
    earlier(tmp_path / "x", notes="mine", c="mine too")
    fill(tmp_path / "x" / "deep", d="and this")
    (tmp_path / "x" / "link").symlink_to(tmp_path / "nowhere")
    write(tmp_path / "x", overwrite=True, a="new", c="new c")
    found = seen(tmp_path / "x")
    assert found == {
        "a": "new",
        "c": "new c",
        MANIFEST: "new",
        "notes": "mine",
        "deep": None,
        "deep/d": "and this",
        "link": None,
    }
    assert (tmp_path / "x" / "link").is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("manifest", ["", "[]", '{"files": 3}', "{}"])
def test_a_damaged_manifest_hinders_no_replacement(manifest: str, tmp_path: Path) -> None:
    earlier(tmp_path / "x")
    (tmp_path / "x" / MANIFEST).write_text(manifest)
    write(tmp_path / "x", overwrite=True, a="new")
    assert seen(tmp_path / "x") == {"a": "new", "b": "old b", MANIFEST: "new"}


def test_somebody_faster_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="output is there already"), new_folder(tmp_path / "x"):
        earlier(tmp_path / "x")
    assert seen(tmp_path / "x")["a"] == "old a"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_earlier_results_need_overwrite(tmp_path: Path) -> None:
    earlier(tmp_path / "x")
    with pytest.raises(FormatError, match=f"output is there already: {tmp_path / 'x'}.*--overwrite"):
        check_new_folder(tmp_path / "x")
    assert check_new_folder(tmp_path / "x", overwrite=True) == tmp_path / "x"


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_peoples_places_are_refused(overwrite: bool, tmp_path: Path) -> None:
    fill(tmp_path / "x", thesis="mine")
    with pytest.raises(FormatError, match=r"output must be a new folder, .*which holds \['thesis'\]"):
        check_new_folder(tmp_path / "x", overwrite)
    with pytest.raises(FormatError, match="output must be a folder. Received: the file or link"):
        check_new_folder(tmp_path / "x" / "thesis", overwrite)
    for place in (tmp_path / "x", tmp_path / "nowhere"):
        link = tmp_path / f"to_{place.name}"
        link.symlink_to(place)
        with pytest.raises(FormatError, match="the file or link"):
            check_new_folder(link, overwrite)
    with (
        pytest.raises(FormatError, match=r"output must be in a folder.*thesis/deep/er"),
        new_folder(tmp_path / "x" / "thesis" / "deep" / "er", overwrite),
    ):
        pytest.fail("it may not begin")


def test_a_place_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with (
        pytest.raises(FormatError, match=r"can be written to. .*Permission denied"),
        new_folder(tmp_path / "x"),
    ):
        pytest.fail("it may not begin")


def test_relative_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_new_folder("x") == tmp_path / "x"
    with new_folder("x") as fresh:
        (fresh / "a").write_text("1")
        monkeypatch.chdir("/")
    assert seen(tmp_path / "x") == {"a": "1"}
