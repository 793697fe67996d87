"""Documents stand between blank lines; what is no corpus is told."""

import pathlib

import pytest

from keras_bert_lab.data import read_corpus
from tests.data.files import assert_says, message_of, write

TEXT = "\n\nOne, first.\n  One, second.  \n \t \n\nTwo.\n\u3000\nThree,\u2028 你好.\n"
DOCUMENTS = ["One, first.\n  One, second.  ", "Two.", "Three,\u2028 你好."]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.txt.gz", "a.gz", "a.md"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_documents(tmp_path, name, end):
    path = write(tmp_path / name, TEXT.replace("\n", end))
    assert read_corpus(path) == DOCUMENTS
    assert read_corpus(str(path)) == DOCUMENTS


def test_documents_never_span_files(tmp_path):
    paths = [write(tmp_path / name, content) for name, content in (("b.txt", "One,\ntwo"), ("a.txt", "three.\n\nFour."))]
    assert read_corpus(paths) == ["One,\ntwo", "three.", "Four."]
    assert read_corpus(iter(map(str, reversed(paths)))) == ["three.", "Four.", "One,\ntwo"]


def test_byte_order_marks_are_dropped(tmp_path):
    paths = [write(tmp_path / name, "\ufeffOne.\n\ufeff") for name in ("a.txt", "b.txt")]
    assert read_corpus(paths) == ["One.\n\ufeff"] * 2


def test_unusual_characters_stay(tmp_path):
    document = "a\0b \u202eאבג 😀 e\u0301\x85\x1cx" + "y" * 10_000_000
    assert read_corpus(write(tmp_path / "a.txt", document)) == [document]


@pytest.mark.parametrize("content", ["\n", " \n\t\n", "\ufeff"])
def test_no_document(tmp_path, content):
    path = write(tmp_path / "a.txt", content)
    assert message_of(read_corpus, [path]) == (
        f"A corpus must hold at least one document. Received only blank lines in: {path}"
    )


def test_no_file():
    assert message_of(read_corpus, []) == "paths must name at least one file. Received: none"


def test_missing_file(tmp_path):
    path = write(tmp_path / "books.txt", "x")
    assert_says(
        message_of(read_corpus, [path, tmp_path / "boks.txt"]), "There is no file", "boks.txt. Did you mean 'books.txt'?"
    )


def test_pattern_in_place_of_files(tmp_path):
    assert_says(message_of(read_corpus, tmp_path / "*.txt"), "There is no file", "*.txt", "sorted(pathlib.Path().glob(")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet", "a.xlsx"])
def test_table_in_place_of_text(tmp_path, name):
    path = write(tmp_path / name, "text\ngood\n")
    assert_says(message_of(read_corpus, path), f"{path} is a table by its suffix", f"read_table({str(path)!r}, label=None)")


def test_bad_files_are_told_before_any_is_read(tmp_path, monkeypatch):
    good = write(tmp_path / "a.txt", "x")
    monkeypatch.setattr("keras_bert_lab.data.document_streams.Utf8Stream", None)
    assert_says(message_of(read_corpus, [good, tmp_path / "missing.txt"]), "missing.txt")


@pytest.mark.parametrize("paths", [[3], [b"a.txt"]])
def test_what_is_no_path(paths):
    with pytest.raises(TypeError, match=r"path must be a str or a pathlib\.Path"):
        read_corpus(paths)


def test_real_corpus(shared):
    books = read_corpus(pathlib.Path(shared, "data/books/books_small.txt.gz"))
    assert len(books) == 20
    assert all(book == book.strip("\n") and "\n\n" not in book for book in books)
