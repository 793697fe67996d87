"""WordPiece as BERT has it: ids, offsets, special tokens on request, and unusual texts."""

import csv
import gzip

import keras
import numpy as np
import pytest
import tensorflow as tf
import tokenizers

import keras_bert_lab as kbl

TOKENS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
    "my", "dog", "##s", "is", "play", "##ing", ".", "cafe", "café", "Café", "你", "😀", "!", "e",
    "\u1100", "##\u1161", "##\u11a8",
]  # fmt: skip
UNK, MASK = 1, 4


def ids_of(*tokens):
    return [TOKENS.index(token) for token in tokens]


@pytest.fixture(scope="module")
def tokenizer():
    return kbl.WordPieceTokenizer(TOKENS)


@pytest.fixture(scope="module")
def cased():
    return kbl.WordPieceTokenizer(TOKENS, lowercase=False)


@pytest.fixture(scope="module")
def released(shared):
    """The tokenizers of the released BERT, and the same ones in the `tokenizers` library."""
    found = {}
    for name, lowercase in (("uncased", True), ("cased", False)):
        path = shared / f"data/vocab/bert-base-{name}/vocab.txt"
        theirs = tokenizers.BertWordPieceTokenizer(str(path), lowercase=lowercase)
        found[name] = (kbl.WordPieceTokenizer.from_file(path, lowercase=lowercase), theirs)
    return found


@pytest.fixture(scope="module")
def real_texts(shared):
    """250 film reviews with their markup, 291 sentences."""
    with gzip.open(shared / "data/imdb/test.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        reviews = [row["text"] for row in csv.DictReader(lines)][::100]
    with (shared / "data/sst2/dev.csv").open(encoding="utf-8", newline="") as lines:
        return reviews + [row["text"] for row in csv.DictReader(lines)][::3]


# Ids ------------------------------------------------------------------------------------------------------------------


def test_longest_piece_first(tokenizer):
    ids = tokenizer(["My dogs playing.", "dog"])
    assert isinstance(ids, tf.RaggedTensor)
    assert ids.dtype == tf.int32
    assert ids.to_list() == [ids_of("my", "dog", "##s", "play", "##ing", "."), ids_of("dog")]


def test_word_that_cannot_be_pieced_is_unknown_as_a_whole(tokenizer):
    assert tokenizer(["dogx is"]).to_list() == [[UNK, *ids_of("is")]]


def test_uncased_strips_case_and_accents(tokenizer):
    assert tokenizer(["Café", "CAFÉ", "cafe", "cafe\u0301"]).to_list() == [ids_of("cafe")] * 4


def test_cased_keeps_case_and_accents(cased):
    assert cased(["Café", "café", "cafe", "My"]).to_list() == [ids_of("Café"), ids_of("café"), ids_of("cafe"), [UNK]]


def test_the_fox(released):
    ours, _ = released["uncased"]
    assert ours(["The quick brown fox jumps over the lazy dog fox"]).to_list() == [
        [1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 4419]
    ]


def test_accents_of_the_released_vocabularies(released):
    uncased, cased = released["uncased"][0], released["cased"][0]
    assert uncased(["Café"]).to_list() == uncased(["cafe"]).to_list() == [[7668]]
    assert cased(["Café"]).to_list() != cased(["Cafe"]).to_list()
    assert cased.detokenize(cased(["Café naïve Ångström"])) == ["Café naïve Ångström"]


@pytest.mark.parametrize("name", ["uncased", "cased"])
def test_ids_equal_the_tokenizers_library(released, real_texts, name):
    ours, theirs = released[name]
    wanted = [encoding.ids[1:-1] for encoding in theirs.encode_batch(real_texts)]
    assert sum(map(len, wanted)) > 70_000
    assert ours(real_texts).to_list() == wanted


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        # Control and format characters are dropped, all white space separates.
        ("uncased", "a\x96b", ["ab"]),
        ("cased", "a\x96b a\u200db", ["a", "##b", "a", "##b"]),
        ("cased", "a\u2028b\u00a0c", ["a", "b", "c"]),
        # Uncased, accents are dropped and capitals lowered, one by one; compatibility characters stay (no NFKC).
        ("uncased", "wait… ½", ["wait", "…", "½"]),
        ("uncased", "don´t", ["don", "##´", "##t"]),
        ("uncased", "Straße", ["st", "##raße"]),
        ("uncased", "ας ΑΣ", ["α", "##ς", "α", "##σ"]),
        ("uncased", "İs", ["is"]),
        ("cased", "wait… ½ Straße", ["wait", "…", "½", "St", "##ra", "##ße"]),
        # Words may have 100 characters, whatever their bytes.
        ("cased", "é" * 53, ["é"] + ["##é"] * 52),
    ],
    ids=["control", "format", "separators", "ellipsis", "acute", "sharp s", "final sigma", "dotted I", "cased", "long word"],
)
def test_characters_as_bert_takes_them(released, name, text, wanted):
    ours, theirs = released[name]
    assert theirs.encode(text).tokens[1:-1] == wanted
    assert [ours.vocabulary.tokens[index] for index in ours([text]).to_list()[0]] == wanted


