"""What the settings of `train` mean: kind, loss, cleaning, columns beside the text, what is trained."""

from __future__ import annotations

import re
from typing import Any

import keras

from keras_bert_lab.encoder import add_adapters, add_lora, set_trainable
from keras_bert_lab.encoder.set_trainable import TrainableCounts
from keras_bert_lab.heads import FocalLoss
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.text import TextCleaner
from keras_bert_lab.training import GradualUnfreezing

__all__ = ["adds_lora", "cleaner_of", "extra_columns_of", "kind_of_labels", "loss_of", "make_trainable"]

_ADDED = re.compile(r"(lora|adapters)(?:\s+(\d+))?")
_RANK, _SIZE = 8, 64  # where only "lora" or "adapters" is said
_COLUMN_KINDS = ("number", "category")


def kind_of_labels(kind: str, separator: str | None) -> str:
    """The kind, as far as it follows from the settings.

    Raises:
        ValueError: a separator for labels of which there is one only, or none where there may be several.
    """
    if separator is None and kind != "multi_label":
        return kind
    if separator is None or kind not in ("auto", "multi_label"):
        raise ValueError(
            f"label_separator belongs to kind multi_label: both or none. Received: kind={kind!r}, label_separator={separator!r}"
        )
    return "multi_label"


def loss_of(kind: str, name: str, gamma: float, smoothing: float) -> Any:
    """The loss that was asked for; "auto" = that of the kind.

    Raises:
        ValueError: a focal loss or smoothed labels for numbers.
    """
    if name == "auto" and not smoothing:
        return "auto"
    if kind == "regression":
        raise ValueError(
            "loss and label_smoothing are for labels, not for numbers. "
            f"Received: kind='regression', loss={name!r}, label_smoothing={smoothing}"
        )
    return FocalLoss(gamma=gamma if name == "focal" else 0.0, label_smoothing=smoothing)


def cleaner_of(steps: str) -> TextCleaner | None:
    """The cleaner with these steps, separated by commas; None for no step."""
    return TextCleaner([step.strip() for step in steps.split(",")]) if steps.strip() else None


def extra_columns_of(columns: str) -> dict[str, str] | None:
    """Names of columns and their kinds out of "price:number, brand:category"; None for no column.

    Raises:
        ValueError: a column without a kind, or with another one.

    Example:
        >>> extra_columns_of("price:number, brand:category")
        {'price': 'number', 'brand': 'category'}
    """
    found = {}
    for part in filter(None, (part.strip() for part in columns.split(","))):
        name, _, kind = (each.strip() for each in part.rpartition(":"))
        if not name or kind not in _COLUMN_KINDS:
            raise ValueError(
                "columns must name each column and its kind, number or category: price:number,brand:category. "
                f"Received: columns={columns!r}"
            )
        found[name] = kind
    return found or None


def adds_lora(what: str) -> bool:
    """Whether `make_trainable` adds low-rank updates, which are to be merged after the training.

    Example:
        >>> adds_lora("lora 8"), adds_lora("lora*")
        (True, False)
    """
    added = _ADDED.fullmatch(what)
    return added is not None and added[1] == "lora"


def make_trainable(model: TextClassifier, what: str) -> tuple[TrainableCounts, list[keras.callbacks.Callback]]:
    """Choose what of a model is trained.

    Args:
        model: not compiled yet.
        what: as in `set_trainable`; or "gradual", "lora", "lora 16" (rank), "adapters", "adapters 32" (size).

    Returns:
        How much is trained, and the callbacks that go with it.
    """
    if what == "gradual":
        return set_trainable(model, "all"), [GradualUnfreezing()]
    added = _ADDED.fullmatch(what)
    if added is None:
        return set_trainable(model, what), []
    if adds_lora(what):
        return add_lora(model, rank=int(added[2] or _RANK)), []
    return add_adapters(model, size=int(added[2] or _SIZE)), []
