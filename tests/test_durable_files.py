from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from keras_bert_lab import durable_files
from keras_bert_lab.durable_files import HashedWriter, make_folder, sync, write_file
from tests.training.small_checkpoints import failing


def test_a_file_tells_its_size_and_hash(tmp_path: Path) -> None:
    parts = [b"ab", np.arange(5, dtype=np.int16), bytearray(b"")]

    def write(file: HashedWriter) -> None:
        assert [file.write(part) for part in parts] == [2, 10, 0]
        file.flush()

    found = write_file(tmp_path / "file", write)
    content = b"ab" + parts[1].tobytes()
    assert (tmp_path / "file").read_bytes() == content
    assert found == {"bytes": 12, "sha256": hashlib.sha256(content).hexdigest()}
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "file", write)


def test_a_system_that_takes_only_parts_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))
    found = write_file(tmp_path / "file", lambda file: file.write(b"0123456789"))
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    assert found["sha256"] == hashlib.sha256(b"0123456789").hexdigest()
    monkeypatch.setattr(os, "write", lambda handle, data: 0)
    with pytest.raises(OSError, match="the system took nothing"):
        write_file(tmp_path / "other", lambda file: file.write(b"1"))


def test_new_folders_are_brought_onto_the_disk_with_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable_files, "sync", synced.extend)
    make_folder(tmp_path / "a" / "b")
    assert set(synced) == {tmp_path, tmp_path / "a"}
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_disks_that_cannot_sync_folders_are_taken_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    sync([tmp_path])
    with pytest.raises(OSError, match="Invalid argument"):
        sync([tmp_path / "file"])
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync([tmp_path])
