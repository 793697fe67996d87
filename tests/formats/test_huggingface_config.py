from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from keras_bert_lab import EncoderConfig, FormatError
from keras_bert_lab.formats.huggingface_config import SETTINGS, config_to_encoder, encoder_to_config, model_type_of
from tests.formats.huggingface_folders import BERT
from tests.formats.published_configs import CONFIGS
from tests.samples import config

WHERE = "x/config.json"

# What differs from bert-base-uncased.
READ: dict[str, dict[str, Any]] = {
    "google-bert/bert-base-uncased": {},
    "google-bert/bert-base-chinese": {"vocab_size": 21128},
    "allenai/scibert_scivocab_uncased": {"vocab_size": 31090},
    "dmis-lab/biobert-v1.1": {"vocab_size": 28996},
    "sentence-transformers/all-MiniLM-L6-v2": {"hidden_size": 384, "intermediate_size": 1536, "num_layers": 6},
    "FacebookAI/roberta-base": {
        "vocab_size": 50265,
        "max_positions": 512,
        "position_offset": 2,
        "pad_id": 1,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    },
    "albert/albert-base-v2": {
        "vocab_size": 30000,
        "embedding_size": 128,
        "share_layers": True,
        "activation": "gelu_tanh",
        "dropout": 0,
        "attention_dropout": 0,
    },
    "distilbert/distilbert-base-uncased": {"num_layers": 6, "type_vocab_size": 0, "pooler": False},
    "google/electra-small-discriminator": {
        "embedding_size": 128,
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_heads": 4,
        "pooler": False,
    },
    "nghuyong/ernie-3.0-base-zh": {
        "vocab_size": 40000,
        "type_vocab_size": 4,
        "max_positions": 2048,
        "layer_norm_eps": 1e-5,
    },
    "nghuyong/ernie-1.0-base-zh": {
        "vocab_size": 18000,
        "max_positions": 513,
        "layer_norm_eps": 1e-5,
        "activation": "relu",
    },
}


@pytest.mark.parametrize("name", CONFIGS)
def test_published_configs_are_accepted(name: str) -> None:
    theirs = CONFIGS[name]
    ours = config_to_encoder(theirs, WHERE)
    family = model_type_of(theirs, WHERE)
    assert ours.vocab_size == theirs["vocab_size"]
    assert ours.num_layers == theirs[SETTINGS[family]["num_layers"]]
    assert ours.hidden_size == theirs[SETTINGS[family]["hidden_size"]]


@pytest.mark.parametrize("name", READ)
def test_published_configs_are_read(name: str) -> None:
    assert config_to_encoder(CONFIGS[name], WHERE) == EncoderConfig.preset("bert_base", **READ[name])


def test_every_setting_of_the_encoder_comes_from_the_file_or_the_family() -> None:
    others = {"embedding_size", "norm_first", "share_layers", "position_offset", "pooler"}
    for names in SETTINGS.values():
        assert {field.name for field in dataclasses.fields(EncoderConfig)} - set(names) <= others | {
            "type_vocab_size",
            "layer_norm_eps",
        }
        assert len(set(names.values())) == len(names)


def test_the_family_follows_from_the_class_where_it_is_not_named() -> None:
    bare = {name: value for name, value in BERT.items() if name != "model_type"}
    assert model_type_of(bare, WHERE) == "bert"
    assert model_type_of({"architectures": ["DistilBertForTokenClassification"]}, WHERE) == "distilbert"
    for unclear in ({}, {"architectures": ["BertModel", "RobertaModel"]}, {"architectures": ["Model"]}, {"architectures": 3}):
        with pytest.raises(FormatError, match=r"Received: None. Old files lack it: add it if you know which it is"):
            model_type_of(unclear, WHERE)
    with pytest.raises(FormatError, match=r"Received: 'gpt2'. Other families cannot be read"):
        model_type_of({"model_type": "gpt2"}, WHERE)


