from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_bert_lab.heads import NextSentenceHead
from tests import oracle
from tests.samples import B, H, numpy, randomise, relative_error, states


@pytest.mark.parametrize("shape", [(B, H), (B, 3, H)], ids=["one_pair_a_row", "packed"])
def test_logits_are_one_dense_layer(shape: tuple[int, ...]) -> None:
    head = NextSentenceHead()
    head.build((None, H))
    randomise(head)
    pooled = states(*shape)
    logits = head(pooled)
    assert tuple(logits.shape) == (*shape[:-1], 2)
    assert relative_error(logits, oracle.dense(head.classes, pooled)) < 1e-5


@pytest.mark.parametrize("shape", [(None, H), (None, 3, H)])
def test_symbolic_shape(shape: tuple[int | None, ...]) -> None:
    assert NextSentenceHead()(keras.KerasTensor(shape)).shape == (*shape[:-1], 2)


def test_logits_are_float32_under_mixed_precision() -> None:
    head = NextSentenceHead(dtype="mixed_bfloat16")
    logits = head(keras.ops.cast(states(B, H), "bfloat16"))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert head(keras.KerasTensor((None, H), "bfloat16")).dtype == "float32"


def test_two_weights_start_from_the_given_range() -> None:
    head = NextSentenceHead(initializer_range=0.5)
    head.build((None, 1009))
    kernel, bias = (numpy(weight) for weight in head.weights)
    assert (kernel.shape, bias.tolist()) == ((1009, 2), [0, 0])
    assert kernel.std() == pytest.approx(0.5 * 0.880, rel=0.06)  # a normal distribution cut at two standard deviations
    assert np.abs(kernel).max() <= 1
