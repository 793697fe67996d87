"""A vocabulary knows its special tokens, refuses what cannot be one, and is read from plain or gzipped files."""

import gzip
import pathlib

import numpy as np
import pytest

import keras_bert_lab as kbl

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", "##s", "the", "##ing"]


def test_ids_are_places():
    vocabulary = kbl.Vocabulary(TOKENS)
    assert len(vocabulary) == 9
    assert vocabulary.ids == {token: place for place, token in enumerate(TOKENS)}
    assert [vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id, vocabulary.sep_id, vocabulary.mask_id] == [0, 1, 2, 3, 4]


def test_special_ids_are_sorted_whatever_their_order():
    vocabulary = kbl.Vocabulary(["[MASK]", "film", "[SEP]", "[PAD]", "##s", "[CLS]", "[UNK]"])
    assert vocabulary.special_ids.dtype == np.int32
    assert vocabulary.special_ids.tolist() == [0, 2, 3, 5, 6]
    assert (vocabulary.pad_id, vocabulary.mask_id) == (3, 0)


def test_word_starts_are_all_but_continuations():
    assert kbl.Vocabulary(TOKENS).word_starts.tolist() == [True, True, True, True, True, True, False, True, False]


def test_special_tokens_of_other_spellings():
    spellings = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
    vocabulary = kbl.Vocabulary(["<s>", "<pad>", "</s>", "<unk>", "film", "<mask>"], spellings)
    assert (vocabulary.cls_id, vocabulary.pad_id, vocabulary.sep_id, vocabulary.unk_id, vocabulary.mask_id) == (0, 1, 2, 3, 5)
    assert vocabulary.special_tokens == spellings


def test_spellings_not_named_stay_those_of_bert():
    vocabulary = kbl.Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<m>"], {"mask": "<m>"})
    assert vocabulary.mask_id == 4
    assert vocabulary.special_tokens["cls"] == "[CLS]"


def test_to_text_joins_pieces_and_hides_frames():
    #                          [CLS] film ##s [MASK] the ##ing [UNK] [SEP] [PAD]
    assert kbl.Vocabulary(TOKENS).to_text([2, 5, 6, 4, 7, 8, 1, 3, 0]) == "films [MASK] theing [UNK]"
    assert kbl.Vocabulary(TOKENS).to_text(np.array([6, 5])) == "##s film"
    assert kbl.Vocabulary(TOKENS).to_text([]) == ""


SPELLINGS = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}


def test_byte_level_pieces():
    """ "Ġ" is the blank before a word, "ÃŁ" are the two bytes of "ß"."""
    vocabulary = kbl.Vocabulary([*SPELLINGS.values(), "film", "Ġfilm", "s", "Ã", "Ł", "ĠĠ"], SPELLINGS, pieces="byte_level")
    assert vocabulary.word_starts.tolist() == [True] * 5 + [False, True, False, False, False, True]
    assert vocabulary.to_text([2, 5, 7, 6, 8, 9, 4, 10, 3, 0]) == "films filmß<mask>  "
    assert vocabulary.to_text([8]) == "\ufffd"


def test_sentence_pieces():
    vocabulary = kbl.Vocabulary([*SPELLINGS.values(), "film", "▁film", "s", "▁"], SPELLINGS, pieces="sentencepiece")
    assert vocabulary.word_starts.tolist() == [True] * 5 + [False, True, False, True]
    assert vocabulary.to_text([2, 6, 7, 8, 5, 6, 4, 3, 0]) == "films film film<mask>"


def test_added_tokens_follow_the_others():
    vocabulary = kbl.Vocabulary(TOKENS, added_tokens=["##new", "film"])
    assert (vocabulary.tokens, vocabulary.trained) == ([*TOKENS, "##new"], 9)
    assert vocabulary.ids["##new"] == 9
    assert vocabulary.word_starts.tolist()[-2:] == [False, True]


def test_unknown_pieces_are_refused():
    with pytest.raises(ValueError, match=r"pieces must be one of \['wordpiece', .*\]\. Received: pieces='words'"):
        kbl.Vocabulary(TOKENS, pieces="words")


@pytest.mark.parametrize("path", ["vocab.txt", b"vocab.txt", pathlib.Path("vocab.txt")])
def test_a_path_is_no_vocabulary(path):
    with pytest.raises(ValueError, match=r"must be a list of tokens\. Received: .*vocab\.txt.*use read_vocabulary\(path\)"):
        kbl.Vocabulary(path)


def test_duplicates_are_refused():
    with pytest.raises(ValueError, match=r"must hold each token once\. Received twice or more: \['film', 'the'\]"):
        kbl.Vocabulary([*TOKENS, "the", "film", "film"])


def test_missing_special_tokens_are_refused():
    with pytest.raises(ValueError, match=r"Received: 3 tokens without \['\[MASK\]', '\[PAD\]'\]\. Name other spellings"):
        kbl.Vocabulary(["[UNK]", "[CLS]", "[SEP]"])


def test_unknown_role_is_refused():
    with pytest.raises(ValueError, match=r"must name the roles \['cls', 'mask', 'pad', 'sep', 'unk'\]\. Received: \['bos'\]"):
        kbl.Vocabulary(TOKENS, {"bos": "[CLS]"})


@pytest.mark.parametrize("end", ["\n", "\r\n", ""], ids=["newline", "Windows", "no end"])
def test_read_plain(tmp_path, end):
    path = tmp_path / "vocab.txt"
    path.write_bytes((end or "\n").join(["[PAD]", "é", "你", "a b", " c "]).encode() + end.encode())
    assert kbl.read_vocabulary(path) == ["[PAD]", "é", "你", "a b", " c "]
    assert kbl.read_vocabulary(str(path)) == ["[PAD]", "é", "你", "a b", " c "]


def test_read_gzipped(tmp_path):
    path = tmp_path / "vocab.txt.gz"
    path.write_bytes(gzip.compress("[PAD]\né\n".encode()))
    assert kbl.read_vocabulary(path) == ["[PAD]", "é"]


def test_read_keeps_tokens_of_unusual_white_space(tmp_path):
    """U+2028 is a line separator to `str.splitlines`, and a token in released vocabularies."""
    path = tmp_path / "vocab.txt"
    path.write_text("a\n\u2028\nb\u00a0\n\n\n", encoding="utf-8")
    assert kbl.read_vocabulary(path) == ["a", "\u2028", "b\u00a0"]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(kbl.DataError, match=r"The vocabulary file .*vocab\.txt is empty"):
        kbl.read_vocabulary(path)


@pytest.mark.parametrize("name", ["vocab.txt", ""], ids=["missing", "folder"])
def test_missing_file_is_refused(tmp_path, name):
    with pytest.raises(kbl.DataError, match=rf"There is no vocabulary file .*{name}"):
        kbl.read_vocabulary(tmp_path / name)


@pytest.mark.parametrize("name", ["vocab.txt", "vocab.txt.gz"])
def test_what_is_not_utf8_is_refused(tmp_path, name):
    content = "[PAD]\ncafé\n".encode("latin-1")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(kbl.DataError, match=r"vocab\.txt.* is not UTF-8: .*0xe9"):
        kbl.read_vocabulary(path)


def test_released_vocabulary_is_read_whole(shared):
    tokens = kbl.read_vocabulary(shared / "data/vocab/bert-base-uncased/vocab.txt")
    assert len(tokens) == 30522
    assert (tokens[0], tokens[103], tokens[1996], tokens[30521]) == ("[PAD]", "[MASK]", "the", "##～")
    assert kbl.Vocabulary(tokens).special_ids.tolist() == [0, 100, 101, 102, 103]
