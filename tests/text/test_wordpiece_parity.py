"""Token for token what the `tokenizers` library gives, for any text: every character, and random texts of the awkward ones."""

import functools
import itertools
import json
import unicodedata

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text as tf_text
import tokenizers

import keras_bert_lab as kbl
from keras_bert_lab.text.bert_characters import PRIVATE, bert_characters
from keras_bert_lab.text.normalizer_model import normalizer_model
from tests.text import ask_tokenizers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# One group for each rule, or kind of difference between libraries.
AWKWARD = {
    "letters": "abAB",
    "accents": "éÉÀñÅ\u0301\u0300\u0327\u20d2",
    "capitals": "ΣσςİıẞßǅΩKÅꭰᏸⱯ",
    "compatibility": "…½²ﬁ№ｦＡ´µſ",
    "decomposed, no capital": "가각한힣ガ\u0958\u0344\u1fef\u037e\u2329\u212a",
    "punctuation": ".,!'#[]-_«」。¿·\u2014",
    "punctuation for one side": "\u166d\U000111c9\u061d\u2e52\u0c84\U00011b00\U0001e95e",
    "symbols": "$+<=>^`|~€°❤",
    "Chinese": "一你㐀豈𠀀\U0002f800",
    "Chinese for one side": "\U0002b820\U0002b91f\U0002b920\U0002cea1\U00030000",
    "Japanese": "がガ々",
    "blanks": " \t\n\r\u00a0\u1680\u2003\u2028\u2029\u202f\u3000",
    "controls": "\x00\x01\x0b\x0c\x1c\x1f\x7f\x85\x96\ufffd",
    "formats": "\u00ad\u200b\u200d\u200e\u202e\u2060\ufeff\U000e0041",
    "private": "\ue000\ue001\uf8ff\U000f0000\U0010fffd",
    "not assigned": "\u0378\ufffe\ufdd0\U0001ffff\U00050000",
    "emoji": "😀👩🏽\ufe0f\u20e3\U0001f1e9",
    "scripts": "مرحشלनमไ\u0e31\u1161\u11a8",
}
CHARACTERS = "".join(AWKWARD.values())


@functools.cache
def pair(lowercase, strip_accents=None, split_cjk=True):
    """Our tokenizer and that of `tokenizers`, of a vocabulary with most of the characters and some longer pieces."""
    normalizer = tokenizers.normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=split_cjk
    )
    known = sorted(set("".join(map(normalizer.normalize_str, CHARACTERS))) - set(" ~b"))
    longer = ["ab", "##ab", "a" * 7, "##éa", "你a", "##\u2e52a", "##\U0001ffffa"]
    never = ["\u166da", "a.", "##.a", "a b", "\ue000", "##\ue000"]  # BERT splits them before it looks for pieces
    vocabulary = [*SPECIAL, *known, *(f"##{character}" for character in known), *longer, *never]
    theirs = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            {token: index for index, token in enumerate(vocabulary)}, unk_token="[UNK]", max_input_chars_per_word=100
        )
    )
    theirs.normalizer = normalizer
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    ours = kbl.WordPieceTokenizer(vocabulary, lowercase=lowercase, strip_accents=strip_accents, split_cjk=split_cjk)
    return ours, theirs


def assert_equal(ours, theirs, texts):
    wanted = [encoding.ids for encoding in theirs.encode_batch(texts)]
    found = ours.tokenize(texts).to_list()
    assert [row for row in zip(texts, found, wanted, strict=True) if row[1] != row[2]] == []


# Characters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("group", AWKWARD)
def test_awkward_characters(group, lowercase):
    texts = [text for c in AWKWARD[group] for text in (c, f"a{c}a", f"a {c} {c}{c}a", f"{c}一{c}.{c}")]
    assert_equal(*pair(lowercase), texts)


OTHER_FLAGS = [(True, False, True), (False, True, True), (True, True, False), (False, None, False), (True, False, False)]


@pytest.mark.parametrize("flags", [(True, False, True), (False, True, False)])
def test_awkward_characters_under_other_flags(flags):
    assert_equal(*pair(*flags), [text for c in CHARACTERS for text in (c, f"a{c}a", f"a {c} {c}{c}a", f"{c}一{c}.{c}")])


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_assigned_character_alone_and_in_a_word(lowercase):
    regular = {*range(0x3400, 0xA000), *range(0x20000, 0x2A6DF)}
    characters = [c for c in ask_tokenizers.CHARACTERS if unicodedata.category(c)[0] != "C" and ord(c) not in regular]
    assert 30_000 < len(characters) < 100_000
    assert_equal(*pair(lowercase), [*characters, *(f"a{c}a" for c in characters)])


