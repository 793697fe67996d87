"""SentencePiece with ALBERT's rules as the `tokenizers` library has them, or with those of the model alone."""

import base64
import io

import hypothesis
import hypothesis.strategies as st
import keras
import pytest
import sentencepiece
import tensorflow as tf
import tokenizers
from tokenizers import normalizers, pre_tokenizers

import keras_bert_lab as kbl
from keras_bert_lab.text.sentence_piece_model import CONTROL, NORMAL, UNKNOWN, USER_DEFINED, SentencePieceModel
from tests.text.awkward import CHARACTERS, awkward_texts, book_lines

SPECIAL = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = [
    "The film they made there, don't you think?",
    "12 of 123 Äpfel été; naïve CAFÉ",
    "it's (so-so)... !!! !!!!",
    "ﬁne ½ Ω cafe",
]


def trained_model(kind="unigram", **settings):
    """A model trained on some hundred texts, with ALBERT's special tokens at ALBERT's places."""
    file = io.BytesIO()
    awkward = awkward_texts(401, seed=3)
    sentencepiece.SentencePieceTrainer.Train(
        # U+0378 and U+0379 are no characters, and the ops use them; U+0000 ends the library's strings.
        sentence_iterator=iter([*TEXTS * 11, *(text.translate(dict.fromkeys([0, 0x378, 0x379])) for text in awkward)]),
        model_writer=file,
        model_type=kind,
        vocab_size=331,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols="[CLS],[SEP],[MASK]",
        user_defined_symbols="(,),-",
        character_coverage=0.995,
        normalization_rule_name="nmt_nfkc",
        minloglevel=3,
        **settings,
    )
    return file.getvalue()


@pytest.fixture(scope="module")
def content():
    return trained_model()


@pytest.fixture(scope="module")
def released(shared):
    return (shared / "data/vocab/albert-base/spiece.model").read_bytes()


def library(content, lowercase=True, strip_accents=True):
    """What transformers' AlbertTokenizer is made of."""
    model = SentencePieceModel.parse(content)
    made = tokenizers.Tokenizer(
        tokenizers.models.Unigram(list(zip(model.pieces, model.scores_in_texts(), strict=True)), unk_id=1)
    )
    steps = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    steps += [normalizers.NFKD(), normalizers.StripAccents()] * strip_accents + [normalizers.Lowercase()] * lowercase
    made.normalizer = normalizers.Sequence([*steps, normalizers.Precompiled(model.characters_map)])
    blanks = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), blanks])
    return made


@pytest.fixture(scope="module")
def pair(content):
    """Our tokenizer and the library's, of the trained model."""
    return kbl.SentencePieceTokenizer(content), library(content)


def ids_of(made, texts):
    return [encoding.ids for encoding in made.encode_batch(texts)]


# Ids ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    pieces = [*SPECIAL, "▁", "▁a", "b", "▁ab", "c", "!", "!!!"]
    scores = [0.0] * 5 + [-3.0, -2.0, -2.5, -4.1, -2.5, -2.0, -3.0]
    model = SentencePieceModel(pieces, scores, [CONTROL, UNKNOWN, *[CONTROL] * 3, *[NORMAL] * 7])
    return kbl.SentencePieceTokenizer(model.serialized())


def test_small_model(small):
    ids = small(["Ab ÁBC  a", "xyz", "", "!!!!"])
    assert isinstance(ids, tf.RaggedTensor)
    assert ids.dtype == tf.int32
    # -4.1 is better than -2 and -2.5; of equal sums, the first is taken: "!" "!!!"
    assert ids.to_list() == [[8, 8, 9, 6], [5, 1], [], [5, 10, 11]]


@pytest.mark.parametrize(("lowercase", "strip_accents"), [(True, True), (False, True)])
def test_ids_equal_the_tokenizers_library(content, lowercase, strip_accents):
    ours = kbl.SentencePieceTokenizer(content, lowercase=lowercase, strip_accents=strip_accents)
    # In giant words, float32 does not hold the sums exactly: of sequences of equal probability, another one may be taken.
    texts = [text for text in [*TEXTS, *awkward_texts(1501)] if len(text) < 1000]
    assert ours(texts).to_list() == ids_of(library(content, lowercase, strip_accents), texts)


def test_ids_of_the_released_model_equal_the_tokenizers_library(released, shared):
    texts = book_lines(shared, 1009) + awkward_texts(307, seed=11)
    wanted = ids_of(library(released), texts)
    assert sum(map(len, wanted)) > 30_000
    assert kbl.SentencePieceTokenizer(released)(texts).to_list() == wanted


def test_ids_with_accents_equal_the_tokenizers_library(released, shared):
    texts = book_lines(shared, 503) + TEXTS
    wanted = ids_of(library(released, strip_accents=False), texts)
    assert kbl.SentencePieceTokenizer(released, strip_accents=False)(texts).to_list() == wanted


