"""A file has its name only when it is complete; a failure leaves what was there before, and nothing else."""

import errno
import os
import pathlib
import stat
import subprocess
import sys

import pandas as pd
import pytest

from keras_bert_lab.data import check_writable, read_columns, write_table
from keras_bert_lab.data.atomic_files import atomic_file
from tests.data.files import assert_says, message_of, write

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = pd.DataFrame({"text": ["new"] * 5000, "label": ["x", "y"] * 2500})
FORMS = ["csv", "csv.gz", "csv.bz2", "csv.xz", "csv.zst", "tsv", "jsonl", "jsonl.gz", "json", "xlsx", "parquet"]


@pytest.mark.parametrize("form", FORMS)
def test_existing_file_is_kept(tmp_path, form):
    path = write(tmp_path / f"a.{form}", b"old")
    before = path.read_bytes()
    for call in (lambda: write_table(TABLE, path), lambda: check_writable(path)):
        assert message_of(call) == f"{path} exists already. Choose another name, or pass overwrite=True (--overwrite)."
    assert path.read_bytes() == before
    check_writable(path, overwrite=True)
    assert path.read_bytes() == before
    write_table(TABLE, str(path), overwrite=True)
    assert len(read_columns(path)) == 5000
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("old", [None, b"old"])
def test_full_disk(tmp_path, form, old, monkeypatch):
    """The system tells at the latest when the file is made durable."""
    path = tmp_path / f"a.{form}"
    if old is not None:
        path.write_bytes(old)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    message = message_of(write_table, TABLE, path, overwrite=True)
    assert message == f"{path} could not be written: No space left on device. There is no new file."
    assert [each.name for each in tmp_path.iterdir()] == ([] if old is None else [path.name])
    assert old is None or path.read_bytes() == old


WRITE_WITHIN_A_LIMIT = """
import resource, sys, warnings
import pandas as pd
from keras_bert_lab.data import write_table
from keras_bert_lab.errors import DataError
table = pd.DataFrame({"text": [str(number) * 50 for number in range(5000)]})
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for path in sys.argv[1:]:
    try:
        write_table(table, path, overwrite=True)
    except DataError as error:
        print(error)
"""


def test_files_that_may_not_grow(tmp_path):
    """A genuine failure of the system in the middle of writing, in each form."""
    paths = [tmp_path / f"a.{form}" for form in FORMS]
    for path in paths[::2]:
        path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WRITE_WITHIN_A_LIMIT, *map(str, paths)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [f"{path} could not be written: File too large. There is no new file." for path in paths]
    assert "Exception ignored" not in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(path.name for path in paths[::2])
    assert all(path.read_bytes() == b"old" for path in paths[::2])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_interruption(tmp_path, error):
    path = write(tmp_path / "a.csv", "old")

    def interrupted():
        with atomic_file(path, overwrite=True) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_name_is_given_at_the_end(tmp_path):
    path = tmp_path / "a.csv"
    with atomic_file(path, overwrite=False) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert path.read_bytes() == b"half"


def test_file_that_somebody_made_meanwhile(tmp_path):
    path = tmp_path / "a.csv"

    def race():
        with atomic_file(path, overwrite=False) as file:
            file.write(b"ours")
            path.write_bytes(b"theirs")

    assert_says(message_of(race), f"{path} exists already")
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_contents_are_durable_before_the_name(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, pathlib.Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("sync"), sync(descriptor)))
    monkeypatch.setattr(pathlib.Path, "replace", lambda part, target: (steps.append("rename"), replace(part, target)))
    with atomic_file(tmp_path / "a.csv", overwrite=False) as file:
        file.write(b"x")
    assert steps == ["sync", "rename", "sync"]  # the file, its name, the folder


def test_permissions_are_the_usual_ones(tmp_path):
    before = os.umask(0o027)
    try:
        write_table(TABLE, tmp_path / "a.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640
    (tmp_path / "a.csv").chmod(0o604)
    write_table(TABLE, tmp_path / "a.csv", overwrite=True)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o604


def test_links_are_followed(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "a.csv").symlink_to(tmp_path / "data" / "b.csv")
    write_table(TABLE, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").is_symlink()
    assert len(read_columns(tmp_path / "data" / "b.csv")) == 5000
    assert_says(message_of(write_table, TABLE, tmp_path / "a.csv"), "exists already")


@pytest.mark.parametrize("call", [check_writable, lambda path: write_table(TABLE, path)])
class TestPlacesThatCannotBeWritten:
    def test_missing_folder(self, tmp_path, call):
        path = tmp_path / "no" / "a.csv"
        assert message_of(call, path) == f"{path} cannot be written: there is no folder {path.parent}. Make it first."
        assert list(tmp_path.iterdir()) == []

    def test_folder(self, tmp_path, call):
        (tmp_path / "a.csv").mkdir()
        assert message_of(call, tmp_path / "a.csv") == f"{tmp_path / 'a.csv'} is a folder. Name a file in it."

    def test_below_a_file(self, tmp_path, call):
        path = write(tmp_path / "file", "x") / "a.csv"
        assert_says(message_of(call, path), f"{path} cannot be written: there is no folder")

    def test_folder_that_takes_no_files(self, call):
        """Not even from root."""
        assert_says(
            message_of(call, "/proc/a.csv"), "/proc/a.csv cannot be written: ", "Choose a folder that can be written to."
        )

    def test_unknown_suffix(self, tmp_path, call):
        assert_says(message_of(call, tmp_path / "a.txt"), "the suffix of a table must be one of .csv,", "Received: '.txt'")
        assert list(tmp_path.iterdir()) == []

    def test_address_on_the_network(self, call):
        assert_says(message_of(call, "s3://bucket/a.csv"), "must name a file on this machine")


def test_check_leaves_nothing(tmp_path):
    check_writable(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_names_of_any_length(tmp_path):
    path = tmp_path / ("ä" * 120 + ".csv")
    write_table(TABLE, path)
    assert len(read_columns(path)) == 5000
