"""Whole words as tokens: special tokens have ids of their own, and only come out where asked for."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_bert_lab as kbl

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# "the" 5 times, "film" 3 times, "good" twice, "bad" once
TEXTS = ["The film, the GOOD film!", "the bad: the good; the film"]


@keras.saving.register_keras_serializable(package="tests")
def without_vowels(texts):
    return tf.strings.regex_replace(tf.strings.lower(texts), "[aeiou]", "")


@pytest.fixture
def tokenizer():
    found = kbl.WordTokenizer()
    found.adapt(TEXTS)
    return found


def test_ids_special_first_then_words_by_frequency(tokenizer):
    assert tokenizer.vocabulary.tokens == [*SPECIAL, "the", "film", "good", "bad"]
    assert tokenizer.vocabulary.special_ids.tolist() == [0, 1, 2, 3, 4]
    assert tokenizer.vocabulary.word_starts.all()


def test_most_frequent_word_is_no_special_token(tokenizer):
    """TextVectorization alone would give it the first ids, where masking and padding expect special tokens."""
    ids = tokenizer(["the the"]).to_list()[0]
    assert ids == [5, 5]
    assert not set(ids) & set(tokenizer.vocabulary.special_ids.tolist())


def test_texts_to_ids(tokenizer):
    ids = tokenizer(["The good, BAD film.", "", "an unknown film", "...", "film"])
    assert isinstance(ids, tf.RaggedTensor)
    assert ids.dtype == tf.int32
    assert ids.to_list() == [[5, 7, 8, 6], [], [1, 1, 6], [], [6]]


def test_adapt_takes_what_as_text_tensor_takes(tokenizer):
    wanted = tokenizer.vocabulary.tokens
    for texts in (tuple(TEXTS), pd.Series(TEXTS, index=[7, 3]), np.array(TEXTS), tf.constant(TEXTS)[:, None]):
        other = kbl.WordTokenizer()
        other.adapt(texts)
        assert other.vocabulary.tokens == wanted


@pytest.mark.parametrize("batch_size", [1, 2])
def test_adapt_takes_a_dataset(tokenizer, batch_size):
    other = kbl.WordTokenizer()
    other.adapt(tf.data.Dataset.from_tensor_slices(TEXTS).batch(batch_size))
    assert other.vocabulary.tokens == tokenizer.vocabulary.tokens


def test_adapt_again_forgets_the_first_words(tokenizer):
    tokenizer.adapt(["other words words"])
    assert tokenizer.vocabulary.tokens == [*SPECIAL, "words", "other"]
    assert tokenizer(["the words"]).to_list() == [[1, 5]]


def test_vocab_size_keeps_the_most_frequent_words():
    tokenizer = kbl.WordTokenizer()
    tokenizer.adapt(TEXTS, vocab_size=7)
    assert tokenizer.vocabulary.tokens == [*SPECIAL, "the", "film"]
    assert tokenizer(["the bad film"]).to_list() == [[5, 1, 6]]
    tokenizer.adapt(TEXTS, vocab_size=997)
    assert len(tokenizer.vocabulary) == 9


def test_given_vocabulary():
    tokenizer = kbl.WordTokenizer(["film", "the"])
    assert tokenizer.vocabulary.tokens == [*SPECIAL, "film", "the"]
    assert tokenizer(["The film ends"]).to_list() == [[6, 5, 1]]


@pytest.mark.parametrize(
    ("standardize", "wanted"),
    [
        ("lower_and_strip_punctuation", ["the", "end"]),
        ("lower", ["the", "end."]),
        ("strip_punctuation", ["THE", "End", "the"]),
        (None, ["THE", "End.", "the"]),
        (without_vowels, ["th", "nd."]),
    ],
)
def test_standardize(standardize, wanted):
    tokenizer = kbl.WordTokenizer(standardize=standardize)
    tokenizer.adapt(["THE the End."])
    assert sorted(tokenizer.vocabulary.tokens[5:]) == sorted(wanted)
    assert 1 not in tokenizer(["THE the End."]).to_list()[0]


@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", "lower", "strip_punctuation", None])
def test_special_tokens_in_plain_text_are_plain_text(standardize):
    """They neither enter the vocabulary as words, nor does a text give the id of [PAD], [CLS], [SEP] or [MASK]."""
    text = "the [MASK] [CLS] [SEP] [PAD] film"
    tokenizer = kbl.WordTokenizer(standardize=standardize)
    tokenizer.adapt([text, text])
    assert len(set(tokenizer.vocabulary.tokens)) == len(tokenizer.vocabulary)
    assert not {0, 2, 3, 4} & set(tokenizer([text]).to_list()[0])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the [MASK] film", [5, 4, 6]),
        ("[MASK] film", [4, 6]),
        ("the film [MASK]", [5, 6, 4]),
        ("the [MASK], [MASK].", [5, 4, 4]),
        ("[MASK][MASK]film", [4, 4, 6]),
        ("[CLS] the [SEP]", [2, 5, 3]),
        ("the film", [5, 6]),
        ("", []),
    ],
)
def test_special_tokens_on_request(tokenizer, text, wanted):
    assert tokenizer.tokenize([text, "bad"], special_tokens=True).to_list() == [wanted, [8]]


def test_in_front_of_a_preprocessor(tokenizer):
    inputs = kbl.Preprocessor(tokenizer)(["the [MASK]", "the good film"], special_tokens=True)
    assert inputs["input_word_ids"].numpy().tolist() == [[2, 5, 4, 3, 0], [2, 5, 7, 6, 3]]


def test_detokenize(tokenizer):
    assert tokenizer.detokenize(tokenizer(["The GOOD film!", "a film"])) == ["the good film", "[UNK] film"]
    assert tokenizer.detokenize([[2, 5, 4, 3, 0]]) == ["the [MASK]"]


@pytest.mark.parametrize("standardize", ["lower", None, without_vowels])
def test_saved_with_its_words_in_a_functional_model(tmp_path, standardize):
    tokenizer = kbl.WordTokenizer(standardize=standardize)
    tokenizer.adapt(TEXTS)
    text = keras.Input((), dtype="string")
    model = keras.Model(text, kbl.Preprocessor(tokenizer, 11)(text))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    texts = tf.constant(["the GOOD film, unknown", ""])
    wanted = model(texts)["input_word_ids"].numpy()
    assert len(np.unique(wanted)) > 4
    np.testing.assert_array_equal(loaded(texts)["input_word_ids"].numpy(), wanted)


def test_config_round_trip(tokenizer):
    copy = kbl.WordTokenizer.from_config(tokenizer.get_config())
    assert copy.get_config() == tokenizer.get_config()
    assert copy.vocabulary.tokens == tokenizer.vocabulary.tokens
    empty = kbl.WordTokenizer(standardize=without_vowels, name="words")
    copy = kbl.WordTokenizer.from_config(empty.get_config())
    assert (copy.standardize, copy.name) == (without_vowels, "words")


@pytest.mark.parametrize(
    "use", [lambda t: t(["a"]), lambda t: t.tokenize(["a"]), lambda t: t.detokenize([[5]]), lambda t: t.vocabulary]
)
def test_use_before_adapt_is_refused(use):
    with pytest.raises(ValueError, match=r"has no vocabulary yet\. Call adapt\(texts\), or pass vocabulary"):
        use(kbl.WordTokenizer())


def test_special_tokens_among_the_words_are_refused():
    with pytest.raises(ValueError, match=r"without special tokens\. Received: \['\[MASK\]', '\[PAD\]'\] among them"):
        kbl.WordTokenizer(["film", "[PAD]", "[MASK]"])


def test_words_given_twice_are_refused():
    with pytest.raises(ValueError, match=r"Received twice or more: \['film'\]"):
        kbl.WordTokenizer(["film", "the", "film"])


def test_one_string_is_no_vocabulary():
    with pytest.raises(ValueError, match=r"vocabulary must be a list .*Received: 'words\.txt'"):
        kbl.WordTokenizer("words.txt")


@pytest.mark.parametrize("vocab_size", [5, 0, -3])
def test_vocab_size_without_room_for_words_is_refused(vocab_size):
    with pytest.raises(
        ValueError, match=rf"vocab_size must be above 5, the special tokens\. Received: vocab_size={vocab_size}"
    ):
        kbl.WordTokenizer().adapt(TEXTS, vocab_size=vocab_size)


def test_what_is_no_text_is_refused(tokenizer):
    with pytest.raises(kbl.DataError, match=r"row 1: None \(NoneType\)"):
        tokenizer.adapt(["my", None])
