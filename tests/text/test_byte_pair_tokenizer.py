"""Byte pairs as RoBERTa has them, token for token those of the `tokenizers` library."""

import json

import hypothesis
import hypothesis.strategies as st
import keras
import pytest
import tensorflow as tf
import tokenizers

import keras_bert_lab as kbl
from tests.text.awkward import CHARACTERS, awkward_texts, book_lines

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SMALL = [*SPECIAL, "a", "b", "Ġ", "ab", "Ġa", "Ġab", "'", "s", "'s"]
MERGES = ["a b", "Ġ a", "Ġ ab", "' s"]


def library(tokens, merges, prefix):
    """ByteLevel and BPE, as in transformers' RobertaTokenizer."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    return made


@pytest.fixture(scope="module")
def trained():
    """A vocabulary of byte pairs, trained by the library on texts of many scripts."""
    texts = ["the film they made there, don't you think? 12 of 123", "été Äpfel 你好你好 😀😀", "I'll we're they've he'd"] * 7
    made = library([], [], False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=377,
        special_tokens=SPECIAL,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([*texts, *awkward_texts(101, seed=5)], trainer)
    model = json.loads(made.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [tuple(pair) for pair in model["merges"]]


@pytest.fixture(scope="module")
def gpt2(shared):
    folder = shared / "data/vocab/gpt2-bpe"
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    return [*sorted(ids, key=ids.get), *SPECIAL], [tuple(merge.split(" ")) for merge in merges if merge]


# Ids ------------------------------------------------------------------------------------------------------------------


def test_merges_in_their_order():
    tokenizer = kbl.BytePairTokenizer(SMALL, MERGES)
    ids = tokenizer(["ab abab", "ba's a", ""])
    assert isinstance(ids, tf.RaggedTensor)
    assert ids.dtype == tf.int32
    assert ids.to_list() == [[8, 10, 8], [6, 5, 13, 9], []]


def test_a_prefix_space_makes_the_first_word_like_others():
    tokenizer = kbl.BytePairTokenizer(SMALL, MERGES, add_prefix_space=True)
    assert tokenizer(["ab", " ab", "", " "]).to_list() == [[10], [10], [], [7]]


def test_bytes_that_the_vocabulary_lacks_are_dropped():
    assert kbl.BytePairTokenizer(SMALL, MERGES)(["axb", "x", "é"]).to_list() == [[8], [], []]
    assert library(SMALL, [("a", "b")], False).encode("axb").ids == [8]


@pytest.mark.parametrize("prefix", [False, True])
def test_ids_equal_the_tokenizers_library(trained, prefix):
    tokens, merges = trained
    texts = awkward_texts(1501)
    wanted = [encoding.ids for encoding in library(tokens, merges, prefix).encode_batch(texts)]
    assert kbl.BytePairTokenizer(tokens, merges, add_prefix_space=prefix)(texts).to_list() == wanted


def test_ids_of_a_released_vocabulary_equal_the_tokenizers_library(gpt2, shared):
    tokens, merges = gpt2
    texts = book_lines(shared, 1009) + awkward_texts(307, seed=11)
    wanted = [encoding.ids for encoding in library(tokens, merges, False).encode_batch(texts)]
    assert sum(map(len, wanted)) > 30_000
    assert kbl.BytePairTokenizer(tokens, merges)(texts).to_list() == wanted


words = st.text(st.one_of(st.sampled_from(CHARACTERS), st.characters(exclude_categories=["Cs"])), max_size=17)


@hypothesis.given(texts=st.lists(words, max_size=5))
@hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_text(trained, texts):
    tokens, merges = trained
    wanted = [encoding.ids for encoding in library(tokens, merges, False).encode_batch(texts)]
    assert kbl.BytePairTokenizer(tokens, merges)(texts).to_list() == wanted


def test_merges_that_no_training_gives():
    """A merge makes a pair that should have come before it: then pairs are merged one by one."""
    tokens = [*SPECIAL, "a", "b", "aa", "aab", "ab", "aaaa"]
    merges = [("aa", "b"), ("aa", "aa"), ("a", "a"), ("a", "b")]
    texts = ["aab", "aaab", "aaaa", "aaaaab", "abaab", "aaaaaaaaa"]
    wanted = [encoding.ids for encoding in library(tokens, merges, False).encode_batch(texts)]
    assert kbl.BytePairTokenizer(tokens, merges)(texts).to_list() == wanted


# Offsets, special tokens, text ----------------------------------------------------------------------------------------


def test_offsets_point_at_the_original_bytes(trained):
    tokens, merges = trained
    texts = ["the  film", " they're", "a\n\n b", "", "don't", "été  12 ", "你好😀"]
    theirs = library(tokens, merges, False)
    theirs.post_processor = tokenizers.processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
    ids, starts, ends = kbl.BytePairTokenizer(tokens, merges).tokenize_with_offsets(texts)
    assert (ids.dtype, starts.dtype, ends.dtype) == (tf.int32, tf.int32, tf.int32)
    for row, text in enumerate(texts):
        wanted = theirs.encode(text)
        assert ids[row].numpy().tolist() == wanted.ids
        for start, end, (first, last) in zip(starts[row].numpy(), ends[row].numpy(), wanted.offsets, strict=True):
            # They count characters: a byte of a character has the place of the whole character.
            encoded = text.encode()
            assert len(encoded[:start].decode(errors="ignore")) == first
            assert len(text[:last].encode()) >= end >= start
            assert len(encoded[:end].decode(errors="ignore")) in (last, last - 1)


@pytest.mark.parametrize("prefix", [False, True])
def test_places_of_blanks(prefix):
    """A word has the place without its blank, a blank alone an empty place; that of `add_prefix_space` is in no text."""
    found = kbl.BytePairTokenizer(SMALL, MERGES, add_prefix_space=prefix).tokenize_with_offsets(["ab  ab's", " a", "a"])
    first = 10 if prefix else 8
    assert found[0].to_list() == [[first, 7, 10, 13], [9], [9 if prefix else 5]]
    assert [part.to_list() for part in found[1:]] == [[[0, 3, 4, 6], [1], [0]], [[2, 3, 6, 8], [2], [1]]]


def test_special_and_added_tokens():
    added = ["[E1]", {"content": "<mask>", "lstrip": True, "normalized": False}]
    tokenizer = kbl.BytePairTokenizer(SMALL, MERGES, added_tokens=added)
    assert tokenizer.tokenize(["ab <mask>a[E1] ab</s>"], special_tokens=True).to_list() == [[8, 4, 5, 14, 10, 2]]
    assert tokenizer(["[E1]a <s>"]).to_list() == [[14, 5, 7, 12]]
    prefixed = kbl.BytePairTokenizer(SMALL, MERGES, add_prefix_space=True, added_tokens=added)
    assert prefixed(["ab[E1]ab"]).to_list() == [[10, 14, 10]]
    assert prefixed.with_added_tokens(["[E2]"])(["[E2][E1]"]).to_list() == [[15, 14]]


def test_spellings():
    tokenizer = kbl.BytePairTokenizer([*SMALL[1:], "[CLS]"], MERGES, special_tokens={"cls": "[CLS]"})
    assert tokenizer.vocabulary.special_tokens == {
        "pad": "<pad>", "unk": "<unk>", "cls": "[CLS]", "sep": "</s>", "mask": "<mask>",
    }  # fmt: skip
    assert (tokenizer.vocabulary.cls_id, tokenizer.vocabulary.pad_id) == (13, 0)


def test_detokenize(trained):
    tokenizer = kbl.BytePairTokenizer(*trained)
    texts = [text for text in awkward_texts(101) if "<" not in text]
    assert tokenizer.detokenize(tokenizer(texts)) == texts
    assert kbl.BytePairTokenizer(SMALL, MERGES).detokenize([[0, 8, 10, 4, 2, 1]]) == ["ab ab<mask>"]


# As a layer -----------------------------------------------------------------------------------------------------------


def test_the_same_in_graphs_and_saved_models(trained, tmp_path):
    tokens, merges = trained
    tokenizer = kbl.BytePairTokenizer(tokens, merges, add_prefix_space=True, added_tokens=["[E1]"])
    texts = ["the film[E1] they", "", "don't\n\n 你好", "x" * 307]
    wanted = tokenizer(texts).to_list()
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(3).map(tokenizer)
    assert [row for batch in dataset for row in batch.to_list()] == wanted
    text = keras.Input((), dtype="string")
    model = keras.Model(text, kbl.Preprocessor(tokenizer, 13, pair_separators=2, segment_ids=False)(text))
    rows = model(tf.constant(texts))["input_word_ids"].numpy().tolist()
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    assert keras.saving.load_model(tmp_path / "model.keras")(tf.constant(texts))["input_word_ids"].numpy().tolist() == rows
    exported = tf.saved_model.load(tmp_path / "exported")
    assert exported.serve(tf.constant(texts))["input_word_ids"].numpy().tolist() == rows


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_no_tokens(texts):
    tokenizer = kbl.BytePairTokenizer(SMALL, MERGES)
    empty = tf.constant(texts, tf.string, (len(texts),))
    for function in (tokenizer.tokenize_with_offsets, tf.function(tokenizer.tokenize_with_offsets)):
        assert [part.to_list() for part in function(empty)] == [[[]] * len(texts)] * 3


def test_config_round_trip():
    tokenizer = kbl.BytePairTokenizer(SMALL, [("a", "b"), ["Ġ", "a"]], add_prefix_space=True, added_tokens=["x"], name="pairs")
    config = tokenizer.get_config()
    assert config["merges"] == ["a b", "Ġ a"]
    copy = kbl.BytePairTokenizer.from_config(config)
    assert copy.get_config() == config
    assert (copy.name, copy.add_prefix_space, copy(["abx"]).to_list()) == ("pairs", True, [[7, 8, 14]])


@pytest.mark.parametrize(
    ("tokens", "merges", "message"),
    [
        (SMALL, "merges.txt", r"merges must be a list of pairs of tokens\. Received: 'merges\.txt'"),
        (SMALL, ["a"], r"merges must be pairs of tokens, such as \"Ġ t\"\. Received: \[\('a',\)\]"),
        (SMALL, [("a", "")], r"merges must be pairs of tokens.*Received: \[\('a', ''\)\]"),
        (SMALL, ["a b s"], r"merges must be pairs of tokens.*Received: \[\('a', 'b', 's'\)\]"),
        (SMALL, ["a s"], r"what they make\. Received: 1 merges of other tokens, such as \[\('a', 's'\)\]"),
        (SMALL, ["a b", "a b"], r"merges must hold each pair once\. Received: 1 pairs again"),
        (SMALL[1:], [], r"Received: 13 tokens without \['<s>'\]"),
        ([*SMALL, "a"], [], r"Received twice or more: \['a'\]"),
    ],
)
def test_impossible_vocabularies_are_refused(tokens, merges, message):
    with pytest.raises(ValueError, match=message):
        kbl.BytePairTokenizer(tokens, merges)
