"""Added tokens stay whole in every text, matched as the `tokenizers` library matches them."""

import keras
import pytest
import tensorflow as tf
import tokenizers

import keras_bert_lab as kbl
from keras_bert_lab.text import AddedToken
from keras_bert_lab.text.added_tokens import added_tokens_of

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "my", "dog", "##s", "foo", "##o", "a", "[", "]", "<", ">", "m"]
ADDED = [
    {"content": "FoO"},
    {"content": "[E1]", "normalized": False},
    {"content": "<m>", "normalized": False, "lstrip": True},
    {"content": "Ré", "rstrip": True},
    {"content": "a b", "normalized": False},
    {"content": "a b c", "normalized": False, "lstrip": True, "rstrip": True},
    {"content": "xy", "normalized": False},
    {"content": "xyz", "normalized": False},
]
TEXTS = [
    "my fOO dog", "xfoofooa", "[e1] [E1]my[E1][E1]", "a  <m> my <M>", "a\u00a0\u2003<m>\u2028a", "<m><m> <m>",
    "my re  dog RÉ\t", "a b a b c  a", "a b  a b c", "my\x00dog [E1]\x00 <m>", "", "[E1]", " <m> ", "a\x1c<m>", "foo",
    "你[E1]foo你", "FO\u0301O", "xyzxy xyxyz",
]  # fmt: skip


def library(lowercase):
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({token: place for place, token in enumerate(TOKENS)}, unk_token="[UNK]")
    )
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.add_tokens([tokenizers.AddedToken(**token) for token in ADDED])
    return made


@pytest.mark.parametrize("lowercase", [True, False])
def test_they_are_found_as_in_the_tokenizers_library(lowercase):
    ours = kbl.WordPieceTokenizer(TOKENS, lowercase=lowercase, added_tokens=ADDED)
    assert ours.vocabulary.tokens[16:] == ["FoO", "[E1]", "<m>", "Ré", "a b", "a b c", "xy", "xyz"]
    wanted = library(lowercase).encode_batch(TEXTS)
    assert ours(TEXTS).to_list() == [encoding.ids for encoding in wanted]
    assert tf.function(ours.tokenize)(tf.constant(TEXTS)).to_list() == [encoding.ids for encoding in wanted]
    ids, starts, ends = (part.to_list() for part in ours.tokenize_with_offsets(TEXTS))
    assert ids == [encoding.ids for encoding in wanted]
    for text, *offsets, encoding in zip(TEXTS, starts, ends, wanted, strict=True):
        if not set(text) & set("\u0301\x00\x1c"):  # what is dropped belongs to the token before it
            in_bytes = [(len(text[:first].encode()), len(text[:last].encode())) for first, last in encoding.offsets]
            assert list(zip(*offsets, strict=True)) == in_bytes


def test_a_word_is_not_taken_for_an_added_token():
    """The token is looked for in its spelling; the lower-cased word is something else."""
    tokenizer = kbl.WordPieceTokenizer(TOKENS, added_tokens=[AddedToken("xy", normalized=False)])
    assert tokenizer(["xy Xy"]).to_list() == [[16, 1]]


def test_special_tokens_stay_a_matter_of_request():
    tokenizer = kbl.WordPieceTokenizer(TOKENS, added_tokens=["[E1]", AddedToken("[MASK]", normalized=False, lstrip=True)])
    assert len(tokenizer.vocabulary) == 17
    assert tokenizer(["my [MASK][E1]"]).to_list() == [[5, 11, 1, 12, 16]]
    ids, starts, ends = tokenizer.tokenize_with_offsets(["my [MASK][E1]"], special_tokens=True)
    assert ids.to_list() == tokenizer.tokenize(["my [MASK][E1]"], special_tokens=True).to_list() == [[5, 4, 16]]
    assert (starts.to_list(), ends.to_list()) == ([[0, 2, 9]], [[2, 9, 13]])  # the blank belongs to [MASK]


def test_tokens_of_the_vocabulary_keep_their_ids():
    tokenizer = kbl.WordPieceTokenizer(TOKENS, added_tokens=["dog", "new"])
    assert tokenizer(["mydogs new dog"]).to_list() == [[5, 6, 1, 16, 6]]
    assert tokenizer.vocabulary.tokens == [*TOKENS, "new"]
    assert tokenizer.vocabulary.word_starts.tolist()[-2:] == [True, True]


