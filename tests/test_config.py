from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any

import numpy as np
import pytest

from keras_bert_lab.config import (
    ArchitectureConfig,
    EncoderConfig,
    MaskingConfig,
    OptimizerConfig,
    VocabularyConfig,
    check_integer,
    check_share,
)
from tests.samples import config


@pytest.mark.parametrize(
    ("name", "layers", "hidden", "heads", "intermediate"),
    [  # google-research/bert, README, "Smaller BERT Models" and "Pre-trained models"
        ("bert_tiny", 2, 128, 2, 512),
        ("bert_mini", 4, 256, 4, 1024),
        ("bert_small", 4, 512, 8, 2048),
        ("bert_medium", 8, 512, 8, 2048),
        ("bert_base", 12, 768, 12, 3072),
        ("bert_large", 24, 1024, 16, 4096),
    ],
)
def test_presets_are_the_released_sizes(name: str, layers: int, hidden: int, heads: int, intermediate: int) -> None:
    preset = EncoderConfig.preset(name)
    assert (preset.num_layers, preset.hidden_size, preset.num_heads) == (layers, hidden, heads)
    assert (preset.intermediate_size, preset.vocab_size, preset.max_positions) == (intermediate, 30522, 512)
    assert (preset.type_vocab_size, preset.activation, preset.layer_norm_eps) == (2, "gelu", 1e-12)


def test_preset_takes_changes() -> None:
    changed = EncoderConfig.preset("bert_mini", vocab_size=8191, norm_first=True)
    assert (changed.vocab_size, changed.norm_first, changed.hidden_size) == (8191, True, 256)


def test_head_size() -> None:
    assert config(hidden_size=21, num_heads=3).head_size == 7


def test_dict_round_trip_keeps_every_setting() -> None:
    other = EncoderConfig(
        vocab_size=31,
        hidden_size=15,
        num_layers=2,
        num_heads=3,
        intermediate_size=13,
        max_positions=19,
        type_vocab_size=5,
        embedding_size=17,
        activation="relu",
        layer_norm_eps=1e-5,
        dropout=0.2,
        attention_dropout=0.3,
        norm_first=True,
        share_layers=True,
        position_offset=7,
        pad_id=11,
        pooler=False,
        initializer_range=0.5,
    )
    optional = [field for field in dataclasses.fields(EncoderConfig) if field.default is not dataclasses.MISSING]
    assert [field.name for field in optional if getattr(other, field.name) == field.default] == []
    assert EncoderConfig.from_dict(other.to_dict()) == other


def test_replace_changes_a_copy() -> None:
    original = config()
    changed = original.replace(num_layers=5, dropout=0.0)
    assert (changed.num_layers, changed.dropout, changed.hidden_size) == (5, 0.0, original.hidden_size)
    assert (original.num_layers, original.dropout) == (2, 0.1)


def test_settings_are_frozen_and_keyword_only() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="vocab_size"):
        config().vocab_size = 37  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        EncoderConfig(31, 15, 2, 3, 13)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["vocab_size", "hidden_size", "num_layers", "num_heads", "intermediate_size", "max_positions"])
@pytest.mark.parametrize("value", [0, -3, 7.0, True, None, "11"])
def test_sizes_must_be_positive_integers(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} must be an integer of at least 1. Received: {name}={value!r}")):
        config(**{name: value})


@pytest.mark.parametrize("name", ["type_vocab_size", "position_offset", "pad_id"])
@pytest.mark.parametrize("value", [-1, 2.0, False])
def test_counts_from_zero_must_be_integers(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} must be an integer of at least 0. Received: {name}={value!r}")):
        config(**{name: value})
    assert getattr(config(**{name: 0}), name) == 0


