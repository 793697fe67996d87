"""A training that goes on where it stopped, to the bit."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import Batches, as_dataset, as_epochs, numbered_batches
from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training.callback_states import callback_states, remembering, restore_callbacks
from keras_bert_lab.training.checkpoints import Checkpoint, CheckpointFolder
from keras_bert_lab.training.distribution import arrays_of_main, text_of_main
from keras_bert_lab.training.fit_loop import FitLoop, StopsInFit, metric_names, plain_logs, renamed
from keras_bert_lab.training.training_identity import differences, environment, training_identity, without_rates
from keras_bert_lab.training.training_state import build, restore, state_of

__all__ = ["ResumableTraining", "training_data"]

logger = logging.getLogger("keras_bert_lab")

_LARGEST_SHARE = 0.01
_SHOWN = 8  # differences
_KINDS = ("weights", "states", "optimizer", "metrics", "seeds")
_CHANGED_BY_EVALUATION = ("states", "metrics", "seeds")


class ResumableTraining(keras.callbacks.Callback):
    """Saves a training as it goes; started again after whatever ended it, it goes on from the last checkpoint.

    On the same machine, with the same number of threads, the finished model has the same weights, to the bit, as one whose
    training never stopped.

        training = kbl.ResumableTraining("runs/mine")
        model.fit(training.data(x, y, batch_size=32), epochs=3, callbacks=[training])       # any Keras model
        task.fit(texts, labels, epochs=3, callbacks=[training])                              # tasks of this package

    Call it the same way again: weights, optimizer, seeds, running means, history, what EarlyStopping, ReduceLROnPlateau and
    ModelCheckpoint remember, and the place in the data are those of the last checkpoint, in the middle of an epoch too. Called
    again after the end, it brings back the finished model. Where another model, other data or settings would be mixed with
    what is there, it refuses, and tells what is different.

    SIGTERM saves after the running batch and ends the process with exit code 143; Ctrl-C saves and raises KeyboardInterrupt.
    A disk that is full costs the checkpoint, not the training: the earlier ones stay, and the log says so.

    Args:
        folder: for checkpoints; one training each. Nobody else may train in it meanwhile.
        every: seconds from one checkpoint to the next; where saving takes long it is done more rarely, so that it takes at most
            1 % of the time. 0 = before every batch, whatever it costs.
        keep: how many checkpoints stay, at least 2.
        settings: plain data that must also be the same when the training goes on.
        overwrite: whether another training that is there is given up, instead of refused. The same one goes on.

    Attributes:
        save_seconds: how long the last checkpoint took.
        earlier_seconds: how long the training took before it went on.
        stop: which signal ended the training, see `StopSignals`.

    Raises:
        ResumeError: (when `fit` begins) the folder is in use, cannot be written to, belongs to another training, or has no
            whole checkpoint left.
        RuntimeError: (when `fit` begins) a model whose `fit` is not that of Keras.
        TypeError: settings that are not plain data.
        ValueError: a number out of range; `fit` on data that are not from `data`, with other `steps_per_epoch`, or together
            with `keras.callbacks.BackupAndRestore`.

    A callback of your own is remembered if it has `get_state()` -> dict of plain data and `set_state(dict)`.

    Unlike `keras.callbacks.BackupAndRestore` it goes on in the middle of an epoch, with the same order of data, dropout,
    metrics and history; and a kill while it saves costs nothing (docs/resuming.md).
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: float = 60.0,
        keep: int = 2,
        settings: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__()
        if not every >= 0:
            raise ValueError(f"every must be a number of seconds, at least 0. Received: every={every!r}")
        if not isinstance(keep, int) or keep < 2:
            raise ValueError(f"keep must be at least 2: a checkpoint can be damaged. Received: keep={keep!r}")
        try:
            self.settings: dict[str, Any] = json.loads(json.dumps(dict(settings or {})))
        except TypeError as error:
            raise TypeError(f"settings must be plain data, as for JSON. Received: {settings!r:.200} ({error})") from error
        self.folder = pathlib.Path(folder)
        self.every = every
        self.keep = keep
        self.overwrite = overwrite
        self.stop = StopsInFit(lambda frame: self._loop is not None and self._loop.is_running(frame))
        self.save_seconds = 0.0
        self.earlier_seconds = 0.0
        self._batches: Batches | None = None
        self._data: Any = None
        self._loop: FitLoop | None = None
        self._checkpoints: CheckpointFolder | None = None
        self._forget()

    def _forget(self) -> None:
        self.earlier_seconds = 0.0
        self._identity: dict[str, Any] = {}
        self._environment: dict[str, Any] = {}
        self._remembering: list[keras.callbacks.Callback] = []
        self._found: Checkpoint | None = None  # in the main process
        self._about: Mapping[str, Any] | None = None  # of what is found, in all processes
        self._next = self._epoch = self._skip = 0
        self._logs: dict[str, Any] = {}
        self._before_evaluation: dict[str, np.ndarray] | None = None
        self._is_cut_short = False
        self._saved: tuple[int, int, bool] | None = None
        self._began = self._saved_at = 0.0

    def data(
        self, x: Any, y: Any = None, sample_weight: Any = None, batch_size: int = 32, shuffle: bool = True, seed: int = 0
    ) -> Any:
        """Data for `fit` that this training can find its place in.

        Args:
            x: arrays, tensors, lists or tables with a row for each example, or a dict or tuple of them; or numbered batches
                (anything with `batch(k)` and `steps_per_epoch`); or a `keras.utils.PyDataset`.
            y, sample_weight: with a row for each example, for arrays.
            batch_size: examples in a batch, for arrays.
            shuffle: a new order in each epoch: of the examples, of the batches of a `PyDataset`; numbered batches keep theirs.
            seed: of the order.

        Returns:
            What `fit` takes as x; it knows how many batches an epoch has.

        Raises:
            TypeError: data whose order is not known beforehand, as of a `tf.data.Dataset` or a generator.
            ValueError: columns of different length.
        """
        return self.dataset(numbered_batches(x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, seed=seed))

    def dataset(self, batches: Batches) -> Any:
        """Numbered batches as what `fit` takes, from wherever this training stands."""
        self._forget()
        self._batches = batches
        self._data = as_epochs(batches, lambda: self._next)
        return self._data

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._give_up()  # what an error has left of an earlier `fit`
        self._forget()
        self._environment = environment()
        try:
            self._loop = FitLoop(self.model)
            self._check(self._loop)
            build(self.model, self._batches.batch(0))  # type: ignore[union-attr]
            self._begin(self._loop)
        except BaseException:
            self._give_up()
            raise
        self._began = self._saved_at = time.monotonic()
        self.stop.received = None
        self.stop.__enter__()

    def _check(self, loop: FitLoop) -> None:
        """Refuse what would not be exact."""
        if self._batches is None or loop.data is not self._data:
            raise ValueError(
                "ResumableTraining must know the place in the data. Received: fit on data of its own. Use "
                "fit(training.data(x, y, batch_size=32), ...), or a task of this package."
            )
        if loop.steps_per_epoch != self._steps:
            raise ValueError(
                f"An epoch must hold all batches of the data, {self._steps}. Received: steps_per_epoch={loop.steps_per_epoch}. "
                "Leave it out, or pass numbered batches with other steps_per_epoch."
            )
        if any(isinstance(each, keras.callbacks.BackupAndRestore) for each in loop.callbacks):
            raise ValueError("ResumableTraining takes the place of BackupAndRestore. Received: both. Leave the latter out.")

    def _begin(self, loop: FitLoop) -> None:
        # What others do in a batch or an epoch comes after the checkpoint before it; some change the weights in the end.
        loop.put_first(self, at_last=self._finish)
        self._remembering = remembering(loop.callbacks)
        callback_states(self._remembering)  # refuses what could not be saved
        fit = {**loop.arguments, "callbacks": [type(each).__name__ for each in self._remembering]}
        about = json.loads(text_of_main(lambda: json.dumps(self._look(fit))))
        if about is not None:
            self._go_on(about, loop)

    def _look(self, fit: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The plain data of the newest checkpoint, of this training; None where there is none."""
        self._checkpoints = CheckpointFolder(self.folder, self.keep)
        self._identity = training_identity(self.model, self._batches, fit, self.settings)  # type: ignore[arg-type]
        self._found = self._checkpoints.newest()
        if self._found is None:
            return None
        about = self._found.about
        before, now = about["identity"], self._identity
        if without_rates(now) == now:
            before = without_rates(before)
        changed = differences(before, now)
        if changed and self.overwrite:
            print(f"Given up: another training in {self.folder}", flush=True)
            self._checkpoints.clear()
            self._found = None
            return None
        if changed:
            more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise ResumeError(
                f"The training in {self.folder} can only go on as it was begun. Received: {'; '.join(changed[:_SHOWN])}{more}. "
                "Call it as before; or, to begin anew, name another folder, or give this one up with overwrite. (To train a "
                "finished model longer, load it and fit it again.)"
            )
        self._identity = about["identity"]
        for line in differences(about["environment"], self._environment):
            logger.warning("The training goes on in another environment, so the last bits of its weights may differ: %s", line)
        return about

    def _go_on(self, about: Mapping[str, Any], loop: FitLoop) -> None:
        self._about = about
        self.earlier_seconds = about["seconds"]
        self._next, self._epoch = about["step"], about["epoch"]
        self._logs = renamed(about["logs"], about["metrics"], metric_names(self.model))
        self._saved = (self._next, self._epoch, about["is_finished"])
        if about["is_finished"]:
            self.model._initial_epoch = loop.arguments["epochs"]
            place = "the end"
        else:
            self._skip = self._next - self._epoch * self._steps
            # As BackupAndRestore does: `fit` begins with this epoch. It takes 0 for nothing.
            self.model._initial_epoch = self._epoch
            place = f"epoch {self._epoch + 1}, batch {self._skip} of {self._steps}"
        print(f"Going on from {place}, saved in {self.folder}", flush=True)

    @property
    def _steps(self) -> int:
        return self._batches.steps_per_epoch  # type: ignore[union-attr]

    def _bring_back(self) -> None:
        """All of the checkpoint: as late as can be, so that it also takes back what others have set meanwhile."""
        about, self._about = self._about, None
        if about is None:
            return
        arrays = arrays_of_main(dict if self._found is None else self._found.arrays)
        restore(self.model, arrays, _KINDS)
        restore_callbacks(self._remembering, about["callbacks"], arrays)
        epochs, history = about["history"]["epoch"], about["history"]["history"]
        known = renamed(history, about["metrics"], metric_names(self.model))
        self._loop.history = {"epoch": epochs, "history": known}  # type: ignore[union-attr]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model._initial_epoch = None
        self.params.pop("first_batch", None)
        is_found, skip, self._skip = self._about is not None, self._skip, 0
        if is_found and epoch != self._epoch:
            raise ResumeError(
                f"The training in {self.folder} goes on in epoch {self._epoch}. Received: initial_epoch={epoch}. Leave it out."
            )
        self._epoch = epoch
        if is_found and skip:
            self.params["first_batch"] = skip
            self._loop.begin_at(skip, self._bring_back, self._logs)  # type: ignore[union-attr]
            return
        self._bring_back()
        self._next = epoch * self._steps
        self._save_or_leave()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._next = self._epoch * self._steps + batch
        self._save_or_leave()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # Saved when the next batch or the evaluation begins: after what other callbacks do at the end of this one. With
        # steps_per_execution the last number can be beyond the epoch.
        self._next = self._epoch * self._steps + min(batch + 1, self._steps)
        self._logs = dict(logs or {})

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._loop is not None and self._loop.is_running(sys._getframe()):
            found = state_of(self.model, _CHANGED_BY_EVALUATION)
            self._before_evaluation = {name: array.copy() for name, array in found.items()}
            self._save_or_leave()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # What others have done for the evaluation, such as exchanging the weights, they shall take back first.
        if self._before_evaluation is not None and not self.model.stop_training and self.stop.agreed():
            self.model.stop_evaluating = self._is_cut_short = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._is_cut_short:
            self._leave()
        self._before_evaluation = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._bring_back()

    def _finish(self) -> None:
        """After all callbacks: some change the weights at the end."""
        self._save(is_finished=True)
        is_told_to_stop = self.stop.agreed()
        self._give_up()
        if is_told_to_stop:
            self._raise()

    def _save_or_leave(self) -> None:
        if self.model.stop_training:  # by another callback: what is left of `fit` is done once
            return
        if self.stop.agreed():
            self._leave()
        if not self.every or time.monotonic() - self._saved_at >= max(self.every, self.save_seconds / _LARGEST_SHARE):
            self._save()

    def _save(self, is_finished: bool = False) -> None:
        """Write a checkpoint, unless this place is saved; what fails is told, and the training goes on."""
        place = (self._next, self._epoch, is_finished)
        if self._saved == place or self._checkpoints is None:  # the main process keeps them, for all
            return
        began = time.monotonic()
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        remembered, arrays = callback_states(self._remembering)
        about = {
            "step": self._next,
            "epoch": self._epoch,
            "is_finished": is_finished,
            "seconds": self.earlier_seconds + began - self._began,
            "history": self._loop.history,  # type: ignore[union-attr]
            "logs": plain_logs(self._logs),
            "callbacks": remembered,
            "metrics": metric_names(self.model),
            "identity": self._identity,
            "environment": self._environment,
        }
        state = {**state_of(self.model, _KINDS), **(self._before_evaluation or {}), **arrays}
        try:
            self._checkpoints.save(state, about)
            self._saved = place
        except OSError as error:
            logger.error("No checkpoint could be written in %s, the training goes on without it: %s", self.folder, str(error))
        self._saved_at = time.monotonic()
        self.save_seconds = self._saved_at - began

    def _leave(self) -> None:
        """End the training early, as a signal asked for."""
        self._save()
        is_saved = self._saved == (self._next, self._epoch, False)
        self._give_up()
        if is_saved:
            print(f"\nSaved in {self.folder}: the same call goes on from here.", file=sys.stderr, flush=True)
        self._raise()

    def _give_up(self) -> None:
        """Let go of the folder and of the process's signals."""
        self.stop.__exit__()
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._checkpoints = self._loop = self._found = self._about = self._before_evaluation = None
        self.model._initial_epoch = None

    def _raise(self) -> None:
        if self.stop.received is signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt


def training_data(batches: Batches, callbacks: list[keras.callbacks.Callback], first_epoch: int = 0) -> Any:
    """Numbered batches as what `fit` takes; a `ResumableTraining` among the callbacks finds its place in them.

    Args:
        batches: numbered batches.
        callbacks: of `fit`.
        first_epoch: number of the first epoch.
    """
    found = [each for each in callbacks if isinstance(each, ResumableTraining)]
    if not found:
        return as_dataset(batches, first_step=first_epoch * batches.steps_per_epoch)
    return found[0].dataset(batches)
