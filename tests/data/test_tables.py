"""A table is read whole or refused with every unusable row counted, whatever the form of its file."""

import json

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.data import read_columns, read_table, write_table
from tests.data.files import CSV, ROWS, assert_says, message_of, write, write_sheet

FORMS = ["csv", "csv.gz", "tsv", "jsonl", "jsonl.gz", "json", "xlsx", "parquet"]


def file_of(folder, form, columns):
    path = folder / f"a.{form}"
    write_table(pd.DataFrame(columns), path)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_same_table_from_every_form(tmp_path, form):
    texts, labels = map(list, zip(*ROWS, strict=True))
    path = file_of(tmp_path, form, {"id": [1, 2, 3], "label": labels, "text": texts})
    for given in (path, str(path)):
        table = read_table(given)
        assert table.columns.tolist() == ["text", "label"]
        assert table.values.tolist() == [list(row) for row in ROWS]
        assert table.index.tolist() == [0, 1, 2]
        assert set(table.dtypes) == {pd.Series([""], dtype=str).dtype}
        assert table.attrs == {"dropped": {}}


def test_columns_of_other_names_and_pairs(tmp_path):
    path = write(tmp_path / "a.csv", "gold,premise,hypothesis\nyes,It rains.,It is wet.\n")
    table = read_table(path, text="premise", text_pair="hypothesis", label="gold")
    assert table.columns.tolist() == ["text", "text_pair", "label"]
    assert table.values.tolist() == [["It rains.", "It is wet.", "yes"]]


def test_no_labels_for_prediction(tmp_path):
    table = read_table(write(tmp_path / "a.csv", "text\ngood\n"), label=None)
    assert table.columns.tolist() == ["text"]
    assert read_table(write(tmp_path / "b.csv", "text,label\ngood,\n"), label=None).text.tolist() == ["good"]


@pytest.mark.parametrize("form", FORMS)
def test_words_for_nothing_are_text(tmp_path, form):
    words = ["NA", "None", "null", "nan", "NaN", "N/A", "#N/A", "-", "0", "False", "1e5", "007", "2024-02-29"]
    path = file_of(tmp_path, form, {"text": words, "label": words})
    table = read_table(path)
    assert table.text.tolist() == words
    assert table.label.tolist() == words


@pytest.mark.parametrize("form", ["jsonl", "json", "xlsx", "parquet"])
@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 1, 12], ["0", "1", "12"]),
        ([0.0, 1.0, 2.5], ["0", "1", "2.5"]),
        ([True, False, True], ["True", "False", "True"]),
        (["01", " a", "a "], ["01", " a", "a "]),
    ],
)
def test_labels_are_text(tmp_path, form, labels, names):
    table = read_table(file_of(tmp_path, form, {"text": ["a", "b", "c"], "label": labels}))
    assert table.label.tolist() == names


def test_whole_numbers_beside_missing_labels_stay_whole(tmp_path):
    pd.DataFrame({"text": ["a", "b"], "label": pd.array([1, None], "Int64")}).to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet", drop_unusable=True).label.tolist() == ["1"]


def test_single_precision_labels_are_names_too(tmp_path):
    pd.DataFrame({"text": ["a"], "label": np.array([1], np.float32)}).to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").label.tolist() == ["1"]


@pytest.mark.parametrize("form", FORMS)
def test_numbers_for_regression(tmp_path, form):
    table = read_table(file_of(tmp_path, form, {"text": ["a", "b"], "label": [1, 2.5]}), label_type="number")
    assert table.label.dtype == np.float64
    assert table.label.tolist() == [1.0, 2.5]


