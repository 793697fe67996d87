"""Vectors of windows become one; padding windows do not count."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_bert_lab import WindowPooling
from tests.samples import numpy

X = np.array([[[1, 7, -3], [3, -5, -1], [8, 0, -7]], [[2, 4, 6], [90, 90, 90], [90, 90, 90]]], "float32")
IS_WINDOW = np.array([[True, True, True], [True, False, False]])


def test_by_hand() -> None:
    np.testing.assert_allclose(WindowPooling()(X, IS_WINDOW), [[4, 2 / 3, -11 / 3], [2, 4, 6]], rtol=1e-6)
    np.testing.assert_allclose(WindowPooling("max")(X, IS_WINDOW), [[8, 7, -1], [2, 4, 6]])


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_nothing_of_a_padding_window_gets_through(mode: str) -> None:
    expected = numpy(WindowPooling(mode)(X, IS_WINDOW))
    for value in (0.0, 1e30, np.inf, np.nan):
        spoiled = np.where(IS_WINDOW[:, :, None], X, np.float32(value))
        np.testing.assert_array_equal(WindowPooling(mode)(spoiled, IS_WINDOW.astype("int32")), expected)


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_a_text_without_windows_gives_zeros(mode: str) -> None:
    np.testing.assert_array_equal(WindowPooling(mode)(X, np.zeros_like(IS_WINDOW)), np.zeros((2, 3)))


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_one_window_is_its_vector_bit_by_bit(mode: str) -> None:
    vectors = np.random.default_rng(3).normal(size=(5, 1, 7)).astype("float32")
    for dtype in ("float32", "bfloat16"):
        found = WindowPooling(mode, dtype=dtype)(vectors, np.ones((5, 1), bool))
        np.testing.assert_array_equal(numpy(found), numpy(keras.ops.cast(vectors[:, 0], dtype)))


def test_sums_of_half_precision_keep_their_digits() -> None:
    vectors = np.full((1, 257, 1), 1.0078125, "float32")  # 1 + 1/128, exact in bfloat16
    found = WindowPooling("mean", dtype="bfloat16")(vectors, np.ones((1, 257), bool))
    assert numpy(found).item() == 1.0078125


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mode must be one of \['mean', 'max'\]\. Received: mode='cls'"):
        WindowPooling("cls")
