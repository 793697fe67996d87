"""Values by hand and by Keras's own losses, gradients by finite differences."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import FocalLoss

B, C = 11, 5


def probabilities(*shape: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.001, 0.999, shape).astype("float32")


def classes(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of labels (B,), each of them somewhere, and probabilities (B, C) that add up to 1."""
    logits = np.random.default_rng(seed).normal(0, 3, (B, C))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return (np.arange(B) % C).astype("int32"), chances.astype("float32")


def flags(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 2, shape).astype("float32")


# By hand --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gamma", "p", "share"),
    [(2.0, 0.9, 1 / 100), (2.0, 0.5, 1 / 4), (1.0, 0.9, 1 / 10), (5.0, 0.6, 0.4**5), (0.5, 0.75, 0.5), (0.0, 0.3, 1.0)],
)
def test_how_much_less_an_example_counts(gamma: float, p: float, share: float) -> None:
    """Section 3.2 of the paper: with gamma=2 an example of p=0.9 has 100 times less loss than with cross-entropy."""
    assert float(FocalLoss(gamma)([[1]], [[p]])) == pytest.approx(-share * math.log(p), rel=1e-5)
    assert float(FocalLoss(gamma)([[0]], [[1 - p]])) == pytest.approx(-share * math.log(p), rel=1e-5)
    rest = (1 - p) / 2
    assert float(FocalLoss(gamma)([2], [[rest, rest, p]])) == pytest.approx(-share * math.log(p), rel=1e-5)


def test_the_mean_over_labels_and_examples() -> None:
    found = float(FocalLoss(2.0)([[1, 0, 0], [0, 1, 1]], [[0.8, 0.3, 0.5], [0.1, 0.6, 0.2]]))
    right = [0.8, 0.7, 0.5, 0.9, 0.6, 0.2]
    assert found == pytest.approx(-sum((1 - p) ** 2 * math.log(p) for p in right) / 6, rel=1e-5)


def test_weights_of_classes_by_hand() -> None:
    cross_entropy = -math.log(0.8) * 0.2**2
    assert float(FocalLoss(2.0, alpha=0.25)([[1]], [[0.8]])) == pytest.approx(0.25 * cross_entropy, rel=1e-5)
    assert float(FocalLoss(2.0, alpha=0.25)([[0]], [[0.2]])) == pytest.approx(0.75 * cross_entropy, rel=1e-5)
    assert float(FocalLoss(2.0, alpha=[3, 7])([[0]], [[0.2]])) == pytest.approx(3 * cross_entropy, rel=1e-5)
    assert float(FocalLoss(2.0, alpha=[3, 7])([[1]], [[0.8]])) == pytest.approx(7 * cross_entropy, rel=1e-5)
    assert float(FocalLoss(2.0, alpha=[3, 5, 7])([1], [[0.1, 0.8, 0.1]])) == pytest.approx(5 * cross_entropy, rel=1e-5)
    assert float(FocalLoss(2.0, alpha=0.25)([[1, 0]], [[0.8, 0.2]])) == pytest.approx(cross_entropy / 2, rel=1e-5)


def test_smoothed_targets_by_hand() -> None:
    found = float(FocalLoss(2.0, label_smoothing=0.3)([2], [[0.2, 0.1, 0.7]]))
    parts = [0.1 * 0.8**2 * math.log(0.2), 0.1 * 0.9**2 * math.log(0.1), 0.8 * 0.3**2 * math.log(0.7)]
    assert found == pytest.approx(-sum(parts), rel=1e-5)
    found = float(FocalLoss(2.0, label_smoothing=0.3)([[1]], [[0.7]]))
    assert found == pytest.approx(-(0.85 * 0.3**2 * math.log(0.7) + 0.15 * 0.7**2 * math.log(0.3)), rel=1e-5)


