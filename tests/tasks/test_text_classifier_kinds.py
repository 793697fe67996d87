"""Each kind of classification learns, is weighted as it should be, and gives its table."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import AdamW, TextClassifier
from tests.samples import numpy
from tests.tasks.small_tasks import LABELS, NUMBERS, TEXTS, classifier, encoder, preprocessor

R = len(TEXTS)
MOODS = ["so so" if "was" in text else label for text, label in zip(TEXTS, LABELS, strict=True)]
PARTS = [[word for word in ("film", "play", "was") if word in text] for text in TEXTS]
LENGTHS = [len(text.split()) / 7 for text in TEXTS]
TASKS: dict[str, tuple[Any, Any]] = {
    "binary": (LABELS, LABELS),
    "multi_class": (MOODS, MOODS),
    "multi_label": (PARTS, PARTS),
    "regression": (None, LENGTHS),
}


@pytest.fixture(scope="module", params=TASKS)
def learned(request: pytest.FixtureRequest) -> tuple[str, TextClassifier, dict[str, list[float]]]:
    """A classifier of each kind that has learned its texts by heart."""
    names, labels = TASKS[request.param]
    model = classifier(names, kind=request.param, pooling="mean", compiled=False)
    model.compile(AdamW(3e-2))
    return request.param, model, model.fit(TEXTS, labels, batch_size=R, epochs=67, verbose=0).history


def test_it_learns(learned: tuple[str, TextClassifier, dict[str, list[float]]]) -> None:
    kind, model, history = learned
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    found = model.evaluate(TEXTS, TASKS[kind][1], verbose=0, return_dict=True)
    if kind == "regression":
        assert set(found) == {"loss", "mae"}
        assert found["mae"] < 0.1
    else:
        assert found["accuracy"] == 1.0
        assert set(found) == {"loss", "accuracy"} | ({"f1"} if kind == "multi_label" else set())


def test_the_table_says_what_the_numbers_say(learned: tuple[str, TextClassifier, dict[str, list[float]]]) -> None:
    kind, model, _ = learned
    outputs, table = model.predict(TEXTS), model.predict_text(TEXTS, batch_size=3)
    assert list(table.columns) == ["label", "score", "probabilities"]
    assert len(table) == R
    if kind == "regression":
        assert outputs.shape == (R, 1)
        np.testing.assert_allclose(table.label, outputs[:, 0], atol=1e-5)
        np.testing.assert_allclose(table.score, outputs[:, 0], atol=1e-5)
        assert table.probabilities.tolist() == [{}] * R
        return
    expected = np.hstack([1 - outputs, outputs]) if kind == "binary" else outputs
    assert table.label.tolist() == TASKS[kind][1]
    np.testing.assert_allclose([list(row.values()) for row in table.probabilities], expected, atol=1e-5)
    assert all(list(row) == model.labels for row in table.probabilities)
    np.testing.assert_allclose(table.score, expected.max(1), atol=1e-5)
    if kind in ("binary", "multi_class"):
        np.testing.assert_allclose(expected.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("binary", "BinaryCrossentropy"),
        ("multi_class", "SparseCategoricalCrossentropy"),
        ("multi_label", "BinaryCrossentropy"),
        ("regression", "MeanSquaredError"),
    ],
)
def test_the_loss_follows_from_the_kind(kind: str, loss: str) -> None:
    model = classifier(TASKS[kind][0], kind=kind, compiled=False)
    model.compile()
    assert type(model.loss).__name__ == loss
    assert isinstance(model.optimizer, AdamW)
    assert float(model.optimizer.learning_rate) == pytest.approx(5e-5)


@pytest.mark.parametrize(
    ("kind", "loss", "name"),
    [
        ("binary", "sparse_categorical_crossentropy", "sparse_categorical_crossentropy"),
        ("multi_class", "binary_crossentropy", "binary_crossentropy"),
        ("multi_class", "categorical_crossentropy", "categorical_crossentropy"),
        ("multi_label", keras.losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy"),
        ("regression", "binary_crossentropy", "binary_crossentropy"),
        ("binary", "mse", "mean_squared_error"),
    ],
)
def test_the_loss_of_another_kind_is_refused(kind: str, loss: Any, name: str) -> None:
    model = classifier(TASKS[kind][0], kind=kind, compiled=False)
    with pytest.raises(ValueError, match=re.escape(f"Received: loss='{name}'")):
        model.compile(loss=loss)


def test_a_loss_of_the_same_kind_and_one_of_the_user_are_taken() -> None:
    model = classifier(kind="binary", compiled=False)
    for loss in ("binary_focal_crossentropy", keras.losses.BinaryCrossentropy(label_smoothing=0.1), lambda y, p: (y - p) ** 2):
        model.compile(loss=loss, metrics=[], run_eagerly=True)
        assert model.evaluate(TEXTS, LABELS, verbose=0) > 0


def after_a_step(texts: Any, labels: Any, **settings: Any) -> list[np.ndarray]:
    model = classifier()
    model.fit(texts, labels, batch_size=R, verbose=0, **settings)
    return model.get_weights()


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def test_weights_of_classes_are_those_of_keras() -> None:
    by_hand = after_a_step(TEXTS, LABELS, sample_weight=[5.0 if label == "pos" else 0.5 for label in LABELS])
    tokens = {name: numpy(values).astype("int32") for name, values in preprocessor()(TEXTS).items()}
    of_keras = after_a_step(tokens, np.array(NUMBERS), class_weight={0: 0.5, 1: 5.0}, shuffle=False)
    assert difference(by_hand, of_keras) < 1e-6
    assert difference(after_a_step(TEXTS, LABELS, class_weight={"neg": 0.5, "pos": 5.0}), by_hand) == 0
    assert difference(after_a_step(TEXTS, LABELS, class_weight={0: 0.5, 1: 5.0}), by_hand) == 0
    assert difference(after_a_step(TEXTS, LABELS), by_hand) > 1e-3


def test_a_text_of_weight_0_teaches_nothing() -> None:
    weights = [1.0] * (R - 1) + [0.0]
    wrong = [*LABELS[:-1], "neg"]
    assert (
        difference(after_a_step(TEXTS, wrong, sample_weight=weights), after_a_step(TEXTS, LABELS, sample_weight=weights)) == 0
    )


def test_evaluate_weighs_texts() -> None:
    model = classifier()
    weights = np.arange(R)
    chance = model.predict(TEXTS)[:, 0]
    each = -np.log(np.where(np.array(NUMBERS), chance, 1 - chance))
    found = model.evaluate(TEXTS, LABELS, batch_size=4, sample_weight=weights, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx((weights * each).sum() / R, rel=1e-5)  # Keras divides by the number of texts


def test_it_trains_in_half_precision() -> None:
    model = TextClassifier(encoder("mixed_bfloat16"), preprocessor(), LABELS, pooling="mean", dropout=0.0)
    model.compile(AdamW(3e-2))
    history = model.fit(TEXTS, LABELS, batch_size=R, epochs=23, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert model.compute_dtype == "bfloat16"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.predict(TEXTS).dtype == np.float32
