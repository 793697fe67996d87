"""The kinds of classification, in one place: what output, loss and metrics follow from each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

__all__ = ["KINDS", "Kind", "check_loss", "kind_of"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """What follows from a kind of classification.

    Attributes:
        name: "binary", "multi_class", "multi_label" or "regression".
        activation: of the output layer.
        units: number of outputs for C labels.
        loss: makes the Keras loss.
        metrics: makes the Keras metrics that are watched by default.
        losses: names of the losses of Keras, and of ours, that fit this kind.
    """

    name: str
    activation: str
    units: Callable[[int], int]
    loss: Callable[[], keras.losses.Loss]
    metrics: Callable[[], list[keras.metrics.Metric]]
    losses: tuple[str, ...]


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="binary",
            activation="sigmoid",
            units=lambda labels: 1,
            loss=keras.losses.BinaryCrossentropy,
            metrics=lambda: [keras.metrics.BinaryAccuracy(name="accuracy")],
            losses=("binary_crossentropy", "binary_focal_crossentropy", "focal_loss"),
        ),
        Kind(
            name="multi_class",
            activation="softmax",
            units=lambda labels: labels,
            loss=keras.losses.SparseCategoricalCrossentropy,
            metrics=lambda: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            losses=("sparse_categorical_crossentropy", "focal_loss"),
        ),
        Kind(
            name="multi_label",
            activation="sigmoid",
            units=lambda labels: labels,
            loss=keras.losses.BinaryCrossentropy,
            metrics=lambda: [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.F1Score("micro", 0.5, name="f1")],
            losses=("binary_crossentropy", "binary_focal_crossentropy", "focal_loss"),
        ),
        Kind(
            name="regression",
            activation="linear",
            units=lambda labels: 1,
            loss=keras.losses.MeanSquaredError,
            metrics=lambda: [keras.metrics.MeanAbsoluteError(name="mae")],
            losses=("mean_squared_error", "mean_absolute_error", "huber"),
        ),
    )
}


def kind_of(name: str) -> Kind:
    """The kind of this name.

    Raises:
        ValueError: an unknown kind.
    """
    if name not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}. Received: kind={name!r}")
    return KINDS[name]


def _loss_name(loss: Any) -> str:
    """Canonical name of a Keras loss, given as a name, a function or an object."""
    loss = keras.losses.get(loss)
    name = getattr(loss, "__name__", type(loss).__name__)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")


def check_loss(kind: Kind, loss: Any) -> None:
    """Refuse one of Keras's losses, or of ours, that belongs to another kind; losses of the user's own are let through.

    Raises:
        ValueError: the loss belongs to another kind of output, or wants logits.
    """
    name = _loss_name(loss)
    known = {known for one in KINDS.values() for known in one.losses} | {"categorical_crossentropy"}
    if name in known and name not in kind.losses:
        raise ValueError(
            f"loss must fit the kind of classification: {kind.name!r} ends in {kind.activation} and takes one of "
            f'{list(kind.losses)}. Received: loss={name!r}. Leave out the loss (or pass "auto") to get the right one.'
        )
    if name in kind.losses and isinstance(loss, keras.losses.Loss) and loss.get_config().get("from_logits"):
        raise ValueError(
            f"loss must take probabilities, which {kind.name!r} ends in. Received: loss={name!r} with from_logits=True. "
            'Leave out the loss (or pass "auto") to get the right one.'
        )