def test_ids_of_the_model_alone_equal_the_sentencepiece_library(content, released, shared):
    for model, texts in ((content, [*TEXTS, *awkward_texts(1501)]), (released, book_lines(shared, 503))):
        wanted = sentencepiece.SentencePieceProcessor(model_proto=model).encode(texts)
        found = kbl.SentencePieceTokenizer(model, rules="model")(texts).to_list()
        # Rounding of float32 decides between sequences of equal probability, and differs from version to version.
        assert [sorted(row) for row in found] == [sorted(row) for row in wanted]
        assert sum(row != other for row, other in zip(found, wanted, strict=True)) < 0.01 * len(texts)


def test_byte_pair_models_have_the_rules_of_the_model():
    content = trained_model("bpe")
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    assert kbl.SentencePieceTokenizer(content, rules="model")(TEXTS).to_list() == theirs.encode(TEXTS)
    with pytest.raises(ValueError, match=r"needs a unigram model.*Received: a model of another kind\. Use rules=\"model\""):
        kbl.SentencePieceTokenizer(content)
    with pytest.raises(ValueError, match=r"needs a unigram model"):
        kbl.SentencePieceTokenizer(trained_model(add_dummy_prefix=False))


words = st.text(st.one_of(st.sampled_from(CHARACTERS), st.characters(exclude_categories=["Cs"])), max_size=17)


@hypothesis.given(texts=st.lists(words, max_size=5))
@hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_text(pair, texts):
    ours, theirs = pair
    assert ours(texts).to_list() == ids_of(theirs, texts)


# Offsets, special tokens, text ----------------------------------------------------------------------------------------


def test_offsets_point_at_the_original_bytes(content, small):
    """The blank before a word has no place of its own; what is dropped belongs to the piece before it."""
    ids, starts, ends = small.tokenize_with_offsets(["  A\u0301bc\u00a0!!! b", "ⓐ ``"])
    assert (ids.dtype, starts.dtype, ends.dtype) == (tf.int32, tf.int32, tf.int32)
    assert ids.to_list() == [[8, 9, 5, 11, 5, 7], [6, 5, 1]]
    assert starts.to_list() == [[2, 6, 9, 9, 13, 13], [0, 4, 4]]
    assert ends.to_list() == [[6, 7, 9, 12, 13, 14], [3, 4, 6]]
    ids, starts, ends = kbl.SentencePieceTokenizer(content, rules="model").tokenize_with_offsets(["the film"])
    assert (starts.to_list()[0][0], ends.to_list()[0][-1]) == (0, 8)


def test_special_and_added_tokens(content):
    added = ["[E1]", {"content": "New", "normalized": True}, {"content": "[MASK]", "lstrip": True, "normalized": False}]
    tokenizer = kbl.SentencePieceTokenizer(content, added_tokens=added)
    size = tokenizer.vocabulary.trained
    assert len(tokenizer.vocabulary) == size + 2
    rows = tokenizer.tokenize(["nEw [MASK][E1]", "[CLS]"], special_tokens=True).to_list()
    assert rows == [[size + 1, 4, size], [2]]
    assert 2 not in tokenizer(["[CLS]"]).to_list()[0]  # found on request only
    theirs = library(content)
    theirs.add_tokens([tokenizers.AddedToken(**token) if isinstance(token, dict) else token for token in added])
    texts = ["the [E1] film[E1]", "a new one", "  [MASK] it"]
    assert tokenizer.tokenize(texts, special_tokens=True).to_list() == ids_of(theirs, texts)
    assert tokenizer.with_added_tokens(["[E2]"])(["[E2]"]).to_list() == [[size + 2]]


def test_detokenize(content):
    tokenizer = kbl.SentencePieceTokenizer(content)
    assert tokenizer.detokenize(tokenizer(["The film, it's SO!", ""])) == ["the film, it's so!", ""]
    film = tokenizer(["film"]).to_list()[0]
    assert tokenizer.detokenize([[2, *film, 4, 3, 0]]) == ["film[MASK]"]


# As a layer -----------------------------------------------------------------------------------------------------------


def test_the_same_in_graphs_and_saved_models(content, tmp_path):
    tokenizer = kbl.SentencePieceTokenizer(content, added_tokens=["[E1]"])
    texts = ["the film[E1] they", "", "Don't\n\n CAFÉ", "x" * 307]
    wanted = tokenizer(texts).to_list()
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(3).map(tokenizer)
    assert [row for batch in dataset for row in batch.to_list()] == wanted
    text = keras.Input((), dtype="string")
    model = keras.Model(text, kbl.Preprocessor(tokenizer, 13)(text))
    rows = model(tf.constant(texts))["input_word_ids"].numpy().tolist()
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    assert keras.saving.load_model(tmp_path / "model.keras")(tf.constant(texts))["input_word_ids"].numpy().tolist() == rows
    exported = tf.saved_model.load(tmp_path / "exported")
    assert exported.serve(tf.constant(texts))["input_word_ids"].numpy().tolist() == rows


def test_random_seeds_do_not_matter(pair):
    """Setting them empties TensorFlow's cache of kernels, and what they own."""
    tokenizer, _ = pair
    before = tokenizer(TEXTS).to_list()
    tf.random.set_seed(5)
    assert tokenizer(TEXTS).to_list() == before


