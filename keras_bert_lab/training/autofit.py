"""Train without choosing anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.config import check_integer, check_share
from keras_bert_lab.training.autofit_result import AutofitResult
from keras_bert_lab.training.fit_loop import plain_logs
from keras_bert_lab.training.held_out_data import data_with_validation
from keras_bert_lab.training.lr_find import lr_find
from keras_bert_lab.training.progress import Progress
from keras_bert_lab.training.schedules import check_rate
from keras_bert_lab.training.settable_rate import check_one_rate, get_rate, set_rate, settable_rate

__all__ = ["autofit"]

_WARMUP = 0.3  # of the first epoch
_WARMUP_STEPS = 100  # where nobody knows how many an epoch has


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

    The learning rate is that of `lr_find`, on the texts that are trained on (where it can suggest none, the one that the model
    was compiled with); it rises over the first 30 % of the first epoch, is halved after each epoch that has brought nothing,
    and after `patience` of them in a row the training ends. Afterwards the optimizer has the learning rate or schedule that it
    had.

    Args:
        model: compiled, with one learning rate.
        x, y, sample_weight, class_weight: as in its `fit`; x may also be numbered batches.
        validation: share of the texts or rows that is held out, drawn with `seed`; or data: (x, y), (x, y, weights), a data
            set.
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
        ValueError: a model that is not compiled, or with an optimizer of several optimizers; a number out of range; a share
            for the validation of data that cannot be divided; an unknown `monitor`.
    """
    check_one_rate(model)
    if rate is not None:
        check_rate("rate", rate)
    check_integer("max_epochs", max_epochs, 1)
    check_integer("batch_size", batch_size, 1)
    check_integer("patience", patience, 1)
    if validation is None or isinstance(validation, (int, float)):
        check_share("validation", validation)
        validation = float(validation or 0.0)
    weights = {"sample_weight": sample_weight, "class_weight": class_weight}
    data = data_with_validation(model, x, y, weights, validation, batch_size, seed)
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
