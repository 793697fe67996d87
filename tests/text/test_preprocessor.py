"""Texts and pairs become `[CLS] A [SEP] B [SEP]`, whatever holds them, cut and padded as asked."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tokenizers

import keras_bert_lab as kbl

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"a{n}" for n in range(1, 8)), *(f"b{n}" for n in range(1, 6))]
PAD, UNK, CLS, SEP, MASK = range(5)
A = list(range(5, 12))  # ids of a1 ... a7
B = list(range(12, 17))  # ids of b1 ... b5
A_TEXT = "a1 a2 a3 a4 a5 a6 a7"
B_TEXT = "b1 b2 b3 b4 b5"
KEYS = ["input_mask", "input_type_ids", "input_word_ids"]


@pytest.fixture(scope="module")
def tokenizer():
    return kbl.WordPieceTokenizer(TOKENS)


def rows_of(inputs):
    """(ids, mask, types) of each row."""
    assert sorted(inputs) == KEYS
    assert all(part.dtype == "int32" for part in inputs.values())
    parts = (inputs[key].numpy().tolist() for key in ("input_word_ids", "input_mask", "input_type_ids"))
    return list(zip(*parts, strict=True))


# One text -------------------------------------------------------------------------------------------------------------


def test_pads_to_the_longest_row(tokenizer):
    rows = rows_of(kbl.Preprocessor(tokenizer)(["a1 a2 a3", "a4", ""]))
    assert rows == [
        ([CLS, 5, 6, 7, SEP], [1, 1, 1, 1, 1], [0] * 5),
        ([CLS, 8, SEP, PAD, PAD], [1, 1, 1, 0, 0], [0] * 5),
        ([CLS, SEP, PAD, PAD, PAD], [1, 1, 0, 0, 0], [0] * 5),
    ]


def test_pads_and_cuts_to_the_given_length(tokenizer):
    rows = rows_of(kbl.Preprocessor(tokenizer, sequence_length=5)(["a1", A_TEXT, "a1 a2 a3", "a1 a2 a3 a4"]))
    assert [row[0] for row in rows] == [
        [CLS, 5, SEP, PAD, PAD],
        [CLS, 5, 6, 7, SEP],
        [CLS, 5, 6, 7, SEP],
        [CLS, 5, 6, 7, SEP],
    ]
    assert [row[1] for row in rows] == [[1, 1, 1, 0, 0], *[[1] * 5] * 3]


def test_max_length_cuts_without_padding_to_it(tokenizer):
    preprocessor = kbl.Preprocessor(tokenizer, max_length=7)
    assert rows_of(preprocessor([A_TEXT]))[0][0] == [CLS, *A[:5], SEP]
    assert rows_of(preprocessor(["a1"]))[0][0] == [CLS, 5, SEP]
    assert preprocessor.row_length == 7


def test_sequence_length_wins_over_max_length(tokenizer):
    preprocessor = kbl.Preprocessor(tokenizer, sequence_length=11, max_length=5)
    assert preprocessor.row_length == 11
    assert rows_of(preprocessor([A_TEXT]))[0][0] == [CLS, *A, SEP, PAD, PAD]


def test_rows_are_cut_at_512_by_default(tokenizer):
    assert kbl.Preprocessor(tokenizer)(["a1 " * 601])["input_word_ids"].shape == (1, 512)


def test_padding_has_the_id_of_the_vocabulary():
    tokenizer = kbl.WordPieceTokenizer(["a", "[SEP]", "[UNK]", "[CLS]", "[MASK]", "[PAD]"])
    rows = rows_of(kbl.Preprocessor(tokenizer, 5)(["a"]))
    assert rows == [([3, 0, 1, 5, 5], [1, 1, 1, 0, 0], [0] * 5)]


def test_the_fox(shared):
    tokenizer = kbl.WordPieceTokenizer.from_file(shared / "data/vocab/bert-base-uncased/vocab.txt")
    inputs = kbl.Preprocessor(tokenizer)("The quick brown fox jumps over the lazy dog fox")
    assert inputs["input_word_ids"].numpy().tolist() == [
        [101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 4419, 102]
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ["a1 a2", "b1"],
        ("a1 a2", "b1"),
        pd.Series(["a1 a2", "b1"], index=[7, 3]),
        np.array(["a1 a2", "b1"]),
        np.array([["a1 a2"], ["b1"]], dtype=object),
        np.array([b"a1 a2", b"b1"]),
        tf.constant(["a1 a2", "b1"]),
        tf.constant([["a1 a2"], ["b1"]]),
    ],
    ids=["list", "tuple is a pair", "Series", "numpy", "numpy (B, 1)", "numpy bytes", "tensor", "tensor (B, 1)"],
)
def test_containers(tokenizer, texts):
    ids = [row[0] for row in rows_of(kbl.Preprocessor(tokenizer)(texts))]
    assert ids == ([[CLS, 5, 6, SEP, 12, SEP]] if isinstance(texts, tuple) else [[CLS, 5, 6, SEP], [CLS, 12, SEP, PAD]])


@pytest.mark.parametrize("texts", [[], np.array([], dtype=object), tf.constant([], tf.string)], ids=["list", "numpy", "tensor"])
def test_no_text(tokenizer, texts):
    assert kbl.Preprocessor(tokenizer, 7)(texts)["input_word_ids"].shape == (0, 7)
    assert kbl.Preprocessor(tokenizer)(texts)["input_word_ids"].shape[0] == 0


def test_special_tokens_only_on_request(tokenizer):
    preprocessor = kbl.Preprocessor(tokenizer)
    assert rows_of(preprocessor(["a1 [MASK]"], special_tokens=True))[0][0] == [CLS, 5, MASK, SEP]
    assert rows_of(preprocessor(["a1 [MASK]"]))[0][0] == [CLS, 5, UNK, UNK, UNK, SEP]
    pair = preprocessor((["[MASK]"], ["b1[MASK]"]), special_tokens=True)
    assert rows_of(pair) == [([CLS, MASK, SEP, 12, MASK, SEP], [1] * 6, [0, 0, 0, 1, 1, 1])]


# Pairs ----------------------------------------------------------------------------------------------------------------


def test_the_pair_of_figure_2(shared):
    """The figure's "my dog is cute" / "he likes play ##ing"; the released vocabulary has "playing" as one token."""
    tokenizer = kbl.WordPieceTokenizer.from_file(shared / "data/vocab/bert-base-uncased/vocab.txt")
    inputs = kbl.Preprocessor(tokenizer)((["my dog is cute"], ["he likes playing"]))
    tokens = [tokenizer.vocabulary.tokens[index] for index in inputs["input_word_ids"][0]]
    assert tokens == ["[CLS]", "my", "dog", "is", "cute", "[SEP]", "he", "likes", "playing", "[SEP]"]
    assert rows_of(inputs) == [
        ([101, 2026, 3899, 2003, 10140, 102, 2002, 7777, 2652, 102], [1] * 10, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    ]
    # E_token + E_segment(A or B) + E_position(0 ... 9)
    embeddings = kbl.Embeddings(30522, 7, max_positions=13)
    embeddings.build()
    summands = embeddings.summands(inputs["input_word_ids"], inputs["input_type_ids"])
    tables = {part: np.asarray(getattr(embeddings, part).embeddings) for part in summands}
    ids, types = inputs["input_word_ids"].numpy(), inputs["input_type_ids"].numpy()
    np.testing.assert_array_equal(summands["token"], tables["token"][ids])
    np.testing.assert_array_equal(summands["segment"], tables["segment"][types])
    np.testing.assert_array_equal(np.squeeze(summands["position"]), tables["position"][:10])


PAIR = [
    ([CLS, 5, 6, SEP, 12, SEP], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1]),
    ([CLS, 7, SEP, 13, SEP, PAD], [1, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0]),
    ([CLS, SEP, SEP, PAD, PAD, PAD], [1, 1, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0]),
]


