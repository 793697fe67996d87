"""Text files open the same, packed or not; what is no text is told with its place."""

import bz2
import gzip
import io
import lzma

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_bert_lab.data import read_corpus, read_table, text_files
from keras_bert_lab.data.text_files import Utf8Stream, open_text
from tests.data.files import CSV, assert_says, message_of, write

PACK = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}
LONG = ("text,label\n" + "".join(f"film number {number},pos\n" for number in range(200_000))).encode()  # several pieces


def content_of(path, encoding="utf-8", size=7919):
    with Utf8Stream(path, encoding) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.gz"])
def test_lines_of_plain_and_gzipped_files(tmp_path, name):
    content = "Café\r\n你好\nfilm".encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with open_text(path) as lines:
        assert list(lines) == ["Café\n", "你好\n", "film"]


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        open_text(tmp_path / "missing.txt")


@pytest.mark.parametrize("suffix", ["", *PACK])
@pytest.mark.parametrize("content", [CSV.encode(), LONG], ids=["short", "long"])
def test_stream_unpacks(tmp_path, suffix, content):
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(PACK.get(suffix, bytes)(content))
    assert content_of(path) == content
    assert len(read_table(path)) == content.count(b"\n") - 1


def test_gzip_of_several_members(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\ngood,p") + gzip.compress(b"os\n"))
    assert read_table(path).values.tolist() == [["good", "pos"]]


@pytest.mark.parametrize("suffix", list(PACK))
@pytest.mark.parametrize("function", [read_table, read_corpus])
def test_packed_file_cut_off(tmp_path, suffix, function):
    path = tmp_path / f"{'a.csv' if function is read_table else 'a'}{suffix}"
    path.write_bytes(PACK[suffix](LONG)[:-20])
    assert_says(message_of(function, path), path, "cannot be unpacked, it is damaged, cut off or of another form")


@pytest.mark.parametrize("suffix", list(PACK))
def test_suffix_of_a_packed_file_on_plain_text(tmp_path, suffix):
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(CSV.encode())
    assert_says(message_of(read_table, path), path, "cannot be unpacked, it is damaged, cut off or of another form")


def test_gzip_with_a_wrong_checksum(tmp_path):
    path = tmp_path / "a.csv.gz"
    content = gzip.compress(CSV.encode())
    path.write_bytes(content[:-8] + b"\0\0\0\0" + content[-4:])
    assert_says(message_of(read_table, path), path, "cannot be unpacked", "CRC check failed")


def test_gzip_damaged_at_the_start(tmp_path):
    path = tmp_path / "a.csv.gz"
    content = gzip.compress(CSV.encode())
    path.write_bytes(content[:10] + b"\xff" * 20 + content[30:])
    assert_says(message_of(read_table, path), path, "cannot be unpacked", "Error -3 while decompressing data")


def test_gzip_damaged_in_the_middle(tmp_path):
    path = tmp_path / "a.csv.gz"
    content = bytearray(gzip.compress(LONG))
    content[5000:5020] = bytes(20)
    path.write_bytes(content)
    assert_says(message_of(read_table, path), path, "cannot be unpacked")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.csv.gz", b"text,label\n\xff,pos\n"),
        ("a.csv.gz", b"text,label\na,b,c\n"),
        ("a.jsonl.gz", b"{\n"),
        ("a.txt.gz", b"\xff"),
    ],
    ids=["no text", "too many fields", "no JSON", "no text in a corpus"],
)
def test_damage_is_told_whatever_the_contents_look_like(tmp_path, name, start):
    """Damaged contents look like other mistakes; the checksum stands at the very end."""
    content = gzip.compress(start + LONG)
    path = tmp_path / name
    path.write_bytes(content[:-8] + b"\0\0\0\0" + content[-4:])
    assert_says(message_of(read_corpus if ".txt" in name else read_table, path), "cannot be unpacked", "CRC check failed")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.txt"])
def test_empty_file(tmp_path, name):
    function = read_corpus if name == "a.txt" else read_table
    assert message_of(function, write(tmp_path / name, b"")) == f"{tmp_path / name} is empty: 0 bytes."
    packed = write(tmp_path / f"{name}.gz", b"")
    assert message_of(function, packed) == f"{packed} is empty: 0 bytes after unpacking."


@pytest.mark.parametrize(
    ("magic", "what"),
    [
        (gzip.compress(LONG), "a gzip file: give it the suffix .gz"),
        (bz2.compress(LONG), "a bzip2 file: give it the suffix .bz2"),
        (lzma.compress(LONG), "an xz file: give it the suffix .xz"),
        (PACK[".zst"](LONG), "a Zstandard file: give it the suffix .zst"),
        (b"PK\x03\x04\xff\xff", "a zip file: unpack it, or give it the suffix .xlsx if it is a spreadsheet"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), "an old Excel file: save it as .xlsx or CSV"),
        (b"PAR1\xff", "a Parquet file: give it the suffix .parquet"),
    ],
)
def test_file_of_another_form(tmp_path, magic, what):
    path = write(tmp_path / "a.csv", magic)
    assert message_of(read_table, path) == f"{path} is no text. It starts like {what}."


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.json", "a.txt", "a.txt.gz"])
def test_what_is_not_utf8(tmp_path, name):
    path = write(tmp_path / name, "text,label\ncafé,pos\n".encode("latin-1"))
    unpacked = "unpacked " if name.endswith("gz") else ""
    assert_says(
        message_of(read_corpus if ".txt" in name else read_table, path),
        f"{path} is not UTF-8: byte 0xe9 at offset 14 of the {unpacked}file (invalid continuation byte)",
        "encoding='cp1252' (--encoding cp1252)",
        "latin-1",
    )


