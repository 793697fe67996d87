from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import resume_damage
from benchmarks.resume_sabotage import sabotage
from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training import checkpoints as module
from keras_bert_lab.training.checkpoints import CheckpointFolder
from tests.training.small_checkpoints import ARRAYS, contents, damage, failing, save, step


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[CheckpointFolder]:
    with contextlib.closing(CheckpointFolder(tmp_path / "runs" / "mine")) as opened:
        yield opened


def test_arrays_and_plain_data_come_back(folder: CheckpointFolder) -> None:
    arrays = {
        **ARRAYS,
        "seeds/keras": np.array([2**32 - 1, 5], np.uint32),
        "half": np.array([1.5, np.nan, -np.inf], np.float16),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "number": np.array(7, np.int64),
    }
    about = {"step": 3, "loss": float("nan"), "text": "gr\u00fc\u00df \ud800", "nested": [{"a": None}, [True, 1e300]]}
    path = folder.save(arrays, about)
    assert path == folder.path / "checkpoint-00000001"
    found = folder.newest()
    assert found is not None
    assert found.folder == path
    assert repr(found.about) == repr(about)  # NaN is not equal to itself
    restored = found.arrays()
    assert list(restored) == list(arrays)
    for name, array in arrays.items():
        assert restored[name].dtype == array.dtype
        np.testing.assert_array_equal(restored[name], array)


def test_the_files_are_what_others_can_read(folder: CheckpointFolder) -> None:
    path = folder.save(ARRAYS, {"step": 1})
    with np.load(path / "arrays.npz") as file:
        np.testing.assert_array_equal(file["weights/00000"], ARRAYS["weights/00000"])
    seal, text = (path / "manifest.json").read_bytes().split(b"\n", 1)
    assert hashlib.sha256(text).hexdigest() == seal.decode()
    content = json.loads(text)
    assert content["about"] == {"step": 1}
    size = (path / "arrays.npz").stat().st_size
    assert content["files"]["arrays.npz"]["bytes"] == size
    assert contents(path) == ["arrays.npz", "manifest.json"]


def test_an_empty_folder_has_none(folder: CheckpointFolder) -> None:
    assert folder.newest() is None
    assert folder.names() == []


@pytest.mark.parametrize("keep", [2, 3])
def test_the_newest_stay(tmp_path: Path, keep: int) -> None:
    with contextlib.closing(CheckpointFolder(tmp_path, keep=keep)) as folder:
        save(folder, *range(1, 6))
        assert folder.names() == [f"checkpoint-{number:08}" for number in range(6 - keep, 6)]
        assert step(folder) == 5
        assert contents(tmp_path) == [*folder.names(), "lock"]


@pytest.mark.parametrize("keep", [1, 0, 2.5, "3"])
def test_a_single_one_is_refused(tmp_path: Path, keep: Any) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"keep must be at least 2: a checkpoint can be damaged. Received: keep={keep!r}")
    ):
        CheckpointFolder(tmp_path, keep=keep)


def test_numbers_go_on_beyond_eight_digits(folder: CheckpointFolder) -> None:
    save(folder, 1, 2)
    (folder.path / "checkpoint-00000002").rename(folder.path / "checkpoint-99999999")
    save(folder, 3)
    assert folder.names() == ["checkpoint-99999999", "checkpoint-100000000"]
    assert step(folder) == 3


def test_other_files_in_the_folder_do_not_matter(folder: CheckpointFolder) -> None:
    for name in ("checkpoint-1", "checkpoint-00000009.backup", "config.yaml", "xcheckpoint-00000007"):
        (folder.path / name).mkdir()
    save(folder, 1)
    assert folder.names() == ["checkpoint-00000001"]
    assert step(folder) == 1