# Offsets --------------------------------------------------------------------------------------------------------------


def pieces(text, starts, ends):
    return [text.encode()[start:end].decode() for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("My dogs.", ["My", "dog", "s", "."]),
        ("  Café dogs", ["Café", "dog", "s"]),
        ("CAFE\u0301 dog", ["CAFE\u0301", "dog"]),
        ("你你dog", ["你", "你", "dog"]),
        ("😀 dog😀!", ["😀", "dog😀", "!"]),
        ("é\tmy\n\ndog", ["é", "my", "dog"]),
        ("unknownword dog", ["unknownword", "dog"]),
        ("\u200bdog\x96s \u200bmy", ["dog\x96", "s", "my"]),
        ("dog 각.", ["dog", "각", "각", "각", "."]),
    ],
    ids=["plain", "accent", "combining accent", "Chinese", "emoji", "white space", "unknown", "dropped", "Hangul"],
)
def test_offsets_point_at_the_original_bytes(tokenizer, text, wanted):
    ids, starts, ends = tokenizer.tokenize_with_offsets([text])
    assert (ids.dtype, starts.dtype, ends.dtype) == (tf.int32, tf.int32, tf.int32)
    assert ids.to_list() == tokenizer([text]).to_list()
    assert pieces(text, starts.to_list()[0], ends.to_list()[0]) == wanted


def test_offsets_of_real_texts_spell_the_tokens(released, real_texts):
    """Cased and without unknown words, the bytes at the offsets are the token itself."""
    ours, _ = released["cased"]
    texts = real_texts[::7]
    ids, starts, ends = (part.to_list() for part in ours.tokenize_with_offsets(texts))
    tokens = ours.vocabulary.tokens
    checked = 0
    for text, *row in zip(texts, ids, starts, ends, strict=True):
        encoded = text.encode()
        for index, start, end in zip(*row, strict=True):
            if index != ours.vocabulary.unk_id:
                assert encoded[start:end].decode() == tokens[index].removeprefix("##")
                checked += 1
    assert checked > 5_000


# Special tokens -------------------------------------------------------------------------------------------------------


def test_special_tokens_in_plain_text_are_plain_text(tokenizer):
    ids = tokenizer(["my [MASK] [CLS] [SEP] [PAD] dog"]).to_list()[0]
    assert not {0, 2, 3, 4} & set(ids)


@pytest.mark.parametrize(
    ("text", "wanted", "spelled"),
    [
        ("my [MASK] dog", ["my", "[MASK]", "dog"], ["my", "[MASK]", "dog"]),
        ("[MASK] dog", ["[MASK]", "dog"], ["[MASK]", "dog"]),
        ("dog [MASK]", ["dog", "[MASK]"], ["dog", "[MASK]"]),
        ("my[MASK].", ["my", "[MASK]", "."], ["my", "[MASK]", "."]),
        ("[MASK][MASK] is[MASK]s", ["[MASK]", "[MASK]", "is", "[MASK]", "[UNK]"], ["[MASK]", "[MASK]", "is", "[MASK]", "s"]),
        ("Café [MASK] 你 [MASK]", ["cafe", "[MASK]", "你", "[MASK]"], ["Café", "[MASK]", "你", "[MASK]"]),
        ("[CLS] my [SEP]", ["[CLS]", "my", "[SEP]"], ["[CLS]", "my", "[SEP]"]),
        ("my [mask] [ MASK ]", ["my"] + ["[UNK]"] * 6, ["my", "[", "mask", "]", "[", "MASK", "]"]),
        ("my dogs", ["my", "dog", "##s"], ["my", "dog", "s"]),
        ("[MASK]", ["[MASK]"], ["[MASK]"]),
        ("", [], []),
        ("  ", [], []),
    ],
    ids=[
        "between",
        "start",
        "end",
        "punctuation",
        "several",
        "scripts",
        "others",
        "not quite",
        "none",
        "alone",
        "empty",
        "blank",
    ],
)
def test_special_tokens_on_request_with_offsets(tokenizer, text, wanted, spelled):
    ids, starts, ends = tokenizer.tokenize_with_offsets([text], special_tokens=True)
    assert ids.to_list() == [ids_of(*wanted)]
    assert pieces(text, starts.to_list()[0], ends.to_list()[0]) == spelled
    assert tokenizer.tokenize([text], special_tokens=True).to_list() == [ids_of(*wanted)]


