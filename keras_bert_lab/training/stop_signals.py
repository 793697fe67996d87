"""Ctrl-C and SIGTERM end a training after the running batch, so that what was learned can be saved."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import keras

__all__ = ["StopSignals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals(keras.callbacks.Callback):
    """Stops `fit` after the batch during which the process was told to stop; a second signal acts at once.

    Listens while its `with` block runs; outside of the main thread, where Python takes no signals, it never hears one.

        with StopSignals() as stop:
            model.fit(..., callbacks=[stop])

    Attributes:
        received: the signal that ended the training, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _stop(self, number: int, frame: Any) -> None:
        self.received = signal.Signals(number)
        self.__exit__()
        print(f"\n{self.received.name}: stopping after this batch; once more stops at once.", file=sys.stderr, flush=True)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.received is not None:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.received is not None:  # during the validation
            self.model.stop_training = True
