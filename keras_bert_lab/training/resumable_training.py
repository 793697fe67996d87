"""A training that goes on where it stopped, to the bit."""

from __future__ import annotations

import logging
import os
import pathlib
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import Batches, as_dataset, as_epochs, numbered_batches
from keras_bert_lab.errors import ResumeError
from keras_bert_lab.training.callback_states import callback_states, check_callbacks, is_known, restore_callbacks
from keras_bert_lab.training.checkpoints import Checkpoint, CheckpointFolder
from keras_bert_lab.training.stop_signals import StopSignals
from keras_bert_lab.training.training_identity import differences, environment, training_identity
from keras_bert_lab.training.training_state import build, restore, state_of

__all__ = ["ResumableTraining", "training_data"]

logger = logging.getLogger("keras_bert_lab")

_LARGEST_SHARE = 0.01
_SHOWN = 8  # differences


class ResumableTraining(keras.callbacks.Callback):
    """Saves a training as it goes; started again after whatever ended it, it goes on from the last checkpoint.

    On the same machine, with the same number of threads, the finished model has the same weights, to the bit, as one whose
    training never stopped.

        training = kbl.ResumableTraining("runs/mine")
        model.fit(training.data(x, y, batch_size=32), epochs=3, callbacks=[training])       # any Keras model
        task.fit(texts, labels, epochs=3, callbacks=[training])                              # tasks of this package

    Call it the same way again: weights, optimizer, seeds, running means, history, and the place in the data are those of the
    last checkpoint, in the middle of an epoch too. Called again after the end, it brings back the finished model. Where
    another model, other data or settings would be mixed with what is there, it refuses, and tells what is different.

    SIGTERM saves after the running batch and ends the process with exit code 143; Ctrl-C saves and raises KeyboardInterrupt.
    A disk that is full costs the checkpoint, not the training: the earlier ones stay, and the log says so.

    Args:
        folder: for checkpoints; one training each. Nobody else may train in it meanwhile.
        every: seconds from one checkpoint to the next; where saving takes long it is done more rarely, so that it takes at most
            1 % of the time. 0 = after every batch, whatever it costs.
        keep: how many checkpoints stay, at least 2.
        callbacks: of those that `fit` is given, the ones that must remember what they saw: EarlyStopping, ReduceLROnPlateau,
            ModelCheckpoint, or your own with `get_state()` -> dict of plain data and `set_state(dict)`. Tasks of this package
            find them by themselves.
        settings: plain data that must also be the same when the training goes on.

    Attributes:
        save_seconds: how long the last checkpoint took.
        earlier_seconds: how long the training took before it went on.

    Raises:
        ResumeError: (when `fit` begins) the folder is in use, cannot be written to, belongs to another training, or has no
            whole checkpoint left.
        ValueError: a number out of range; `fit` on data that are not from `data`.

    Unlike `keras.callbacks.BackupAndRestore` it goes on in the middle of an epoch, with the same order of data, dropout,
    metrics and history; and a kill while it saves costs nothing.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: float = 60.0,
        keep: int = 2,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not every >= 0:
            raise ValueError(f"every must be a number of seconds, at least 0. Received: every={every!r}")
        if not isinstance(keep, int) or keep < 2:
            raise ValueError(f"keep must be at least 2: a checkpoint can be damaged. Received: keep={keep!r}")
        check_callbacks(callbacks)
        self.folder = pathlib.Path(folder)
        self.every = every
        self.keep = keep
        self.callbacks = list(callbacks)
        self.settings = dict(settings or {})
        self.stop = StopSignals()
        self.save_seconds = 0.0
        self.earlier_seconds = 0.0
        self._batches: Batches | None = None
        self._checkpoints: CheckpointFolder | None = None
        self._forget()

    def _forget(self) -> None:
        self._identity: dict[str, Any] = {}
        self._found: Checkpoint | None = None
        self._arrays: dict[str, np.ndarray] = {}
        self._rows: list[dict[str, Any]] = []
        self._next = self._epoch = self._skip = self._batch = 0
        self._means: dict[str, np.ndarray] | None = None
        self._saved: tuple[int, bool] | None = None
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

    def dataset(self, batches: Batches, callbacks: Sequence[keras.callbacks.Callback] = ()) -> Any:
        """Numbered batches as what `fit` takes, from wherever this training stands.

        Args:
            batches: numbered batches.
            callbacks: of `fit`; those that Keras has and that must remember what they saw are found among them.
        """
        self._batches = batches
        self.callbacks += [each for each in callbacks if is_known(each) and each not in self.callbacks]
        return as_epochs(batches, lambda: self._next)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._batches is None:
            raise ValueError(
                "ResumableTraining must know the place in the data. Received: fit on data of its own. Use "
                "fit(training.data(x, y, batch_size=32), ...), or a task of this package."
            )
        self._forget()
        self._checkpoints = CheckpointFolder(self.folder, self.keep)
        try:
            build(self.model, self._batches.batch(0))
            self._identity = training_identity(self.model, self._batches, self.params["epochs"], self.settings)
            self._found = self._checkpoints.newest()
            if self._found is not None:
                self._go_on(self._found)
        except BaseException:
            self._checkpoints.close()
            raise
        self._began = self._saved_at = time.monotonic()
        self.stop.__enter__()

    def _go_on(self, found: Checkpoint) -> None:
        about = found.about
        changed = differences(about["identity"], self._identity)
        if changed:
            raise ResumeError(
                f"The training in {self.folder} can only go on as it was begun. Received: {'; '.join(changed[:_SHOWN])}. Call "
                "it as before; or name another folder, or remove this one, to begin anew. (To train a finished model longer, "
                "load it and fit it again.)"
            )
        for line in differences(about["environment"], environment()):
            logger.warning("The training goes on in another environment, so the last bits of its weights may differ: %s", line)
        self._arrays = found.arrays()
        restore(self.model, self._arrays, ("weights", "optimizer", "seeds"))
        self._rows = list(about["history"])
        self.earlier_seconds = about["seconds"]
        self._next, self._epoch = about["step"], about["epoch"]
        self._saved = (self._next, about["is_finished"])
        self._skip = 0 if about["is_finished"] else self._next - self._epoch * self._steps
        # As BackupAndRestore does: `fit` begins with this epoch.
        self.model._initial_epoch = self.params["epochs"] if about["is_finished"] else self._epoch
        place = "the end" if about["is_finished"] else f"epoch {self._epoch + 1}, batch {self._skip} of {self._steps}"
        print(f"Going on from {place}, saved in {found.folder}", flush=True)

    @property
    def _steps(self) -> int:
        return self._batches.steps_per_epoch  # type: ignore[union-attr]

    def _bring_back(self) -> None:
        """What other callbacks have set anew meanwhile, and running means that Keras has set to nothing."""
        found, self._found = self._found, None
        if found is None:
            return
        restore_callbacks(self.callbacks, found.about["callbacks"], self._arrays)
        if self._skip:
            restore(self.model, self._arrays, ("metrics",))
        self._arrays = {}
        history = getattr(self.model, "history", None)
        if isinstance(history, keras.callbacks.History):
            history.epoch[:] = [row["epoch"] for row in self._rows]
            for row in self._rows:
                for name, value in row["logs"].items():
                    history.history.setdefault(name, []).append(value)

    def _pass_over(self) -> None:
        """Let Keras count the batches that were trained on already, without reading them."""
        train = self.model.train_function
        shown = self.model.get_metrics_result()

        def _step(*arguments: Any) -> Any:  # (iterator), on JAX (state, iterator)
            if self._batch < self._skip:
                return shown if len(arguments) == 1 else (shown, arguments[0])
            self.model.train_function = train
            return train(*arguments)

        self.model.train_function = _step
        self.params["first_batch"] = self._skip

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        if self._found is not None:
            self._bring_back()
            if self._skip:
                self._pass_over()
            return
        self._next = epoch * self._steps
        if self.stop.received is not None:
            self._leave()
        self._save_if_due()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batch = batch
        if batch > self._skip:
            self._save_if_due()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch >= self._skip:
            self._next = self._epoch * self._steps + batch + 1
            if self.stop.received is not None:
                self._leave()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._checkpoints is not None:
            self._means = {name: array.copy() for name, array in state_of(self.model, ("metrics",)).items()}
            self._save_if_due()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._checkpoints is not None and self.stop.received is not None:
            self._leave()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._skip = 0
        self._means = None
        self.params.pop("first_batch", None)
        self._rows.append({"epoch": epoch, "logs": {} if logs is None else logs})  # not a copy: other callbacks add to it

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._bring_back()
        self._save(is_finished=True)
        self._end()
        if self.stop.received is not None:
            self._raise()

    def _save_if_due(self) -> None:
        if not self.every or time.monotonic() - self._saved_at >= max(self.every, self.save_seconds / _LARGEST_SHARE):
            self._save()

    def _save(self, is_finished: bool = False) -> None:
        """Write a checkpoint, unless this place is saved; what fails is told, and the training goes on."""
        if self._saved == (self._next, is_finished):
            return
        began = time.monotonic()
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        remembered, arrays = callback_states(self.callbacks)
        about = {
            "step": self._next,
            "epoch": self._epoch,
            "is_finished": is_finished,
            "seconds": self.earlier_seconds + began - self._began,
            "history": [
                {"epoch": row["epoch"], "logs": {name: float(value) for name, value in row["logs"].items()}} for row in self._rows
            ],
            "callbacks": remembered,
            "identity": self._identity,
            "environment": environment(),
        }
        state = {**state_of(self.model, ("weights", "optimizer", "metrics", "seeds")), **(self._means or {}), **arrays}
        try:
            self._checkpoints.save(state, about)  # type: ignore[union-attr]
            self._saved = (self._next, is_finished)
        except OSError as error:
            logger.error("No checkpoint could be written in %s, the training goes on without it: %s", self.folder, error)
        self._saved_at = time.monotonic()
        self.save_seconds = self._saved_at - began

    def _leave(self) -> None:
        """End the training early, as a signal asked for."""
        self._save()
        self._end()
        if self._saved is not None and self._saved[0] == self._next:
            print(f"Saved in {self.folder}: the same call goes on from here.", file=sys.stderr, flush=True)
        self._raise()

    def _end(self) -> None:
        self.stop.__exit__()
        self._checkpoints.close()  # type: ignore[union-attr]
        self._checkpoints = None
        self.model._initial_epoch = None

    def _raise(self) -> None:
        if self.stop.received is signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt


def training_data(batches: Batches, callbacks: list[keras.callbacks.Callback], first_epoch: int = 0) -> Any:
    """Numbered batches as what `fit` takes; a `ResumableTraining` among the callbacks finds its place in them.

    Args:
        batches: numbered batches.
        callbacks: of `fit`; it is moved to the front, so that what others do in the first batch comes after it.
        first_epoch: number of the first epoch.
    """
    found = [each for each in callbacks if isinstance(each, ResumableTraining)]
    if not found:
        return as_dataset(batches, first_step=first_epoch * batches.steps_per_epoch)
    callbacks.sort(key=lambda each: each not in found)
    return found[0].dataset(batches, callbacks)
