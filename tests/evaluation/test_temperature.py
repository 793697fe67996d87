"""Temperature scaling: the number that is found, and what it does to a model.

A head with weights of its own choice on random states gives logits that are too sure, without any training.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy import special

from keras_bert_lab import (
    TextClassifier,
    calibrate,
    calibration,
    export_saved_model,
    load_exported,
    load_task,
    save_task,
)
from keras_bert_lab.evaluation.temperature import _loss, fit_temperature
from keras_bert_lab.export import saved_model
from tests.export.test_export_saved_model import _here
from tests.samples import randomise
from tests.tasks.small_tasks import TEXTS, WORDS, classifier, language_model

NAMES = ["a", "b", "ç"]


def true_and_logits(kind: str, temperature: float, rows: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax or sigmoid of some logits, and these logits times the temperature."""
    random = np.random.default_rng(11)
    logits = random.normal(size=(rows, 5 if kind == "multi_class" else 3))
    if kind == "multi_class":
        chances = special.softmax(logits, axis=1)
        return (chances.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1), logits * temperature
    return random.random(logits.shape) < special.expit(logits), logits * temperature


@pytest.mark.parametrize("kind", ["multi_class", "multi_label"])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5, 7.0])
def test_a_known_temperature_is_found(kind: str, temperature: float) -> None:
    true, logits = true_and_logits(kind, temperature)
    assert fit_temperature(true, logits) == pytest.approx(temperature, rel=0.03)


@pytest.mark.parametrize("kind", ["multi_class", "multi_label"])
@pytest.mark.parametrize("seed", range(5))
def test_no_temperature_of_a_fine_grid_is_better(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(31, 4)) * random.choice([0.3, 1, 5])
    true = random.integers(0, 4, 31) if kind == "multi_class" else random.random((31, 4)) < 0.4
    found = fit_temperature(true, logits)
    grid = np.geomspace(0.05, 20, 1501)
    losses = [_loss(true, logits / temperature) for temperature in grid]
    assert _loss(true, logits / found) <= min(losses) + 1e-12
    assert 0.05 <= found <= 20


def test_the_loss_is_the_cross_entropy_of_keras() -> None:
    true, logits = true_and_logits("multi_class", 2.0, 23)
    ours = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(true, logits)
    assert _loss(true, logits) == pytest.approx(float(ours), rel=1e-5)
    true, logits = true_and_logits("multi_label", 2.0, 23)
    ours = keras.losses.BinaryCrossentropy(from_logits=True)(true.astype(float), logits)
    assert _loss(true, logits) == pytest.approx(float(ours), rel=1e-5)


@pytest.mark.parametrize(
    ("true", "logits", "temperature"),
    [
        (np.array([0, 1]), [[2.0, 1.0], [0.0, 3.0]], 1.0),  # all right: no finite temperature is best
        (np.array([[True, False]]), [[2.0, -1.0]], 1.0),
        (np.array([0, 1]), [[1.0, 2.0], [2.0, 1.0]], 20.0),  # all wrong: the least sure
        (np.array([0, 1]), [[1.0, 1.0], [2.0, 2.0]], 1.0),  # nothing to choose
        (np.array([0] * 999 + [1]), [[1e-3, 0.0]] * 1000, 0.05),  # far from sure enough
    ],
)
def test_at_the_ends(true: np.ndarray, logits: list[list[float]], temperature: float) -> None:
    assert fit_temperature(true, np.array(logits)) == pytest.approx(temperature)


def texts_for_calibration(rows: int = 211) -> list[str]:
    random = np.random.default_rng(5)
    return [" ".join(random.choice(WORDS[5:], random.integers(1, 9))) for _ in range(rows)]


def sure_model(kind: str, texts: list[str], **settings: Any) -> tuple[TextClassifier, Any]:
    """A model that is too sure, and labels that it is right about now and then."""
    labels = ["neg", "pos"] if kind == "binary" else NAMES
    model = randomise(classifier(labels, kind=kind, pooling="mean", **settings))
    model.head.classes.kernel.assign(3 * model.head.classes.kernel)
    outputs = model.predict(texts)
    random = np.random.default_rng(2)
    if kind == "multi_class":
        true = np.where(random.random(len(texts)) < 0.6, outputs.argmax(axis=1), random.integers(0, 3, len(texts)))
        return model, [NAMES[place] for place in true]
    flags = np.where(random.random(outputs.shape) < 0.7, outputs > 0.5, random.random(outputs.shape) < 0.5)
    if kind == "binary":
        return model, [labels[int(flag)] for flag in flags[:, 0]]
    return model, [[name for name, flag in zip(NAMES, row, strict=True) if flag] for row in flags]


