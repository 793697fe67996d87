"""CSV and TSV: every cell is text, and a row that does not fit is told with its line."""

import pandas as pd
import pytest

from keras_bert_lab.data import delimited, read_columns, read_table
from tests.data.files import CSV, ROWS, assert_says, message_of, write


def test_columns_are_text(tmp_path):
    table = read_columns(write(tmp_path / "a.csv", "id,x,y,\n007,1.50,True,\n,NA,null,nan\n"))
    assert table.columns.tolist() == ["id", "x", "y", ""]
    assert table.values.tolist() == [["007", "1.50", "True", ""], ["", "NA", "null", "nan"]]
    assert table.index.tolist() == [0, 1]
    assert all(dtype == pd.Series([""], dtype=str).dtype for dtype in table.dtypes)


def test_tsv(tmp_path):
    for name in ("a.tsv", "a.tab", "a.tsv.gz"):
        table = read_table(write(tmp_path / name, "label\ttext\npos\ta, b\nneg\t'c'\n"))
        assert table.values.tolist() == [["a, b", "pos"], ["'c'", "neg"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path, end):
    assert read_table(write(tmp_path / "a.csv", CSV.replace("\n", end))).values.tolist() == [list(row) for row in ROWS]


def test_line_ends_inside_quotes_stay(tmp_path):
    texts = ["a\nb", "a\r\nb", "a\rb", "\n", 'say "hi"', " blanks ", "a\u2028b\x85c"]
    rows = "".join('"{}",1\n'.format(text.replace('"', '""')) for text in texts)
    assert read_columns(write(tmp_path / "a.csv", f"text,label\n{rows}")).text.tolist() == texts


def test_blank_lines_are_no_rows(tmp_path):
    table = read_table(write(tmp_path / "a.csv", "\n  \ntext,label\n\na,1\n   \nb,2\n\n\n"))
    assert table.values.tolist() == [["a", "1"], ["b", "2"]]


def test_blanks_at_the_start_of_a_cell_stay(tmp_path):
    assert read_table(write(tmp_path / "a.csv", "text,label\n a,1\n\tb,2\n")).text.tolist() == [" a", "\tb"]


def test_short_rows_have_empty_cells(tmp_path):
    assert read_columns(write(tmp_path / "a.csv", "text,label,x\na\nb,1\n")).values.tolist() == [["a", "", ""], ["b", "1", ""]]


@pytest.mark.parametrize("text", ["a\0b", "\0", "\0\0a", "a\0"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_nul_characters_stay(tmp_path, text, quote):
    path = write(tmp_path / "a.csv", f"text,label\n{quote}{text}{quote},1\n")
    if delimited._keeps_nul():
        assert read_columns(path).text.tolist() == [text]
    else:
        assert_says(message_of(read_columns, path), path, "NUL", "pandas>=3.1")


def test_pandas_that_would_cut_at_nul(tmp_path, monkeypatch):
    """As releases before 3.1 do."""
    monkeypatch.setattr(delimited, "_keeps_nul", lambda: False)
    path = write(tmp_path / "a.csv", "text,label\na\0b,1\n")
    assert_says(message_of(read_columns, path), f"{path} holds NUL characters, and pandas", "pip install 'pandas>=3.1'")
    assert len(read_columns(write(path, CSV))) == 3


def test_long_texts_in_many_scripts(tmp_path):
    texts = ["x" * 10_000_000, "né 你好 😀 שלום العربية " * 5000, "e\u0301\u200d\u202e" * 3]
    path = write(tmp_path / "a.csv", "text,label\n" + "".join(f"{text},1\n" for text in texts))
    assert read_table(path).text.tolist() == texts


@pytest.mark.parametrize(
    ("content", "line", "fields"),
    [
        ("text,label\na,1,x\n", 2, 3),  # pandas would take "a" for a row name
        ("text,label\na,1,\nb,2,\n", 2, 3),
        ('text,label\n"a\n\nb",1\n\nb,1,2,3\n', 6, 4),
        ("text,label\r\na,1\r\nb,c,2\r\n", 3, 3),
        ("\n  \ntext,label\n \na,1,2\n", 5, 3),
        ("text,label\n" + "x" * 200_000 + ",1\nb,1,2\n", 3, 3),
    ],
)
def test_too_many_fields(tmp_path, content, line, fields):
    path = write(tmp_path / "a.csv", content)
    assert_says(
        message_of(read_table, path),
        f"{path}: line {line} has {fields} fields, the header has 2: 'text', 'label'.",
        "double quotes around texts that hold ','",
    )


@pytest.mark.parametrize(
    ("content", "line"), [('text,label\na,1\n\n"b,1\nc,2\n', 4), ('text,"label\na,1\n', 1), ('text,label\n"a\nb",1\nc,"2', 4)]
)
def test_quote_that_is_never_closed(tmp_path, content, line):
    path = write(tmp_path / "a.csv", content)
    assert_says(
        message_of(read_table, path), f"{path}: the row that starts in line {line} has a double quote that is never closed"
    )


@pytest.mark.parametrize("content", ["\n\n", "  \n", "\ufeff", "\ufeff\n"])
def test_blank_file(tmp_path, content):
    path = write(tmp_path / "a.csv", content)
    assert_says(message_of(read_table, path), f"{path} holds only blank lines")


def test_header_alone(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n\n")
    for function in (read_table, read_columns):
        assert message_of(function, path) == f"{path} has a header and no row below it. Columns: 'text', 'label'"


@pytest.mark.parametrize(
    ("name", "separator", "found"), [("a.csv", ";", ";"), ("a.csv", "\t", "\\t"), ("a.csv", "|", "|"), ("a.tsv", ",", ",")]
)
def test_another_separator_is_recognised(tmp_path, name, separator, found):
    path = write(tmp_path / name, f"text{separator}label\na{separator}1\n")
    assert_says(message_of(read_table, path), path, f"separated by '{found}': pass separator='{found}'")
    assert read_table(path, separator=separator).values.tolist() == [["a", "1"]]


def test_another_separator_where_texts_hold_commas(tmp_path):
    path = write(tmp_path / "a.csv", "text;label\na, b;1\n")
    assert_says(message_of(read_table, path), "line 2 has 2 fields, the header has 1", "pass separator=';'")


@pytest.mark.parametrize("separator", ["", ",,", '"', "\n", "é"])
def test_impossible_separator(tmp_path, separator):
    with pytest.raises(
        ValueError, match=r"separator must be one ASCII character, no quote and no line end\. Received: separator="
    ):
        read_table(write(tmp_path / "a.csv", CSV), separator=separator)


def test_separator_for_a_form_without(tmp_path):
    with pytest.raises(ValueError, match=r"separator is for \.csv and \.tsv files\. Received: separator=';' for .*a\.jsonl"):
        read_table(write(tmp_path / "a.jsonl", "{}"), separator=";")
