"""Tables in parts are the whole table: read, looked at and written."""

import datetime
import gzip
import json
import tracemalloc
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_bert_lab.data import (
    FormCheck,
    TableParts,
    part_writing,
    read_columns,
    scan_texts,
    table_parts,
    table_writer,
    write_table,
)
from tests.data.files import assert_says, message_of, write, write_sheet

FORMS = ["csv", "csv.gz", "csv.zst", "tsv", "jsonl", "jsonl.gz", "json", "xlsx", "parquet"]
STREAMED = [form for form in FORMS if form not in ("json", "xlsx")]
ROWS = 23
TABLE = {
    "te,xt": [f'text {row}, "so"\non' + "x" * row for row in range(ROWS)],
    "id": [f"{row:03}" for row in range(ROWS)],
    "é": ["NA", " ", *"abcdefghijklmnopqrstu"],
}


def parts_of(path, rows, **settings):
    parts = TableParts(path, rows, **settings)
    return parts, list(parts)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 5, 22, 23, 24, 100])
def test_parts_together_are_the_table(tmp_path, form, rows):
    path = tmp_path / f"a.{form}"
    write_table(pd.DataFrame(TABLE), path)
    parts, found = parts_of(path, rows)
    pd.testing.assert_frame_equal(pd.concat(found), read_columns(path))
    assert parts.names == list(TABLE)
    assert max(map(len, found)) <= rows
    assert sum(map(len, found)) == ROWS
    assert len(found) <= -(-ROWS // rows) + 1
    pd.testing.assert_frame_equal(pd.concat(list(parts)), read_columns(path))  # a second pass


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_keys_that_begin_later(tmp_path, rows):
    lines = [{"text": "a"}, {"text": "b", "n": 1}, {}, {"late": [2], "n": None}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(line) + "\n\n" for line in lines))
    parts = TableParts(path, rows)
    assert sum(map(len, parts)) == 4
    assert parts.names == ["text", "n", "late"]
    assert all(list(part.columns) == parts.names for part in parts)
    pd.testing.assert_frame_equal(pd.concat(list(parts)), read_columns(path))


def test_blank_lines_and_other_separators(tmp_path):
    path = write(tmp_path / "a.csv", "\n \nt;n\n\na;1\n\n\nb;2\nc;3\n\n")
    _, found = parts_of(path, 2, separator=";")
    assert pd.concat(found).values.tolist() == [["a", "1"], ["b", "2"], ["c", "3"]]
    path = write(tmp_path / "b.csv", "t,n\nä,1\n".encode("cp1252"))
    assert parts_of(path, 2, encoding="cp1252")[1][0].values.tolist() == [["ä", "1"]]


def test_types_of_parquet_stay(tmp_path):
    day = datetime.datetime(2024, 2, 29)
    columns = {"n": pa.array([1, None, 3], pa.int8()), "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
               "day": pa.array([day, None, day]), "s": pa.array([None, None, "a"])}  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=2)
    parts, found = parts_of(tmp_path / "a.parquet", 2)
    assert [len(part) for part in found] == [2, 1]
    check = FormCheck(tmp_path / "b.parquet")
    for part in found:
        check(part)
    with table_writer(tmp_path / "b.parquet", schema=check.schema) as write_part:
        for part in parts:
            write_part(part)
    expected = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert pq.read_table(tmp_path / "b.parquet").to_pylist() == expected
    assert pq.read_schema(tmp_path / "b.parquet").field("n").type == pa.int8()


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "text,label\n", ["has a header and no row below it. Columns: 'text', 'label'"]),
        ("a.csv", "", ["is empty: 0 bytes"]),
        ("a.csv", "t\na\nb\nc,d\n", ["line 4 has 2 fields, the header has 1"]),
        ("a.csv", 't\na\nb\nc\n"d\n', ["double quote that is never closed"]),
        ("a.csv", b"t\na\nb\nc\n\xff\n", ["is not UTF-8", "offset 8"]),
        ("a.jsonl", '{"t": "a"}\n{"t": "b"}\n[]\n', ["line 3 must be a JSON object"]),
        ("a.jsonl", "{}\n{}\n", ["holds no row with a named value"]),
        ("a.parquet", b"PAR1 and no more", ["cannot be read as Parquet"]),
        ("a.doc", "t\na\n", ["suffix"]),
    ],
)
def test_damage_is_told_as_for_whole_tables(tmp_path, name, content, parts):
    path = write(tmp_path / name, content)
    message = message_of(lambda: list(TableParts(path, 2)))
    assert_says(message, path, *parts)
    assert message == message_of(read_columns, path)


