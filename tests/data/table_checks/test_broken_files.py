"""What reading a file would stop at is told with the rows concerned, and the rest of the file is looked at all the same."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import openpyxl
import pandas as pd
import pytest

from keras_bert_lab.data import check_table, read_table
from keras_bert_lab.errors import DataError
from tests.data.files import write, write_sheet
from tests.data.table_checks.tables import clean, frame, kinds, written

CLEAN = clean()


def csv_text(rows=CLEAN, separator=",", header="text,label"):
    lines = [header.replace(",", separator), *(f'"{text}"{separator}{label}' for text, label in rows)]
    return "\n".join(lines) + "\n"


def changed(place, line, rows=CLEAN):
    """The lines of the table with another line in the place of row `place` (1 = the first)."""
    lines = csv_text(rows).split("\n")
    lines[place] = line
    return "\n".join(lines)


def only(check, kind):
    (found,) = check.of_kind(kind)
    return found


def test_bytes_that_are_no_text_are_told_with_all_their_rows(tmp_path):
    lines = csv_text().encode().split(b"\n")
    lines[5] = '"Le café était bon",merry'.encode("cp1252")
    lines[40] = '"Häuser – “schön”",sad'.encode("cp1252")
    path = write(tmp_path / "reviews.csv", b"\n".join(lines))
    check = check_table(path)
    assert kinds(check) == ["wrong_encoding"]
    problem = only(check, "wrong_encoding")
    assert (problem.rows, problem.where) == ((5, 40), str(path))
    assert problem.example == "as cp1252: 'Le café était bon'"
    assert "pass encoding='cp1252'" in problem.detail
    assert check_table(path, encoding="cp1252").problems == ()
    assert check.counts["tables"][0]["usable"] == len(CLEAN)


def test_a_byte_that_windows_does_not_know_is_latin_1(tmp_path):
    path = write(tmp_path / "reviews.csv", changed(3, "X,merry").encode().replace(b"X,", b"so \xe9\x81 it is,"))
    assert "pass encoding='latin-1'" in only(check_table(path), "wrong_encoding").detail


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_unicode(tmp_path, encoding):
    path = write(tmp_path / "reviews.csv", csv_text().encode(encoding))
    check = check_table(path)
    assert kinds(check) == ["wrong_encoding"]
    assert only(check, "wrong_encoding").rows == ()
    assert f"pass encoding={encoding!r}" in only(check, "wrong_encoding").detail
    assert check.counts["tables"][0]["classes"] == {"sad": 34, "merry": 33}
    assert check_table(path, encoding=encoding).problems == ()


def test_utf_8_given_as_utf_16(tmp_path):
    path = write(tmp_path / "reviews.csv", csv_text() + "x")
    check = check_table(path, encoding="utf-16")
    assert "It is no utf-16" in check.of_kind("wrong_encoding")[0].detail
    assert check.counts["tables"][0]["rows"] >= len(CLEAN)


def test_rows_with_too_many_fields(tmp_path):
    lines = changed(7, "well, not bad,merry").split("\n")
    lines[23] = "a,b,c,d,sad"
    path = write(tmp_path / "reviews.csv", "\n".join(lines))
    with pytest.raises(DataError, match="line 8 has 3 fields"):  # the first alone
        read_table(path)
    check = check_table(path)
    assert kinds(check) == ["too_many_fields"]
    assert only(check, "too_many_fields").rows == (7, 23)
    assert "line 8 of the file has 3 fields: 'well', ' not bad', 'merry'" in only(check, "too_many_fields").detail
    assert check.counts["tables"][0]["usable"] == len(CLEAN) - 2


def test_a_row_that_was_broken_in_two_has_no_label(tmp_path):
    path = write(tmp_path / "reviews.csv", changed(7, "the first half\nthe second half,sad"))
    check = check_table(path)
    assert only(check, "missing_label").rows == (7,)


def test_a_quote_that_is_never_closed(tmp_path):
    path = write(tmp_path / "reviews.csv", changed(64, "It was good,merry").replace('"', "").replace("It was", '"It was'))
    with pytest.raises(DataError, match="never closed"):
        read_table(path)
    check = check_table(path)
    assert kinds(check) == ["unclosed_quote"]
    assert only(check, "unclosed_quote").rows == (64,)
    assert "line 65 of the file" in only(check, "unclosed_quote").detail
    assert check.counts["tables"][0]["rows"] == len(CLEAN)


def test_quotes_inside_of_texts_are_no_open_quotes(tmp_path):
    path = write(tmp_path / "reviews.csv", changed(67, 'a 5" screen and a 7" one,merry'))
    assert check_table(path).problems == ()


def test_everything_is_named_at_once(tmp_path):
    lines = csv_text().encode().split(b"\n")
    lines[5] = "so it was in the café,merry".encode("cp1252")
    lines[9] = b"a,b,sad"
    lines[12] = b",sad"
    lines[20] = b"so it was all in all,"
    lines[30] = b'"Wo <br/> ist es",merry'
    lines[66] = b'"a stray quote,merry'  # closed by the quote that opens the next text
    path = write(tmp_path / "reviews.csv.gz", b"\n".join(lines))
    check = check_table(path)
    assert {problem.kind: problem.rows for problem in check.problems} == {
        "wrong_encoding": (5,),
        "too_many_fields": (9,),
        "empty_text": (12,),
        "missing_label": (20,),
        "html_tags": (30,),
        "swallowed_rows": (66,),
    }
    assert [problem.severity for problem in check.problems] == ["stops"] * 5 + ["costs"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator(tmp_path, separator):
    rows = [list(row) for row in CLEAN]
    rows[10][0] = "N/A"
    path = write(tmp_path / "reviews.csv", csv_text(rows, separator))
    check = check_table(path)
    assert kinds(check) == ["placeholders", "wrong_separator"]
    assert f"pass separator={separator!r}" in only(check, "wrong_separator").detail
    assert only(check, "placeholders").rows == (11,)
    assert kinds(check_table(path, separator=separator)) == ["placeholders"]


def test_another_separator_and_commas_in_the_texts(tmp_path):
    path = write(tmp_path / "reviews.csv", csv_text(CLEAN, ";").replace('"', "").replace(".;", ", yes, it was.;"))
    check = check_table(path)
    assert kinds(check) == ["wrong_separator"]


def test_lines_that_are_no_json(tmp_path):
    lines = [json.dumps({"text": text, "label": label}) for text, label in CLEAN]
    lines[3] = '{"text": "cut o'
    lines[8] = '["a", "list"]'
    lines[9] = ""
    path = write(tmp_path / "reviews.jsonl", "\n".join(lines) + "\n")
    check = check_table(path)
    assert kinds(check) == ["broken_json"]
    assert only(check, "broken_json").rows == (4, 9)
    assert "The first is line 4 of the file: Unterminated string" in only(check, "broken_json").detail
    assert check.counts["tables"][0]["rows"] == len(CLEAN) - 1  # a blank line is no row
    lines[3] = json.dumps({"text": CLEAN[3][0], "label": CLEAN[3][1]})
    path = write(tmp_path / "lists.jsonl", "\n".join(lines) + "\n")
    assert "line 9 of the file: it is list ['a', 'list']" in only(check_table(path), "broken_json").detail


def test_bytes_that_are_no_text_in_json_lines(tmp_path):
    lines = [json.dumps({"text": text, "label": label}).encode() for text, label in CLEAN]
    lines[3] = '{"text": "Ein schöner Tag", "label": "merry"}'.encode("latin-1")
    check = check_table(write(tmp_path / "reviews.jsonl", b"\n".join(lines)))
    assert kinds(check) == ["wrong_encoding"]
    assert only(check, "wrong_encoding").rows == (4,)


def test_a_json_file_that_is_no_list(tmp_path):
    check = check_table(write(tmp_path / "reviews.json", '{"text": ["a"]}'))
    assert kinds(check) == ["unreadable_file"]
    assert "must hold a list of objects" in only(check, "unreadable_file").detail


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_name_of_a_column_that_is_no_unicode(tmp_path, form):
    row = '{"text": "so it was", "label": "sad", "\\ud83d": 1}'
    path = write(tmp_path / f"reviews.{form}", row if form == "jsonl" else f"[{row}]")
    message = r"names of columns must be valid Unicode\. Received: '\\ud83d', with a lone surrogate\. Rename it\."
    with pytest.raises(DataError, match=message):
        read_table(path)
    assert "lone surrogate" in only(check_table(path), "unreadable_file").detail


def test_missing_column_with_a_name_that_is_near(tmp_path):
    rows = [list(row) for row in CLEAN]
    rows[10][0] = "N/A"
    path = written(tmp_path, "csv", rows, names=("Text ", "label"))
    check = check_table(path)
    assert kinds(check) == ["missing_column", "placeholders"]
    assert only(check, "missing_column").detail == "text='text' is not among 'Text ', 'label'. Did you mean 'Text '?"
    assert only(check, "placeholders").column == "Text "


@pytest.mark.parametrize("given", ["file", "frame"])
def test_missing_columns(tmp_path, given):
    table = frame(CLEAN, ("review", "stars"))
    check = check_table(written(tmp_path, "xlsx", CLEAN, names=("review", "stars")) if given == "file" else table)
    assert kinds(check) == ["missing_column", "missing_column"]
    assert "label='label' is not among 'review', 'stars'" in check.problems[1].detail


def test_a_column_that_is_there_twice(tmp_path):
    path = write(tmp_path / "reviews.csv", "text,label,text\n" + "".join(f"{text},{label},x\n" for text, label in CLEAN))
    check = check_table(path)
    assert kinds(check) == ["double_column"]
    assert only(check, "double_column").detail == "Columns 1 and 3."
    assert check.counts["tables"][0]["usable"] == len(CLEAN)


def test_no_header(tmp_path):
    path = write(tmp_path / "reviews.csv", "\n".join(csv_text().split("\n")[1:]))
    check = check_table(path)
    assert kinds(check) == ["no_header"]
    assert "'sad' occurs below it" in only(check, "no_header").detail or "'merry'" in only(check, "no_header").detail


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_header_alone(tmp_path, form):
    path = tmp_path / f"reviews.{form}"
    if form == "csv":
        write(path, "text,label\n")
    else:
        write_sheet(path, [["text", "label"]])
    check = check_table(path)
    assert kinds(check) == ["no_rows"]
    assert "Columns: 'text', 'label'" in only(check, "no_rows").detail


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.jsonl", "a.parquet", "a.json", "a.csv.gz"])
def test_an_empty_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")
    check = check_table(path)
    assert check.problems[-1].kind == "unreadable_file"
    assert "0 bytes" in check.problems[-1].detail
    assert check.counts["tables"][0]["rows"] == 0


def test_a_packed_file_that_was_cut_off(tmp_path):
    rows = clean(3001)
    packed = gzip.compress(csv_text(rows).encode())
    path = write(tmp_path / "part.csv", packed[: len(packed) // 2])
    path = path.rename(tmp_path / "reviews.csv.gz")
    check = check_table(path)
    assert "damaged_file" in kinds(check)
    assert "ended before the end-of-stream marker" in only(check, "damaged_file").detail
    assert 500 < check.counts["tables"][0]["rows"] < 3001


def test_a_damaged_spreadsheet(tmp_path):
    path = written(tmp_path, "xlsx", CLEAN)
    path.write_bytes(path.read_bytes()[:900])
    check = check_table(path)
    assert kinds(check) == ["unreadable_file"]
    assert "it is damaged, cut off or another zip file" in only(check, "unreadable_file").detail


def test_a_spreadsheet_under_the_name_of_a_csv(tmp_path):
    path = written(tmp_path, "xlsx", CLEAN)
    path = path.rename(tmp_path / "reviews.csv")
    check = check_table(path)
    assert check.problems[0].severity == "stops"
    assert any("zip file" in problem.detail for problem in check.problems), str(check)


def test_formulas_and_errors_in_a_spreadsheet(tmp_path):
    workbook = openpyxl.Workbook()
    rows = [["text", "label"], *([text, label] for text, label in CLEAN)]
    rows[4][0] = "=A2&A3"
    rows[9][0] = "#REF!"
    for row in rows:
        workbook.active.append(row)
    workbook.active["A10"].data_type = "e"
    workbook.save(tmp_path / "reviews.xlsx")
    check = check_table(tmp_path / "reviews.xlsx")
    assert {problem.kind: problem.rows for problem in check.problems} == {"formula_without_result": (4,), "missing_text": (9,)}


def test_another_sheet(tmp_path):
    rows = [["text", "label"], *CLEAN]
    path = write_sheet(tmp_path / "reviews.xlsx", [["notes"], ["none"]], data=rows)
    assert check_table(path, sheet="data").problems == ()
    assert "missing_column" in kinds(check_table(path))


def test_a_zip_file_with_members_left_out(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "no table")
    check = check_table(write(tmp_path / "reviews.xlsx", content.getvalue()))
    assert kinds(check) == ["unreadable_file"]


def test_both_tables_are_read_as_far_as_they_can(tmp_path):
    train = write(tmp_path / "train.csv", changed(7, "well, not bad,merry"))
    test = write(tmp_path / "test.csv", changed(9, "such, a pity,sad", clean(seed=2)))
    check = check_table(train, test)
    assert [(problem.where, problem.rows) for problem in check.problems] == [(str(train), (7,)), (str(test), (9,))]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nowhere.csv", {}, "There is no file"),
        ("reviews.doc", {}, "the suffix of a table must be one of"),
        ("reviews.csv", {"encoding": "utf-9"}, "encoding must be the name of a text encoding. Received: 'utf-9'"),
    ],
)
def test_what_is_no_table_is_an_error(tmp_path, name, options, said):
    if name != "nowhere.csv":
        write(tmp_path / name, csv_text())
    with pytest.raises(DataError, match=said):
        check_table(tmp_path / name, **options)


@pytest.mark.parametrize("given", [["a", "b"], 7, {"text": ["a"]}])
def test_neither_table_nor_path(given):
    with pytest.raises(TypeError, match=r"test must be a pandas DataFrame or a path\. Received: .* \((list|int|dict)\)"):
        check_table(pd.DataFrame({"text": ["a"], "label": ["b"]}), given)