@pytest.mark.parametrize(
    "texts",
    [
        (["a1 a2", "a3", ""], ["b1", "b2", ""]),
        [["a1 a2", "a3", ""], ["b1", "b2", ""]],
        [("a1 a2", "b1"), ("a3", "b2"), ("", "")],
        [("a1 a2", b"b1"), (b"a3", "b2"), ("", "")],
        (pd.Series(["a1 a2", "a3", ""], index=[7, 3, 5]), pd.Series(["b1", "b2", ""])),
        (np.array(["a1 a2", "a3", ""]), np.array([["b1"], ["b2"], [""]], dtype=object)),
        [tf.constant(["a1 a2", "a3", ""]), tf.constant([["b1"], ["b2"], [""]])],
        (["a1 a2", "a3", ""], tf.constant(["b1", "b2", ""])),
    ],
    ids=["tuple", "list of lists", "rows", "rows with bytes", "Series", "numpy", "tensors", "mixed"],
)
def test_pairs_in_all_forms(tokenizer, texts):
    assert rows_of(kbl.Preprocessor(tokenizer)(texts)) == PAIR


def test_one_pair(tokenizer):
    assert rows_of(kbl.Preprocessor(tokenizer)(("a1 a2", "b1"))) == [PAIR[0]]
    assert rows_of(kbl.Preprocessor(tokenizer)([("a1 a2", "b1")])) == [PAIR[0]]


