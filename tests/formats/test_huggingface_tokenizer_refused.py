"""Tokenizers of Hugging Face folders that ours cannot be, and damaged folders: refused by name."""

import pytest

import keras_bert_lab as kbl
from keras_bert_lab.formats.huggingface_tokenizer import read_preprocessor, read_tokenizer
from tests.formats.tokenizer_samples import (
    ALBERT_JSON,
    BERT_JSON,
    ROBERTA,
    ROBERTA_JSON,
    TOKENS,
    added,
    changed,
    write,
)

REFUSED = [
    ("bert", ["version"], "2.0", r"of version 1\.0\. Received: \[\] '2\.0'"),
    ("bert", ["tokens"], [], r"must have the parts .*Received: \['tokens'\]"),
    ("bert", ["model"], None, r"model must be an object\. Received: None"),
    ("bert", ["model", "type"], "WordLevel", r"model must be one of \['WordPiece', 'BPE', 'Unigram'\]\. Received: 'WordLevel'"),
    ("bert", ["model", "continuing_subword_prefix"], "@@", r"continuing_subword_prefix of WordPiece must be .*Received: '@@'"),
    ("bert", ["model", "max_input_chars_per_word"], 200, r"max_input_chars_per_word of WordPiece .*\[100\]\. Received: 200"),
    ("bert", ["model", "unk_token"], "<unk>", r"unk_token of WordPiece must be one of \['\[UNK\]'\]\. Received: '<unk>'"),
    ("bert", ["model", "speed"], 7, r"WordPiece has the settings .*Received: \['speed'\]"),
    ("bert", ["model", "vocab"], {}, r"must hold a vocabulary, tokens with their ids\. Received: \{\}"),
    ("bert", ["model", "vocab"], {"[PAD]": 0, "a": 2}, r"must give 2 tokens the ids 0 to 1, each once\. Received: 'a': 2"),
    ("bert", ["model", "vocab"], {"[PAD]": 0, "a": 0}, r"Received: 'a': 0"),
    ("bert", ["model", "vocab"], {"[PAD]": 10**12}, r"Received: '\[PAD\]': 1000000000000"),
    ("bert", ["model", "vocab"], {"[PAD]": True}, r"Received: '\[PAD\]': True"),
    ("bert", ["model", "vocab", "[MASK]"], ..., r"must give 11 tokens the ids 0 to 10"),
    ("bert", ["normalizer"], None, r"normalizer must be BertNormalizer\. Received: \[\], which splits texts by other rules"),
    ("bert", ["normalizer"], {"type": "NFC"}, r"normalizer must be BertNormalizer\. Received: 'NFC'"),
    ("bert", ["normalizer", "clean_text"], False, r"clean_text of BertNormalizer must be one of \[True\]\. Received: False"),
    ("bert", ["normalizer", "lowercase"], 1, r"lowercase of BertNormalizer must be one of .*Received: 1"),
    ("bert", ["pre_tokenizer"], {"type": "Whitespace"}, r"pre_tokenizer must be BertPreTokenizer\. Received: 'Whitespace'"),
    ("bert", ["pre_tokenizer"], {"type": "Sequence", "pretokenizers": []}, r"must be BertPreTokenizer\. Received: \[\]"),
    ("bert", ["post_processor"], {"type": "ByteLevel"}, r"post_processor must be TemplateProcessing\. Received: 'ByteLevel'"),
    ("bert", ["post_processor", "single"], [], r"must write \[CLS\] A \[SEP\] for a text"),
    ("bert", ["post_processor", "pair"], [{"Sequence": {"id": "A", "type_id": 0}}], r"\[CLS\] A \[SEP\] B \[SEP\] for a pair"),
    ("bert", ["post_processor", "pair"], [7], r"must be made of sequences and special tokens\. Received: 7"),
    ("bert", ["post_processor", "special_tokens", "[CLS]", "ids"], [7], r"'\[CLS\]' with the id 2\. Received: .*\[7\]"),
    ("bert", ["added_tokens"], [added(3, "[CLS]")], r"'\[CLS\]' the id of the vocabulary, 2\. Received: 3"),
    ("bert", ["added_tokens"], [added(14, "x")], r"from 12 on\. Received: 'x' with 14, where 12 is next"),
    ("bert", ["added_tokens"], [added(12, "x", single_word=True)], r"single_word tokens cannot be read\. Received: 'x'"),
    ("bert", ["added_tokens"], [added(12, " ")], r"must name tokens as strings, or objects with a content"),
    ("bert", ["added_tokens"], [added(12, "x", lstrip=1)], r"a token has the flags .*true or false"),
    ("bert", ["added_tokens"], ["x"], r"added tokens must have ids\. Received: 'x'"),
    ("roberta", ["normalizer"], {"type": "NFC"}, r"normalizer must be null\. Received: .*NFC"),
    ("roberta", ["pre_tokenizer", "use_regex"], False, r"use_regex of ByteLevel must be one of \[True\]\. Received: False"),
    ("roberta", ["pre_tokenizer"], {"type": "Whitespace"}, r"pre_tokenizer must be ByteLevel\. Received: 'Whitespace'"),
    ("roberta", ["model", "dropout"], 0.1, r"dropout of BPE must be one of \[None\]\. Received: 0\.1"),
    ("roberta", ["model", "end_of_word_suffix"], "</w>", r"end_of_word_suffix of BPE must be .*Received: '</w>'"),
    ("roberta", ["model", "byte_fallback"], True, r"byte_fallback of BPE must be one of \[False\]\. Received: True"),
    ("roberta", ["model", "ignore_merges"], True, r"ignore_merges of BPE must be one of \[False\]\. Received: True"),
    ("roberta", ["model", "unk_token"], "<unk>", r"must hold all 256 bytes, or drop the others"),
    ("roberta", ["model", "merges"], "a b", r"must hold a list of merges\. Received: 'a b'"),
    ("roberta", ["model", "merges"], ["a x"], r"holds no tokenizer of a BERT: .*Received: 1 merges of other tokens"),
    ("roberta", ["post_processor", "sep"], ["</s>", 7], r"must have '</s>' with the id 2\. Received: \['</s>', 7\]"),
    ("roberta", ["post_processor", "trim"], True, r"RobertaProcessing has the settings .*Received: \['trim'\]"),
    ("albert", ["normalizer", "normalizers"], [{"type": "NFKC"}], r"must be ALBERT's: .*Received: \['NFKC'\]"),
    ("albert", ["normalizer", "normalizers", 2], {"type": "NFKD", "x": 7}, r"NFKD has the settings \[\]\. Received: \['x'\]"),
    ("albert", ["normalizer", "normalizers", 3], {"type": "Lowercase"}, r"must be ALBERT's"),
    ("albert", ["pre_tokenizer"], {"type": "Metaspace"}, r"must be WhitespaceSplit, then Metaspace\. Received: "),
    ("albert", ["pre_tokenizer", "pretokenizers", 1, "replacement"], "_", r"replacement of Metaspace must be .*Received: '_'"),
    ("albert", ["pre_tokenizer", "pretokenizers", 1, "prepend_scheme"], "never", r"prepend_scheme of Metaspace .*'never'"),
    ("albert", ["model", "byte_fallback"], True, r"byte_fallback of Unigram must be one of \[False\]\. Received: True"),
    ("albert", ["model", "unk_id"], None, r"the id of the unknown token\. Received: unk_id=None"),
    ("albert", ["model", "unk_id"], 5, r"unk_id must be that of '<unk>'\. Received: 5, which is '▁'"),
    ("albert", ["model", "vocab", 7], ["b"], r"must be pieces with their scores\. Received: \['b'\]"),
    ("albert", ["model", "vocab", 7], ["b", "x"], r"must be pieces with their scores\. Received: \['b', 'x'\]"),
    ("albert", ["model", "vocab", 7], ["b", float("inf")], r"must be pieces with their scores"),
    ("albert", ["model", "vocab", 7], ["c", -1.0], r"holds no tokenizer of a BERT: .*twice or more: \['c'\]"),
]