@settings(deadline=None)
@given(st.text("aé你😀", max_size=20), st.integers(0, 40), st.integers(1, 9))
def test_offset_of_the_first_bad_byte(tmp_path_factory, text, place, piece):
    """Wherever the pieces end: inside a character too."""
    content = ("x" + text).encode() + b"\xff" + text.encode()
    path = write(tmp_path_factory.mktemp("offset") / "a.txt", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "_PIECE", piece)
        assert_says(message_of(content_of, path), f"byte 0xff at offset {len(('x' + text).encode())} of the file")


def test_character_cut_off_at_the_end(tmp_path):
    path = write(tmp_path / "a.txt", "x你".encode()[:-1])
    assert_says(message_of(content_of, path), "byte 0xe4 at offset 1 of the file (unexpected end of data)")


def test_offset_beyond_the_first_piece(tmp_path):
    path = write(tmp_path / "a.csv.gz", LONG + b"\xff,pos\n")
    assert_says(message_of(read_table, path), f"byte 0xff at offset {len(LONG):,} of the unpacked file")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "gbk", "UTF8"])
def test_other_encodings(tmp_path, encoding):
    texts = "café" if encoding in ("cp1252", "latin-1") else "café 你好"
    path = write(tmp_path / "a.csv", f"text,label\n{texts},pos\n".encode(encoding))
    assert read_table(path, encoding=encoding).values.tolist() == [[texts, "pos"]]
    assert read_corpus(write(tmp_path / "a.txt", texts.encode(encoding)), encoding=encoding) == [texts]


@pytest.mark.parametrize(
    ("encoding", "content", "said"),
    [
        ("ascii", "aé".encode(), "is not ascii: byte 0xc3 at offset 1 of the file"),
        ("cp1252", b"ab\x81", "is not cp1252: byte 0x81 at offset 2 of the file"),
        ("gbk", "你好".encode("gbk") + b"\xff", "is not gbk: byte 0xff at offset 4 of the file"),
    ],
)
def test_bytes_that_another_encoding_lacks(tmp_path, encoding, content, said):
    path = write(tmp_path / "a.txt", content)
    assert_says(message_of(read_corpus, path, encoding=encoding), path, said, "encoding='utf-8' (--encoding utf-8)")


@pytest.mark.parametrize(
    ("written", "named"),
    [("utf-16", "utf-16"), ("utf-32", "utf-32"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")],
)
def test_other_unicode_is_recognised(tmp_path, written, named):
    path = write(tmp_path / "a.csv", CSV.encode(written))
    assert_says(message_of(read_table, path), path, "UTF-", f"encoding='{named}' (--encoding {named})")
    assert len(read_table(path, encoding=named)) == 3


@pytest.mark.parametrize(
    ("encoding", "cure"), [("utf_9", "Did you mean 'utf_8'?"), ("hex", "'utf-8'"), ("??", "'utf-8'"), ("", "")]
)
def test_unknown_encoding(tmp_path, encoding, cure):
    path = write(tmp_path / "a.csv", CSV)
    message = message_of(read_table, path, encoding=encoding)
    assert_says(message, f"encoding must be the name of a text encoding. Received: {encoding!r}.", cure)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_byte_order_mark_is_dropped(tmp_path, name):
    content = '{"text": "good", "label": "pos"}\n' if name == "a.jsonl" else "text,label\ngood,pos\n"
    table = read_table(write(tmp_path / name, "\ufeff" + content))
    assert table.columns.tolist() == ["text", "label"]
    assert table.values.tolist() == [["good", "pos"]]


def test_byte_order_mark_before_a_quoted_name(tmp_path):
    assert read_table(write(tmp_path / "a.csv", '\ufeff"text",label\ngood,pos\n')).columns.tolist() == ["text", "label"]


def test_byte_order_mark_inside_stays(tmp_path):
    assert read_table(write(tmp_path / "a.csv", "text,label\n\ufeffgood,pos\n")).text[0] == "\ufeffgood"


def test_stream_is_a_binary_file(tmp_path):
    with Utf8Stream(write(tmp_path / "a.txt", "ä\nb")) as stream:
        assert stream.readable()
        assert io.BufferedReader(stream).readlines() == ["ä\n".encode(), b"b"]
    assert stream.closed


def test_file_that_cannot_be_opened(tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", CSV)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(text_files, "unpacked", refuse)
    assert message_of(read_table, path) == f"{path} cannot be opened: Permission denied."
