from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_bert_lab.heads import ClassificationHead
from keras_bert_lab.heads.kinds import KINDS
from tests import oracle
from tests.samples import B, H, batch, numpy, randomise, relative_error, states

C = 5
SIZES = {"binary": (2, 1), "multi_class": (C, C), "multi_label": (C, C), "regression": (1, 1)}
ACTIVATIONS = {
    "binary": scipy.special.expit,
    "multi_class": oracle.softmax,
    "multi_label": scipy.special.expit,
    "regression": lambda x: x,
}


def _hidden(scale: float = 1.0) -> dict[str, np.ndarray]:
    return {"sequence_output": scale * states(), "pooled_output": scale * states(B, H, seed=5)}


def _head(kind: str, **settings: Any) -> ClassificationHead:
    head = ClassificationHead(SIZES[kind][0], kind=kind, **settings)
    head.build({"sequence_output": (None, None, H), "pooled_output": (None, H)})
    return randomise(head)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("kind", SIZES)
def test_activation_of_a_dense_layer_on_the_pooled_states(kind: str, pooling: str) -> None:
    head, hidden, mask = _head(kind, pooling=pooling), _hidden(), batch()["input_mask"]
    rows = zip(hidden["sequence_output"].astype("float64"), mask, strict=True)
    reduce = {"mean": np.mean, "max": np.max}.get(pooling)
    pooled = np.array([reduce(row[real > 0], axis=0) for row, real in rows]) if reduce else hidden["pooled_output"]
    logits = oracle.dense(head.classes, pooled)
    assert relative_error(head.logits(hidden, mask), logits) < 1e-5
    assert relative_error(head(hidden, mask), ACTIVATIONS[kind](logits)) < 1e-5


@pytest.mark.parametrize("kind", SIZES)
def test_shapes_and_ranges(kind: str) -> None:
    head = _head(kind)
    outputs = numpy(head(_hidden(30)))
    assert outputs.shape == (B, SIZES[kind][1])
    assert head({name: keras.KerasTensor((None, *array.shape[1:])) for name, array in _hidden().items()}).shape == (
        None,
        SIZES[kind][1],
    )
    if kind == "regression":
        assert outputs.min() < 0
        assert outputs.max() > 1
        return
    assert outputs.min() >= 0
    assert outputs.max() <= 1
    if kind == "multi_class":
        assert outputs.sum(-1) == pytest.approx(1, abs=1e-6)
    if kind == "multi_label":  # each label for itself
        assert np.abs(outputs.sum(-1) - 1).max() > 0.5


@pytest.mark.parametrize("kind", SIZES)
def test_outputs_are_float32_under_mixed_precision(kind: str) -> None:
    head = _head(kind, dtype="mixed_bfloat16")
    hidden = {name: keras.ops.cast(array, "bfloat16") for name, array in _hidden().items()}
    outputs = head(hidden)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    logits = oracle.dense(head.classes, numpy(hidden["pooled_output"]))
    assert relative_error(outputs, ACTIVATIONS[kind](logits)) < 1e-5  # nothing rounded to bfloat16 on the way


def test_dropout_of_the_pooled_states_only_in_training() -> None:
    head, hidden = _head("multi_class", dropout=0.5), _hidden()
    np.testing.assert_array_equal(head(hidden), head(hidden, training=False))
    assert relative_error(head(hidden, training=True), head(hidden)) > 0.1
    head.classes.set_weights([np.ones((H, C)), np.zeros(C)])
    hidden["pooled_output"] = np.ones((1009, H), "float32")
    kept = numpy(head.logits(hidden, training=True))[:, 0] / 2  # number of the H = 15 states kept, each doubled
    assert kept == pytest.approx(np.round(kept), abs=1e-5)
    assert kept.mean() == pytest.approx(H / 2, abs=0.25)  # four standard deviations of a mean of 1009


TARGETS = {"binary": np.array([[0.0]]), "multi_class": np.array([1]), "multi_label": np.array([[0.0, 1.0, 0.0, 1.0, 1.0]])}


@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("flat_labels", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_model_that_is_sure_and_wrong_still_learns(kind: str, flat_labels: bool, run_eagerly: bool) -> None:
    # The probability of the right class underflows to 0 in float32; the gradient of the loss with respect to the logits is
    # still (probability - target), which needs the loss to be computed from the logits behind the activation.
    head = _head(kind, dropout=0.0)
    targets = TARGETS[kind][0] if flat_labels and kind == "binary" else TARGETS[kind]
    wrong = {"binary": [500.0], "multi_class": [500.0, -500.0, 0, 0, 0], "multi_label": [500.0, -500.0, 500.0, -500.0, -500.0]}
    head.classes.set_weights([np.zeros((H, SIZES[kind][1])), np.array(wrong[kind])])
    states_in = keras.Input((H,), name="pooled_output")
    sequence_in = keras.Input((None, H), name="sequence_output")
    inputs = {"sequence_output": sequence_in, "pooled_output": states_in}
    model = keras.Model(inputs, head(inputs))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=KINDS[kind].loss(), run_eagerly=run_eagerly)
    before = numpy(head.classes.bias)
    hidden = {"sequence_output": states(1, 3, H), "pooled_output": states(1, H)}
    loss = model.train_on_batch(hidden, targets)
    moved = numpy(head.classes.bias) - before
    assert np.isfinite(loss)
    assert loss == pytest.approx({"binary": 500, "multi_class": 1000, "multi_label": 500}[kind], rel=1e-5)
    expected = {"binary": [-1], "multi_class": [-1, 1, 0, 0, 0], "multi_label": [-0.2, 0.2, -0.2, 0.2, 0.2]}[kind]
    assert moved == pytest.approx(expected, abs=1e-4)


