"""Probabilities that are too sure, or not sure enough, set right by one number."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_bert_lab.evaluation.calibration import BINS, Calibration, ReliabilityBins, confidences
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.tasks.labels import encode_labels

__all__ = ["TemperatureScaling", "calibrate", "fit_temperature"]

optimize = LazyModule("scipy.optimize", install="scipy")
special = LazyModule("scipy.special", install="scipy")

_LOWEST, _HIGHEST = 0.05, 20.0
"""Between these the temperature is looked for; what is found for trained models lies between 0.5 and 5."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TemperatureScaling:
    """What `calibrate` did.

    Attributes:
        temperature: T, by which the logits are divided: above 1 = the model was too sure, below 1 = not sure enough.
        before: how well the probabilities fitted before.
        after: how well they fit now, on the same texts.
        loss_before: mean cross-entropy before.
        loss_after: mean cross-entropy now; never higher.
    """

    temperature: float
    before: Calibration
    after: Calibration
    loss_before: float
    loss_after: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return (
            f"temperature {self.temperature:.3f}: loss {self.loss_before:.4f} -> {self.loss_after:.4f}, "
            f"ECE {self.before.ece:.3f} -> {self.after.ece:.3f}, MCE {self.before.mce:.3f} -> {self.after.mce:.3f} "
            f"({self.before.examples} decisions)"
        )


def _margins(true: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """By how much each decision is right (below 0: wrong): of a text against the best other label, or of each label."""
    if true.ndim == 2:
        return np.where(true, logits, -logits).ravel()
    rows = np.arange(len(true))
    others = logits.copy()
    others[rows, true] = -np.inf
    return np.asarray(logits[rows, true] - others.max(axis=1))


def _loss(true: np.ndarray, logits: np.ndarray) -> float:
    """Mean cross-entropy, from logits: also where a probability would be 0 in float32."""
    if true.ndim == 2:
        return float(np.logaddexp(0.0, np.where(true, -logits, logits)).mean())
    return float((special.logsumexp(logits, axis=1) - logits[np.arange(len(true)), true]).mean())


def _slope(inverse: float, true: np.ndarray, logits: np.ndarray) -> float:
    """Derivative of the loss by 1 / T."""
    if true.ndim == 2:
        return float((logits * (special.expit(inverse * logits) - true)).mean())
    expected = (special.softmax(inverse * logits, axis=1) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(true)), true]).mean())


def fit_temperature(true: np.ndarray, logits: np.ndarray) -> float:
    """The temperature T with the lowest cross-entropy of logits / T.

    The loss is convex in 1 / T, so there is one minimum: where its derivative is 0. It lies between 0.05 and 20. Where every
    decision is right, the loss falls for ever as T goes to 0, and such a T would say nothing but that the texts were few: then
    T is 1.

    Args:
        true: numbers of the true labels, int (R,), for logits of C labels; or bool (R, C), each label by itself.
        logits: float64 (R, C).

    Returns:
        T; 1 for logits that cannot be made better.

    Reference: Guo et al. 2017, "On calibration of modern neural networks", section 4.2.

    Example:
        >>> logits = np.log(3.0) * 5 * np.array([[1.0, 0.0]] * 4)  # right in 3 of 4 cases, and far too sure: 3^5 to 1
        >>> round(fit_temperature(np.array([0, 0, 0, 1]), logits), 6)
        5.0
    """
    if (_margins(true, logits) >= 0).all():
        return 1.0
    low, high = 1 / _HIGHEST, 1 / _LOWEST
    if _slope(low, true, logits) >= 0:
        best = low
    elif _slope(high, true, logits) <= 0:
        best = high
    else:
        best = float(optimize.brentq(_slope, low, high, args=(true, logits), xtol=1e-12))
    # A minimum to the last digit, but never above where it was.
    return 1 / best if _loss(true, best * logits) < _loss(true, logits) else 1.0


