"""Train without choosing anything."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import as_dataset
from keras_bert_lab.batches.dataset import as_epochs
from keras_bert_lab.batches.numbered_batches import numbered_batches
from keras_bert_lab.config import check_integer, check_share
from keras_bert_lab.text import as_text_tensor
from keras_bert_lab.training.fit_data import count_rows, holds_texts, is_numbered, take_rows
from keras_bert_lab.training.fit_loop import plain_logs
from keras_bert_lab.training.learning_rate_search import LearningRateSearch
from keras_bert_lab.training.lr_find import lr_find
from keras_bert_lab.training.progress import Progress
from keras_bert_lab.training.schedules import check_rate
from keras_bert_lab.training.settable_rate import check_one_rate, get_rate, set_rate, settable_rate

__all__ = ["AutofitResult", "autofit"]

_WARMUP = 0.3  # of the first epoch
_WARMUP_STEPS = 100  # where nobody knows how many an epoch has


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutofitResult:
    """What `autofit` has done.

    Attributes:
        history: figures of the epochs, as `History.history`, with `learning_rate` at the end of each.
        reason: why it stopped, in a sentence.
        best_epoch: the epoch whose weights the model has now, counted from 1; 0 = those from before.
        rate: the highest learning rate.
        search: what `lr_find` found, where no rate was given.
    """

    history: dict[str, list[Any]]
    reason: str
    best_epoch: int
    rate: float
    search: LearningRateSearch | None

    def __str__(self) -> str:
        return self.reason

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, as for JSON."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return found | {"search": None if self.search is None else self.search.to_dict()}


@dataclasses.dataclass(frozen=True)
class _Data:
    """What is trained on.

    Args:
        search: x, y and weights for the search.
        fit: arguments of `fit`.
        batches: numbered batches of texts, to show the progress.
    """

    search: Mapping[str, Any]
    fit: Mapping[str, Any]
    batches: Any = None


class _WarmUp(keras.callbacks.Callback):
    """A straight line up to the rate in the first part of the first epoch; a function of the numbers of epoch and batch.

    Args:
        rate: the highest.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.epoch = self.steps = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch
        count = (self.params or {}).get("steps")
        self.steps = max(1, round(_WARMUP * count)) if count else _WARMUP_STEPS

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.epoch == 0 and batch <= self.steps:
            set_rate(self.model, self.rate * min(1.0, (batch + 1) / self.steps))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 0:
            set_rate(self.model, self.rate)


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


def _text_data(model: Any, x: Any, y: Any, weights: Mapping[str, Any], validation: Any, batch_size: int, seed: int) -> _Data:
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
    return _Data({"x": batches}, {**fit, "validation_data": validation}, batches)


def _array_data(x: Any, y: Any, weights: Mapping[str, Any], validation: Any, batch_size: int, seed: int) -> _Data:
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
    return _Data({**search, "class_weight": weights["class_weight"]}, fit)


def _data(model: Any, x: Any, y: Any, weights: Mapping[str, Any], validation: Any, batch_size: int, seed: int) -> _Data:
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
        return _Data({"x": x}, {**fit, "validation_data": validation}, x)
    order = {} if isinstance(x, keras.utils.PyDataset) else {"shuffle": False}
    fit = {"x": x, **order, "class_weight": weights["class_weight"], "validation_data": validation}
    return _Data({"x": x, "class_weight": weights["class_weight"]}, fit)