@pytest.mark.parametrize("texts", [[], [""], ["", " \t"]])
def test_no_tokens(pair, texts):
    tokenizer, _ = pair
    empty = tf.constant(texts, tf.string, (len(texts),))
    for function in (tokenizer.tokenize_with_offsets, tf.function(tokenizer.tokenize_with_offsets)):
        assert [part.to_list() for part in function(empty)] == [[[]] * len(texts)] * 3


def test_config_round_trip(content):
    tokenizer = kbl.SentencePieceTokenizer(content, lowercase=False, strip_accents=False, added_tokens=["x"], name="pieces")
    config = tokenizer.get_config()
    assert config["model"] == base64.b64encode(content).decode()
    copy = kbl.SentencePieceTokenizer.from_config(config)
    assert copy.get_config() == config
    assert (copy.name, copy.lowercase, copy.strip_accents, copy.rules) == ("pieces", False, False, "albert")


def test_from_file(content, tmp_path):
    (tmp_path / "spiece.model").write_bytes(content)
    tokenizer = kbl.SentencePieceTokenizer.from_file(tmp_path / "spiece.model", rules="model", name="read")
    assert (tokenizer.model, tokenizer.rules, tokenizer.name) == (content, "model", "read")
    with pytest.raises(kbl.DataError, match=r"There is no SentencePiece model .*missing"):
        kbl.SentencePieceTokenizer.from_file(tmp_path / "missing")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("spiece.model", r"as bytes or Base64\. Received: 'spiece\.model'\. For a file use SentencePieceTokenizer\.from_file"),
        (7, r"as bytes or Base64\. Received: int"),
        (b"", r"no SentencePiece model: 0 pieces"),
        (b"\x00", r"no SentencePiece model: it ends within a field"),
        (b"\xff" * 11, r"no SentencePiece model: a number of more than 64 bits"),
        (b"\x0a\x7fabc", r"no SentencePiece model: it ends within a field"),
        (b"\x0c", r"no SentencePiece model: no field begins with 12"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        kbl.SentencePieceTokenizer(model)


def test_impossible_arguments_are_refused(content):
    with pytest.raises(ValueError, match=r"rules must be one of \['albert', 'model'\]\. Received: rules='bert'"):
        kbl.SentencePieceTokenizer(content, rules="bert")
    with pytest.raises(ValueError, match=r"tokens without \['<mask>'\]"):
        kbl.SentencePieceTokenizer(content, special_tokens={"mask": "<mask>"})
    broken = SentencePieceModel(["<unk>", "a"], [0.0, float("nan")], [UNKNOWN, NORMAL])
    with pytest.raises(ValueError, match=r"a score is not finite"):
        SentencePieceModel.parse(broken.serialized())


# The model's file -----------------------------------------------------------------------------------------------------


def test_models_are_read_as_the_library_reads_them(content):
    model = SentencePieceModel.parse(content)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    assert model.pieces == [theirs.id_to_piece(index) for index in range(331)]
    assert model.scores == pytest.approx([theirs.get_score(index) for index in range(331)])
    assert [model.kinds[index] for index in range(9)] == [CONTROL, UNKNOWN, *[CONTROL] * 3, *[USER_DEFINED] * 3, NORMAL]
    assert (model.is_unigram, model.escapes_blanks) == (True, True)
    again = SentencePieceModel.parse(model.serialized())
    assert again == model
    rewritten = sentencepiece.SentencePieceProcessor(model_proto=model.serialized())
    assert rewritten.encode(TEXTS) == theirs.encode(TEXTS)
    assert rewritten.unk_id() == 1


def test_the_normaliser_is_read_as_the_library_has_it(content):
    model = SentencePieceModel.parse(content)
    found = model.replacements()
    theirs = normalizers.Precompiled(model.characters_map)
    points = [*range(0x3000), 0xAC00, 0xFB01, 0xFF21, 0x1D400, 0x1F100, 0x2F800]
    assert {point: found.get(point, chr(point)) for point in points} == {
        point: theirs.normalize_str(chr(point)) for point in points
    }
    assert SentencePieceModel(["<unk>"], [0.0], [UNKNOWN]).replacements() == {}


@pytest.mark.parametrize(
    ("damaged", "message"),
    [(b"\xff\xff\xff\x7f" + bytes(8), r"a trie of 2147483647 bytes"), (b"\x06\x00\x00\x00" + bytes(8), r"a trie of 6 bytes")],
)
def test_damaged_normalisers_are_refused(damaged, message):
    with pytest.raises(ValueError, match=rf"normaliser of the SentencePiece model is damaged: {message}"):
        SentencePieceModel(["<unk>"], [0.0], [UNKNOWN], damaged).replacements()


def test_replacements_without_end_are_refused(content):
    model = SentencePieceModel.parse(content)
    cut = model.characters_map[: 4 + int.from_bytes(model.characters_map[:4], "little")]
    with pytest.raises(ValueError, match=r"a replacement without end"):
        SentencePieceModel(["<unk>"], [0.0], [UNKNOWN], cut).replacements()
