from __future__ import annotations

import re

import keras
import pytest

from keras_bert_lab import FocalLoss
from keras_bert_lab.heads.kinds import KINDS, check_loss, kind_of

ALL_LOSSES = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "binary_focal_crossentropy": keras.losses.BinaryFocalCrossentropy,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}
FITS = {
    "binary": {"binary_crossentropy", "binary_focal_crossentropy", "focal_loss"},
    "multi_class": {"sparse_categorical_crossentropy", "focal_loss"},
    "multi_label": {"binary_crossentropy", "binary_focal_crossentropy", "focal_loss"},
    "regression": {"mean_squared_error", "mean_absolute_error", "huber"},
}
SPELLINGS = {
    "name": lambda name: name,
    "function": keras.losses.get,
    "object": lambda name: ALL_LOSSES[name](),
    "class_name": lambda name: ALL_LOSSES[name].__name__,
}


@pytest.mark.parametrize(
    ("name", "activation", "units", "loss"),
    [
        ("binary", "sigmoid", 1, keras.losses.BinaryCrossentropy),
        ("multi_class", "softmax", 5, keras.losses.SparseCategoricalCrossentropy),
        ("multi_label", "sigmoid", 5, keras.losses.BinaryCrossentropy),
        ("regression", "linear", 1, keras.losses.MeanSquaredError),
    ],
)
def test_what_follows_from_a_kind(name: str, activation: str, units: int, loss: type) -> None:
    kind = kind_of(name)
    assert (kind.name, kind.activation, kind.units(5)) == (name, activation, units)
    assert type(kind.loss()) is loss
    assert kind.loss() is not kind.loss()
    assert check_loss(kind, kind.loss()) is None
    assert [type(metric) for metric in kind.metrics()] == [type(metric) for metric in kind.metrics()]
    assert not set(map(id, kind.metrics())) & set(map(id, kind.metrics()))
    assert set(kind.losses) == FITS[name]


def test_an_unknown_kind_is_refused() -> None:
    rule = "kind must be one of ['binary', 'multi_class', 'multi_label', 'regression']. Received: kind='multiclass'"
    with pytest.raises(ValueError, match=re.escape(rule)):
        kind_of("multiclass")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("loss", ALL_LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_of_another_kind_is_refused(kind: str, loss: str, spelling: str) -> None:
    given = SPELLINGS[spelling](loss)
    if loss in FITS[kind]:
        assert check_loss(KINDS[kind], given) is None
        return
    rule = f"{kind!r} ends in {KINDS[kind].activation} and takes one of {list(KINDS[kind].losses)}. Received: loss={loss!r}"
    with pytest.raises(ValueError, match=re.escape(rule)):
        check_loss(KINDS[kind], given)


@pytest.mark.parametrize("kind", KINDS)
def test_the_focal_loss_fits_all_kinds_but_regression(kind: str) -> None:
    if kind != "regression":
        assert check_loss(KINDS[kind], FocalLoss()) is None
        return
    with pytest.raises(ValueError, match="'regression' ends in linear and takes one of .*Received: loss='focal_loss'"):
        check_loss(KINDS[kind], FocalLoss())


@pytest.mark.parametrize("short", ["mse", "mae", "MSE"])
def test_short_names_are_understood(short: str) -> None:
    assert check_loss(KINDS["regression"], short) is None
    with pytest.raises(ValueError, match="Received: loss='mean_"):
        check_loss(KINDS["multi_class"], short)


class _OwnLoss(keras.losses.Loss):
    def call(self, y_true: object, y_pred: object) -> object:
        return y_pred - y_true


def _own_loss(y_true: object, y_pred: object) -> object:
    return y_pred - y_true


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", [_OwnLoss(), _own_loss, "kl_divergence"], ids=["object", "function", "another_of_keras"])
def test_other_losses_are_let_through(kind: str, loss: object) -> None:
    assert check_loss(KINDS[kind], loss) is None


def test_a_misspelt_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="binary_crosentropy"):
        check_loss(KINDS["binary"], "binary_crosentropy")


@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy])
@pytest.mark.parametrize("kind", ["binary", "multi_label"])
def test_a_loss_that_wants_logits_is_refused(kind: str, loss: type) -> None:
    with pytest.raises(ValueError, match=r"Received: loss='binary_\w*crossentropy' with from_logits=True"):
        check_loss(KINDS[kind], loss(from_logits=True))
    assert check_loss(KINDS[kind], loss(label_smoothing=0.1)) is None
