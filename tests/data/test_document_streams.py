"""Documents come one after the other, whatever the files and the sizes of their lines; what cannot be used is told."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_bert_lab.data import document_streams, read_table
from keras_bert_lab.data.document_streams import DocumentStream
from tests.data.files import assert_says, message_of, write, write_sheet

TEXTS = ["One, first.", "Two;\nwith a line end", "好。 \u00e9", 'a "quoted", one', "x" * 30, "last"]


def documents_of(text: str) -> list[str]:
    """The slow, clear way: lines, and those that are blank separate."""
    found: list[list[str]] = [[]]
    for line in re.split("\r\n|\r|\n", text):
        if not line or line.isspace():
            found.append([])
        else:
            found[-1].append(line)
    return ["\n".join(lines) for lines in found if lines]


def assert_parts(stream: DocumentStream, part: int) -> None:
    joined, waiting = [], ""
    for text, ends in stream.parts():
        assert len(text) <= 3 * part
        waiting += text
        if ends:
            joined.append(waiting)
            waiting = ""
    assert waiting == ""
    assert joined == list(stream)


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.sampled_from("ab \t\n\r好\u3000"), max_size=90), part=st.sampled_from([1, 2, 3, 7, 31, 1000]))
def test_any_text_in_parts_of_any_size(tmp_path_factory, text, part):
    # A line that begins with more blanks than fit into a part is the one exception: it cannot be told from a blank one.
    text = re.sub(r"(?m)(?:(?<=[\n\r])|^)[^\S\n\r]+", "", text)
    path = write(tmp_path_factory.mktemp("texts") / "a.txt", text or "\n")
    before, document_streams.PART = document_streams.PART, part
    try:
        if documents_of(text):
            assert list(DocumentStream(path)) == documents_of(text)
            assert_parts(DocumentStream(path), part)
        else:
            assert_says(message_of(list, DocumentStream(path)), "A corpus must hold at least one document", path)
    finally:
        document_streams.PART = before


def test_long_lines_are_cut_before_white_space(tmp_path, monkeypatch):
    monkeypatch.setattr(document_streams, "PART", 10)
    path = write(tmp_path / "a.txt", "first words of a line\nsecond abcdefghijklmnopqrstuvwxyz end\n\nnext")
    parts = list(DocumentStream(path).parts())
    assert len(parts) > 4
    assert parts[-1] == ("next", True)
    words = [word for text, _ in parts for word in text.split()]
    assert words[:6] == ["first", "words", "of", "a", "line", "second"]  # only the long word is cut
    assert words[-2:] == ["end", "next"]


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_packed_files(tmp_path, suffix):
    content = b"One.\n\nTwo,\ntwo.\n"
    packed = {
        "": lambda data: data,
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    }
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(packed[suffix](content))
    stream = DocumentStream([path, str(path)])
    assert list(stream) == list(stream) == ["One.", "Two,\ntwo."] * 2
    assert stream.files == [path, path]
    assert stream.position == stream.bytes == 2 * path.stat().st_size


def tables(folder: Path) -> list[Path]:
    frame = pd.DataFrame({"id": range(len(TEXTS)), "text": TEXTS})
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_csv(folder / "a.tsv.gz", index=False, sep="\t")
    frame.to_json(folder / "a.jsonl", orient="records", lines=True)
    frame.to_json(folder / "a.json", orient="records")
    frame.to_parquet(folder / "a.parquet", row_group_size=2)
    frame.assign(text=frame.text.astype("category")).to_parquet(folder / "b.parquet")
    write_sheet(folder / "a.xlsx", [["id", "text"], *frame.to_numpy().tolist()])
    return sorted(folder.iterdir())


def test_columns_of_tables_are_those_of_read_table(tmp_path):
    for path in tables(tmp_path):
        stream = DocumentStream(path, text="text")
        assert list(stream) == list(read_table(path, "text", None).text) == TEXTS, path
        assert all(ends for _, ends in stream.parts())
        assert stream.position == stream.bytes
        assert stream.dropped == {}


def test_small_pieces_of_tables_give_the_same(tmp_path, monkeypatch):
    for module in ("delimited", "parquet"):
        monkeypatch.setattr(f"keras_bert_lab.data.{module}._ROWS", 1)
    for path in tables(tmp_path):
        assert list(DocumentStream(path, text="text")) == TEXTS, path


def test_rows_come_before_the_file_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": "b"}\n{"text":')
    rows = iter(DocumentStream(path, text="text"))
    assert (next(rows), next(rows)) == ("a", "b")
    assert_says(message_of(next, rows), f"{path}: line 3 is no JSON")


def test_documents_come_before_a_damaged_packed_file_ends(tmp_path):
    content = gzip.compress("".join(f"{number} {hash(str(number))}\n\n" for number in range(400_000)).encode(), 1)
    path = tmp_path / "a.txt.gz"
    path.write_bytes(content[: len(content) // 2])
    documents = iter(DocumentStream(path))
    assert next(documents).startswith("0 ")
    assert_says(message_of(list, documents), f"{path} cannot be unpacked, it is damaged, cut off")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_unusable_rows(tmp_path, name):
    rows = ["good", "", "fine", "  ", "well"]
    path = tmp_path / name
    frame = pd.DataFrame({"words": rows, "row": range(5)})
    {".csv": lambda: frame.to_csv(path, index=False), ".parquet": lambda: frame.to_parquet(path)}.get(
        path.suffix, lambda: frame.to_json(path, orient="records", lines=True)
    )()
    first = "object" if name == "a.jsonl" else "row below the header"
    expected = (
        f"{path}: 2 of 5 rows cannot be used (row 1 = first {first}). Column 'words': 2 empty (rows 2, 4). "
        "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable)."
    )
    assert message_of(list, DocumentStream(path, text="words")) == expected
    stream = DocumentStream([path, path], text="words", drop_unusable=True)
    assert list(stream) == ["good", "fine", "well"] * 2
    assert stream.dropped == {"words: empty": 4}


def test_other_kinds_of_unusable_rows(tmp_path):
    rows = [None, 3, "\ud800", None, [1], "good", *[None] * 7]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"t": row}) + "\n" for row in rows))
    assert_says(
        message_of(list, DocumentStream(path, text="t")),
        "12 of 13 rows cannot be used",
        "9 missing (rows 1, 4, 7, 8, 9 and 4 more), 2 not a text (rows 2, 5: int 3), 1 not valid Unicode",
        "(row 3).",
    )
    assert list(DocumentStream(path, text="t", drop_unusable=True)) == ["good"]


def test_no_usable_row(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"t": ""}\n')
    assert_says(message_of(list, DocumentStream(path, text="t", drop_unusable=True)), "1 of 1 row", "No row is left.")
    path = write(tmp_path / "b.jsonl", "\n")
    assert message_of(list, DocumentStream(path, text="t")) == f"{path} holds no row with a text."
    path = write(tmp_path / "c.csv", "t,u\n")
    assert message_of(list, DocumentStream(path, text="t")) == f"{path} holds no row with a text."


def test_columns_that_are_not_there(tmp_path):
    for path in tables(tmp_path):
        for drop in (False, True):
            message = message_of(list, DocumentStream(path, text="txt", drop_unusable=drop))
            assert_says(message, f"{path} has no column 'txt'. Columns: 'id', 'text'", "Did you mean 'text'?", "--text")
    path = write(tmp_path / "twice.csv", "t,t\na,b\n")
    assert_says(message_of(list, DocumentStream(path, text="t")), "the column 't' must be there once", "column 1 and 2 of 2")


def test_damaged_tables(tmp_path):
    path = write(tmp_path / "a.csv", "t\na\nb,c\n")
    assert_says(message_of(list, DocumentStream(path, text="t")), f"{path}: line 3 has 2 fields, the header has 1")
    path = write(tmp_path / "a.parquet", b"PAR1 and nothing else")
    assert_says(message_of(list, DocumentStream(path, text="t")), f"{path} cannot be read as Parquet, it is damaged")


def test_settings_of_other_files(tmp_path):
    path = write(tmp_path / "a.csv", "t;u\na;b\n")
    assert list(DocumentStream(path, text="u", separator=";")) == ["b"]
    with pytest.raises(ValueError, match=r"separator is for \.csv and \.tsv files\. Received: separator=';'"):
        DocumentStream(write(tmp_path / "a.jsonl", "{}"), text="t", separator=";")
    with pytest.raises(ValueError, match=r"sheet is for \.xlsx files\. Received: sheet=2"):
        DocumentStream(path, text="t", sheet=2)


def test_what_is_no_table_or_no_text(tmp_path):
    text = write(tmp_path / "a.txt", "x")
    assert_says(message_of(DocumentStream, text, text="t"), "the suffix of a table must be one of", "'.txt'")
    assert_says(message_of(DocumentStream, tmp_path, text="t"), "is a folder, not a file")
    assert_says(message_of(DocumentStream, write(tmp_path / "a.csv", "t\nx\n")), "is a table by its suffix", "--text")
    assert message_of(DocumentStream, []) == "paths must name at least one file. Received: none"


def test_another_encoding(tmp_path):
    assert list(DocumentStream(write(tmp_path / "a.txt", "caf\xe9".encode("cp1252")), encoding="cp1252")) == ["café"]