def test_gradient_reaches_the_states() -> None:
    head, x = _head("multi_class", pooling="mean", dropout=0.0), tf.constant(states())
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(head({"sequence_output": x}, batch()["input_mask"])[:, 0])
    assert np.abs(numpy(tape.gradient(loss, x))).max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "num_labels", "rule"),
    [
        ("binary", 1, "2"),
        ("binary", 3, "2"),
        ("binary", 2.0, "2"),
        ("multi_class", 1, "at least 2"),
        ("multi_class", 5.0, "at least 2"),
        ("multi_class", "5", "at least 2"),
        ("regression", None, "1"),
        ("multi_label", 0, "at least 1"),
        ("regression", 2, "1"),
    ],
)
def test_number_of_labels_must_fit_the_kind(kind: str, num_labels: object, rule: str) -> None:
    message = f"num_labels must be {rule} for kind={kind!r}. Received: num_labels={num_labels!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        ClassificationHead(num_labels, kind=kind)  # type: ignore[arg-type]


def test_unknown_kind_and_pooling_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: kind='softmax'"):
        ClassificationHead(C, kind="softmax")
    with pytest.raises(ValueError, match="Received: mode='first'"):
        ClassificationHead(C, pooling="first")


def test_mean_pooling_needs_the_mask() -> None:
    with pytest.raises(ValueError, match=r"needs the padding mask\. Received: padding_mask=None"):
        _head("multi_class", pooling="mean")(_hidden())


def test_packed_rows_give_one_answer_for_each_text() -> None:
    head, hidden = _head("multi_class"), _hidden() | {"pooled_output": states(B, 3, H)}
    assert tuple(head(hidden).shape) == (B, 3, C)
    assert head({name: keras.KerasTensor(array.shape) for name, array in hidden.items()}).shape == (B, 3, C)


TRANSFORMED = {"tanh": np.tanh, "relu": oracle.relu, "gelu": oracle.gelu}


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("transform", TRANSFORMED)
def test_one_more_layer_before_the_output(transform: str, pooling: str) -> None:
    head, hidden, mask = _head("multi_class", transform=transform, pooling=pooling), _hidden(), batch()["input_mask"]
    rows = zip(hidden["sequence_output"].astype("float64"), mask, strict=True)
    pooled = hidden["pooled_output"] if pooling == "cls" else np.array([row[real > 0].mean(axis=0) for row, real in rows])
    logits = oracle.dense(head.classes, TRANSFORMED[transform](oracle.dense(head.transform_layer, pooled)))
    assert relative_error(head.logits(hidden, mask), logits) < 1e-5
    assert relative_error(head(hidden, mask), oracle.softmax(logits)) < 1e-5
    assert [tuple(weight.shape) for weight in head.weights] == [(H, C), (C,), (H, H), (H,)]


def test_dropout_stands_before_and_after_the_layer() -> None:
    head, hidden = _head("regression", dropout=0.5, transform="relu"), _hidden()
    hidden["pooled_output"] = np.ones((1009, H), "float32")
    head.classes.set_weights([np.ones((H, 1)), np.zeros(1)])
    head.transform_layer.set_weights([np.zeros((H, H)), np.ones(H)])  # every state becomes 1, whatever the first one drops
    kept = numpy(head.logits(hidden, training=True))[:, 0] / 2
    assert kept == pytest.approx(np.round(kept), abs=1e-5)
    assert kept.mean() == pytest.approx(H / 2, abs=0.25)
    head.transform_layer.set_weights([np.ones((H, H)), np.zeros(H)])  # every state becomes the sum that the first one leaves
    first = numpy(head.logits(hidden, training=True))[:, 0] / (2 * 2 * np.maximum(kept, 1))
    assert len(np.unique(np.round(first, 3))) > 3
    np.testing.assert_array_equal(head(hidden), head(hidden, training=False))


def test_the_layer_comes_back_and_outputs_stay_float32() -> None:
    head = _head("multi_class", transform="gelu", dtype="mixed_bfloat16")
    again = ClassificationHead.from_config(head.get_config())
    again.build({"sequence_output": (None, None, H)})
    again.set_weights(head.get_weights())
    outputs = head(_hidden())
    np.testing.assert_array_equal(outputs, again(_hidden()))
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert head.transform_layer.compute_dtype == "bfloat16"
    assert head({name: keras.KerasTensor((None, *array.shape[1:])) for name, array in _hidden().items()}).shape == (None, C)
    assert _head("multi_class").transform_layer is None


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("transform must be one of ['gelu', 'relu', 'tanh'] or None. Received: transform='elu'")
    ):
        ClassificationHead(C, transform="elu")
