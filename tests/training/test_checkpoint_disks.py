from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import resume_commits, resume_power
from benchmarks.resume_sabotage import sabotage
from keras_bert_lab.training.checkpoints import CheckpointFolder
from tests.training.small_checkpoints import contents, failing, save, step


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[CheckpointFolder]:
    with contextlib.closing(CheckpointFolder(tmp_path / "runs" / "mine")) as opened:
        yield opened


def test_a_disk_that_fails_at_any_call_costs_no_checkpoint(tmp_path: Path) -> None:
    logging.getLogger("keras_bert_lab").setLevel(logging.CRITICAL)
    found = resume_commits.run_faults(tmp_path, every=11)
    logging.getLogger("keras_bert_lab").setLevel(logging.NOTSET)
    assert found["failures"] == []
    assert found["faults"] > 50
    assert set(found["by_kind"]) >= {"ENOSPC", "EIO", "EROFS", "EINTR", "short write"}


def test_a_failed_commit_leaves_nothing_and_can_be_repeated(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.EIO))
        with pytest.raises(OSError, match="Input/output error"):
            save(folder, 3)
    assert contents(folder.path) == ["checkpoint-00000001", "checkpoint-00000002", "lock"]
    save(folder, 4)
    assert step(folder) == 4


def test_a_failed_commit_that_cannot_be_removed_does_not_stop_the_next(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder, 1)
    with monkeypatch.context() as patch:
        for name in ("write", "unlink", "rmdir"):
            patch.setattr(os, name, failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            save(folder, 2)
    assert (folder.path / ".new-checkpoint-00000002").is_dir()
    save(folder, 3)
    assert step(folder) == 3
    assert contents(folder.path) == ["checkpoint-00000001", "checkpoint-00000002", "lock"]


def test_old_ones_that_cannot_be_removed_are_told_and_removed_later(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save(folder, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", failing(errno.ENOSPC))
        save(folder, 3)
    assert "Old checkpoints in" in caplog.messages[0]
    assert not [each for each in caplog.records[0].args if isinstance(each, Exception)]  # it would hold the training's frames
    assert (folder.path / ".old-checkpoint-00000001").is_dir()
    assert step(folder) == 3
    save(folder, 4)
    assert contents(folder.path) == ["checkpoint-00000003", "checkpoint-00000004", "lock"]


def test_an_interrupted_commit_leaves_nothing(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(folder, 1)
    assert contents(folder.path) == ["lock"]


# Loss of power


def test_a_loss_of_power_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = resume_power.run_power(tmp_path, share=0.05)
    assert found["failures"] == []
    assert found["looked_at"] > 50


@pytest.mark.parametrize("name", ["fsync", "fsync_of_folders", "new_folder"])
def test_a_loss_of_power_would_cost_some_without_fsync(tmp_path: Path, name: str) -> None:
    with sabotage(name):
        assert resume_power.run_power(tmp_path, share=0.05, most=1)["failures"]