@pytest.mark.parametrize("name", ["dropout", "attention_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1, 1.5, True, "0.1", float("nan")])
def test_shares_must_be_below_one(name: str, value: object) -> None:
    rule = f"{name} must be a number of at least 0 and below 1. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=re.escape(rule)):
        config(**{name: value})
    assert getattr(config(**{name: 0}), name) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"hidden_size": 10, "num_heads": 3},
            "hidden_size must be divisible by num_heads. Received: hidden_size=10, num_heads=3",
        ),
        ({"activation": "swish"}, "activation must be one of ['gelu', 'gelu_tanh', 'relu']. Received: activation='swish'"),
        ({"pad_id": 31}, "pad_id must be below vocab_size. Received: pad_id=31, vocab_size=31"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps must be a finite number above 0. Received: layer_norm_eps=0.0"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps must be a finite number above 0. Received: layer_norm_eps=nan"),
        ({"layer_norm_eps": "1e-12"}, "layer_norm_eps must be a finite number above 0. Received: layer_norm_eps='1e-12'"),
        ({"initializer_range": -0.02}, "initializer_range must be a finite number above 0. Received: initializer_range=-0.02"),
        ({"embedding_size": 0}, "embedding_size must be an integer of at least 1. Received: embedding_size=0"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        config(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderConfig.preset("bert_bse"), "Unknown preset 'bert_bse'. Did you mean 'bert_base'?"),
        (lambda: EncoderConfig.preset("gpt"), "Unknown preset 'gpt'. Known presets: ['bert_tiny', 'bert_mini',"),
        (
            lambda: EncoderConfig.preset("bert_tiny", hiden_size=64),
            "EncoderConfig has no setting 'hiden_size'. Did you mean 'hidden_size'?",
        ),
        (
            lambda: config().replace(layer_norm=1e-5),
            "EncoderConfig has no setting 'layer_norm'. Did you mean 'layer_norm_eps'?",
        ),
        (lambda: EncoderConfig.from_dict({"q": 1}), "EncoderConfig has no setting 'q'. Known settings: ['activation',"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_known(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()  # type: ignore[operator]


def test_masking_defaults_are_those_of_the_paper() -> None:
    masking = MaskingConfig()
    assert (masking.rate, masking.mask_share, masking.random_share, masking.unit) == (0.15, 0.8, 0.1, "token")


@pytest.mark.parametrize("value", [0, 1, -0.15, True, "0.15"])
def test_masking_rate_must_be_a_share(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"rate must be a number above 0 and below 1. Received: rate={value!r}")):
        MaskingConfig(rate=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mask_share", "random_share"), [(-0.1, 0.1), (0.8, -0.1), (0.8, 0.3), ("0.8", 0.1), (float("nan"), 0.1)]
)
def test_masking_shares_must_fit_together(mask_share: float, random_share: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Received: mask_share={mask_share!r}, random_share={random_share!r}")):
        MaskingConfig(mask_share=mask_share, random_share=random_share)
    assert MaskingConfig(mask_share=1.0, random_share=0.0).mask_share == 1.0


def test_masking_units_are_known() -> None:
    with pytest.raises(ValueError, match=re.escape("['token', 'word', 'ngram', 'span']. Received: unit='sentence'")):
        MaskingConfig(unit="sentence")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape("dynamic must be True or False. Received: dynamic=1")):
        MaskingConfig(dynamic=1)  # type: ignore[arg-type]


def test_phrases_are_plain_data() -> None:
    phrases: Any = [np.array([17, 23]), (5, 7, 11)]
    masking = MaskingConfig(phrases=phrases)
    assert masking.phrases == ((17, 23), (5, 7, 11))
    assert type(masking)(**dataclasses.asdict(masking)) == masking
    assert all(type(token) is int for phrase in masking.phrases for token in phrase)


@pytest.mark.parametrize(
    ("phrases", "received"),
    [
        ("new york", "Received: phrases='new york'"),
        (7, "Received: phrases=7"),
        ([[5, 7], "york"], "Received among them: 'york'"),
        ([5, 7], "Received among them: 5"),
        ([[5, 7], []], "Received among them: ()"),
        ([[5, -7]], "Received among them: (5, -7)"),
        ([[5, 0.5]], "Received among them: (5, 0.5)"),
        ([[True, 5]], "Received among them: (True, 5)"),
    ],
)
def test_impossible_phrases_are_refused(phrases: Any, received: str) -> None:
    message = "phrases must be a list of lists of token ids, e.g. [[17, 23], [5, 7, 11]]. " + received
    with pytest.raises(ValueError, match=re.escape(message)):
        MaskingConfig(phrases=phrases)


def test_an_architecture_is_a_preset_with_changes() -> None:
    found = ArchitectureConfig(preset="bert_tiny", dropout=0.3, activation="relu", norm_first=True, initializer_range=0.05)
    made = found.encoder_config(vocab_size=31, max_positions=19, pad_id=7)
    expected = EncoderConfig.preset(
        "bert_tiny",
        vocab_size=31,
        max_positions=19,
        pad_id=7,
        dropout=0.3,
        attention_dropout=0.3,
        activation="relu",
        norm_first=True,
        initializer_range=0.05,
    )
    assert made == expected
    assert ArchitectureConfig().encoder_config(vocab_size=31, max_positions=19).hidden_size == 256  # bert_mini


@pytest.mark.parametrize(
    ("changes", "heads", "intermediate"),
    [  # of bert_small: H 512, N 8, F 2048
        ({}, 8, 2048),
        ({"hidden_size": 192}, 3, 768),
        ({"hidden_size": 10}, 1, 40),
        ({"hidden_size": 30, "num_heads": 5}, 5, 120),
        ({"hidden_size": 30, "intermediate_size": 7}, 1, 7),
        ({"num_heads": 4}, 4, 2048),
        ({"intermediate_size": 7}, 8, 7),
    ],
)
def test_what_follows_from_a_hidden_size(changes: dict[str, int], heads: int, intermediate: int) -> None:
    made = ArchitectureConfig(preset="bert_small", num_layers=3, **changes).encoder_config(vocab_size=31, max_positions=19)
    assert (made.num_heads, made.intermediate_size, made.num_layers) == (heads, intermediate, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "bert_tinny"}, "Unknown preset 'bert_tinny'. Did you mean 'bert_tiny'?"),
        (
            {"hidden_size": 10, "num_heads": 3},
            "hidden_size must be divisible by num_heads. Received: hidden_size=10, num_heads=3",
        ),
        ({"num_layers": 0}, "num_layers must be an integer of at least 1. Received: num_layers=0"),
        ({"dropout": 1}, "dropout must be a number of at least 0 and below 1. Received: dropout=1"),
        ({"activation": "swish"}, "activation='swish'"),
        ({"initializer_range": 0}, "initializer_range must be a finite number above 0. Received: initializer_range=0"),
    ],
)
def test_an_impossible_architecture_is_refused_when_it_is_made(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ArchitectureConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "bpe"}, "kind must be 'wordpiece' or 'words'. Received: kind='bpe'"),
        ({"size": 5}, "size must be an integer of at least 6. Received: size=5"),
        ({"size": 8.0}, "size must be an integer of at least 6. Received: size=8.0"),
        (
            {"kind": "words", "file": pathlib.Path("v.txt")},
            "file is for kind='wordpiece'. Received: kind='words', file='v.txt'",
        ),
    ],
)
def test_an_impossible_vocabulary_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        VocabularyConfig(**changes)


