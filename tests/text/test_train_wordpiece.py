"""Vocabularies are the same in any process, as large as asked for, and cover the texts they were learned from."""

import gzip
import hashlib
import os
import subprocess
import sys

import pytest

import keras_bert_lab as kbl

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

_SCRIPT = """
import hashlib
import keras_bert_lab as kbl
texts = kbl.sample_data("reviews")["text"][:307].tolist()
print(hashlib.sha256("\\n".join(kbl.train_wordpiece(texts, 1009)).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def texts():
    return kbl.sample_data("reviews")["text"][:307].tolist()


def test_fresh_processes_learn_the_same_vocabulary(texts):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("3", "11")
    ]
    found = [process.communicate()[0].strip() for process in running]
    here = hashlib.sha256("\n".join(kbl.train_wordpiece(texts, 1009)).encode()).hexdigest()
    assert found == [here, here]


def test_size_is_reached_with_every_token_once(texts):
    vocabulary = kbl.train_wordpiece(texts, 1009)
    assert len(vocabulary) == len(set(vocabulary)) == 1009
    assert vocabulary[:5] == SPECIAL
    assert {"the", "film", "##ing"} <= set(vocabulary)


def test_by_hand():
    """Alphabet a b c; "ab" occurs 5 times inside words, "abc" 3 times: these are joined, in this order."""
    vocabulary = kbl.train_wordpiece(["ab abc abc", "abc ab"], 13)
    assert vocabulary == [*SPECIAL, "a", "b", "c", "##a", "##b", "##c", "ab", "abc"]


def test_fewer_tokens_when_the_texts_hold_no_more():
    assert len(kbl.train_wordpiece(["ab abc abc", "abc ab"], 997)) == 13
    assert len(kbl.train_wordpiece(["ab abc abc", "abc ab"], 997, min_frequency=4)) == 12  # "abc" occurs 3 times only


def test_vocabulary_covers_its_texts(texts):
    tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(texts, 503))
    ids = tokenizer(texts).flat_values.numpy()
    assert len(ids) > 10_000
    assert (ids != tokenizer.vocabulary.unk_id).all()


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "Café ÅNGSTRÖM naïve",
        "你好, 世界!",
        "مرحبا بالعالم",
        "😀 ok 👩",
        "Straße",
        "wait… 5µm ½ x²",
        "ﬁne №5 ™",
        "ΑΣ ας",
        "한국어 がぎ",
    ],
    ids=["accents", "Chinese", "Arabic", "emoji", "sharp s", "compatibility", "ligatures", "sigma", "composed"],
)
def test_vocabulary_covers_its_texts_in_any_script(text, lowercase):
    """The trainer and the tokenizer must lower and split characters in the same way."""
    tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece([text], 211, lowercase=lowercase), lowercase=lowercase)
    ids = tokenizer([text]).to_list()[0]
    assert ids
    assert tokenizer.vocabulary.unk_id not in ids


def test_lowercase_joins_cases_and_strips_accents():
    vocabulary = kbl.train_wordpiece(["Éa éA"], 97)
    assert vocabulary == [*SPECIAL, "a", "e", "##a", "##e", "ea"]


def test_lowercase_false_keeps_case_and_accents():
    vocabulary = kbl.train_wordpiece(["Éa éA Éa"], 97, lowercase=False)
    assert vocabulary == [*SPECIAL, "A", "a", "É", "é", "##A", "##a", "##É", "##é", "Éa"]


def test_limit_alphabet_drops_the_rarest_characters():
    vocabulary = kbl.train_wordpiece(["aaa bbb ccd"], 97, limit_alphabet=2, min_frequency=5)
    assert vocabulary == [*SPECIAL, "a", "b", "##a", "##b"]
    assert kbl.WordPieceTokenizer(vocabulary)(["ab cd"]).to_list() == [[5, 8, 1]]


def test_special_tokens_in_the_texts_do_not_stand_twice():
    vocabulary = kbl.train_wordpiece(["[MASK] is [MASK]"], 97)
    assert len(set(vocabulary)) == len(vocabulary)
    assert vocabulary[:5] == SPECIAL


def test_files_plain_and_gzipped_are_read_by_line(texts, tmp_path):
    plain, zipped = tmp_path / "a.txt", tmp_path / "b.txt.gz"
    plain.write_text("\n".join(texts[:151]), encoding="utf-8")
    zipped.write_bytes(gzip.compress("\n".join(texts[151:]).encode()))
    wanted = kbl.train_wordpiece(texts, 601)
    assert kbl.train_wordpiece([plain, zipped], 601) == wanted
    assert kbl.train_wordpiece([plain, *texts[151:]], 601) == wanted
    assert kbl.train_wordpiece(plain, 601) == kbl.train_wordpiece(texts[:151], 601)


def test_other_containers_of_texts(texts):
    wanted = kbl.train_wordpiece(texts[:53], 211)
    assert kbl.train_wordpiece(tuple(texts[:53]), 211) == wanted
    assert kbl.train_wordpiece(kbl.sample_data("reviews")["text"][:53], 211) == wanted


def test_too_small_a_size_is_refused():
    # 5 special tokens, 3 characters, each at the start of a word and inside
    with pytest.raises(ValueError, match=r"vocab_size must be at least 11: 5 special tokens and 3 characters.*vocab_size=10\."):
        kbl.train_wordpiece(["cab"], 10)
    assert len(kbl.train_wordpiece(["cab"], 11)) == 11


def test_generators_are_refused(texts):
    with pytest.raises(ValueError, match=r"cannot be a generator\. Received: <generator object .*Pass list\(source\)"):
        kbl.train_wordpiece((text for text in texts), 997)


@pytest.mark.parametrize("source", ["a film", b"a film"])
def test_one_bare_string_is_refused(source):
    with pytest.raises(ValueError, match=r"iterable of texts or a pathlib\.Path\. Received: the string b?'a film'"):
        kbl.train_wordpiece(source, 997)


@pytest.mark.parametrize(("item", "shown"), [(None, r"None \(NoneType\)"), (5.5, r"5\.5 \(float\)"), (b"x", r"b'x' \(bytes\)")])
def test_items_that_are_no_text_are_refused(item, shown):
    with pytest.raises(ValueError, match=rf"source must hold strings or pathlib\.Paths\. Received: {shown}"):
        kbl.train_wordpiece(["a film", item], 997)


@pytest.mark.parametrize("source", [[], ["", " \n\t"]])
def test_no_text_is_refused(source):
    with pytest.raises(kbl.DataError, match=r"source holds no text\. Received: no character but white space"):
        kbl.train_wordpiece(source, 997)


def test_a_giant_word_neither_takes_long_nor_changes_anything() -> None:
    texts = ["the film was good", "the film was bad"] * 3
    giants = [f"{'x' * 300_000} the film", "the film " + "\U0001f600" * 200_000]
    without = ["the film", "the film"]
    assert kbl.train_wordpiece([*texts, *giants, *texts], 60) == kbl.train_wordpiece([*texts, *without, *texts], 60)