def autofit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    validation: Any = 0.1,
    rate: float | None = None,
    max_epochs: int = 20,
    batch_size: int = 32,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | None = None,
    monitor: str = "val_loss",
    patience: int = 3,
    seed: int = 0,
    verbose: Any = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> AutofitResult:
    """Train a model until it gets no better, without choosing anything; it has its best weights then.

    The learning rate is that of `lr_find`, on the texts that are trained on (where it can suggest none, the one that the model was
    compiled with); it rises over the first 30 % of the first epoch, is halved after each epoch that has brought nothing, and after
    `patience` of them in a row the training ends. Afterwards the optimizer has the learning rate or schedule that it had.

    Args:
        model: compiled, with one learning rate.
        x, y, sample_weight, class_weight: as in its `fit`; x may also be numbered batches.
        validation: share of the texts or rows that is held out, drawn with `seed`; or data: (x, y), (x, y, weights), a data set.
        rate: the highest learning rate; None = found by `lr_find`.
        max_epochs: the most epochs.
        batch_size: rows in a batch, for texts and arrays.
        monitor: the figure of the validation that decides.
        patience: epochs without a better one.
        seed: of the split, and of the order of texts and arrays.
        verbose: as in `fit`.
        callbacks: more of them.

    Returns:
        The history, and why it stopped.

    Raises:
        TypeError: no Keras model; data of an unknown kind.
        ValueError: a model that is not compiled, or with an optimizer of several optimizers; a number out of range; a share for the
            validation of data that cannot be divided; an unknown `monitor`.
    """
    check_one_rate(model)
    if rate is not None:
        check_rate("rate", rate)
    check_integer("max_epochs", max_epochs, 1)
    check_integer("batch_size", batch_size, 1)
    check_integer("patience", patience, 1)
    if validation is None or isinstance(validation, (int, float)):
        check_share("validation", validation)
        validation = float(validation)
    weights = {"sample_weight": sample_weight, "class_weight": class_weight}
    data = _data(model, x, y, weights, validation, batch_size, seed)
    search = None
    if rate is None:
        search = lr_find(model, **data.search, batch_size=batch_size, seed=seed)
        rate = search.suggestion or get_rate(model)
    early = keras.callbacks.EarlyStopping(monitor, patience=patience, restore_best_weights=True)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor, factor=0.5, patience=1, min_delta=0.0)
    # Before early stopping compares the figures: they are checked, so that it need not warn.
    used = [_HasFigure(monitor), _WarmUp(rate), plateau, early, keras.callbacks.TerminateOnNaN()]
    if data.batches is not None and verbose:
        verbose = 0
        used.append(Progress(data.batches))
    arguments = dict(data.fit)
    used += [*arguments.pop("callbacks", []), *callbacks]
    before = model.get_weights()
    with settable_rate(model):
        set_rate(model, rate)
        history = model.fit(**arguments, epochs=max_epochs, verbose=verbose, callbacks=used)
    figures = plain_logs(history.history)
    if not math.isfinite(figures[monitor][0]):
        model.set_weights(before)
        best = 0
    else:
        best = early.best_epoch + 1
    reason = _reason(figures, monitor, best, early, max_epochs)
    return AutofitResult(history=figures, reason=reason, best_epoch=best, rate=rate, search=search)


class _HasFigure(keras.callbacks.Callback):
    """Refuses a figure that the validation does not give."""

    def __init__(self, monitor: str) -> None:
        super().__init__()
        self.monitor = monitor

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.monitor not in (logs or {}):
            known = sorted(name for name in logs or {} if name != "learning_rate")
            raise ValueError(f"monitor must be one of {known}. Received: monitor={self.monitor!r}")


def _reason(figures: Mapping[str, list[Any]], monitor: str, best: int, early: Any, max_epochs: int) -> str:
    epochs = len(figures[monitor])
    if not best:
        return (
            f"the training diverged in epoch 1 ({monitor}: {figures[monitor][0]}): the weights are as before. Pass a lower rate"
        )
    back = f"the weights of epoch {best} are back ({monitor}: {figures[monitor][best - 1]:.4g})"
    if not all(map(math.isfinite, (figures["loss"][-1], figures[monitor][-1]))):
        return f"the training diverged in epoch {epochs}; {back}"
    if early.stopped_epoch:
        return f"{monitor} was no better in {epochs - best} epochs; {back}"
    if epochs < max_epochs:
        return f"another callback ended the training after {epochs} epochs; {back}"
    return f"max_epochs={max_epochs} were trained; {back}"