def test_with_added_tokens():
    tokenizer = kbl.WordPieceTokenizer(TOKENS, lowercase=False, added_tokens=["[E1]"])
    larger = tokenizer.with_added_tokens(["##x", AddedToken("[E2]", normalized=False)])
    assert larger.vocabulary.tokens == [*TOKENS, "[E1]", "##x", "[E2]"]
    assert larger.vocabulary.word_starts.tolist()[-3:] == [True, True, True]
    assert (len(tokenizer.vocabulary), larger.lowercase) == (17, False)
    assert larger(["[E2]my[E1]##x"]).to_list() == [[18, 5, 16, 17]]
    assert larger.detokenize([[2, 18, 5, 3]]) == ["[E2] my"]
    copy = kbl.WordPieceTokenizer.from_config(larger.get_config())
    assert copy.get_config() == larger.get_config()
    assert copy.vocabulary.trained == 16
    with pytest.raises(ValueError, match=r"each token once\. Received twice or more: \['\[E1\]'\]"):
        tokenizer.with_added_tokens(["[E1]"])


def test_words_have_them_too():
    tokenizer = kbl.WordTokenizer(["my", "dog"], added_tokens=["[E1]", "dog"])
    assert tokenizer(["My dog. [E1]my"]).to_list() == [[5, 6, 7, 5]]
    larger = tokenizer.with_added_tokens(["[E2]"])
    assert larger.vocabulary.tokens[5:] == ["my", "dog", "[E1]", "[E2]"]
    assert larger.from_config(larger.get_config())(["[E2]dog[E1]"]).to_list() == [[8, 6, 7]]
    untrained = kbl.WordTokenizer().with_added_tokens(["[E1]"])
    untrained.adapt(["my my dog"])
    assert untrained(["my dog[E1]"]).to_list() == [[5, 6, 7]]
    with pytest.raises(NotImplementedError, match=r"WordTokenizer has no offsets"):
        tokenizer.tokenize_with_offsets(["my"])


def test_in_a_saved_model_of_keras(tmp_path):
    text = keras.Input((), dtype="string")
    tokenizer = kbl.WordPieceTokenizer(TOKENS, added_tokens=ADDED)
    model = keras.Model(text, kbl.Preprocessor(tokenizer, 11)(text))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    wanted = model(tf.constant(TEXTS))["input_word_ids"].numpy().tolist()
    assert loaded(tf.constant(TEXTS))["input_word_ids"].numpy().tolist() == wanted


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ("[E1]", TypeError, r"must be a list of tokens\. Received: '\[E1\]'"),
        ({"content": "x"}, TypeError, r"must be a list of tokens\. Received: \{'content': 'x'\}"),
        ([7], TypeError, r"must hold strings, dicts or AddedTokens\. Received: 7"),
        (["x", "x"], ValueError, r"each token once\. Received twice or more: \['x'\]"),
        (
            [{"content": "x", "single_word": True}],
            ValueError,
            r"has content, normalized, lstrip, rstrip\. Received: .*single_word",
        ),
        ([{"lstrip": True}], ValueError, r"has content, normalized, lstrip, rstrip\. Received: \{'lstrip': True\}"),
        ([""], ValueError, r"must be a text that is not blank\. Received: ''"),
        ([" "], ValueError, r"must be a text that is not blank\. Received: ' '"),
        ([{"content": "x", "lstrip": 1}], ValueError, r"lstrip of an added token must be True or False\. Received: lstrip=1"),
    ],
)
def test_impossible_tokens_are_refused(tokens, error, message):
    with pytest.raises(error, match=message):
        added_tokens_of(tokens)


def test_tokens_of_which_nothing_is_left_are_refused():
    with pytest.raises(ValueError, match=r"must be left when texts are normalised\. Received: .*Look for its"):
        kbl.WordPieceTokenizer(TOKENS, added_tokens=["\u0301"])(["a"])
    tokenizer = kbl.WordPieceTokenizer(TOKENS, added_tokens=[AddedToken("\u0301", normalized=False)])
    assert tokenizer(["a\u0301"]).to_list() == [[10, 16]]