@pytest.mark.parametrize("name", sorted(set(BERT) - {"model_type", "architectures"}))
def test_what_is_left_out_is_refused_or_had_one_value(name: str) -> None:
    less = {key: value for key, value in BERT.items() if key != name}
    was_always = {
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
    }
    if name in was_always:
        assert config_to_encoder(less, WHERE) == config_to_encoder(BERT | {name: was_always[name]}, WHERE)
    else:
        with pytest.raises(FormatError, match=rf"x/config.json must have the setting '{name}'"):
            config_to_encoder(less, WHERE)


def test_unknown_settings_are_refused_unless_they_are_to_be_ignored() -> None:
    theirs = BERT | {"rotary_dim": 5, "alibi": True}
    message = "settings that are not known here: ['alibi', 'rotary_dim']. They may change the model's outputs."
    with pytest.raises(FormatError, match=re.escape(message)):
        config_to_encoder(theirs, WHERE)
    with pytest.raises(FormatError, match=re.escape("pass ignore=['rotary_dim']")):
        config_to_encoder(theirs, WHERE, ignore=("alibi",))
    assert config_to_encoder(theirs, WHERE, ignore=["alibi", "rotary_dim"]) == config_to_encoder(BERT, WHERE)
    with pytest.raises(TypeError, match=r"Received: ignore='alibi'. Use \['alibi'\]"):
        config_to_encoder(theirs, WHERE, ignore="alibi")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("pruned_heads", {"1": [0, 2]}),
        ("num_hidden_groups", 2),
        ("inner_group_num", 3),
        ("quantization_config", {"bits": 8}),
        ("hidden_act", "silu"),
        ("hidden_act", ["gelu"]),
    ],
)
def test_what_changes_the_maths_is_refused(name: str, value: Any) -> None:
    with pytest.raises(FormatError, match=re.escape(f"{name} in x/config.json must be")) as raised:
        config_to_encoder(BERT | {name: value}, WHERE)
    assert f"Received: {value!r}" in str(raised.value)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("gelu", "gelu"), ("gelu_python", "gelu"), ("gelu_new", "gelu_tanh"), ("gelu_fast", "gelu_tanh"), ("relu", "relu")],
)
def test_activations(theirs: str, ours: str) -> None:
    assert config_to_encoder(BERT | {"hidden_act": theirs}, WHERE).activation == ours


WRITTEN = {
    "bert": config(),
    "roberta": config(position_offset=8, pad_id=7, type_vocab_size=1, layer_norm_eps=1e-3),
    "albert": config(share_layers=True, embedding_size=7, activation="gelu_tanh"),
    "distilbert": config(type_vocab_size=0, pooler=False, layer_norm_eps=1e-12, activation="relu"),
    "electra": config(embedding_size=15, pooler=False),
}


@pytest.mark.parametrize("family", WRITTEN)
def test_a_config_goes_there_and_back(family: str) -> None:
    ours = WRITTEN[family].replace(dropout=0.25, attention_dropout=0.375, initializer_range=0.5)
    theirs = encoder_to_config(ours)
    assert theirs["model_type"] == family
    assert config_to_encoder(theirs, WHERE) == ours


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm_first": True}, "norm_first=True has no place"),
        (
            {"position_offset": 3, "type_vocab_size": 1},
            "'roberta' models of Hugging Face cannot have {'max_positions': 19, 'pos",
        ),
        ({"position_offset": 1, "embedding_size": 7}, "'roberta' models of Hugging Face cannot have {'embedding_size': 7}"),
        ({"position_offset": 1, "type_vocab_size": 0}, "type_vocab_size in the new config.json must be at least 1"),
        ({"share_layers": True}, "'albert' models of Hugging Face cannot have {'embedding_size': None}"),
        ({"share_layers": True, "embedding_size": 15}, "'albert' models of Hugging Face cannot have {'embedding_size': 15}"),
        ({"type_vocab_size": 0}, "'distilbert' models of Hugging Face cannot have {'layer_norm_eps': 1e-05}"),
        ({"type_vocab_size": 0, "share_layers": True, "embedding_size": 7}, "type_vocab_size in the new config.json"),
    ],
)
def test_what_no_family_has_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=re.escape(message)):
        encoder_to_config(config(**changes))
