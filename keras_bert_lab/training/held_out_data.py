"""Data for a training that is validated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import as_dataset
from keras_bert_lab.batches.dataset import as_epochs
from keras_bert_lab.batches.numbered_batches import numbered_batches
from keras_bert_lab.text import as_text_tensor
from keras_bert_lab.training.fit_data import count_rows, holds_texts, is_numbered, take_rows

__all__ = ["SplitData", "data_with_validation"]


@dataclasses.dataclass(frozen=True)
class SplitData:
    """What is trained on.

    Args:
        search: x, y and weights for the search.
        fit: arguments of `fit`.
        batches: numbered batches of texts, to show the progress.
    """

    search: Mapping[str, Any]
    fit: Mapping[str, Any]
    batches: Any = None


class _Place(keras.callbacks.Callback):
    """Where the next epoch begins in numbered batches."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.step = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.step = epoch * self.steps


def _held_out(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and rows to validate on."""
    some = round(count * share)
    if not 0 < some < count:
        raise ValueError(f"validation must leave rows on both sides. Received: validation={share!r} of {count} rows")
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[some:]), np.sort(order[:some])


def _text_data(
    model: Any, x: Any, y: Any, weights: Mapping[str, Any], validation: Any, batch_size: int, seed: int
) -> SplitData:
    batches = model.batches(x, y, batch_size, seed=seed, **weights)
    if isinstance(validation, float):
        train, rest = _held_out(len(batches.rows), validation, seed)
        batches, held_out = batches.subset(train), batches.subset(rest, shuffle=False)
        validation = as_dataset(held_out, epochs=1)
    elif isinstance(validation, (tuple, list)):
        texts, labels, *others = validation
        held_out = model.batches(texts, labels, batch_size, sample_weight=others[0] if others else None)
        validation = as_dataset(held_out, epochs=1)
    fit = {"x": as_dataset(batches), "steps_per_epoch": batches.steps_per_epoch, "shuffle": False}
    return SplitData({"x": batches}, {**fit, "validation_data": validation}, batches)


def _array_data(x: Any, y: Any, weights: Mapping[str, Any], validation: Any, batch_size: int, seed: int) -> SplitData:
    columns = (as_text_tensor(x) if holds_texts(x) else x, y, weights["sample_weight"])
    count = count_rows(*columns)
    if isinstance(validation, float):
        train, rest = _held_out(count, validation, seed)
        validation = tuple(part for part in take_rows(columns, rest) if part is not None)
        columns = take_rows(columns, train)
    batches = numbered_batches(*columns, batch_size=batch_size, seed=seed)
    place = _Place(batches.steps_per_epoch)
    fit = {
        "x": as_epochs(batches, lambda: place.step),
        "class_weight": weights["class_weight"],
        "shuffle": False,
        "callbacks": [place],
        "validation_data": validation,
        "validation_batch_size": batch_size,
    }
    search = dict(zip(("x", "y", "sample_weight"), columns, strict=True))
    return SplitData({**search, "class_weight": weights["class_weight"]}, fit)


def data_with_validation(
    model: Any, x: Any, y: Any, weights: Mapping[str, Any], validation: Any, batch_size: int, seed: int
) -> SplitData:
    """Data to learn from and data to validate on.

    Args:
        model: to be trained. If it has `batches(texts, labels, ...)`, it takes texts.
        x, y: as in its `fit`; x may also be numbered batches.
        weights: `sample_weight` and `class_weight`, as in `fit`.
        validation: share that is held out, a float; or data.
        batch_size: rows in a batch, for arrays and texts.
        seed: of what is held out, and of the order of arrays and texts.

    Raises:
        TypeError: data of an unknown kind.
        ValueError: a share of data that cannot be divided, or one that leaves one side empty; columns of different length.
    """
    if hasattr(model, "batches") and y is not None and holds_texts(x):
        return _text_data(model, x, y, weights, validation, batch_size, seed)
    is_dataset = hasattr(x, "element_spec") or isinstance(x, keras.utils.PyDataset)
    if not is_dataset and not is_numbered(x):
        return _array_data(x, y, weights, validation, batch_size, seed)
    if isinstance(validation, float):
        raise ValueError(
            f"validation must be data where x is a {type(x).__name__}. Received: validation={validation!r}. Pass another "
            "data set, or (x, y)."
        )
    if is_numbered(x):
        fit = {"x": as_dataset(x), "steps_per_epoch": x.steps_per_epoch, "shuffle": False}
        if is_numbered(validation):
            validation = as_dataset(validation, epochs=1)
        return SplitData({"x": x}, {**fit, "validation_data": validation}, x)
    order = {} if isinstance(x, keras.utils.PyDataset) else {"shuffle": False}
    fit = {"x": x, **order, "class_weight": weights["class_weight"], "validation_data": validation}
    return SplitData({"x": x, "class_weight": weights["class_weight"]}, fit)