@contextlib.contextmanager
def _giving_logits(model: TextClassifier) -> Iterator[None]:
    """Inside, `predict` gives what the last activation would get."""
    activation, predict_function = model.head.activation, model.predict_function
    model.head.activation, model.predict_function = keras.activations.linear, None  # so it is traced anew
    try:
        yield
    finally:
        model.head.activation, model.predict_function = activation, predict_function


def _check(model: Any) -> None:
    if not isinstance(model, TextClassifier):
        raise TypeError(f"model must be a TextClassifier. Received: {type(model).__name__}")
    if model.kind == "regression":
        raise ValueError("calibrate needs probabilities. Received: a model with kind='regression'")
    if getattr(model.head.classes, "quantization_mode", None) is not None:
        raise ValueError(
            "The head's last layer must hold numbers that can be scaled. Received: one that is quantized to "
            f"{model.head.classes.quantization_mode!r}. Calibrate before quantizing."
        )


def _scale(model: TextClassifier, factor: float) -> None:
    """Multiply the logits; a threshold moves with them, so that the labels stay."""
    layer = model.head.classes
    last_of_lora = [layer.lora_kernel_b] if getattr(layer, "lora_enabled", False) else []
    for weight in [layer._kernel, *last_of_lora, *([layer.bias] if layer.bias is not None else [])]:
        weight.assign(keras.ops.convert_to_numpy(weight) * factor)
    if model.threshold is not None:
        moved = special.expit(special.logit(np.asarray(model.threshold)) * factor)
        model.threshold = moved.tolist()


def calibrate(model: TextClassifier, texts: Any, labels: Any, batch_size: int = 64, bins: int = BINS) -> TemperatureScaling:
    """Make a classifier's probabilities fit how often it is right, by temperature scaling, on texts it was not trained on.

        softmax(z / T)  or  sigmoid(z / T),  z: logits

    T is the one with the lowest cross-entropy. It goes into the model: kernel and bias of the head's last layer are divided by
    T. So it is saved and exported with the model, and there is nothing to be forgotten. The most probable label stays the most
    probable one; a `threshold` of the model moves along, so that every label stays. Training the model further undoes it.

    Args:
        model: a TextClassifier that is trained; it is changed.
        texts: validation texts, as for `predict`. Not those of the training, on which the model is surer than it should be; nor
            those of the test, whose figures would then be too good.
        labels: one for each text, by name or number.
        batch_size: texts in a batch.
        bins: of the calibration error.

    Returns:
        The temperature, and figures from before and after.

    Raises:
        DataError: a label that the model does not know.
        TypeError: no TextClassifier.
        ValueError: a regression, a quantized head, or another number of labels than texts.

    Reference: Guo et al. 2017, section 4.2.
    """
    _check(model)
    targets = encode_labels(labels, model.labels, model.kind)
    true = targets.astype(np.int64) if model.kind == "multi_class" else targets > 0.5
    with _giving_logits(model):
        logits = np.asarray(model.predict(texts, batch_size=batch_size), np.float64)
    if len(logits) != len(true):
        raise ValueError(f"There must be one label for each text. Received: {len(logits)} texts, {len(true)} labels")
    temperature = fit_temperature(true, logits)
    if temperature != 1.0:
        _scale(model, 1 / temperature)
    figures = [_calibration(model.kind, true, each, bins) for each in (logits, logits / temperature)]
    losses = [_loss(true, each) for each in (logits, logits / temperature)]
    return TemperatureScaling(
        temperature=temperature, before=figures[0], after=figures[1], loss_before=losses[0], loss_after=losses[1]
    )


def _calibration(kind: str, true: np.ndarray, logits: np.ndarray, bins: int) -> Calibration:
    counted = ReliabilityBins(bins)
    if kind == "multi_class":
        counted.add(*confidences(true, special.softmax(logits, axis=1)))
    elif kind == "multi_label":
        counted.add(*confidences(true, special.expit(logits)))
    else:
        chance = special.expit(logits)
        counted.add(*confidences(true[:, 0].astype(np.int64), np.concatenate([1 - chance, chance], axis=1)))
    return counted.result()
