"""The loop inside of a `keras.Model.fit` that is running."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import keras
import numpy as np

from keras_bert_lab.training.stop_signals import StopSignals

__all__ = ["FitLoop", "StopsInFit", "metric_names", "plain_logs", "renamed"]

_ARGUMENTS = ("epochs", "class_weight", "validation_freq")


def _is_of(frame: FrameType, model: keras.Model) -> bool:
    names = frame.f_locals
    return names.get("self") is model and "epoch_iterator" in names and "callbacks" in names


class FitLoop:
    """What Keras tells its callbacks nothing of: each other, the arguments of `fit`, and the loop over an epoch's batches.

    It is found on the call stack, so it is made by a callback, in `on_train_begin`.

    Args:
        model: of the callback.

    Attributes:
        data: what `fit` reads.
        arguments: of `fit`, those that decide what is learned.

    Raises:
        RuntimeError: `on_train_begin` was not called by Keras's own `fit`.
    """

    def __init__(self, model: keras.Model) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not _is_of(frame, model):
            frame = frame.f_back
        names = {} if frame is None else frame.f_locals
        if not isinstance(names.get("callbacks"), keras.callbacks.CallbackList):
            raise RuntimeError(
                "This callback works in the loop of keras.Model.fit. Received: a loop of another kind, around a "
                f"{type(model).__name__}. Override train_step instead of fit."
            )
        self.data = names["x"]
        self.arguments = {name: names.get(name) for name in _ARGUMENTS}
        self._model = model
        self._list = names["callbacks"]
        self._epochs = names["epoch_iterator"]
        # The batches have their order already, and their numbers must be right.
        if hasattr(self._epochs.data_adapter, "shuffle"):
            self._epochs.data_adapter.shuffle = False

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """All callbacks of this `fit`, in the order in which they are called."""
        return self._list.callbacks

    def put_first(self, callback: keras.callbacks.Callback, at_last: Callable[[], None]) -> None:
        """Let a callback hear of everything before the others do, from the next event on.

        Args:
            callback: one of them.
            at_last: called when the training has ended, and all others have heard of it.
        """
        others = [each for each in self.callbacks if each is not callback]
        self._list.callbacks = [callback, *others, _AtLast(at_last)]

    @property
    def history(self) -> dict[str, Any]:
        """What `fit` will return, as plain data: the numbers of epochs, and the logs."""
        return plain_logs({"epoch": self._history.epoch, "history": self._history.history})

    @history.setter
    def history(self, history: Mapping[str, Any]) -> None:
        self._history.epoch[:] = history["epoch"]
        self._history.history.clear()
        self._history.history.update(history["history"])

    @property
    def _history(self) -> keras.callbacks.History:
        return next(each for each in self.callbacks if isinstance(each, keras.callbacks.History))

    @property
    def steps_per_epoch(self) -> int | None:
        """How many batches Keras counts in an epoch."""
        return self._epochs.num_batches

    def is_running(self, frame: FrameType | None) -> bool:
        """Whether `fit` is in the middle of its work there.

        Args:
            frame: where the main thread is.
        """
        while frame is not None:
            if _is_of(frame, self._model) and frame.f_locals["epoch_iterator"] is self._epochs:
                return True
            frame = frame.f_back
        return False

    def begin_at(self, batch: int, before: Callable[[], None], logs: Mapping[str, Any]) -> None:
        """Let the next epoch begin with another batch than the first; no callback hears of those before.

        Args:
            batch: its number; the number of batches = right with what comes after the last one.
            before: called before this batch, and after all that happens when an epoch begins.
            logs: of the batch before it, for an epoch that has no batch left.
        """
        enumerated = self._epochs._enumerate_iterator

        def rest() -> Iterator[Any]:
            del self._epochs._enumerate_iterator
            before()
            each = None
            for each in enumerated():
                if each[0] >= batch:
                    yield each
            if each is not None and each[0] < batch:
                yield from self._known(each, dict(logs))

        self._epochs._enumerate_iterator = rest

    def _known(self, each: Any, logs: dict[str, Any]) -> Iterator[Any]:
        """A batch that is not trained on: Keras makes the figures of an epoch from what the last one gives."""
        model, callbacks, train = self._model, self._list.callbacks, self._model.train_function

        def known(*arguments: Any) -> Any:  # (iterator), on JAX (state, iterator)
            return logs if len(arguments) == 1 else (logs, arguments[0])

        self._list.callbacks, model.train_function = [], known
        yield each
        self._list.callbacks, model.train_function = callbacks, train


class _AtLast(keras.callbacks.Callback):
    def __init__(self, finish: Callable[[], None]) -> None:
        super().__init__()
        self._finish = finish

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._finish()


class StopsInFit(StopSignals):
    """Signals act as before where `fit` has ended in an error, of which Keras tells its callbacks nothing.

    Args:
        is_fitting: tells of a frame whether it is within `fit`.
    """

    def __init__(self, is_fitting: Callable[[FrameType | None], bool]) -> None:
        super().__init__()
        self._is_fitting = is_fitting

    def __enter__(self) -> StopsInFit:
        for number in (signal.SIGINT, signal.SIGTERM):
            owner = getattr(signal.getsignal(number), "__self__", None)
            if isinstance(owner, StopsInFit) and not owner._is_fitting(sys._getframe()):
                owner.__exit__()
        super().__enter__()
        return self

    def _stop(self, number: int, frame: Any) -> None:
        if self._is_fitting(frame):
            super()._stop(number, frame)
        else:
            self.__exit__()
            signal.raise_signal(number)


def plain_logs(value: Any) -> Any:
    """Logs as plain data; they may hold numbers and arrays of the backend.

    Example:
        >>> plain_logs({"loss": np.float32(0.5), "f1_score": [np.array([0.25, 1.0])]})
        {'loss': 0.5, 'f1_score': [[0.25, 1.0]]}
    """
    if isinstance(value, Mapping):
        return {name: plain_logs(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain_logs(item) for item in value]
    return value if isinstance(value, (int, float)) else np.asarray(value).tolist()


def metric_names(model: keras.Model) -> list[str]:
    """Names of all metrics, in their order."""
    return [metric.name for group in model.metrics for metric in getattr(group, "metrics", [group])]


def renamed(logs: Mapping[str, Any], before: Sequence[str], now: Sequence[str]) -> dict[str, Any]:
    """Logs under the names that metrics have now: where one is not given a name, Keras makes up another one each time.

    Args:
        logs: by name of the metric, after "val_" where they are of a validation.
        before, now: names of the metrics, in the same order.

    Example:
        >>> renamed({"auc": 0.5, "loss": 1.0, "val_auc": 0.25}, ["loss", "auc"], ["loss", "auc_1"])
        {'auc_1': 0.5, 'loss': 1.0, 'val_auc_1': 0.25}
    """
    names = dict(zip(before, now, strict=True)) if len(before) == len(now) else {}
    names |= {f"val_{old}": f"val_{new}" for old, new in names.items()}
    return {names.get(name, name): value for name, value in logs.items()}