@pytest.mark.parametrize("kind", ["binary", "multi_class", "multi_label"])
def test_it_changes_how_sure_a_model_is_and_nothing_else(kind: str) -> None:
    texts = texts_for_calibration()
    model, labels = sure_model(kind, texts, compiled=False)
    model.compile()
    before = {"outputs": model.predict(texts), "answers": model.predict_text(texts).label.tolist()}
    loss = model.evaluate(texts, labels, verbose=0, return_dict=True)["loss"]
    weights = {weight.path: weight.numpy() for weight in model.weights}
    found = calibrate(model, texts, labels)
    assert found.temperature > 1.5
    after = model.predict(texts)
    assert model.predict_text(texts).label.tolist() == before["answers"]
    if kind == "multi_class":
        assert (after.argmax(axis=1) == before["outputs"].argmax(axis=1)).all()
    assert found.loss_after < found.loss_before
    assert found.loss_before == pytest.approx(loss, rel=1e-3)
    assert found.loss_after == pytest.approx(model.evaluate(texts, labels, verbose=0, return_dict=True)["loss"], rel=1e-4)
    logits = special.logit(before["outputs"].astype(float)) if kind != "multi_class" else np.log(before["outputs"])
    activation = special.expit if kind != "multi_class" else lambda values: special.softmax(values, axis=1)
    np.testing.assert_allclose(after, activation(logits / found.temperature), atol=1e-4)
    assert found.after.ece < 0.7 * found.before.ece
    assert found.after.ece == pytest.approx(calibration(labels, after, model.labels).ece, abs=0.02)
    assert str(found).startswith(f"temperature {found.temperature:.3f}: loss {found.loss_before:.4f} -> ")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["temperature"] == found.temperature
    for weight in model.weights:
        factor = 1 / found.temperature if "classes" in weight.path else 1.0
        np.testing.assert_allclose(weight.numpy(), weights[weight.path] * factor, rtol=1e-6)
    assert calibrate(model, texts, labels).temperature == pytest.approx(1.0, abs=1e-3)


@pytest.fixture
def checked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", _here)


@pytest.mark.usefixtures("checked_here")
def test_it_is_saved_and_exported(tmp_path: Path) -> None:
    texts = texts_for_calibration(61)
    model, labels = sure_model("binary", texts)
    model.threshold = 0.8
    answers = model.predict_text(texts).label.tolist()
    found = calibrate(model, texts, labels)
    assert model.threshold == pytest.approx(special.expit(special.logit(0.8) / found.temperature))
    outputs = model.predict(texts)
    save_task(model, tmp_path / "task")
    exported = load_exported(export_saved_model(model, tmp_path / "exported"))
    again = load_task(tmp_path / "task")
    np.testing.assert_allclose(again.predict(texts), outputs, atol=1e-6)
    np.testing.assert_allclose(exported(texts)["probabilities"][:, 1], outputs[:, 0], atol=1e-5)
    for table in (model.predict_text(texts), again.predict_text(texts), exported.predict_text(texts)):
        assert table.label.tolist() == answers
    assert {*answers} == {"neg", "pos"}
    assert exported(texts)["label"].tolist() == answers
    np.testing.assert_allclose(exported(texts)["score"], np.maximum(outputs, 1 - outputs)[:, 0], atol=1e-5)
    assert exported.description["threshold"] == model.threshold
    model.threshold = None
    assert model.predict_text(texts).label.tolist() != answers


def test_matrices_of_low_rank_on_the_head_are_scaled_too() -> None:
    texts = texts_for_calibration(61)
    model, labels = sure_model("multi_class", texts)
    model.head.classes.enable_lora(2)
    model.head.classes.lora_kernel_b.assign(np.random.default_rng(3).normal(size=(2, 3)))
    logits = np.log(model.predict(texts))
    found = calibrate(model, texts, labels)
    assert found.temperature != 1.0
    np.testing.assert_allclose(model.predict(texts), special.softmax(logits / found.temperature, axis=1), atol=1e-4)


def test_a_model_that_is_always_right_stays_as_it_is() -> None:
    model = randomise(classifier())
    answers = model.predict_text(TEXTS).label
    before = model.get_weights()
    found = calibrate(model, TEXTS, answers, batch_size=3)
    assert found.temperature == 1.0
    assert found.loss_before == found.loss_after
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("model must be a TextClassifier. Received: MaskedLanguageModel")):
        calibrate(language_model(), TEXTS, TEXTS)
    numbers = classifier(None, kind="regression")
    with pytest.raises(ValueError, match=re.escape("calibrate needs probabilities. Received: a model with kind='regression'")):
        calibrate(numbers, TEXTS, [1.0] * len(TEXTS))
    model = classifier()
    activation = model.head.activation
    with pytest.raises(ValueError, match=re.escape("There must be one label for each text. Received: 11 texts, 1 labels")):
        calibrate(model, TEXTS, ["pos"])
    assert model.head.activation is activation
    model.head.classes.quantize("int8")
    with pytest.raises(ValueError, match=re.escape("quantized to 'int8'. Calibrate before quantizing.")):
        calibrate(model, TEXTS, ["pos"] * len(TEXTS))
