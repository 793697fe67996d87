from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.heads import Pooling
from tests.samples import B, H, S, batch, numpy, relative_error, states


def _hidden(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {"sequence_output": states(), "pooled_output": states(B, H, seed=5)} | arrays


def test_by_hand() -> None:
    hidden = _hidden(sequence_output=np.float32([[[1, -4], [3, -2], [100, 100]]]))
    mask = np.int32([[1, 1, 0]])
    assert numpy(Pooling("mean")(hidden, mask)).tolist() == [[2, -3]]
    assert numpy(Pooling("max")(hidden, mask)).tolist() == [[3, -2]]


def test_cls_is_the_pooled_output() -> None:
    hidden = _hidden()
    np.testing.assert_array_equal(Pooling("cls")(hidden), hidden["pooled_output"])
    np.testing.assert_array_equal(Pooling()(hidden, batch()["input_mask"]), hidden["pooled_output"])


@pytest.mark.parametrize(("mode", "reduce"), [("mean", np.mean), ("max", np.max)])
@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_only_real_tokens_count(mode: str, reduce: object, dtype: str) -> None:
    hidden, mask = _hidden(), batch()["input_mask"]
    expected = [reduce(row[real > 0], axis=0) for row, real in zip(hidden["sequence_output"], mask, strict=True)]
    assert relative_error(Pooling(mode)(hidden, mask.astype(dtype)), np.array(expected)) < 1e-6


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_a_text_without_tokens_gives_zeros(mode: str) -> None:
    mask = batch()["input_mask"]
    mask[3] = 0
    pooled = numpy(Pooling(mode)(_hidden(), mask))
    assert np.abs(pooled[3]).max() == 0
    assert np.abs(np.delete(pooled, 3, axis=0)).min() > 0


def test_means_of_bfloat16_states_are_summed_in_float32() -> None:
    # In bfloat16, 256 + 1 = 256: a sum of ones would stop there, and the mean of 499 ones would be about one half.
    hidden = {"sequence_output": keras.ops.ones((1, 499, 2), dtype="bfloat16")}
    pooled = Pooling("mean", dtype="bfloat16")(hidden, np.ones((1, 499), "int32"))
    assert numpy(pooled).tolist() == [[1, 1]]


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_the_mask_is_needed(mode: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"Pooling(mode='{mode}') needs the padding mask. Received: padding_mask=None")
    ):
        Pooling(mode)(_hidden())


@pytest.mark.parametrize("mode", ["first", None])
def test_unknown_modes_are_refused(mode: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"mode must be one of ['cls', 'mean', 'max']. Received: mode={mode!r}")):
        Pooling(mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["cls", "mean", "max"])
def test_symbolic_shape(mode: str) -> None:
    hidden = {"sequence_output": keras.KerasTensor((None, None, H)), "pooled_output": keras.KerasTensor((None, H))}
    assert Pooling(mode)(hidden, keras.KerasTensor((None, None), "int32")).shape == (None, H)


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_gradient_reaches_real_tokens_only(mode: str) -> None:
    x, mask = tf.constant(states()), batch()["input_mask"]
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(Pooling(mode)({"sequence_output": x}, mask))
    gradient = numpy(tape.gradient(total, x))
    assert np.abs(gradient * (1 - mask[..., None])).max() == 0
    assert gradient.sum(1) == pytest.approx(1, abs=1e-5)  # shares of a mean, or the one place of a maximum: together 1
    assert gradient.shape == (B, S, H)