def test_two_texts_in_a_list_are_no_pair(tokenizer):
    assert [row[0] for row in rows_of(kbl.Preprocessor(tokenizer)(["a1", "b1"]))] == [[CLS, 5, SEP], [CLS, 12, SEP]]


# Rows of 11 leave 8 slots beside [CLS], [SEP] and [SEP]; rows of 10 leave 7.
@pytest.mark.parametrize(
    ("truncate", "length", "first", "second", "kept"),
    [
        ("round_robin", 11, A_TEXT, B_TEXT, (4, 4)),  # in turn: a b a b a b a b
        ("round_robin", 10, A_TEXT, B_TEXT, (4, 3)),  # the first one gets the odd slot
        ("round_robin", 11, A_TEXT, "b1 b2", (6, 2)),  # b ends after two turns
        ("round_robin", 11, "a1 a2", B_TEXT, (2, 5)),  # all fits
        ("waterfall", 11, A_TEXT, B_TEXT, (7, 1)),
        ("waterfall", 10, A_TEXT, B_TEXT, (7, 0)),
        ("waterfall", 11, "a1 a2 a3 a4", B_TEXT, (4, 4)),
        ("waterfall", 7, A_TEXT, B_TEXT, (4, 0)),
        ("longest_first", 11, A_TEXT, B_TEXT, (4, 4)),  # 7 -> 5 until equal, then both to 4
        ("longest_first", 13, A_TEXT, B_TEXT, (5, 5)),  # 7 -> 5
        ("longest_first", 14, A_TEXT, B_TEXT, (6, 5)),
        ("longest_first", 11, A_TEXT, "b1", (7, 1)),
        ("longest_first", 10, A_TEXT, "b1 b2", (5, 2)),
    ],
)
def test_truncation_of_pairs(tokenizer, truncate, length, first, second, kept):
    preprocessor = kbl.Preprocessor(tokenizer, sequence_length=length, truncate=truncate)
    ids, mask, types = rows_of(preprocessor(([first], [second])))[0]
    padding = length - 3 - sum(kept)
    assert ids == [CLS, *A[: kept[0]], SEP, *B[: kept[1]], SEP] + [PAD] * padding
    assert mask == [1] * (length - padding) + [0] * padding
    assert types == [0] * (kept[0] + 2) + [1] * (kept[1] + 1) + [0] * padding


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall", "longest_first", "head_tail"])
def test_truncation_is_row_by_row(tokenizer, truncate):
    preprocessor = kbl.Preprocessor(tokenizer, max_length=9, truncate=truncate)
    pairs = [(A_TEXT, B_TEXT), ("a1", B_TEXT), (A_TEXT, "b1"), ("a1", "b1")]
    together = rows_of(preprocessor(pairs))
    alone = [rows_of(preprocessor([pair]))[0] for pair in pairs]
    for (ids, mask, _), (own, _, _) in zip(together, alone, strict=True):
        assert ids[: sum(mask)] == own
        assert sum(mask) <= 9


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall", "longest_first"])
def test_one_text_loses_its_end_in_most_modes(tokenizer, truncate):
    assert rows_of(kbl.Preprocessor(tokenizer, 5, truncate)([A_TEXT]))[0][0] == [CLS, 5, 6, 7, SEP]