# Beside Keras's own losses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(B, 1), (B, C)])
def test_without_gamma_it_is_binary_cross_entropy(shape: tuple[int, int], smoothing: float) -> None:
    targets, chances = flags(*shape), probabilities(*shape)
    wanted = keras.losses.BinaryCrossentropy(label_smoothing=smoothing)(targets, chances)
    assert float(FocalLoss(0.0, smoothing)(targets, chances)) == pytest.approx(float(wanted), abs=1e-6)


@pytest.mark.parametrize("column", [False, True])
def test_without_gamma_it_is_cross_entropy(column: bool) -> None:
    targets, chances = classes()
    wanted = keras.losses.SparseCategoricalCrossentropy()(targets, chances)
    given = targets[:, None] if column else targets
    assert float(FocalLoss(0.0)(given, chances)) == pytest.approx(float(wanted), abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_one_of_several_is_the_focal_loss_of_keras_for_one_hot_targets(gamma: float, smoothing: float) -> None:
    targets, chances = classes()
    one_hot = np.eye(C)[targets]
    alpha = [0.5, 1.0, 2.0, 3.0, 7.0]
    theirs = keras.losses.CategoricalFocalCrossentropy(alpha=alpha, gamma=gamma, label_smoothing=smoothing)
    ours = FocalLoss(gamma, smoothing, alpha=alpha)
    assert float(ours(targets, chances)) == pytest.approx(float(theirs(one_hot, chances)), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.7, 2.0])
@pytest.mark.parametrize("shape", [(B, 1), (B, C)])
def test_one_of_two_is_the_binary_focal_loss_of_keras(shape: tuple[int, int], gamma: float) -> None:
    targets, chances = flags(*shape), probabilities(*shape)
    wanted = keras.losses.BinaryFocalCrossentropy(gamma=gamma)(targets, chances)
    assert float(FocalLoss(gamma)(targets, chances)) == pytest.approx(float(wanted), rel=1e-5)
    weighted = keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=gamma)(targets, chances)
    assert float(FocalLoss(gamma, alpha=0.3)(targets, chances)) == pytest.approx(float(weighted), rel=1e-5)


def test_targets_without_a_column_of_their_own() -> None:
    targets, chances = flags(B, 1), probabilities(B, 1)
    assert float(FocalLoss()(targets[:, 0], chances)) == float(FocalLoss()(targets, chances))


def test_weights_of_examples_and_reductions() -> None:
    targets, chances = classes()
    each = FocalLoss(reduction="none")(targets, chances)
    assert each.shape == (B,)
    weights = np.arange(B).astype("float32")
    found = FocalLoss(reduction="sum")(targets, chances, sample_weight=weights)
    assert float(found) == pytest.approx(float((np.asarray(each) * weights).sum()), rel=1e-5)


# Gradients ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("kind", ["binary", "multi_class", "multi_label"])
def test_gradients_are_those_of_finite_differences(kind: str, gamma: float) -> None:
    """In float64, with respect to the logits."""
    rng = np.random.default_rng(7)
    shape = (3, 1) if kind == "binary" else (3, C)
    targets = np.array([4, 0, 2]) if kind == "multi_class" else flags(*shape)
    alpha = [1.0, 2.0, 3.0, 5.0, 7.0] if kind == "multi_class" else 0.3
    loss = FocalLoss(gamma, 0.1, alpha, dtype="float64")
    output = tf.nn.softmax if kind == "multi_class" else tf.sigmoid
    logits = tf.constant(rng.normal(0, 2, shape))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(targets, output(logits))
    gradient = tape.gradient(value, logits).numpy()
    step = 1e-6
    for place in np.ndindex(*shape):
        up, down = logits.numpy(), logits.numpy()
        up[place] += step
        down[place] -= step
        slope = (float(loss(targets, output(up))) - float(loss(targets, output(down)))) / (2 * step)
        assert gradient[place] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_answers_keep_loss_and_gradient_finite(gamma: float, p: float) -> None:
    chances = tf.constant([[p]])
    with tf.GradientTape() as tape:
        tape.watch(chances)
        value = FocalLoss(gamma)([[1]], chances)
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, chances)).all()


