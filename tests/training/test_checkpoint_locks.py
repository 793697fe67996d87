from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import re
import shutil
from pathlib import Path

import pytest

from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training.checkpoints import CheckpointFolder
from tests.training.small_checkpoints import failing, other_process, save, step


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with other_process("hold", tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "opened\n"
        with pytest.raises(
            ResumeError, match=rf"Another process trains in {re.escape(str(tmp_path))} \(process {first.pid} on "
        ):
            CheckpointFolder(tmp_path)
        first.kill()
        first.wait()
        with contextlib.closing(CheckpointFolder(tmp_path)), other_process("hold", tmp_path) as second:
            assert second.stdout is not None
            assert f"(process {os.getpid()} on " in second.stdout.readline()
            assert second.wait() == 3


def test_a_child_of_a_killed_process_does_not_keep_the_folder(tmp_path: Path) -> None:
    with other_process("hold_with_child", tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "opened\n"
        first.kill()
        first.wait()
        with contextlib.closing(CheckpointFolder(tmp_path)) as folder:
            save(folder, 1)


def test_one_process_may_open_it_several_times(tmp_path: Path) -> None:
    first, second = CheckpointFolder(tmp_path), CheckpointFolder(tmp_path / "." / "x" / "..")
    first.close()
    first.close()
    with other_process("hold", tmp_path) as process:
        assert process.wait() == 3
    second.close()
    with other_process("hold", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "opened\n"
        process.kill()


def test_a_forgotten_one_does_not_keep_the_folder(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path)
    gc.collect()
    with other_process("hold", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "opened\n"
        process.kill()


def test_a_folder_that_was_removed_meanwhile_can_be_opened_anew(tmp_path: Path) -> None:
    forgotten = CheckpointFolder(tmp_path / "mine")  # as by a notebook, in which a training failed
    save(forgotten, 1)
    shutil.rmtree(tmp_path / "mine")
    with contextlib.closing(CheckpointFolder(tmp_path / "mine")) as folder:
        assert folder.newest() is None
        save(folder, 2)
        forgotten.close()
        with other_process("hold", tmp_path / "mine") as process:
            assert process.wait() == 3


def test_a_lock_of_a_file_that_was_removed_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = fcntl.flock, []

    def flock(handle: int, how: int) -> None:
        real(handle, how)
        calls.append(handle)
        if len(calls) == 1:  # the process that had it removes the folder at its end
            (tmp_path / "lock").unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    with contextlib.closing(CheckpointFolder(tmp_path)), other_process("hold", tmp_path) as process:
        assert len(calls) == 2
        assert process.wait() == 3


def test_a_disk_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    with pytest.raises(ResumeError, match=rf"files can be locked. Received: {re.escape(str(tmp_path))} \(No locks available\)"):
        CheckpointFolder(tmp_path)


def test_a_disk_that_fails_at_the_end_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, real = CheckpointFolder(tmp_path), os.close

    def close(handle: int) -> None:
        real(handle)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", close)
        folder.close()
    with contextlib.closing(CheckpointFolder(tmp_path)) as again:
        save(again, 1)
        assert step(again) == 1


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            ResumeError, match=rf"can be written to. Received: {re.escape(str(path))} \((File exists|Not a directory)\)"
        ):
            CheckpointFolder(path)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "open", failing(number))
    with pytest.raises(
        ResumeError, match=rf"can be written to. Received: {re.escape(str(tmp_path))} \({os.strerror(number)}\)"
    ):
        CheckpointFolder(tmp_path)


def test_a_full_disk_has_no_room_for_the_name_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(CheckpointFolder(tmp_path)) as folder:
        save(folder, 1)
    monkeypatch.setattr(os, "write", failing(errno.ENOSPC))
    with contextlib.closing(CheckpointFolder(tmp_path)) as folder:
        assert step(folder) == 1
