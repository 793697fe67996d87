"""Parquet: columns in their own types; a damaged file is told."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_bert_lab.data import read_columns, read_table, write_table
from tests.data.files import CSV, assert_says, message_of


def write_arrow(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_types_stay(tmp_path):
    path = write_arrow(
        tmp_path / "a.parquet",
        text=pa.array(["a\0b", None]),
        number=pa.array([1, None], pa.int8()),
        nested=pa.array([[1, 2], None]),
        day=pa.array([datetime.datetime(2024, 2, 29), None]),
        kind=pa.array(["x", "y"]).dictionary_encode(),
        raw=pa.array([b"\xff", None]),
    )
    table = read_columns(path)
    assert table.text.tolist()[0] == "a\0b"
    assert table.text.isna().tolist() == [False, True]
    assert table.number.tolist() == [1, pd.NA]
    assert table.nested.tolist()[0] == [1, 2]
    assert table.day.tolist()[0] == datetime.datetime(2024, 2, 29)
    assert table.kind.tolist() == ["x", "y"]
    assert table.raw.tolist()[0] == b"\xff"
    write_table(table, tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "b.parquet").to_pylist() == pq.read_table(path).to_pylist()


def test_texts_as_categories(tmp_path):
    pd.DataFrame({"text": ["a", "b", "a"], "label": [1, 2, 1]}).astype("category").to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").values.tolist() == [["a", "1"], ["b", "2"], ["a", "1"]]


def test_saved_index_is_a_column(tmp_path):
    pd.DataFrame({"text": ["a"], "label": ["x"]}, index=pd.Index(["i"], name="id")).to_parquet(tmp_path / "a.parquet")
    assert read_columns(tmp_path / "a.parquet").columns.tolist() == ["text", "label", "id"]


def test_folder_names_do_not_become_columns(tmp_path):
    folder = tmp_path / "label=pos"
    folder.mkdir()
    path = write_arrow(folder / "a.parquet", text=pa.array(["a"]), label=pa.array(["neg"]))
    assert read_table(path).values.tolist() == [["a", "neg"]]


def test_no_rows(tmp_path):
    path = write_arrow(tmp_path / "a.parquet", text=pa.array([], pa.string()), label=pa.array([], pa.string()))
    assert_says(message_of(read_table, path), path, "has a header and no row below it")


def test_bytes_are_no_text(tmp_path):
    path = write_arrow(tmp_path / "a.parquet", text=pa.array([b"a", b"b"]), label=pa.array(["x", "y"]))
    assert_says(message_of(read_table, path), "2 not a text (rows 1, 2: bytes b'a')")


def test_texts_that_are_no_utf8(tmp_path):
    offsets = pa.py_buffer(np.array([0, 2], np.int32).tobytes())
    broken = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff\xfe")])
    path = write_arrow(tmp_path / "a.parquet", text=broken, label=pa.array(["x"]))
    assert_says(message_of(read_table, path), path, "cannot be read as Parquet", "UTF8")


@pytest.mark.parametrize("damage", ["empty", "csv", "head", "tail", "middle"])
def test_damaged_file(tmp_path, damage):
    path = write_arrow(tmp_path / "a.parquet", text=pa.array(["good", "bad"]), label=pa.array(["x", "y"]))
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "csv": CSV.encode(),
            "head": content[:-50],
            "tail": content[100:],
            "middle": content[:4] + b"z" * 50 + content[54:],
        }[damage]
    )
    message = message_of(read_table, path)
    assert_says(message, path, "cannot be read as Parquet, it is damaged, cut off or of another form: ")
    assert "\n" not in message


def test_column_of_mixed_types(tmp_path):
    table = pd.DataFrame({"text": ["a", "b"], "mixed": pd.Series(["x", 1], dtype=object)})
    assert_says(
        message_of(write_table, table, tmp_path / "a.parquet"), "Parquet needs one type for each column", "CSV or JSONL"
    )
    assert list(tmp_path.iterdir()) == []


def test_attributes_and_index_are_not_written(tmp_path):
    table = pd.DataFrame({"text": ["a"]}, index=[7])
    table.attrs["dropped"] = {object(): 1}  # what JSON does not know
    write_table(table, tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").column_names == ["text"]
    assert read_columns(tmp_path / "a.parquet").attrs == {}
