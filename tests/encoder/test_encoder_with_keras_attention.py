"""`keras.layers.MultiHeadAttention` in place of `SelfAttention`: the same BERT on the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import Encoder, SelfAttention
from tests.samples import VARIANTS, B, D, H, N, S, batch, config, numpy, randomise, relative_error


def _port(ours: SelfAttention, theirs: keras.layers.MultiHeadAttention) -> None:
    """Our fused (H, 3 N D) -> their query, key and value (H, N, D); our (N D, H) -> their (N, D, H)."""
    kernels = np.split(numpy(ours.qkv.kernel), 3, axis=1)
    biases = np.split(numpy(ours.qkv.bias), 3)
    weights = []
    for kernel, bias in zip(kernels, biases, strict=True):
        weights += [kernel.reshape(H, N, D), bias.reshape(N, D)]
    theirs.set_weights([*weights, numpy(ours.output_dense.kernel).reshape(N, D, H), numpy(ours.output_dense.bias)])


def _pair(**changes: object) -> tuple[Encoder, Encoder]:
    settings = config(**changes)
    ours = randomise(Encoder(settings))
    theirs = Encoder(settings, attention=keras.layers.MultiHeadAttention(N, D, dropout=settings.attention_dropout))
    theirs.embeddings.set_weights(ours.embeddings.get_weights())
    for our_block, their_block in zip(ours.blocks, theirs.blocks, strict=True):
        _port(our_block.attention, their_block.attention)
        for part in ("feed_forward", "attention_norm", "output_norm"):
            getattr(their_block, part).set_weights(getattr(our_block, part).get_weights())
    for part in ("final_norm", "pooler"):
        if getattr(ours, part) is not None:
            getattr(theirs, part).set_weights(getattr(ours, part).get_weights())
    assert ours.count_params() == theirs.count_params()
    return ours, theirs


def _packed() -> dict[str, np.ndarray]:
    example_ids = np.zeros((B, S), "int32")
    example_ids[:, :3], example_ids[:, 3:8] = 1, 2
    positions = np.concatenate([np.arange(3), np.arange(5), np.zeros(3)]).astype("int32") * np.ones((B, 1), "int32")
    starts = np.array([[0, 3, -1]] * B, "int32")
    inputs = batch((8,) * B)
    return inputs | {"input_example_ids": example_ids, "input_positions": positions, "input_example_starts": starts}


@pytest.mark.parametrize("inputs", [batch(), _packed()], ids=["padding_mask", "packed_mask"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equal_outputs_on_equal_weights(variant: str, inputs: dict[str, np.ndarray]) -> None:
    ours, theirs = _pair(**VARIANTS[variant])
    our_outputs, their_outputs, real = ours(inputs), theirs(inputs), inputs["input_mask"][..., None]
    assert relative_error(their_outputs["pooled_output"], our_outputs["pooled_output"]) < 1e-5
    for our_states, their_states in zip(our_outputs["encoder_outputs"], their_outputs["encoder_outputs"], strict=True):
        assert relative_error(numpy(their_states) * real, numpy(our_states) * real) < 1e-5


def test_training_reaches_the_keras_layer() -> None:
    _, theirs = _pair(dropout=0.0, attention_dropout=0.5)
    inputs = batch()
    assert relative_error(theirs(inputs, training=True)["sequence_output"], theirs(inputs)["sequence_output"]) > 0.1
