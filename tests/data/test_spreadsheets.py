"""Spreadsheets: cells as Excel shows them; what is no table, or would not fit into a sheet, is told before."""

import datetime
import zipfile

import openpyxl
import pandas as pd
import pytest

from keras_bert_lab.data import read_columns, read_table, spreadsheets, write_table
from tests.data.files import CSV, assert_says, edit_zip, message_of, write, write_sheet

ROWS = [["text", "label"], ["good", "pos"], ["bad", "neg"]]


def test_cells_are_as_they_are(tmp_path):
    day = datetime.datetime(2024, 2, 29, 12, 30)
    path = write_sheet(tmp_path / "a.xlsx", [["a", 2020, None, "d"], ["x", 1, day, None], [" y ", 1.5, None, True]])
    assert read_columns(path).to_dict("list") == {"a": ["x", " y "], "2020": [1, 1.5], "": [day, None], "d": [None, True]}


def test_rows_and_columns_that_are_empty_to_the_end_do_not_count(tmp_path):
    blank = [None] * 4
    path = write_sheet(
        tmp_path / "a.xlsx", [blank, ["text", "label", None, None], ["a", "1", None], ["b", False], blank, blank]
    )
    assert read_table(path).values.tolist() == [["a", "1"], ["b", "False"]]


def test_empty_rows_inside_count(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [["text", "label"], ["a", "1"], [], ["b", "2"]])
    assert_says(message_of(read_table, path), "Column 'text': 1 missing (row 2). Column 'label': 1 missing (row 2).")


def test_rows_of_false_are_rows(tmp_path):
    assert read_columns(write_sheet(tmp_path / "a.xlsx", [["x"], [True], [False]])).x.tolist() == [True, False]


def test_size_that_the_file_claims_is_not_believed(tmp_path):
    def shrink(name, content):
        return content.replace(b'<dimension ref="A1:B3"', b'<dimension ref="A1:A1"') if "sheet1" in name else content

    path = write_sheet(tmp_path / "a.xlsx", ROWS)
    before = path.read_bytes()
    assert edit_zip(path, shrink).read_bytes() != before
    assert len(read_table(path)) == 2


def test_what_is_no_text_is_named(tmp_path):
    day = datetime.datetime(2024, 2, 29)
    rows = [
        ["text", "label"],
        [4.5, "a"],
        [True, "a"],
        [7, "a"],
        [day, "a"],
        ["=1+1", "a"],
        [None, "a"],
        ["#N/A", "a"],
        ["fine", "=A1"],
    ]
    path = write_sheet(tmp_path / "a.xlsx", rows)
    assert_says(
        message_of(read_table, path),
        "8 of 8 rows",
        "Column 'text': 4 not a text (rows 1, 2, 3, 4: float 4.5, bool True, int 7, datetime datetime.datetime(2024, 2, 29",
        "2 missing (rows 6, 7)",
        "1 formula without a stored result",
        "(row 5)",
        "Column 'label': 1 formula without a stored result",
        "(row 8)",
    )


def test_formulas_below_blank_rows_are_counted_from_the_header(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [[], [], ["text", "label"], ["a", "b"], ["=A1", "b"]])
    assert_says(message_of(read_table, path), "1 of 2 rows", "1 formula without a stored result", "(row 2)")


def test_results_of_formulas_are_read(tmp_path):
    def solve(name, content):
        return content.replace(b"<v></v>", b"<v>solved</v>").replace(b"<v />", b"<v>solved</v>").replace(
            b'<c r="A2"', b'<c r="A2" t="str"') if "sheet1" in name else content  # fmt: skip

    path = edit_zip(write_sheet(tmp_path / "a.xlsx", [["text", "label"], ['=UPPER("a")', "1"]]), solve)
    assert read_table(path).text.tolist() == ["solved"]


def test_escapes_of_excel_are_read(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [["text", "label"], ["a_x000D_\nb _x005F_x0041_ _xyz_", "1"]])
    assert read_table(path).text.tolist() == ["a\r\nb _x0041_ _xyz_"]


def test_escaped_half_characters_are_no_text(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [["text", "label"], ["a_xD800_", "1"]])
    assert_says(message_of(read_table, path), "1 not valid Unicode (lone surrogate) (row 1: str 'a\\ud800')")


def test_sheets_by_number_and_name(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", ROWS, Second=[["text", "label"], ["second", "x"]])
    assert read_table(path).text.tolist() == ["good", "bad"]
    for sheet in (1, "Second"):
        assert read_table(path, sheet=sheet).text.tolist() == ["second"]


@pytest.mark.parametrize("sheet", [2, -1, "second"])
def test_unknown_sheet(tmp_path, sheet):
    path = write_sheet(tmp_path / "a.xlsx", ROWS, Second=[])
    assert_says(
        message_of(read_table, path, sheet=sheet), f"{path} has no sheet {sheet!r}. Sheets: 'Sheet', 'Second'.", "sheet="
    )


def test_sheet_of_a_form_without(tmp_path):
    with pytest.raises(ValueError, match=r"sheet is for \.xlsx files\. Received: sheet=1 for .*a\.csv"):
        read_table(write(tmp_path / "a.csv", CSV), sheet=1)


@pytest.mark.parametrize("rows", [[], [[]], [[None, None]]])
def test_empty_sheet(tmp_path, rows):
    path = write_sheet(tmp_path / "a.xlsx", rows)
    assert message_of(read_table, path) == f"{path}: the sheet 0 is empty."


def test_header_alone(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [["text", "label"], [None]])
    assert_says(message_of(read_table, path), "has a header and no row below it. Columns: 'text', 'label'")


OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: 0 bytes."),
        (CSV.encode(), "is no .xlsx file: it starts with b'text,lab'"),
        (OLE, "is an old Excel file (.xls) under another name. Save it as .xlsx."),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "is protected by a password. Save it without one."),
        (
            b"PK\x03\x04" + bytes(500),
            "cannot be read as .xlsx, it is damaged, cut off or another zip file: File is not a zip file.",
        ),
    ],
)
def test_what_is_no_spreadsheet(tmp_path, content, said):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert_says(message_of(read_table, path), path, said)