@pytest.mark.parametrize("name", ["learning_rate", "clip_norm"])
@pytest.mark.parametrize("value", [0, -1e-3, float("nan"), float("inf"), True, "1e-3"])
def test_rates_must_be_finite_and_above_0(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} must be a finite number above 0. Received: {name}={value!r}")):
        OptimizerConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["warmup", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, 1, float("nan"), "0.1"])
def test_shares_of_the_optimizer(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} must be a number of at least 0 and below 1. Received: {name}=")):
        OptimizerConfig(**{name: value})  # type: ignore[arg-type]
    assert getattr(OptimizerConfig(**{name: 0}), name) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [ArchitectureConfig(), VocabularyConfig(), OptimizerConfig(), MaskingConfig()])
def test_settings_of_the_commands_are_plain_frozen_data(made: Any) -> None:
    assert type(made)(**dataclasses.asdict(made)) == made
    assert all(field.kw_only for field in dataclasses.fields(made))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(made)[0].name, None)


def test_checks_of_numbers() -> None:
    check_integer("batch_size", 1, 1)
    check_share("held_out", 0)
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1. Received: batch_size=0"):
        check_integer("batch_size", 0, 1)
    with pytest.raises(ValueError, match="held_out must be a number of at least 0 and below 1. Received: held_out=1.5"):
        check_share("held_out", 1.5)