def test_what_is_no_finite_number(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\na, -1.5e3 \nb,x\nc,\nd,inf\ne,1_000\nf,nan\ng,"2,5"\n')
    assert_says(
        message_of(read_table, path, label_type="number"),
        path,
        "6 of 7 rows cannot be used (row 1 = first row below the header).",
        "Column 'label': 5 not a finite number (rows 2, 4, 5, 6, 7: str 'x'), 1 missing (row 3).",
    )
    table = read_table(path, label_type="number", drop_unusable=True)
    assert table.values.tolist() == [["a", -1500.0]]


def test_truth_values_are_no_numbers(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a", "label": true}\n{"text": "b", "label": "' + "9" * 400 + '"}\n')
    assert_says(message_of(read_table, path, label_type="number"), "2 not a finite number (rows 1, 2: bool True, str '999")


def test_unknown_label_type(tmp_path):
    with pytest.raises(ValueError, match=r"label_type must be one of \['name', 'number'\]\. Received: label_type='float'"):
        read_table(write(tmp_path / "a.csv", CSV), label_type="float")


@pytest.mark.parametrize("columns", [{"text": "label"}, {"text_pair": "text"}, {"text_pair": "label"}])
def test_one_column_for_two_purposes(tmp_path, columns):
    with pytest.raises(ValueError, match=r"text, text_pair and label must name different columns\. Received: \{"):
        read_table(write(tmp_path / "a.csv", CSV), **columns)


UNUSABLE = [
    ("good", "pos"),
    ("", "pos"),
    (" \t\u3000", "neg"),
    (None, "neg"),
    ("bad", None),
    (None, ""),
    ("fine", "  "),
    ("so", "neg"),
]


@pytest.mark.parametrize("form", FORMS)
def test_unusable_rows_are_counted_and_named(tmp_path, form):
    path = file_of(tmp_path, form, dict(zip(("text", "label"), map(list, zip(*UNUSABLE, strict=True)), strict=True)))
    text_form = form.startswith(("csv", "tsv"))
    empty, missing = ([2, 3, 4, 6], []) if text_form else ([3], [2, 4, 6]) if form == "xlsx" else ([2, 3], [4, 6])
    first = "first object" if "json" in form else "first row below the header"
    parts = [f"{path}: 6 of 8 rows cannot be used (row 1 = {first}). Column 'text': "]
    parts += [f"{len(rows)} {kind} (row{'s' * (len(rows) > 1)} {', '.join(map(str, rows))})"
              for rows, kind in sorted([(empty, "empty"), (missing, "missing")]) if rows]  # fmt: skip
    parts += ["Column 'label': 3 missing (rows 5, 6, 7).", "drop_unusable=True"]
    assert_says(message_of(read_table, path), *parts)
    table = read_table(path, drop_unusable=True)
    assert table.values.tolist() == [["good", "pos"], ["so", "neg"]]
    assert table.index.tolist() == [0, 1]
    dropped = {"text: empty": empty, "text: missing": missing, "label: missing": [5, 6, 7]}
    assert table.attrs["dropped"] == {kind: rows for kind, rows in dropped.items() if rows}


def test_second_texts_are_checked_too(tmp_path):
    path = write(tmp_path / "a.csv", "text,other,label\na,b,1\nc,,1\n")
    assert_says(message_of(read_table, path, text_pair="other"), "1 of 2 rows", "Column 'other': 1 empty (row 2).")
    assert read_table(path, text_pair="other", drop_unusable=True).attrs["dropped"] == {"other: empty": [2]}


@pytest.mark.parametrize("drop_unusable", [False, True])
def test_no_usable_row(tmp_path, drop_unusable):
    path = write(tmp_path / "a.csv", "text,label\n,1\nb,\n")
    message = message_of(read_table, path, drop_unusable=drop_unusable)
    assert_says(message, "2 of 2 rows cannot be used", "1 empty (row 1)", "1 missing (row 2)")
    assert ("No row is left" in message) == drop_unusable


def test_many_unusable_rows_are_not_all_listed(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n" + ",1\n" * 1234 + "a,1\n")
    assert_says(message_of(read_table, path), "1,234 of 1,235 rows", "1,234 empty (rows 1, 2, 3, 4, 5 and 1,229 more)")


def test_what_is_no_text_is_named_with_its_type(tmp_path):
    values = [4.5, True, 7, [1], {"a": 1}, "fine"]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"text": value, "label": "x"}) + "\n" for value in values))
    said = "5 not a text (rows 1, 2, 3, 4, 5: float 4.5, bool True, int 7, list [1])"
    assert_says(message_of(read_table, path), said)


