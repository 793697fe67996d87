"""A file that is not there or is no file is told before anything is read, with the name that was probably meant."""

import pytest

from keras_bert_lab.data import read_columns, read_corpus, read_table
from tests.data.files import CSV, assert_says, message_of, write


def test_missing_file_and_the_nearest_name(tmp_path):
    write(tmp_path / "reviews.csv", CSV)
    write(tmp_path / "other.txt", "x")
    for function in (read_table, read_columns):
        message = message_of(function, tmp_path / "revews.csv")
        assert message == f"There is no file {tmp_path / 'revews.csv'}. Did you mean 'reviews.csv'?"


def test_nearest_name_whatever_its_case(tmp_path):
    write(tmp_path / "Reviews.CSV", CSV)
    assert_says(message_of(read_table, str(tmp_path / "reviews.csv")), "Did you mean 'Reviews.CSV'?")
    assert len(read_table(tmp_path / "Reviews.CSV")) == 3


def test_missing_file_without_a_similar_one(tmp_path):
    assert_says(message_of(read_table, tmp_path / "a.csv"), "There is no file", "a.csv", "Give the path of a file.")


def test_missing_folder(tmp_path):
    assert_says(message_of(read_table, tmp_path / "no" / "a.csv"), "no/a.csv", f"its folder {tmp_path / 'no'} does not exist")


def test_link_to_nothing(tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "b.csv")
    assert_says(message_of(read_table, tmp_path / "a.csv"), "a.csv is a link to", "b.csv, which does not exist")


def test_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "a.csv").mkdir()
    assert message_of(read_table, tmp_path / "a.csv") == f"{tmp_path / 'a.csv'} is a folder, not a file. Name the file in it."


def test_folder_in_place_of_a_corpus(tmp_path):
    assert_says(message_of(read_corpus, tmp_path), "is a folder", f"sorted(pathlib.Path('{tmp_path}').glob('*.txt'))")


def test_address_on_the_network():
    assert_says(message_of(read_table, "https://example.org/a.csv"), "https://example.org/a.csv", "Download it first")


def test_name_that_the_system_refuses(tmp_path):
    assert_says(message_of(read_table, tmp_path / ("a" * 300 + ".csv")), "cannot be looked up: File name too long")


@pytest.mark.parametrize("path", [None, 3, b"a.csv", ["a.csv"]])
def test_what_is_no_path(path):
    with pytest.raises(TypeError, match=r"path must be a str or a pathlib\.Path\. Received: "):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.txt", (".csv, .tsv,", "Received: '.txt'", "for documents use read_corpus")),
        ("a.xls", ("Received: '.xls'", "Save it as .xlsx")),
        ("a.ods", ("Received: '.ods'", "Save it as .xlsx")),
        ("a.zip", ("Received: '.zip'", "Unpack it first")),
        ("a", ("Received: ''", "Give the file the suffix of its form.")),
        ("a.gz", ("Received: '.gz'", "Give the file the suffix of its form.")),
        ("a.jsn", ("Received: '.jsn'", "Did you mean '.json'?")),
        ("a.xlsx.gz", ("a .xlsx file is packed already", "Unpack it first")),
        ("a.parquet.zst", ("a .parquet file is packed already", "Unpack it first")),
    ],
)
def test_unknown_suffix(tmp_path, name, parts):
    assert_says(message_of(read_table, write(tmp_path / name, b"")), tmp_path / name, *parts)
