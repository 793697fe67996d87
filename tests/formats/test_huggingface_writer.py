"""What is written comes back: weights and settings exactly. `test_like_transformers.py` shows it to transformers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from keras_bert_lab import Encoder, FormatError
from keras_bert_lab.encoder import FeedForward
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.huggingface import read_huggingface
from keras_bert_lab.formats.huggingface_names import FAMILIES
from keras_bert_lab.formats.huggingface_writer import write_huggingface
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead
from tests.formats.written_models import (
    CLASSES,
    CONFIGS,
    LABELS,
    MODELS,
    TRANSFORMS,
    classification,
    make,
    next_sentence,
    written,
)
from tests.samples import D, N, config, randomise


def _equal(ours: keras.layers.Layer, again: keras.layers.Layer) -> None:
    for one, other in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("family", "task"), MODELS)
def test_a_model_comes_back(family: str, task: str, tmp_path: Path) -> None:
    encoder, heads = written(family, task, tmp_path)
    checkpoint = read_huggingface(tmp_path)
    theirs = family.removesuffix("_base")
    assert checkpoint.family == theirs
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [FAMILIES[theirs].word + CLASSES[task]]
    keeps_pooler = encoder.config.pooler and task != "masked_lm"
    assert checkpoint.config == encoder.config.replace(pooler=keeps_pooler)
    again = checkpoint.encoder(pooler=encoder.config.pooler)
    if encoder.config.pooler and not keeps_pooler:
        again.pooler.set_weights(encoder.pooler.get_weights())  # theirs has none, and the head does not use it
    _equal(encoder, again)
    assert len(checkpoint.heads) == len(heads)
    for head, layer in zip(checkpoint.heads, heads, strict=True):
        if isinstance(layer, ClassificationHead):
            _check_classification(task, TRANSFORMS.get(family), checkpoint, layer)
            continue
        twin = MaskedLMHead(again) if isinstance(layer, MaskedLMHead) else next_sentence()
        checkpoint.fill_head(head.table, head_slots(twin))
        _equal(layer, twin)


def _check_classification(kind: str, transform: str | None, checkpoint: Any, layer: ClassificationHead) -> None:
    (head,) = checkpoint.heads
    assert (head.labels, head.dropout, head.table.transform) == (LABELS[kind], 0.375, transform)
    assert head.kind == ("multi_class" if kind == "binary" else kind)
    twin = ClassificationHead(len(head.labels) or 1, head.kind, transform=head.table.transform)
    twin.build({"sequence_output": (None, None, N * D)})
    checkpoint.fill_head(head.table, head_slots(twin))
    if kind != "binary":
        _equal(layer, twin)
        return
    # One score and a sigmoid became two scores and a softmax.
    hidden = {name: np.random.default_rng(1).normal(size=(7, N * D)).astype("float32") for name in ("pooled_output",)}
    hidden["sequence_output"] = hidden["pooled_output"][:, None, :]
    ours, theirs = np.asarray(layer(hidden)), np.asarray(twin(hidden))
    np.testing.assert_allclose(theirs, np.concatenate([1 - ours, ours], axis=1), atol=1e-6)


def test_what_stands_in_the_config(tmp_path: Path) -> None:
    written("bert", "multi_label", tmp_path)
    theirs = json.loads((tmp_path / "config.json").read_text())
    assert theirs["problem_type"] == "multi_label_classification"
    assert theirs["id2label"] == {"0": "rot", "1": "grün", "2": "blau"}
    assert theirs["label2id"] == {"rot": 0, "grün": 1, "blau": 2}
    assert (theirs["classifier_dropout"], theirs["hidden_act"], theirs["layer_norm_eps"]) == (0.375, "gelu_new", 1e-3)
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}  # else transformers refuses it


def test_kernels_are_written_as_pytorch_has_them(tmp_path: Path) -> None:
    encoder, _ = written("bert", "encoder", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    kernel = np.asarray(encoder.blocks[1].attention.qkv.kernel)  # (H, 3 * H)
    np.testing.assert_array_equal(tensors["encoder.layer.1.attention.self.key.weight"], kernel[:, N * D : 2 * N * D].T)
    np.testing.assert_array_equal(tensors["pooler.dense.weight"], np.asarray(encoder.pooler.kernel).T)
    assert not any("None" in name for name in tensors)


def test_labels_have_names_where_none_are_given(tmp_path: Path) -> None:
    encoder, heads = make("bert", "multi_class")
    write_huggingface(encoder, None, tmp_path, heads)
    assert read_huggingface(tmp_path).heads[0].labels == tuple(f"LABEL_{place}" for place in range(5))


@keras.saving.register_keras_serializable(package="tests_of_the_writer")
class Doubled(FeedForward):
    """A layer of somebody's own."""


def _own_blocks() -> Encoder:
    return Encoder(config(), feed_forward=Doubled(13))