def test_lists_are_no_labels(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a", "label": ["x"]}\n{"text": "b", "label": {"c": 1}}\n')
    assert_says(message_of(read_table, path), "Column 'label': 2 not a single value (rows 1, 2: list ['x'], dict {'c': 1})")


def test_long_values_are_cut_in_messages(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps({"text": list(range(10_000)), "label": "x"}))
    assert len(message_of(read_table, path)) < 500


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "Text,label",
            "has no column 'text'. Columns: 'Text', 'label'. Did you mean 'Text'? Name the column with text= (--text).",
        ),
        (" text ,label", "Columns: ' text ', 'label'. Did you mean ' text '?"),
        ("txet,label", "Columns: 'txet', 'label'. Did you mean 'txet'?"),
        ("text,lable", "has no column 'label'. Columns: 'text', 'lable'. Did you mean 'lable'? Name the column with label="),
        ("review,stars", "has no column 'text'. Columns: 'review', 'stars'. Name the column with text= (--text)."),
    ],
)
def test_unknown_column(tmp_path, header, said):
    path = write(tmp_path / "a.csv", f"{header}\na,b\n")
    assert_says(message_of(read_table, path), path, said)


def test_unknown_column_of_pairs(tmp_path):
    path = write(tmp_path / "a.csv", CSV)
    assert_says(message_of(read_table, path, text_pair="texts"), "no column 'texts'", "Did you mean 'text'?", "--text_pair")


def test_only_the_first_columns_are_listed(tmp_path):
    path = write(tmp_path / "a.csv", ",".join(f"c{place}" for place in range(50)) + "\n" + "," * 49)
    assert_says(message_of(read_table, path), "'c0', 'c1',", "'c19' and 30 more.")


def test_column_that_is_there_twice(tmp_path):
    path = write(tmp_path / "a.csv", "text,x,text,label,x\na,b,c,d,e\n")
    assert_says(message_of(read_table, path), path, "the column 'text' must be there once", "it is column 1 and 3 of 5")
    columns = read_columns(path)
    assert columns.columns.tolist() == ["text", "x", "text", "label", "x"]
    assert columns.values.tolist() == [["a", "b", "c", "d", "e"]]


def test_others_may_be_there_twice(tmp_path):
    assert len(read_table(write(tmp_path / "a.csv", "text,x,label,x\na,b,c,d\n"))) == 1


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_column_that_is_there_twice_in_typed_forms(tmp_path, form):
    path = tmp_path / f"a.{form}"
    if form == "xlsx":
        write_sheet(path, [["text", "label", "text"], ["a", "b", "c"]])
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"])]
        pq.write_table(pa.Table.from_arrays(columns, ["text", "label", "text"]), path)
    assert_says(message_of(read_table, path), "the column 'text' must be there once", "column 1 and 3 of 3")


def test_rows_and_table_agree(tmp_path):
    """`predict` adds answers for the rows of `read_table` to those of `read_columns`."""
    path = write(tmp_path / "a.csv", "id,text\n7,a\n\n8,b\n9,c\n")
    assert read_columns(path).text.tolist() == read_table(path, label=None).text.tolist()


def test_real_tables(shared):
    table = read_table(shared / "data/imdb/train.csv.gz")
    assert table.label.value_counts().to_dict() == {"neg": 12_500, "pos": 12_500}
    plain = pd.read_csv(shared / "data/imdb/train.csv.gz", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(table, plain)
    sheet = read_table(shared / "data/imdb/small_train.xlsx", text="Reviews", label="Sentiment")
    assert sheet.shape == (2000, 2)
    assert sheet.text.tolist() == plain.text[:2000].tolist()
    pairs = read_table(shared / "data/rte/train.csv", text="premise", text_pair="hypothesis")
    assert pairs.shape == (2490, 3)