def test_a_gzip_that_is_cut_off(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"t\n" + b"text\n" * 5000)[:-9])
    assert "damaged, cut off" in message_of(lambda: list(TableParts(path, 100)))


def test_settings_that_do_not_fit(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"t": "a"}\n')
    with pytest.raises(ValueError, match=r"separator is for .csv and .tsv files. Received: separator=';'"):
        TableParts(path, separator=";")
    with pytest.raises(ValueError, match=r"sheet is for .xlsx files. Received: sheet=1"):
        TableParts(path, sheet=1)
    for rows in (0, 2.5):
        with pytest.raises(ValueError, match=f"rows must be an integer of at least 1. Received: rows={rows}"):
            TableParts(path, rows)
    assert "There is no file" in message_of(TableParts, tmp_path / "b.csv")


def test_what_is_read_whole_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(table_parts, "LARGEST_WHOLE", 30)
    path = write(tmp_path / "a.json", '[{"t": "' + "a" * 50 + '"}]')
    assert_says(message_of(TableParts, path), path, "up to 30 bytes. Received: 61 bytes", "Save it as .csv")
    path = write(tmp_path / "a.jsonl", '{"t": "' + "a" * 50 + '"}')
    assert len(parts_of(path, 2)[1]) == 1


def test_memory_is_that_of_a_part(tmp_path):
    """Four times as many rows, the same peak; Python and NumPy tell tracemalloc what they take."""
    line = json.dumps({"text": "a film that was seen again and again " * 40, "n": 1}) + "\n"
    peaks = {}
    for rows in (2_000, 8_000):  # 3 and 12 MB; a file is read in pieces of 1 MB
        path = write(tmp_path / f"{rows}.jsonl", line * rows)
        tracemalloc.start()
        facts = scan_texts(TableParts(path, 100), "text")
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (facts.rows, facts.usable) == (rows, rows)
    assert peaks[8_000] < 1.1 * peaks[2_000]


CELLS = ["good", "", None, "bad", " ", 4.5, "fine", None]


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_rows_without_a_text_are_counted_over_all_parts(tmp_path, rows):
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"x": cell}) + "\n" for cell in CELLS))
    facts = scan_texts(TableParts(path, rows), "x", drop_unusable=True)
    assert (facts.rows, facts.usable) == (8, 3)
    assert facts.dropped == {"x: empty": (2, [2, 5]), "x: missing": (2, [3, 8]), "x: not a text": (1, [6])}
    message = message_of(scan_texts, TableParts(path, rows), "x")
    assert_says(message, path, "5 of 8 rows cannot be used (row 1 = first object).", "2 empty (rows 2, 5)",
                "2 missing (rows 3, 8)", "1 not a text (row 6: float 4.5)", "drop_unusable=True")  # fmt: skip


def test_pairs_need_both_texts(tmp_path):
    path = write(tmp_path / "a.csv", "a,b\nx,y\n,y\nx,\n,\nx,y\n")
    facts = scan_texts(TableParts(path, 2), "a", "b", drop_unusable=True)
    assert (facts.rows, facts.usable) == (5, 2)
    assert facts.dropped == {"a: empty": (2, [2, 4]), "b: empty": (2, [3, 4])}
    assert_says(
        message_of(scan_texts, TableParts(path, 2), "a", "b"), "3 of 5 rows", "Column 'a': 2 empty", "Column 'b': 2 empty"
    )
    with pytest.raises(
        ValueError, match="text and text_pair must name different columns. Received: {'text': 'a', 'text_pair': 'a'}"
    ):
        scan_texts(TableParts(path, 2), "a", "a")


def test_no_row_is_left(tmp_path):
    path = write(tmp_path / "a.csv", 'a\n" "\n" "\n')
    assert "No row is left" in message_of(scan_texts, TableParts(path, 1), "a", drop_unusable=True)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.json", "a.xlsx"])
def test_columns_that_are_not_there(tmp_path, name):
    write_table(pd.DataFrame({"review": ["a", "b"], "n": [1, 2]}), tmp_path / name)
    message = message_of(scan_texts, TableParts(tmp_path / name, 1), "reviews")
    assert_says(message, "has no column 'reviews'. Columns: 'review', 'n'.", "Did you mean 'review'?")
    seen = []
    assert scan_texts(TableParts(tmp_path / name, 1), "review", check=seen.append).rows == 2
    assert [len(part) for part in seen] == [1, 1] if name != "a.csv" else sum(map(len, seen)) == 2