@pytest.mark.parametrize(
    ("room", "head", "tail"),
    [(1, 0, 1), (2, 1, 1), (3, 1, 2), (4, 1, 3), (5, 1, 4), (6, 2, 4), (7, 7, 0), (8, 7, 0)],  # 7 tokens fit into 7
)
def test_head_and_tail_of_one_text(tokenizer, room, head, tail):
    if room == 1:
        preprocessor = kbl.Preprocessor(tokenizer, truncate="head_tail")
        ids = preprocessor.pack([tokenizer.tokenize([A_TEXT])], 3)["input_word_ids"].numpy().tolist()[0]
    else:
        ids = rows_of(kbl.Preprocessor(tokenizer, max_length=room + 2, truncate="head_tail")([A_TEXT]))[0][0]
    assert ids == [CLS, *A[:head], *(A[-tail:] if tail else []), SEP]


def test_head_and_tail_are_those_of_the_paper():
    """Sun et al. 2019 keep the first 128 and the last 382 of 510 tokens."""
    words = [f"w{n}" for n in range(700)]
    tokenizer = kbl.WordPieceTokenizer([*TOKENS[:5], *words])
    ids = rows_of(kbl.Preprocessor(tokenizer, truncate="head_tail")([" ".join(words)]))[0][0]
    assert ids == [CLS, *range(5, 5 + 128), *range(5 + 700 - 382, 5 + 700), SEP]


def test_head_and_tail_of_a_pair(tokenizer):
    """Shortened as with longest_first, here to 5 and 4 tokens; each text then loses its middle."""
    ids, _, types = rows_of(kbl.Preprocessor(tokenizer, 12, "head_tail")(([A_TEXT], ["b1 b2 b3 b4 b5"])))[0]
    assert ids == [CLS, A[0], *A[-4:], SEP, B[0], *B[2:5], SEP]
    assert types == [0] * 7 + [1] * 5


def test_rows_before_padding(tokenizer):
    ids, types = kbl.Preprocessor(tokenizer, 6).rows((["a1 a2", A_TEXT], ["b1", "b1 b2"]))
    assert ids.to_list() == [[CLS, 5, 6, SEP, 12, SEP], [CLS, 5, 6, SEP, 12, SEP]]
    assert types.to_list() == [[0, 0, 0, 0, 1, 1]] * 2
    ids, types = kbl.Preprocessor(tokenizer).rows(["a1", ""])
    assert ids.to_list() == [[CLS, 5, SEP], [CLS, SEP]]
    assert types.to_list() == [[0, 0, 0], [0, 0]]


# Pairs as RoBERTa writes them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truncate", "length", "kept"),
    [("round_robin", 12, (4, 4)), ("waterfall", 12, (7, 1)), ("longest_first", 13, (5, 4)), ("longest_first", 12, (4, 4))],
)
def test_two_separators_and_no_segments(tokenizer, truncate, length, kept):
    preprocessor = kbl.Preprocessor(tokenizer, length, truncate, pair_separators=2, segment_ids=False)
    ids, mask, types = rows_of(preprocessor(([A_TEXT], [B_TEXT])))[0]
    assert ids == [CLS, *A[: kept[0]], SEP, SEP, *B[: kept[1]], SEP]
    assert mask == [1] * length
    assert types == [0] * length
    assert rows_of(preprocessor([A_TEXT]))[0][0][:9] == [CLS, *A, SEP]