@pytest.mark.slow
@pytest.mark.parametrize("name", ask_tokenizers.TABLES)
def test_the_files_say_what_the_tokenizers_library_says(name):
    """Of all 1,112,064 characters. After an update of a library: `python -m tests.text.ask_tokenizers`."""
    written = json.loads((ask_tokenizers.FOLDER / name).read_text(encoding="utf-8"))
    asked = ask_tokenizers.TABLES[name]()
    assert {**written, "from": ""} == {**asked, "from": ""}


@pytest.mark.slow
@pytest.mark.parametrize("flags", list(itertools.product([True, False], repeat=3)))
def test_the_rules_of_all_flags_are_those_of_the_library(flags):
    """The rules are derived from three tables; the library is asked about all characters under all flags."""
    rules = bert_characters(*flags)
    wrong = []
    for character, wanted in ask_tokenizers.normalized(*flags).items():
        found = rules.replacements.get(ord(character), character).translate(rules.renamed)
        if found != wanted and found.strip(" ") != wanted.strip(" "):  # blanks where the op splits by itself
            wrong.append((character, found, wanted))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("flags", OTHER_FLAGS)
def test_every_assigned_character_under_other_flags(flags):
    characters = [c for c in ask_tokenizers.CHARACTERS if unicodedata.category(c)[0] != "C"]
    assert_equal(*pair(*flags), [*characters, *(f"a{c}a" for c in characters)])


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize(("split_cjk", "at_least"), [(True, 2 * 300), (False, 2 * 80_000)])
def test_renaming_only_exchanges_characters(lowercase, split_cjk, at_least):
    renamed = bert_characters(lowercase, split_cjk=split_cjk).renamed
    assert sorted(renamed) == sorted(renamed.values())
    assert all(renamed[renamed[point]] == point for point in renamed)
    assert len(renamed) > at_least
    assert min(renamed) > 0x80
    assert {PRIVATE, 0x2E52} <= set(renamed)
    assert (ord("你") in renamed) != split_cjk


# Texts ----------------------------------------------------------------------------------------------------------------

words = st.text(st.one_of(st.sampled_from(CHARACTERS), st.characters(exclude_categories=["Cs"])), max_size=13)
long_words = st.builds(lambda c, n, rest: f"a {c * n}{rest}", st.sampled_from(CHARACTERS), st.integers(97, 103), words)
texts = st.lists(st.one_of(words, words, words, long_words), max_size=7).map(" ".join)


def one_by_one(theirs, text):
    """Whether their normaliser gives what it gives for each character; the rest is `test_known_difference`."""
    return theirs.normalizer.normalize_str(text) == "".join(map(theirs.normalizer.normalize_str, text))


@pytest.mark.parametrize("flags", [(True,), (False,), (False, True, False)])
@hypothesis.given(texts=st.lists(texts, max_size=5))
@hypothesis.settings(max_examples=100, deadline=None)
def test_any_text(flags, texts):
    ours, theirs = pair(*flags)
    assert_equal(ours, theirs, [text for text in texts if one_by_one(theirs, text)])


@pytest.mark.parametrize("lowercase", [True, False])
@hypothesis.given(text=texts)
@hypothesis.settings(max_examples=150, deadline=None)
def test_offsets_of_any_text(lowercase, text):
    """Starts are theirs; ends too, but for what is dropped after a piece, which they leave out."""
    ours, theirs = pair(lowercase)
    hypothesis.assume(one_by_one(theirs, text))
    ids, *offsets = (part.to_list()[0] for part in ours.tokenize_with_offsets([text]))
    wanted = theirs.encode(text)
    assert ids == ours.tokenize([text]).to_list()[0] == wanted.ids
    encoded = text.encode()
    for start, end, (first, last) in zip(*offsets, wanted.offsets, strict=True):
        assert start == len(text[:first].encode())
        assert start < end
        after = encoded[len(text[:last].encode()) : end].decode()
        assert all(theirs.normalizer.normalize_str(character) == "" for character in after)