@pytest.mark.parametrize(("kind", "path", "value", "message"), REFUSED)
def test_what_our_tokenizers_do_not_do_is_refused_by_name(tmp_path, kind, path, value, message):
    write(tmp_path, tokenizer__json=changed(kind, path, value))
    with pytest.raises(kbl.FormatError, match=message):
        read_preprocessor(tmp_path)


def test_a_damaged_map_of_characters_is_refused(tmp_path):
    made = changed("albert", ["normalizer", "normalizers", 5], {"type": "Precompiled", "precompiled_charsmap": "?"})
    with pytest.raises(kbl.FormatError, match=r"precompiled_charsmap must be Base64"):
        read_tokenizer(write(tmp_path, tokenizer__json=made))


SETTINGS = [
    ({"do_lower_case": "yes"}, r"do_lower_case must be true or false\. Received: 'yes'"),
    ({"do_basic_tokenize": False}, r"do_basic_tokenize must be True\. Received: False\. It changes tokens"),
    ({"never_split": ["x"]}, r"never_split must be None\. Received: \['x'\]"),
    ({"truncation_side": "left"}, r"truncation_side must be 'right'\. Received: 'left'"),
    ({"padding_side": "left"}, r"padding_side must be 'right'\. Received: 'left'"),
    ({"sp_model_kwargs": {"alpha": 0.1}}, r"sp_model_kwargs must be None\. Received: \{'alpha': 0\.1\}"),
    ({"model_max_length": "512"}, r"model_max_length must be a number of tokens\. Received: '512'"),
    ({"model_max_length": float("nan")}, r"model_max_length must be a number of tokens\. Received: nan"),
    ({"model_max_length": 0}, r"model_max_length must be a number of tokens\. Received: 0"),
    ({"model_max_length": 3}, r"no room for the special tokens in a row: .*max_length=3"),
    ({"mask_token": 7}, r"must name tokens as strings, or objects with a content\. Received: 7"),
    ({"mask_token": "<mask>"}, r"holds no tokenizer of a BERT: .*without \['<mask>'\]"),
    ({"added_tokens_decoder": {"x": "y"}}, r"added_tokens_decoder must map ids to tokens"),
    ({"added_tokens_decoder": {"99": "y"}}, r"Received: 'y' with 99, where 12 is next"),
    ({"tokenizer_class": "BertJapaneseTokenizer"}, r"tokenizer_class must be one of .*Received: 'BertJapaneseTokenizer'"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_settings_that_change_tokens_are_refused(tmp_path, settings, message):
    write(tmp_path, vocab__txt=TOKENS, tokenizer_config__json={"do_lower_case": True} | settings)
    with pytest.raises(kbl.FormatError, match=message):
        read_preprocessor(tmp_path)


VOCAB = {"vocab__txt": TOKENS}
CASED, DECODER, MASK = {"do_lower_case": False}, {"added_tokens_decoder": {"13": "x"}}, {"mask_token": "[MASK]"}
FILES = [
    ({}, r"must hold tokenizer\.json or vocab\.txt, vocab\.json with merges\.txt, or spiece\.model\. Received: \[\]"),
    ({"tokenizer__json": "{"}, r"tokenizer\.json is damaged: it is not JSON in UTF-8"),
    ({"tokenizer__json": b"\xff{}"}, r"tokenizer\.json is damaged: it is not JSON in UTF-8"),
    ({"tokenizer__json": "[" * 100_000}, r"tokenizer\.json is damaged"),
    ({"tokenizer__json": []}, r"tokenizer\.json must hold a JSON object\. Received: list"),
    ({"vocab__txt": b"caf\xe9\n"}, r"vocab\.txt is not UTF-8"),
    ({"vocab__txt": b""}, r"vocab\.txt is empty"),
    ({"vocab__txt": [*TOKENS[:9], "my"]}, r"holds no tokenizer of a BERT: .*twice or more: \['my'\]"),
    ({"vocab__txt": TOKENS[1:9]}, r"holds no tokenizer of a BERT: .*without \['\[PAD\]'\]"),
    (VOCAB | {"tokenizer_config__json": "x"}, r"tokenizer_config\.json is damaged"),
    (VOCAB | {"added_tokens__json": {"x": "12"}}, r"added_tokens\.json must map tokens to ids\. Received: 'x': '12'"),
    (
        VOCAB | {"added_tokens__json": {"x": 12}, "tokenizer_config__json": DECODER},
        r"must give a token the same id\. Received: 12, 13",
    ),
    (
        VOCAB | {"special_tokens_map__json": {"mask_token": "x"}, "tokenizer_config__json": MASK},
        r"must name the same mask_token\. Received: '\[MASK\]', 'x'",
    ),
    (
        VOCAB | {"sentence_bert_config__json": {"do_lower_case": True}, "tokenizer_config__json": CASED},
        r"sentence_bert_config\.json: do_lower_case must be that of .*Received: do_lower_case=true",
    ),
    ({"tokenizer__json": BERT_JSON, "vocab__txt": TOKENS[:7]}, r"Received: 7 and 12 tokens, different from id 7 on"),
    ({"tokenizer__json": BERT_JSON, "vocab__txt": [*TOKENS[:6], "a", *TOKENS[7:]]}, r"different from id 6 on\. Remove the one"),
    ({"tokenizer__json": ROBERTA_JSON, "vocab__json": {"a": 0}}, r"must hold the same tokens\. Received: 1 and 10 tokens"),
    ({"tokenizer__json": ALBERT_JSON, "spiece__model": b"\x00"}, r"no SentencePiece model"),
    ({"spiece__model": b"\x00"}, r"spiece\.model is damaged: It is no SentencePiece model"),
    ({"vocab__json": {"a": 1}, "merges__txt": []}, r"vocab\.json must give 1 tokens the ids 0 to 0"),
    ({"vocab__json": {token: place for place, token in enumerate(ROBERTA)}}, r"merges\.txt'? cannot be read: No such file"),
    ({"vocab__json": {"a": 0}, "merges__txt": b"\xff"}, r"merges\.txt is not UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "message"), FILES)
def test_damaged_and_contradicting_files_are_refused(tmp_path, files, message):
    with pytest.raises(kbl.FormatError, match=message):
        read_preprocessor(write(tmp_path, **files))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model", "merges.txt"])
def test_absurdly_large_files_are_refused(tmp_path, name):
    write(tmp_path, **({"vocab__json": {"a": 0}} if name == "merges.txt" else {"vocab__txt": TOKENS}))
    if name == "spiece.model":
        (tmp_path / "vocab.txt").unlink()
    with (tmp_path / name).open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(kbl.FormatError, match=r"must be at most \d+ bytes long\. Received: 68157440 bytes"):
        read_tokenizer(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(kbl.FormatError, match=r"A tokenizer is a folder\. Received: .*missing, which is none"):
        read_tokenizer(tmp_path / "missing")


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    write(tmp_path, tokenizer__json=BERT_JSON)
    with pytest.raises(kbl.FormatError, match=r"model's vocab_size, 11\. Received: 12 tokens\. They belong to another model"):
        read_tokenizer(tmp_path, {"model_type": "bert", "vocab_size": 11})
    write(tmp_path, tokenizer__json=ROBERTA_JSON)
    with pytest.raises(kbl.FormatError, match=r"from which positions count: 0\. Received: '<pad>' at 1"):
        read_tokenizer(tmp_path, {"model_type": "roberta", "pad_token_id": 0})


def test_impossible_sequence_lengths_are_the_callers_fault(tmp_path):
    with pytest.raises(ValueError, match=r"sequence_length must be an integer of at least 4"):
        read_preprocessor(write(tmp_path, tokenizer__json=BERT_JSON), sequence_length=3)
