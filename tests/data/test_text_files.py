"""Text files open the same, packed or not."""

import gzip

import pytest

from keras_bert_lab.data.text_files import open_text


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