def test_a_column_that_is_there_twice(tmp_path):
    path = write(tmp_path / "a.csv", "t,t\na,b\n")
    assert "must be there once" in message_of(scan_texts, TableParts(path, 1), "t")


def test_formulas_of_spreadsheets_are_told(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [("t",), ("a",), ("=1+1",), ("b",)])
    assert "formula without a stored result" in message_of(scan_texts, TableParts(path, 1), "t")
    assert scan_texts(TableParts(path, 1), "t", drop_unusable=True).usable == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 7, 50])
def test_a_table_written_in_parts_is_read_back(tmp_path, form, rows):
    write_table(pd.DataFrame(TABLE), tmp_path / f"a.{form}")
    parts = TableParts(tmp_path / f"a.{form}", rows)
    check = FormCheck(tmp_path / f"b.{form}")
    for part in parts:
        check(part)
    with table_writer(tmp_path / f"b.{form}", schema=check.schema) as write_part:
        for part in parts:
            write_part(part)
    pd.testing.assert_frame_equal(read_columns(tmp_path / f"b.{form}"), read_columns(tmp_path / f"a.{form}"))
    if form in ("csv", "tsv", "jsonl", "json"):  # the same bytes as in one go
        assert (tmp_path / f"b.{form}").read_bytes() == (tmp_path / f"a.{form}").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_what_breaks_off_leaves_no_file(tmp_path, form):
    part = pd.DataFrame({"t": ["a"]})
    check = FormCheck(tmp_path / f"a.{form}")
    check(part)

    def breaks_off():
        with table_writer(tmp_path / f"a.{form}", schema=check.schema) as write_part:
            write_part(part)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks_off()
    assert list(tmp_path.iterdir()) == []


def test_types_are_those_of_all_parts(tmp_path):
    parts = [pd.DataFrame({"n": pd.Series(cells, dtype=object)}) for cells in ([None], [1], [2.5, None], [True][:0])]
    check = FormCheck(tmp_path / "a.parquet")
    for part in parts:
        check(part)
    with table_writer(tmp_path / "a.parquet", schema=check.schema) as write_part:
        for part in parts:
            write_part(part)
    assert pq.read_table(tmp_path / "a.parquet").to_pydict() == {"n": [None, 1.0, 2.5, None]}
    check = FormCheck(tmp_path / "b.parquet")
    check(parts[1])
    message = message_of(check, pd.DataFrame({"n": ["a"]}, index=[1]))
    assert_says(message, "Parquet needs one type for each column", "Write CSV or JSONL instead")


def test_what_a_form_cannot_hold_is_told_with_its_row(tmp_path, monkeypatch):
    broken = pd.DataFrame({"t": pd.Series(["a", "\ud800"], dtype=object)}).set_index(pd.RangeIndex(10, 12))
    assert_says(message_of(FormCheck(tmp_path / "a.csv"), broken), "lone surrogates in column 't', row 12")
    long = pd.DataFrame({"t": ["a", "b" * 32_768]}, index=pd.RangeIndex(10, 12))
    assert_says(message_of(FormCheck(tmp_path / "a.xlsx"), long), "32,767 characters", "column 't', row 12")
    control = pd.DataFrame({"t": ["a\0", "b"]}, index=pd.RangeIndex(10, 12))
    assert_says(message_of(FormCheck(tmp_path / "a.xlsx"), control), "'\\x00' in column 't', row 11")
    twice = pd.DataFrame([["a", "b"]], columns=["t", "t"])
    assert "must have different names" in message_of(FormCheck(tmp_path / "a.jsonl"), twice)
    monkeypatch.setattr(part_writing, "MOST_ROWS", 11)
    for form in ("xlsx", "json"):
        message = message_of(FormCheck(tmp_path / f"a.{form}"), pd.DataFrame({"t": ["a", "b"]}, index=pd.RangeIndex(10, 12)))
        assert_says(message, tmp_path / f"a.{form}", "up to 11 rows. Received: at least 12 rows", "Write .csv")


def test_the_folder_is_clean(tmp_path):
    assert message_of(FormCheck, Path(tmp_path, "a.doc"))
    assert list(tmp_path.iterdir()) == []