_OURS = "Save the task in our own format"
REFUSED: dict[str, tuple[Any, Any, str]] = {
    "pre_norm": (lambda: Encoder(config(norm_first=True)), lambda encoder: [], "norm_first=True has no place"),
    "own_blocks": (_own_blocks, lambda encoder: [], r"must be made of SelfAttention and FeedForward.*Doubled in block_0"),
    "mean": ("bert", lambda encoder: [classification("binary", pooling="mean")], rf"Received: pooling='mean'. {_OURS}"),
    "max": ("bert", lambda encoder: [classification("binary", pooling="max")], r"Received: pooling='max'"),
    "transform": ("bert", lambda encoder: [classification("binary", "tanh")], r"transform of the head must be None.*'tanh'"),
    "other_transform": ("electra", lambda encoder: [classification("binary", "tanh")], r"must be 'gelu'.*Received: 'tanh'"),
    "no_transform": ("distilbert", lambda encoder: [classification("binary")], r"must be 'relu'.*Received: None"),
    "no_pooler": (
        lambda: Encoder(config(pooler=False)),
        lambda encoder: [],
        r"pooler must be True for BertModel of transformers. Received: pooler=False. Load or make the encoder with pooler=True",
    ),
    "no_pooler_below_a_head": (
        lambda: Encoder(config(pooler=False)),
        lambda encoder: [classification("binary")],
        r"pooler must be True for BertForSequenceClassification",
    ),
    "pooler_below_a_transform": (
        "roberta",
        lambda encoder: [classification("binary", "tanh")],
        r"pooler must be False for RobertaForSequenceClassification",
    ),
    "pooler_of_electra": (
        lambda: Encoder(config(embedding_size=7)),
        lambda encoder: [],
        r"pooler must be False for ElectraModel of transformers. Received: pooler=True",
    ),
    "no_such_class": ("roberta", lambda encoder: [next_sentence()], "transformers has no RobertaForNextSentencePrediction"),
    "no_pretraining": ("roberta", lambda encoder: [MaskedLMHead(encoder), next_sentence()], "has no RobertaForPreTraining"),
    "no_head_of_the_generator": (
        "electra",
        lambda encoder: [MaskedLMHead(encoder), next_sentence()],
        "transformers has no ElectraForPreTraining with these heads",
    ),
    "activation_of_the_head": (
        lambda: Encoder(config(type_vocab_size=1, pad_id=1, position_offset=2, activation="relu")),
        lambda encoder: [MaskedLMHead(encoder)],
        r"activation must be 'gelu' for RobertaForMaskedLM. Received: 'relu'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_transformers_cannot_compute_is_refused(name: str, tmp_path: Path) -> None:
    made, heads, message = REFUSED[name]
    encoder = Encoder(CONFIGS[made]) if isinstance(made, str) else made()
    with pytest.raises(FormatError, match=f"(?s){message}"):
        write_huggingface(encoder, None, tmp_path, heads(encoder))
    assert list(tmp_path.iterdir()) == []


def test_heads_in_another_order_are_refused(tmp_path: Path) -> None:
    encoder, heads = make("bert", "pretraining")
    with pytest.raises(
        TypeError, match=re.escape("['MaskedLMHead', 'NextSentenceHead'], ['ClassificationHead']]. Received: [<Next")
    ):
        write_huggingface(encoder, None, tmp_path, heads[::-1])


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 10), ("bfloat16", 7)])
@pytest.mark.parametrize("family", ["bert", "albert"])
def test_weights_can_be_written_in_half_precision(family: str, dtype: str, digits: int, tmp_path: Path) -> None:
    encoder, heads = make(family, "pretraining")
    write_huggingface(encoder, None, tmp_path, heads)
    full = (tmp_path / "model.safetensors").stat().st_size
    write_huggingface(encoder, None, tmp_path, heads, dtype=dtype)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == dtype
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert {file.get_tensor(name).dtype.name for name in file.keys()} == {dtype}  # noqa: SIM118, it is no dict
    assert (tmp_path / "model.safetensors").stat().st_size < 0.7 * full  # the header is half of such a tiny model
    checkpoint = read_huggingface(tmp_path)
    again = checkpoint.encoder()
    heads_again = [MaskedLMHead(again), next_sentence()]
    for head, layer in zip(checkpoint.heads, heads_again, strict=True):
        checkpoint.fill_head(head.table, head_slots(layer))
    for one, other in zip([encoder, *heads], [again, *heads_again], strict=True):
        for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
            assert theirs.dtype == np.float32
            # rounded to the nearest number with so many binary digits behind the first
            np.testing.assert_allclose(theirs, ours, rtol=2.0 ** -(digits + 1), atol=2.0**-25)
    assert not np.array_equal(encoder.embedding_table, again.embedding_table)


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        (
            "float16",
            7e4,
            r"at most 65504 to be written as float16. Received: 2 larger ones, up to 70000. Use dtype=bfloat16 or",
        ),
        (
            "bfloat16",
            3.4e38,
            r"at most 3.38953e\+38 to be written as bfloat16. Received: 2 larger .* 3.4e\+38. Use dtype=float32",
        ),
    ],
)
def test_what_half_precision_cannot_hold_is_refused_by_name(dtype: str, value: float, message: str, tmp_path: Path) -> None:
    encoder, heads = make("bert", "masked_lm")
    bias = np.asarray(heads[0].transform.bias).copy()
    bias[[2, 5]] = value, -value
    heads[0].transform.bias.assign(bias)
    with pytest.raises(FormatError, match=r"^cls.predictions.transform.dense.bias must hold numbers of " + message):
        write_huggingface(encoder, None, tmp_path, heads, dtype=dtype)
    assert list(tmp_path.iterdir()) == []
    write_huggingface(encoder, None, tmp_path, heads)


def test_an_encoder_in_half_precision_is_written_in_full(tmp_path: Path) -> None:
    encoder = randomise(Encoder(config(), dtype="bfloat16"))
    write_huggingface(encoder, None, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype("float32")}
    again = read_huggingface(tmp_path).encoder(dtype="bfloat16")
    for one, other in zip(encoder.weights, again.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one, np.float32), np.asarray(other, np.float32))