def test_two_separators_with_segments(tokenizer):
    """The second separator belongs to the second text."""
    preprocessor = kbl.Preprocessor(tokenizer, pair_separators=2)
    assert rows_of(preprocessor(("a1", "b1 b2"))) == [([CLS, 5, SEP, SEP, 12, 13, SEP], [1] * 7, [0, 0, 0, 1, 1, 1, 1])]
    preprocessor = kbl.Preprocessor(tokenizer, segment_ids=False)
    assert rows_of(preprocessor(("a1", "b1 b2"))) == [([CLS, 5, SEP, 12, 13, SEP], [1] * 6, [0] * 6)]


def test_longest_first_cuts_as_the_tokenizers_library():
    """All lengths of two texts, in rows of odd and even length."""
    words = [f"a{n}" for n in range(9)]
    tokens = [*TOKENS[:5], *words]
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    theirs.post_processor = tokenizers.processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    ours = kbl.WordPieceTokenizer(tokens)
    pairs = [(" ".join(words[:first]), " ".join(words[:second])) for first in range(10) for second in range(10)]
    for length in (7, 10, 11):
        theirs.enable_truncation(length, strategy="longest_first")
        wanted = [encoding.ids for encoding in theirs.encode_batch(pairs)]
        ids, _ = kbl.Preprocessor(ours, length, "longest_first").rows(pairs)
        assert ids.to_list() == wanted


def test_configs_of_earlier_versions_load(tokenizer):
    old = kbl.Preprocessor(tokenizer, 11).get_config()
    del old["pair_separators"], old["segment_ids"]
    assert rows_of(kbl.Preprocessor.from_config(old)(("a1 a2", "b1")))[0][2] == [0, 0, 0, 0, 1, 1] + [0] * 5


# In the functional API ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, 13])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_symbolic_shapes(tokenizer, length, shape):
    text = keras.Input(shape, dtype="string")
    inputs = kbl.Preprocessor(tokenizer, length)(text)
    assert {key: (part.shape, part.dtype) for key, part in inputs.items()} == dict.fromkeys(KEYS, ((None, length), "int32"))


def test_symbolic_pair_with_batch_size(tokenizer):
    pair = [keras.Input((), batch_size=3, dtype="string"), keras.Input((), batch_size=3, dtype="string")]
    for texts in (pair, tuple(pair)):
        assert kbl.Preprocessor(tokenizer, 11)(texts)["input_word_ids"].shape == (3, 11)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_in_a_functional_model(tokenizer, shape):
    text = keras.Input(shape, dtype="string")
    model = keras.Model(text, kbl.Preprocessor(tokenizer, 5)(text))
    texts = tf.reshape(tf.constant([A_TEXT, "a1"]), (2, *shape))
    wanted = [[CLS, 5, 6, 7, SEP], [CLS, 5, SEP, PAD, PAD]]
    assert model(texts)["input_word_ids"].numpy().tolist() == wanted
    assert model.predict(texts, verbose=0)["input_word_ids"].tolist() == wanted


def test_pairs_in_a_saved_functional_model(tokenizer, tmp_path):
    pair = [keras.Input((), dtype="string", name="first"), keras.Input((), dtype="string", name="second")]
    model = keras.Model(pair, kbl.Preprocessor(tokenizer, 10, truncate="waterfall")(pair))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    texts = [tf.constant([A_TEXT, "a1"]), tf.constant([B_TEXT, "b1"])]
    wanted = [[CLS, *A, SEP, SEP], [CLS, 5, SEP, 12, SEP, PAD, PAD, PAD, PAD, PAD]]
    assert model(texts)["input_word_ids"].numpy().tolist() == wanted
    assert loaded(texts)["input_word_ids"].numpy().tolist() == wanted
    assert loaded(texts)["input_type_ids"].numpy().tolist() == model(texts)["input_type_ids"].numpy().tolist()


def test_in_a_dataset(tokenizer):
    texts = ["a1", "a1 a2", A_TEXT]
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(kbl.Preprocessor(tokenizer, max_length=7))
    found = [batch["input_word_ids"].numpy().tolist() for batch in dataset]
    assert found == [[[CLS, 5, SEP, PAD], [CLS, 5, 6, SEP]], [[CLS, *A[:5], SEP]]]