def test_file_cut_off(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", ROWS)
    path.write_bytes(path.read_bytes()[:-100])
    assert_says(message_of(read_table, path), path, "cannot be read as .xlsx, it is damaged, cut off or another zip file")


def test_another_zip_file(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    assert_says(message_of(read_table, path), path, "another zip file", "[Content_Types].xml")


@pytest.mark.parametrize("member", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("damage", [None, 60])
def test_part_that_is_missing_or_cut_off(tmp_path, member, damage):
    def edit(name, content):
        return content if name != member else None if damage is None else content[:damage]

    path = edit_zip(write_sheet(tmp_path / "a.xlsx", ROWS), edit)
    assert_says(message_of(read_table, path), path, "cannot be read as .xlsx, it is damaged, cut off or another zip file")


def test_damage_inside_a_part(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", ROWS)
    content = bytearray(path.read_bytes())
    start = content.index(b"xl/worksheets/sheet1.xml") + 50
    content[start : start + 20] = b"y" * 20
    path.write_bytes(content)
    assert_says(message_of(read_table, path), path, "cannot be read as .xlsx, it is damaged")


@pytest.mark.parametrize(
    "text", ["=1+1", "#N/A", "#REF!", "007", "2024-02-29", "1e5", "TRUE", "a\r\nb\rc\n", "_x0041_", " a ", "'a"]
)
def test_texts_stay_texts(tmp_path, text):
    path = tmp_path / "a.xlsx"
    write_table(pd.DataFrame({"text": [text], text: ["label"]}), path)
    assert read_columns(path).to_dict("list") == {"text": [text], text: ["label"]}
    assert openpyxl.load_workbook(path).active["A2"].data_type == "s"


def test_values_keep_their_types(tmp_path):
    values = {
        "int": 7,
        "float": 0.1,
        "bool": True,
        "day": pd.Timestamp("2024-02-29 12:30:01"),
        "big": 2**60 + 1,
        "list": [1, {"a": "é"}],
        "missing": None,
        "zone": pd.Timestamp("2024-02-29", tz="UTC"),
    }
    path = tmp_path / "a.xlsx"
    write_table(pd.DataFrame([{"text": "x", **values}]), path)
    assert read_columns(path).iloc[0].tolist() == [
        "x", 7, 0.1, True, datetime.datetime(2024, 2, 29, 12, 30, 1), "1152921504606846977", '[1, {"a": "é"}]', None,
        "2024-02-29T00:00:00+00:00",
    ][: len(read_columns(path).columns)]  # fmt: skip


@pytest.mark.parametrize("text", ["x" * 32_768, "😀" * 16_384, "\r" * 5000])
def test_texts_that_are_too_long_for_a_cell(tmp_path, text):
    table = pd.DataFrame({"text": ["short", text, text]})
    path = tmp_path / "a.xlsx"
    assert_says(
        message_of(write_table, table, path),
        "A cell of an .xlsx sheet holds 32,767 characters. Received longer texts in column 'text', rows 2, 3",
        "(row 1 = first row below the header). Write CSV instead.",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["x" * 32_767, "😀" * 16_383 + "x"])
def test_longest_texts_of_a_cell(tmp_path, text):
    path = tmp_path / "a.xlsx"
    write_table(pd.DataFrame({"text": [text]}), path)
    assert read_columns(path).text.tolist() == [text]


@pytest.mark.parametrize("character", ["\0", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_control_characters_do_not_fit(tmp_path, character):
    table = pd.DataFrame({"x": [1, 2], "text": ["fine", f"a{character}b"]})
    message = message_of(write_table, table, tmp_path / "a.xlsx")
    assert_says(message, "no control characters. Received: ", repr(character), "in column 'text', row 2", "Write CSV instead")
    assert list(tmp_path.iterdir()) == []


def test_too_many_rows_for_a_sheet(tmp_path):
    table = pd.DataFrame({"text": pd.array(["x"], dtype=str).repeat(1_048_576)})
    assert_says(
        message_of(write_table, table, tmp_path / "a.xlsx"),
        "An .xlsx sheet holds 1,048,575 rows below the header and 16,384 columns. Received: 1,048,576 rows, 1 column.",
        "Write CSV instead.",
    )


def test_too_many_columns_for_a_sheet(tmp_path):
    table = pd.DataFrame([[0] * 16_385])
    assert_says(message_of(write_table, table, tmp_path / "a.xlsx"), "Received: 1 row, 16,385 columns.")


def test_missing_package_is_told(tmp_path, monkeypatch):
    from keras_bert_lab.errors import MissingPackageError
    from keras_bert_lab.lazy import LazyModule

    monkeypatch.setattr(spreadsheets, "openpyxl", LazyModule("openpyxl_that_is_not_there", install="openpyxl"))
    with pytest.raises(MissingPackageError, match="pip install openpyxl"):
        read_table(write_sheet(tmp_path / "a.xlsx", ROWS))