def test_known_difference():
    """NFD puts combining marks into an order: also 83 marks that BERT does not drop, and that we leave as they stand."""
    first, second = "\u1bf3", "\u08d5"
    tokens = [*SPECIAL, "a", f"##{first}", f"##{second}"]
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    ours = kbl.WordPieceTokenizer(tokens)
    assert theirs.encode(f"a{first}{second}").ids == ours([f"a{first}{second}"]).to_list()[0] == [5, 6, 7]
    assert theirs.encode(f"a{second}{first}").ids == [5, 6, 7]
    assert ours([f"a{second}{first}"]).to_list()[0] == [5, 7, 6]


def test_tokens_with_a_blank_inside_are_never_met():
    """The WordPiece op alone would take "new" for the beginning of "new york", and give up."""
    tokens = [*SPECIAL, "new", "york", "new york"]
    assert kbl.WordPieceTokenizer(tokens)(["new york new"]).to_list() == [[5, 6, 5]]


# In graphs ------------------------------------------------------------------------------------------------------------

TEXTS = ["É…a", "", f"a {'é' * 101}.b", "é" * 100, "한 \u200b你 \x00", "a.\u2e52!"]


def test_graphs_and_saved_models_give_the_same(tmp_path):
    ours, theirs = pair(True)
    wanted = [encoding.ids for encoding in theirs.encode_batch(TEXTS)]
    module = tf.Module()
    signature = [tf.TensorSpec([None], tf.string)]
    module.tokenize = tf.function(ours.tokenize, input_signature=signature)
    module.locate = tf.function(ours.tokenize_with_offsets, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path))
    for either in (module, tf.saved_model.load(str(tmp_path))):
        assert either.tokenize(TEXTS).to_list() == wanted
        assert either.tokenize(TEXTS[:2]).to_list() == wanted[:2]
        located = [part.to_list() for part in either.locate(TEXTS)]
        assert located == [part.to_list() for part in ours.tokenize_with_offsets(TEXTS)]
        assert located[0] == wanted
    batches = tf.data.Dataset.from_tensor_slices(TEXTS).batch(2).map(ours.tokenize)
    assert [row for batch in batches for row in batch.to_list()] == wanted


@pytest.mark.parametrize("texts", [[], [""], ["", " \x00"]])
def test_no_tokens(texts):
    ours, _ = pair(True)
    empty = tf.constant(texts, tf.string, (len(texts),))
    for function in (ours.tokenize_with_offsets, tf.function(ours.tokenize_with_offsets)):
        assert [part.to_list() for part in function(empty)] == [[[]] * len(texts)] * 3
    assert ours.tokenize(empty).to_list() == [[]] * len(texts)


# The normaliser's model -----------------------------------------------------------------------------------------------


def test_normalizer_model_replaces_what_it_is_told():
    """Characters of 1, 2, 3 and 4 bytes, zero among them; neighbours in a block; nothing, more and longer characters."""
    table = {0: "zero", ord("B"): "", 0xE9: "e", 0x7FF: "𠀀", 0x800: "xyz", 0xFFFF: "?", 0x1F600: ":" * 63, 0x10FFFF: "!"}
    op = tf_text.FastBertNormalizer(model_buffer=tf.constant(normalizer_model(table)))
    characters = [chr(point + step) for point in table for step in (-1, 0, 1) if 0 <= point + step < 0x110000]
    found = op.normalize(tf.constant(characters)).numpy().tolist()
    assert [text.decode() for text in found] == [table.get(ord(character), character) for character in characters]
    normalized, places = op.normalize_with_offsets(tf.constant(["aBé\u0800b"]))
    assert normalized.numpy().tolist() == [b"aexyzb"]
    assert places.to_list() == [[0, 2, 4, 4, 4, 7, 8]]


def test_normalizer_model_of_nothing():
    op = tf_text.FastBertNormalizer(model_buffer=tf.constant(normalizer_model({})))
    assert op.normalize(tf.constant(["Aé你😀\x00"])).numpy()[0].decode() == "Aé你😀\x00"


def test_too_long_replacements_are_refused():
    assert normalizer_model({0x41: "x" * 63}).dtype == np.uint8
    with pytest.raises(ValueError, match=r"at most 63 bytes of UTF-8\. Received: 'x{64}' for U\+0041"):
        normalizer_model({0x41: "x" * 64})
