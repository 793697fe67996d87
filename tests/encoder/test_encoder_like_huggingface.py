"""Tiny random checkpoints written by transformers, with the outputs of its BertModel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from tests.samples import numpy

CASES = ("bert", "bert_gelu_tanh_eps5")


def _load(folder: Path) -> Encoder:
    theirs = json.loads((folder / "config.json").read_text())
    encoder = Encoder(
        EncoderConfig(
            vocab_size=theirs["vocab_size"],
            hidden_size=theirs["hidden_size"],
            num_layers=theirs["num_hidden_layers"],
            num_heads=theirs["num_attention_heads"],
            intermediate_size=theirs["intermediate_size"],
            max_positions=theirs["max_position_embeddings"],
            activation={"gelu": "gelu", "gelu_new": "gelu_tanh"}[theirs["hidden_act"]],
            layer_norm_eps=theirs["layer_norm_eps"],
        )
    )
    tensors = load_file(folder / "model.safetensors")

    def take(name: str, *kinds: str) -> list[np.ndarray]:
        """PyTorch keeps dense kernels as (out, in)."""
        return [tensors.pop(f"{name}.{kind}") for kind in kinds]

    def dense(name: str) -> list[np.ndarray]:
        weight, bias = take(name, "weight", "bias")
        return [weight.T, bias]

    embeddings = encoder.embeddings
    embeddings.token.set_weights(take("embeddings.word_embeddings", "weight"))
    embeddings.position.set_weights(take("embeddings.position_embeddings", "weight"))
    embeddings.segment.set_weights(take("embeddings.token_type_embeddings", "weight"))
    embeddings.norm.set_weights(take("embeddings.LayerNorm", "weight", "bias"))
    for index, block in enumerate(encoder.blocks):
        layer = f"encoder.layer.{index}"
        qkv = [dense(f"{layer}.attention.self.{part}") for part in ("query", "key", "value")]
        block.attention.qkv.set_weights([np.concatenate(part, axis=-1) for part in zip(*qkv, strict=True)])
        block.attention.output_dense.set_weights(dense(f"{layer}.attention.output.dense"))
        block.attention_norm.set_weights(take(f"{layer}.attention.output.LayerNorm", "weight", "bias"))
        block.feed_forward.intermediate.set_weights(dense(f"{layer}.intermediate.dense"))
        block.feed_forward.output_dense.set_weights(dense(f"{layer}.output.dense"))
        block.output_norm.set_weights(take(f"{layer}.output.LayerNorm", "weight", "bias"))
    encoder.pooler.set_weights(dense("pooler.dense"))
    assert tensors == {}
    return encoder


@pytest.mark.parametrize("case", CASES)
def test_every_output_is_that_of_transformers(shared: Path, case: str) -> None:
    folder = shared / "fixtures" / "huggingface" / case
    encoder, expected = _load(folder), np.load(folder / "expected.npz")
    inputs = {name: expected[name] for name in ("input_word_ids", "input_mask", "input_type_ids")}
    outputs = encoder(inputs)
    ours = {
        "last_hidden_state": outputs["sequence_output"],
        "pooler_output": outputs["pooled_output"],
        "hidden_states.0": encoder.embeddings(inputs["input_word_ids"], inputs["input_type_ids"]),
    }
    ours |= {f"hidden_states.{layer + 1}": states for layer, states in enumerate(outputs["encoder_outputs"])}
    ours |= {f"attentions.{layer}": weights for layer, weights in enumerate(encoder.attention_maps(inputs))}
    assert sorted(ours) == sorted(set(expected) - set(inputs))
    for name, tensor in ours.items():
        assert tuple(tensor.shape) == expected[name].shape, name
        assert np.abs(numpy(tensor) - expected[name]).max() < 1e-5, name


def test_the_other_form_of_gelu_would_be_noticed(shared: Path) -> None:
    exact, tanh = (shared / "fixtures" / "huggingface" / case for case in CASES)
    encoder, expected = _load(exact), np.load(tanh / "expected.npz")
    encoder.set_weights(_load(tanh).get_weights())
    outputs = encoder({name: expected[name] for name in ("input_word_ids", "input_mask", "input_type_ids")})
    assert np.abs(numpy(outputs["sequence_output"]) - expected["last_hidden_state"]).max() > 1e-4
