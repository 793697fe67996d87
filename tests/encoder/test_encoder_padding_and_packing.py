"""Padding changes no real position, and texts packed into one row give what they give in rows of their own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import MaskedLMHead, Pooling
from tests.samples import MAX_POSITIONS, VARIANTS, D, N, V, batch, config, numpy, randomise, relative_error

LENGTHS = (3, 5, 2, 7, 4)
ROWS = ((0, 1, 2), (3, 4))  # which text is packed into which row: 10 and 11 of 13 places
WIDTH = 13
K = 3  # texts in a row, at most
ATTENTIONS = ("ours", "keras")


def _encoder(attention: str = "ours", **changes: Any) -> Encoder:
    layer = keras.layers.MultiHeadAttention(N, D) if attention == "keras" else None
    return randomise(Encoder(config(dropout=0.0, attention_dropout=0.0, **changes), attention=layer))


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_changes_nothing(variant: str, pooling: str) -> None:
    encoder, pool = _encoder(**VARIANTS[variant]), Pooling(pooling)
    padded = batch(LENGTHS, MAX_POSITIONS)
    outputs = encoder(padded)
    pooled = pool(outputs, padded["input_mask"])
    for row, length in enumerate(LENGTHS):
        alone = {name: array[row : row + 1, :length] for name, array in padded.items()}
        expected = encoder(alone)
        assert relative_error(outputs["sequence_output"][row, :length], expected["sequence_output"][0]) < 1e-5
        assert relative_error(pooled[row], pool(expected, alone["input_mask"])[0]) < 1e-5


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_what_stands_in_the_padding_does_not_matter(attention: str) -> None:
    encoder, inputs, other = _encoder(attention), batch(seed=3), batch(seed=4)
    real = inputs["input_mask"].astype(bool)
    other = {name: np.where(real, inputs[name], other[name]).astype("int32") for name in inputs}
    assert (other["input_word_ids"] != inputs["input_word_ids"]).any()
    first, second = encoder(inputs), encoder(other)
    assert relative_error(first["sequence_output"][real], second["sequence_output"][real]) < 1e-6
    assert relative_error(first["pooled_output"], second["pooled_output"]) < 1e-6


def _separate() -> dict[str, np.ndarray]:
    """The texts in rows of their own; the first and the last token of each is masked."""
    inputs = batch(LENGTHS, max(LENGTHS))
    rng = np.random.default_rng(5)
    return inputs | {
        "masked_lm_positions": np.array([(0, length - 1) for length in LENGTHS], "int32"),
        "masked_lm_ids": rng.integers(1, V, (len(LENGTHS), 2)).astype("int32"),
    }


def _packed(separate: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same texts in two rows, with arbitrary tokens in the padding."""
    packed = batch((WIDTH,) * len(ROWS), WIDTH, seed=6)
    packed["input_mask"][:] = 0
    for name in ("input_example_ids", "input_positions"):
        packed[name] = np.zeros((len(ROWS), WIDTH), "int32")
    packed["input_example_starts"] = np.full((len(ROWS), K), -1, "int32")
    for name in ("masked_lm_positions", "masked_lm_ids"):
        packed[name] = np.zeros((len(ROWS), 2 * K), "int32")
    packed["masked_lm_weights"] = np.zeros((len(ROWS), 2 * K), "float32")
    for row, texts in enumerate(ROWS):
        start = 0
        for place, text in enumerate(texts):
            length = LENGTHS[text]
            span = slice(start, start + length)
            for name in ("input_word_ids", "input_type_ids", "input_mask"):
                packed[name][row, span] = separate[name][text, :length]
            packed["input_example_ids"][row, span] = place + 1
            packed["input_positions"][row, span] = np.arange(length)
            packed["input_example_starts"][row, place] = start
            targets = slice(2 * place, 2 * place + 2)
            packed["masked_lm_positions"][row, targets] = start + separate["masked_lm_positions"][text]
            packed["masked_lm_ids"][row, targets] = separate["masked_lm_ids"][text]
            packed["masked_lm_weights"][row, targets] = 1
            start += length
    return packed


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_packed_rows_equal_separate_rows(variant: str, attention: str) -> None:
    encoder, separate = _encoder(attention, **VARIANTS[variant]), _separate()
    packed = _packed(separate)
    apart, together = encoder(separate), encoder(packed)
    assert tuple(together["pooled_output"].shape) == (len(ROWS), K, 15)
    for row, texts in enumerate(ROWS):
        for place, text in enumerate(texts):
            start = packed["input_example_starts"][row, place]
            ours = together["sequence_output"][row, start : start + LENGTHS[text]]
            assert relative_error(ours, apart["sequence_output"][text, : LENGTHS[text]]) < 1e-5
            assert relative_error(together["pooled_output"][row, place], apart["pooled_output"][text]) < 1e-5
    assert np.abs(numpy(together["pooled_output"])[packed["input_example_starts"] < 0]).max() == 0


def test_attention_never_crosses_texts() -> None:
    packed = _packed(_separate())
    ids = packed["input_example_ids"]
    crossing = (ids[:, :, None] != ids[:, None, :])[:, None]
    for weights in _encoder().attention_maps(packed):
        real = (ids > 0)[:, None, :, None]
        assert (numpy(weights) * crossing * real).max() == 0


def test_padding_in_a_packed_row_stays_finite() -> None:
    assert np.isfinite(numpy(_encoder()(_packed(_separate()))["sequence_output"])).all()


def _masked_lm_loss(encoder: Encoder, head: MaskedLMHead, inputs: dict[str, np.ndarray]) -> Any:
    logits = head(encoder(inputs)["sequence_output"], inputs["masked_lm_positions"])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(inputs["masked_lm_ids"], logits)
    weights = inputs.get("masked_lm_weights", np.ones(losses.shape, "float32"))
    return tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("variant", ["post_norm", "pre_norm", "shared_layers", "factorised"])
def test_packing_changes_neither_the_loss_nor_a_gradient(variant: str, attention: str) -> None:
    encoder = _encoder(attention, **VARIANTS[variant])
    head = randomise(MaskedLMHead(encoder), seed=8)
    separate = _separate()
    weights = [weight.value for weight in encoder.trainable_weights + head.trainable_weights]
    found = []
    for inputs in (separate, _packed(separate)):
        with tf.GradientTape() as tape:
            loss = _masked_lm_loss(encoder, head, inputs)
        found.append((loss, tape.gradient(loss, weights, unconnected_gradients="zero")))
    (loss, gradients), (packed_loss, packed_gradients) = found
    assert float(packed_loss) == pytest.approx(float(loss), rel=1e-5)
    largest = max(np.abs(numpy(gradient)).max() for gradient in gradients)
    for weight, ours, expected in zip(
        encoder.trainable_weights + head.trainable_weights, packed_gradients, gradients, strict=True
    ):
        # Some gradients are zero by nature (a key's bias moves all scores of a row alike): measure by the largest of all.
        assert np.abs(numpy(ours) - numpy(expected)).max() < 1e-5 * largest, weight.path
        if not weight.path.endswith(("bias", "pooler/kernel")):
            assert np.abs(numpy(expected)).max() > 1e-3 * largest, weight.path
