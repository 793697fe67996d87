"""JSON: values come as they are; a line that is no object is told with its number."""

import pytest

from keras_bert_lab.data import read_columns, read_table
from tests.data.files import assert_says, message_of, write

OBJECTS = '{"text": "good", "label": 1}\n\n{"label": true, "text": "b\\u0000\\n", "more": [1, {"a": null}]}\n'


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_lines(tmp_path, name):
    table = read_columns(write(tmp_path / name, OBJECTS))
    assert table.to_dict("list") == {
        "text": ["good", "b\0\n"],
        "label": [1, True],
        "more": [None, [1, {"a": None}]],
    }
    assert table.label.map(type).tolist() == [int, bool]


def test_list_of_objects(tmp_path):
    path = write(tmp_path / "a.json", '\n[{"text": "good", "label": 1},\n {"text": "bad", "label": 2}]')
    assert read_table(path).values.tolist() == [["good", "1"], ["bad", "2"]]


def test_unusual_line_separators_inside_a_text_stay(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a\u2028b\x85c\u2029", "label": "1"}\r\n{"text": "d", "label": "2"}\r\n')
    assert read_table(path).text.tolist() == ["a\u2028b\x85c\u2029", "d"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text":', "Expecting value (character 10)"),
        ("text,label", "Expecting value (character 1)"),
        ('{"text": "a\0b"}', "Invalid control character"),
        ('{"text": "a"} {"text": "b"}', "Extra data (character 15)"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_line_that_is_no_json(tmp_path, line, problem):
    path = write(tmp_path / "a.jsonl", f'{{"text": "good", "label": 1}}\n\n{line}\n')
    assert_says(message_of(read_table, path), f"{path}: line 3 is no JSON: ", problem, '{"text": "...", "label": "..."}')


@pytest.mark.parametrize("line", ["[1, 2]", '"text"', "3", "null"])
def test_line_that_is_no_object(tmp_path, line):
    path = write(tmp_path / "a.jsonl", f'{{"text": "good", "label": 1}}\n{line}\n')
    assert_says(message_of(read_table, path), f"{path}: line 2 must be a JSON object", "Received: ")


def test_lines_in_a_file_for_a_list(tmp_path):
    assert_says(
        message_of(read_table, write(tmp_path / "a.json", OBJECTS)), "a.json is no JSON: Extra data", "name the file .jsonl"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": ["a"]}', "must hold a list of objects. Received: {'text': ['a']} (dict)"),
        ('[{"text": "a"}, 3]', "row 2 must be an object. Received: 3 (int)"),
        ("[", "is no JSON: Expecting value"),
        ("[]", "holds no row with a named value"),
        ("[{}]", "holds no row with a named value"),
    ],
)
def test_other_json(tmp_path, content, said):
    path = write(tmp_path / "a.json", content)
    assert_says(message_of(read_table, path), path, said)


def test_blank_lines_alone(tmp_path):
    assert_says(message_of(read_table, write(tmp_path / "a.jsonl", "\n\n")), "a.jsonl holds no row with a named value")


def test_rows_are_counted_as_objects(tmp_path):
    path = write(tmp_path / "a.jsonl", '\n\n{"text": "a", "label": 1}\n\n{"text": null, "label": 1}\n')
    assert_says(message_of(read_table, path), "(row 1 = first object)", "1 missing (row 2)")


def test_lone_surrogates_are_no_text(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "\\ud83d\\ude00", "label": 1}\n{"text": "a\\ud800", "label": "\\udc00"}\n')
    assert_says(
        message_of(read_table, path),
        "Column 'text': 1 not valid Unicode (lone surrogate) (row 2: str 'a\\ud800')",
        "Column 'label': 1 not valid Unicode (lone surrogate) (row 2: str '\\udc00')",
    )
    table = read_table(path, drop_unusable=True)
    assert table.values.tolist() == [["😀", "1"]]
    assert table.attrs["dropped"] == {
        "text: not valid Unicode (lone surrogate)": [2],
        "label: not valid Unicode (lone surrogate)": [2],
    }