# As a part of models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [None, 0.25, [0.5, 1.5]])
def test_it_is_saved_with_its_settings(alpha: Any) -> None:
    loss = FocalLoss(1.5, 0.1, alpha, name="mine", reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is FocalLoss
    assert again.get_config() == loss.get_config()
    wanted = {"name": "mine", "reduction": "sum", "gamma": 1.5, "label_smoothing": 0.1, "alpha": alpha}
    assert {key: again.get_config()[key] for key in wanted} == wanted
    assert keras.saving.get_registered_name(FocalLoss) == "keras_bert_lab>FocalLoss"


def test_balanced_classes_by_hand() -> None:
    """Of 2 and 3 texts with beta=0.5: (1/2) / (3/4) = 2/3 and (1/2) / (7/8) = 4/7; they add up to 26/21."""
    alpha = FocalLoss.class_balanced([2, 3], beta=0.5).alpha
    assert alpha == pytest.approx([2 / 3 * 42 / 26, 4 / 7 * 42 / 26])
    assert FocalLoss.class_balanced([2, 30, 7], beta=0).alpha == [1, 1, 1]
    nearly = FocalLoss.class_balanced(np.array([20, 60]), beta=1 - 1e-9, gamma=1.0, label_smoothing=0.2)
    assert nearly.alpha == pytest.approx([1.5, 0.5], rel=1e-5)  # 3 : 1
    assert (nearly.gamma, nearly.label_smoothing) == (1.0, 0.2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": -0.1}, r"gamma must be a number from 0 on\. Received: gamma=-0\.1"),
        ({"gamma": float("nan")}, r"gamma must be a number from 0 on\. Received: gamma=nan"),
        ({"gamma": "2"}, r"gamma must be a number from 0 on\. Received: gamma='2'"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be a share .*Received: label_smoothing=1\.0"),
        ({"label_smoothing": -0.1}, r"label_smoothing must be a share .*Received: label_smoothing=-0\.1"),
        ({"alpha": 1.0}, r"alpha must be between 0 and 1, .*Received: alpha=1\.0"),
        ({"alpha": [1.0]}, r"alpha must be a number, or one weight for each .*Received: alpha=\[1\.0\]"),
        ({"alpha": "balanced"}, r"alpha must be a number, or one weight for each .*Received: alpha='balanced'"),
        ({"alpha": [1.0, -2.0]}, r"alpha must hold weights from 0 on\. Received: alpha=\[1\.0, -2\.0\]"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FocalLoss(**settings)


@pytest.mark.parametrize(
    ("alpha", "targets", "chances", "message"),
    [
        ([1, 2], [1], [[0.1, 0.2, 0.7]], r"one weight for each of 3 labels\. Received: alpha=\[1\.0, 2\.0\]"),
        (0.25, [1], [[0.1, 0.2, 0.7]], r"one weight for each of 3 labels\. Received: alpha=0\.25"),
        ([1, 2, 3], [[1]], [[0.1]], r"one weight for each of two labels\. Received: alpha=\[1\.0, 2\.0, 3\.0\]"),
        ([1, 2], [[1, 0]], [[0.1, 0.2]], r"a number for any of several labels\. Received: alpha=\[1\.0, 2\.0\]"),
    ],
)
def test_weights_that_do_not_fit_the_outputs_are_refused(alpha: Any, targets: Any, chances: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FocalLoss(alpha=alpha)(targets, chances)


@pytest.mark.parametrize("counts", [[3], [3, 0], []])
def test_counts_that_are_none_are_refused(counts: list[int]) -> None:
    with pytest.raises(
        ValueError, match=rf"counts must hold at least 1 text .*Received: counts=\[{', '.join(map(str, counts))}\]"
    ):
        FocalLoss.class_balanced(counts)


@pytest.mark.parametrize("beta", [1.0, -0.5])
def test_a_beta_out_of_range_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match=f"beta must be from 0 to less than 1. Received: beta={beta}"):
        FocalLoss.class_balanced([2, 3], beta=beta)
