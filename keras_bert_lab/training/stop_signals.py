"""Ctrl-C and SIGTERM end a training after the running batch, so that what was learned can be saved."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import keras

from keras_bert_lab.training.distribution import of_all

__all__ = ["StopSignals", "Terminated", "terminated_like_interrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM as an exception, like Ctrl-C: what was begun is cleaned up on its way out."""


@contextlib.contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """While the block runs, SIGTERM raises `Terminated` instead of ending the process where it stands."""

    def _raise(number: int, frame: Any) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class StopSignals(keras.callbacks.Callback):
    """Stops `fit` after the batch during which the process was told to stop; a second signal acts at once.

    Listens while its `with` block runs; outside of the main thread, where Python takes no signals, it never hears one.

        with StopSignals() as stop:
            model.fit(..., callbacks=[stop])

    Attributes:
        received: the signal that ended the training, here or in a process that trains with this one; or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            # A signal that is ignored, as Ctrl-C is by a job in the background, stays so.
            heard = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
            self._before = {number: signal.signal(number, self._stop) for number in heard}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _stop(self, number: int, frame: Any) -> None:
        self.received = signal.Signals(number)
        self.__exit__()
        with contextlib.suppress(RuntimeError, OSError):  # the terminal is gone, or was being written to just now
            print(f"\n{self.received.name}: stopping after this batch; once more stops at once.", file=sys.stderr, flush=True)

    def agreed(self) -> bool:
        """Whether this process, or one that trains with it, was told to stop. All must ask, and stop at the same place."""
        number = max(of_all(int(self.received or 0)))
        if number:
            self.received = signal.Signals(number)
        return bool(number)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.agreed():
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.agreed():  # a signal may have come during the validation
            self.model.stop_training = True
