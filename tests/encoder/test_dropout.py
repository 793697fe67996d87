"""Dropout drops the share it should, keeps the expectation, and draws anew at each call."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_share_and_scale(rate: float) -> None:
    count = 200_003  # odd: the last random word is used by half
    dropped = keras.ops.convert_to_numpy(Dropout(rate, seed=3)(np.ones((count,), "float32"), training=True))
    share = float((dropped == 0).mean())
    assert share == pytest.approx(rate, abs=4 * (rate * (1 - rate) / count) ** 0.5)  # four standard errors
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate), rtol=1e-4)  # the rate is rounded to 1/65536
    assert float(dropped.mean()) == pytest.approx(1.0, abs=4 * (rate / (1 - rate) / count) ** 0.5)


def test_both_halves_of_a_random_word_are_independent() -> None:
    kept = keras.ops.convert_to_numpy(Dropout(0.5, seed=5)(np.ones((100_000,), "float32"), training=True)) != 0
    assert np.corrcoef(kept[0::2], kept[1::2])[0, 1] == pytest.approx(0.0, abs=4 / 50_000**0.5)


def test_switched_off_it_changes_nothing() -> None:
    states = np.arange(21, dtype="float32").reshape(3, 7)
    assert np.array_equal(Dropout(0.3)(states, training=False), states)
    assert np.array_equal(Dropout(0.0)(states, training=True), states)
    assert np.array_equal(Dropout(0.3)(states), states)


def test_each_call_draws_anew_and_a_seed_repeats() -> None:
    states = np.ones((5, 11, 13), "float32")
    first, again = Dropout(0.4, seed=7), Dropout(0.4, seed=7)
    one, two = first(states, training=True), first(states, training=True)
    assert not np.array_equal(one, two)
    assert np.array_equal(again(states, training=True), one)
    assert one.shape == (5, 11, 13)


def test_the_gradient_passes_where_the_value_passed() -> None:
    states, layer = tf.ones((3, 17)), Dropout(0.25, seed=11)
    with tf.GradientTape() as tape:
        tape.watch(states)
        outputs = layer(states, training=True)
    gradient = tape.gradient(outputs, states).numpy()
    assert np.array_equal(gradient, outputs.numpy())  # of ones: the factor of each value is its own gradient
    assert set(np.unique(gradient)) == {0.0, np.float32(65536 / (65536 - 16384))}


def test_half_precision_stays_half() -> None:
    outputs = Dropout(0.5, dtype="mixed_bfloat16", seed=1)(np.ones((7, 3), "float32"), training=True)
    assert outputs.dtype == tf.bfloat16
    assert set(np.unique(tf.cast(outputs, tf.float32))) <= {0.0, 2.0}