def test_special_tokens_on_request_keep_rows_apart(tokenizer):
    texts = ["", "my [MASK]", "[MASK][MASK]", "dog", "[SEP] is [MASK]."]
    ids = tokenizer.tokenize(texts, special_tokens=True)
    assert ids.to_list() == [[], [5, 4], [4, 4], [6], [3, 8, 4, 11]]
    assert tokenizer.tokenize([], special_tokens=True).to_list() == []


def test_special_tokens_of_other_spellings():
    spellings = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
    tokenizer = kbl.WordPieceTokenizer([*spellings.values(), "my", "<", "s", ">"], special_tokens=spellings)
    assert tokenizer.tokenize(["my <mask></s> [MASK]"], special_tokens=True).to_list() == [[5, 4, 3, 1, 1, 1]]
    assert tokenizer(["<s> my"]).to_list() == [[6, 7, 8, 5]]


# Unusual texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " ", " \t\n\r\u00a0\u3000"])
def test_no_words_give_no_tokens(tokenizer, text):
    assert tokenizer([text, "dog", text]).to_list() == [[], ids_of("dog"), []]


def test_no_texts_give_no_rows(tokenizer):
    assert tokenizer([]).to_list() == []


SCRIPTS = ["你好,世界 dog", "مرحبا بالعالم", "שלום עולם", "😀🏽 ok", "नमस्ते", "𠀀", "한국어", "ΑΣ"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("uncased", text) for text in [*SCRIPTS, "👩\u200d👩 a\u202eb"]),
        *(("cased", text) for text in [*SCRIPTS, "𝒳 ﬁ"]),
    ],
)
def test_scripts_equal_the_tokenizers_library(released, name, text):
    ours, theirs = released[name]
    assert ours([text]).to_list()[0] == theirs.encode(text).ids[1:-1]


def test_chinese_characters_are_words_of_their_own(tokenizer):
    assert tokenizer(["my你你dog"]).to_list() == [ids_of("my", "你", "你", "dog")]


def test_long_texts(tokenizer):
    text = "my dogs " * 1250
    assert len(text) == 10_000
    assert tokenizer([text]).to_list() == [ids_of("my", "dog", "##s") * 1250]


def test_words_of_more_than_100_characters_are_unknown():
    tokenizer = kbl.WordPieceTokenizer([*TOKENS[:5], "a", "##a", "你", "😀", "##😀"])
    texts = ["a" * 100, f"a {'a' * 101} a", "😀" * 100, f"{'😀' * 101} a", "你" * 101, "a" * 3001, "a" * 60 + "!" + "a" * 60]
    wanted = [[5] + [6] * 99, [5, UNK, 5], [8] + [9] * 99, [UNK, 5], [7] * 101, [UNK], [5, *[6] * 59, UNK, 5, *[6] * 59]]
    assert tokenizer(texts).to_list() == wanted
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts)
    assert ids.to_list() == wanted
    assert list(zip(starts[1].numpy().tolist(), ends[1].numpy().tolist(), strict=True)) == [(0, 1), (2, 103), (104, 105)]
    assert list(zip(starts[3].numpy().tolist(), ends[3].numpy().tolist(), strict=True)) == [(0, 404), (405, 406)]


# As a layer -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts", [["my dog", "is"], ("my dog", "is"), np.array(["my dog", "is"]), tf.constant([["my dog"], ["is"]])]
)
def test_containers(tokenizer, texts):
    assert tokenizer(texts).to_list() == [ids_of("my", "dog"), ids_of("is")]


def test_the_same_in_a_graph(tokenizer):
    texts = ["My dogs [MASK] playing.", "", "Café"]
    traced = tf.function(lambda texts: tokenizer.tokenize(texts, special_tokens=True))
    assert traced(tf.constant(texts)).to_list() == tokenizer.tokenize(texts, special_tokens=True).to_list()
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(3).map(tokenizer)
    assert next(iter(dataset)).to_list() == tokenizer(texts).to_list()


