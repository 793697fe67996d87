"""What is written in any form comes back."""

import datetime
import decimal
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_bert_lab.data import delimited, read_columns, read_table, spreadsheets, write_table
from tests.data.files import assert_says, message_of

FORMS = ["csv", "csv.gz", "csv.bz2", "csv.xz", "csv.zst", "tsv", "jsonl", "jsonl.gz", "json", "xlsx", "parquet"]
AWKWARD = [
    "NA", "", " ", '"', '""', "'", ",", ";", "\t", "\n", "\r", "\r\n", "a\n\nb", "\\", "\\n", "=1+1", "#N/A", "007", "-0",
    "null", "\ufeff", "\u2028", "\x85", "\x1c", "😀", "👨\u200d👩", "e\u0301", "שלום", "你好", "\u202e", "_x0041_", "_x005F_",
    "\0", "\x1f", "\uffff", "0.1", "True", "nan",
]  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(st.sampled_from(AWKWARD), st.text(CHARACTERS, max_size=20), st.lists(st.sampled_from(AWKWARD)).map("".join))


def fitting(form, text):
    """The part of a text that the form can hold: a sheet has no control characters, and its empty texts are empty cells."""
    if form == "xlsx":
        return spreadsheets._ILLEGAL.sub("", text) or "x"
    if form.startswith(("csv", "tsv")) and not delimited._keeps_nul():
        return text.replace("\0", "")
    return text


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=7))
@example([(text, text) for text in AWKWARD])
@example([(" ", "x"), ("", "")])
def test_texts_come_back(form, rows):
    rows = [tuple(fitting(form, text) for text in row) for row in rows]
    texts, others = map(list, zip(*rows, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{form}")
        write_table(pd.DataFrame({"te xt": texts, "é,\n": others}), path)
        table = read_columns(path)
        assert table.columns.tolist() == ["te xt", "é,\n"]
        assert table["te xt"].tolist() == texts
        assert table["é,\n"].tolist() == others
        usable = [row for row in rows if row[0].strip() and row[1].strip()]
        if usable:
            again = read_table(path, text="te xt", label="é,\n", drop_unusable=True)
            assert list(zip(again.text, again.label, strict=True)) == usable


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
@example([" ", "", "\t"])
def test_single_columns_come_back(form, texts):
    """In a table of one column, a row without a text looks like no row."""
    texts = [fitting(form, text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{form}")
        write_table(pd.DataFrame({"text": texts}), path)
        assert read_columns(path).text.tolist() == texts


@pytest.mark.parametrize("form", [form for form in FORMS if form != "xlsx"])
def test_long_texts_come_back(tmp_path, form):
    texts = ["x" * 10_000_000, "né 你好 😀 שלום " * 7000]
    write_table(pd.DataFrame({"text": texts}), tmp_path / f"a.{form}")
    assert read_columns(tmp_path / f"a.{form}").text.tolist() == texts


VALUES = {
    "int": 7,
    "float": 0.1,
    "bool": True,
    "numpy": np.float32(0.5),
    "missing": None,
    "nan": float("nan"),
    "list": ["é", None],
    "array": np.array([1, 2]),
    "dict": {"a": float("nan"), "b": np.int64(3)},
    "day": datetime.date(2024, 2, 29),
    "decimal": decimal.Decimal("1.10"),
}


def test_values_as_csv(tmp_path):
    write_table(pd.DataFrame([VALUES, VALUES]), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(f'"{name}"' for name in VALUES)
    cells = read_columns(tmp_path / "a.csv").iloc[0].tolist()
    assert cells[:4] == ["7", "0.1", "True", "0.5"]
    assert cells[4:6] == ["", ""]
    assert cells[6:] == ['["é", null]', "[1, 2]", '{"a": null, "b": 3}', "2024-02-29", "1.10"]


def test_values_as_json(tmp_path):
    for form in ("jsonl", "json"):
        write_table(pd.DataFrame([VALUES]), tmp_path / f"a.{form}")
    expected = {
        "int": 7, "float": 0.1, "bool": True, "numpy": 0.5, "missing": None, "nan": None, "list": ["é", None], "array": [1, 2],
        "dict": {"a": None, "b": 3}, "day": "2024-02-29", "decimal": "1.10",
    }  # fmt: skip
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8")) == expected
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == [expected]


def test_infinity_as_json(tmp_path):
    """JSON has no number for it; other readers would refuse the file."""
    write_table(pd.DataFrame({"x": [float("inf")]}), tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == '{"x": "inf"}\n'


def test_index_is_not_written(tmp_path):
    write_table(pd.DataFrame({"x": ["a", "b"]}, index=[5, 3]), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == '"x"\n"a"\n"b"\n'


def test_columns_that_are_numbered(tmp_path):
    for form in FORMS:
        write_table(pd.DataFrame([["a", "b"]]), tmp_path / f"a.{form}")
        assert read_columns(tmp_path / f"a.{form}").columns.tolist() == ["0", "1"]


@pytest.mark.parametrize("form", ["csv.gz", "jsonl.gz"])
def test_packed_files_are_the_same_each_time(tmp_path, form):
    for name in ("a", "b"):
        write_table(pd.DataFrame({"text": ["x"]}), tmp_path / f"{name}.{form}")
    assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()
    assert gzip.decompress((tmp_path / f"a.{form}").read_bytes()).endswith(b"\n")


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
def test_column_names_that_would_get_lost(tmp_path, form):
    table = pd.DataFrame([["a", "b", "c"]], columns=["x", "y", "x"])
    message = message_of(write_table, table, tmp_path / f"a.{form}")
    assert message == f"Columns of a {form} table must have different names. Received twice or more: 'x'"
    write_table(table, tmp_path / "a.csv")
    write_table(table, tmp_path / "a.xlsx")
    for name in ("a.csv", "a.xlsx"):
        assert read_columns(tmp_path / name).values.tolist() == [["a", "b", "c"]]


@pytest.mark.parametrize("form", FORMS)
def test_half_characters_are_refused(tmp_path, form):
    table = pd.DataFrame({"text": pd.Series(["fine", "a\ud800", "\udfff"], dtype=object)})
    message = message_of(write_table, table, tmp_path / f"a.{form}")
    assert_says(message, "lone surrogates in column 'text', rows 2, 3 (row 1 = first row below the header)", "Repair them")
    assert list(tmp_path.iterdir()) == []


def test_table_given_is_unchanged(tmp_path):
    table = pd.DataFrame([VALUES])
    before = table.copy(deep=True)
    for form in FORMS:
        if form != "parquet":
            write_table(table, tmp_path / f"a.{form}")
    pd.testing.assert_frame_equal(table, before)