def test_config_round_trip(tokenizer):
    preprocessor = kbl.Preprocessor(tokenizer, 11, "waterfall", max_length=13, name="words")
    copy = kbl.Preprocessor.from_config(preprocessor.get_config())
    other = kbl.Preprocessor(tokenizer, pair_separators=2, segment_ids=False)
    copy_of_other = kbl.Preprocessor.from_config(other.get_config())
    assert (copy_of_other.pair_separators, copy_of_other.segment_ids) == (2, False)
    assert copy.get_config() == preprocessor.get_config()
    assert (copy.sequence_length, copy.truncate, copy.max_length, copy.name) == (11, "waterfall", 13, "words")
    assert rows_of(copy((["a1"], ["b1"]))) == rows_of(preprocessor((["a1"], ["b1"])))


# Errors ---------------------------------------------------------------------------------------------------------------


def test_unknown_truncation_is_refused(tokenizer):
    message = (
        r"truncate must be one of \['round_robin', 'waterfall', 'longest_first', 'head_tail'\]\. Received: truncate='longest'"
    )
    with pytest.raises(ValueError, match=message):
        kbl.Preprocessor(tokenizer, truncate="longest")


@pytest.mark.parametrize("argument", ["sequence_length", "max_length"])
@pytest.mark.parametrize("value", [3, 0, -7, 7.0, "7", True])
def test_impossible_lengths_are_refused(tokenizer, argument, value):
    with pytest.raises(ValueError, match=rf"{argument} must be an integer of at least 4.*Received: {argument}={value!r}"):
        kbl.Preprocessor(tokenizer, **{argument: value})


@pytest.mark.parametrize("value", [0, 3, "2"])
def test_impossible_separators_are_refused(tokenizer, value):
    with pytest.raises(ValueError, match=rf"pair_separators must be 1 or 2\. Received: pair_separators={value!r}"):
        kbl.Preprocessor(tokenizer, pair_separators=value)


def test_rows_too_short_for_two_separators_are_refused(tokenizer):
    with pytest.raises(ValueError, match=r"max_length must be an integer of at least 5, .*Received: max_length=4"):
        kbl.Preprocessor(tokenizer, max_length=4, pair_separators=2)


def test_what_is_no_tokenizer_is_refused():
    with pytest.raises(TypeError, match=r"tokenizer must be a tokenizer layer\. Received: \['\[PAD\]'\]"):
        kbl.Preprocessor(["[PAD]"])


def test_three_columns_are_refused(tokenizer):
    with pytest.raises(ValueError, match=r"A tuple must hold the first and the second texts\. Received: a tuple of 3"):
        kbl.Preprocessor(tokenizer)((["a1"], ["b1"], ["b2"]))


@pytest.mark.parametrize(
    "pair",
    [(["a1", "a2"], ["b1"]), (["a1"], ["b1", "b2"]), [["a1", "a2", "a3"], ["b1", "b2"]]],
    ids=["first longer", "second longer", "lists"],
)
def test_columns_of_different_length_are_refused(tokenizer, pair):
    lengths = rf"{len(pair[0])} first and {len(pair[1])} second"
    with pytest.raises(ValueError, match=lengths):
        kbl.Preprocessor(tokenizer)(pair)
    with pytest.raises(ValueError, match=lengths):
        kbl.Preprocessor(tokenizer).rows(pair)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a1", None], r"row 1: None \(NoneType\)"),
        ([None, "a1"], r"row 0: None \(NoneType\)"),
        (["a1", float("nan")], r"row 1: nan \(float\)"),
        ([("a1", "b1"), ("a2", None)], r"row 0: \('a1', 'b1'\) \(tuple\)|row 1: None"),
        ((["a1"], [None]), r"row 0: None \(NoneType\)"),
        ([2, 3], r"row 0: 2 \(int\), row 1: 3 \(int\)"),
        ([pd.NA, pd.NA], r"row 0: <NA> \(NAType\)"),
    ],
    ids=["None", "None first", "NaN", "pair with None", "column with None", "two numbers", "two NA"],
)
def test_what_is_no_text_is_refused(tokenizer, texts, message):
    with pytest.raises(kbl.DataError, match=message):
        kbl.Preprocessor(tokenizer)(texts)