def test_detokenize(tokenizer):
    assert tokenizer.detokenize([[2, 5, 6, 7, 3, 0], [4, 9, 10]]) == ["my dogs", "[MASK] playing"]
    assert tokenizer.detokenize(np.array([[2, 5, 3]])) == ["my"]
    assert tokenizer.detokenize(tokenizer(["My dogs.", ""])) == ["my dogs .", ""]
    assert tokenizer.detokenize(tf.constant([[5, 6]])) == ["my dog"]


def test_config_round_trip():
    spellings = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "<mask>"}
    tokenizer = kbl.WordPieceTokenizer(
        [*TOKENS[:4], "<mask>", "My"], lowercase=False, special_tokens={"mask": "<mask>"}, name="words"
    )
    copy = kbl.WordPieceTokenizer.from_config(tokenizer.get_config())
    assert copy.get_config() == tokenizer.get_config()
    assert (copy.lowercase, copy.name, copy.vocabulary.special_tokens) == (False, "words", spellings)
    assert copy.tokenize(["My <mask>"], special_tokens=True).to_list() == [[5, 4]]


def test_config_of_the_other_flags():
    tokenizer = kbl.WordPieceTokenizer(
        TOKENS, True, strip_accents=False, split_cjk=False, added_tokens=["[E1]", {"content": "dog", "normalized": False}]
    )
    copy = kbl.WordPieceTokenizer.from_config(tokenizer.get_config())
    assert copy.get_config() == tokenizer.get_config()
    assert (copy.strip_accents, copy.split_cjk, len(copy.vocabulary)) == (False, False, len(TOKENS) + 1)
    assert copy(["CAFÉ dog[e1]"]).to_list() == [[*ids_of("café", "dog"), len(TOKENS)]]


def test_configs_of_earlier_versions_load():
    old = kbl.WordPieceTokenizer(TOKENS).get_config()
    for name in ("strip_accents", "split_cjk", "added_tokens"):
        del old[name]
    assert kbl.WordPieceTokenizer.from_config(old)(["Café"]).to_list() == [ids_of("cafe")]


def test_accents_without_case_and_case_without_accents():
    assert kbl.WordPieceTokenizer(TOKENS, lowercase=True, strip_accents=False)(["CAFÉ"]).to_list() == [ids_of("café")]
    assert kbl.WordPieceTokenizer(TOKENS, lowercase=False, strip_accents=True)(["café"]).to_list() == [ids_of("cafe")]


def test_chinese_as_letters():
    tokens = [*TOKENS, "你你", "##你"]
    assert kbl.WordPieceTokenizer(tokens)(["你你"]).to_list() == [[15, 15]]
    assert kbl.WordPieceTokenizer(tokens, split_cjk=False)(["你你 dog你"]).to_list() == [[22, 6, 23]]


def test_in_a_saved_functional_model(tokenizer, tmp_path):
    text = keras.Input((), dtype="string")
    model = keras.Model(text, kbl.Preprocessor(tokenizer, 7)(text))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    wanted = model(tf.constant(["My dogs."]))["input_word_ids"].numpy().tolist()
    assert wanted == [[2, *ids_of("my", "dog", "##s", "."), 3, 0]]
    assert loaded(tf.constant(["My dogs."]))["input_word_ids"].numpy().tolist() == wanted


def test_from_file(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    tokenizer = kbl.WordPieceTokenizer.from_file(tmp_path / "vocab.txt", lowercase=False, name="read")
    assert (tokenizer.vocabulary.tokens, tokenizer.lowercase, tokenizer.name) == (TOKENS, False, "read")


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ("vocab.txt", r"must be a list of tokens\. Received: 'vocab\.txt'"),
        ([*TOKENS, "dog"], r"Received twice or more: \['dog'\]"),
        (TOKENS[1:], r"Received: 21 tokens without \['\[PAD\]'\]"),
    ],
    ids=["path", "duplicate", "missing"],
)
def test_impossible_vocabularies_are_refused(vocabulary, message):
    with pytest.raises(ValueError, match=message):
        kbl.WordPieceTokenizer(vocabulary)


def test_what_is_no_text_is_refused(tokenizer):
    with pytest.raises(kbl.DataError, match=r"row 1: None \(NoneType\)"):
        tokenizer(["my", None])