def test_what_unfinished_commits_leave_goes_when_the_folder_is_opened(tmp_path: Path) -> None:
    with contextlib.closing(CheckpointFolder(tmp_path)) as folder:
        save(folder, 1)
    for name in (".new-checkpoint-00000002", ".old-checkpoint-00000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "arrays.npz").write_bytes(b"half")
    with contextlib.closing(CheckpointFolder(tmp_path)) as folder:
        assert contents(tmp_path) == ["checkpoint-00000001", "lock"]
        assert step(folder) == 1


def test_a_moved_folder_goes_on(tmp_path: Path) -> None:
    with contextlib.closing(CheckpointFolder(tmp_path / "a")) as folder:
        save(folder, 1, 2)
    (tmp_path / "a").rename(tmp_path / "b")
    with contextlib.closing(CheckpointFolder(tmp_path / "b")) as folder:
        assert step(folder) == 2
        save(folder, 3)
        assert folder.names() == ["checkpoint-00000002", "checkpoint-00000003"]


def test_a_damaged_one_is_told_and_set_aside(folder: CheckpointFolder, caplog: pytest.LogCaptureFixture) -> None:
    save(folder, 1, 2)
    damage(folder, "checkpoint-00000002")
    assert step(folder) == 1
    (line,) = caplog.messages
    assert "checkpoint-00000002 is damaged and left out: arrays.npz is not what was written" in line
    assert (folder.path / "damaged-checkpoint-00000002-1" / "arrays.npz").is_file()
    save(folder, 3)
    damage(folder, "checkpoint-00000002")
    assert step(folder) == 1  # and not given up for the damaged one
    assert (folder.path / "damaged-checkpoint-00000002-2").is_dir()


def test_when_all_are_damaged_nothing_begins_anew_by_itself(folder: CheckpointFolder) -> None:
    save(folder, 1, 2)
    for name in folder.names():
        damage(folder, name)
    names = "damaged-checkpoint-00000002-1, damaged-checkpoint-00000001-1"
    with pytest.raises(
        ResumeError, match=rf"None of the checkpoints in .*mine is whole: {names}. To begin anew, remove the folder"
    ):
        folder.newest()
    with pytest.raises(ResumeError, match="None of the checkpoints in .* is whole"):  # asked again, too
        folder.newest()


def test_one_that_cannot_be_set_aside_is_left_out_all_the_same(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save(folder, 1, 2)
    damage(folder, "checkpoint-00000002")
    monkeypatch.setattr(pathlib.Path, "rename", failing(errno.EROFS))
    assert step(folder) == 1
    assert "It could not be set aside" in caplog.messages[1]
    assert not [each for record in caplog.records for each in record.args if isinstance(each, Exception)]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE])
def test_one_that_this_process_cannot_read_is_not_damaged(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    save(folder, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "read_bytes", failing(number))
        with pytest.raises(ResumeError, match=rf"checkpoint-00000002 cannot be read \({os.strerror(number)}\)"):
            folder.newest()
    assert step(folder) == 2


def test_a_disk_that_does_not_read_it_has_damaged_it(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder, 1, 2)
    real = pathlib.Path.read_bytes

    def read_bytes(path: pathlib.Path) -> bytes:
        return failing(errno.EIO)() if path.parent.name == "checkpoint-00000002" else real(path)

    monkeypatch.setattr(pathlib.Path, "read_bytes", read_bytes)
    assert step(folder) == 1


def test_one_of_another_version_stays_where_it_is(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder, 1)
    monkeypatch.setattr(module, "_FORMAT", 2)
    save(folder, 2)
    monkeypatch.setattr(module, "_FORMAT", 1)
    with pytest.raises(ResumeError, match=r"checkpoint-00000002 must have format 1. Received: 2, of another version"):
        folder.newest()
    assert folder.names() == ["checkpoint-00000001", "checkpoint-00000002"]


def test_every_damage_is_found(tmp_path: Path) -> None:
    found = resume_damage.run_damage(tmp_path, flips=60, every=97)
    assert found["failures"] == []
    assert found["truncations"] > 100
    assert len(found["other_damage"]) == 21


@pytest.mark.parametrize("name", ["manifest", "hash", "size_only", "set_aside"])
def test_damage_would_be_used_without_a_part_of_the_check(tmp_path: Path, name: str) -> None:
    with sabotage(name):
        assert resume_damage.run_damage(tmp_path, flips=60, every=997)["failures"]
