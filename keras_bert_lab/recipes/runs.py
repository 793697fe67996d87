"""What the recipes that make a model have in common: a folder for it, its settings beside it, and an end in good order."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import pathlib
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import yaml

from keras_bert_lab.formats import check_new_folder, new_folder, write_task
from keras_bert_lab.training import StopSignals
from keras_bert_lab.training.distribution import alone, is_main
from keras_bert_lab.training.stop_signals import Terminated

__all__ = ["LARGEST_SEED", "Run", "plain", "run_of"]

SETTINGS = "config.yaml"
HISTORY = "history.csv"
LARGEST_SEED = 2**32 - 1


def plain(value: Any) -> Any:
    """Settings and figures as what YAML and JSON can hold; a number that is not finite becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, pathlib.Path) else value


class Run:
    """A model being made, in a folder that gets its name when all is done.

    Attributes:
        folder: where files of the run are written meanwhile.
        figures: plain data to keep and to return.
        stop: tells whether a signal ended the training.
    """

    def __init__(self, command: str, folder: pathlib.Path, output: pathlib.Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.output = output
        self.figures: dict[str, Any] = {"output": str(output)}
        self.stop = StopSignals()
        self._command = command
        self._settings = settings
        self._began = time.perf_counter()
        self._date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        (folder / SETTINGS).write_text(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), encoding="utf-8")

    def fit(self, model: Any, *data: Any, callbacks: list[Any], **settings: Any) -> dict[str, list[float]]:
        """`model.fit` with a log; a signal ends it early and leaves the model as it is."""
        log = keras.callbacks.CSVLogger(str(self.folder / HISTORY))
        history = keras.callbacks.History()
        try:
            with self.stop, contextlib.suppress(KeyboardInterrupt):
                model.fit(*data, callbacks=[*callbacks, log, history, self.stop], **settings)
        finally:
            if log.csv_file is not None:  # Keras closes it only at the regular end
                log.csv_file.close()
        return {name: [float(value) for value in values] for name, values in history.history.items()}

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """Work after the training: a signal ends it, and the model is saved all the same."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            self.stop.received = signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT

    def save(self, model: Any) -> None:
        """Write the model and what is known about it; of several processes only the main one does."""
        self.figures |= {
            "seconds": round(time.perf_counter() - self._began, 1),
            "interrupted_by": self.stop.received.name if self.stop.received else None,
        }
        about = {"command": self._command, "date": self._date, "settings": self._settings, "figures": plain(self.figures)}
        if is_main():
            with alone():
                write_task(model, self.folder, about)


@contextlib.contextmanager
def run_of(command: str, output: pathlib.Path, overwrite: bool, settings: Mapping[str, Any]) -> Iterator[Run]:
    """A run into `output`, which appears when the block ends without an error.

    The settings that are kept can be run again; `overwrite` is not among them.
    """
    settings = {name: value for name, value in settings.items() if name != "overwrite"}
    absolute = check_new_folder(output, overwrite)
    with new_folder(output, overwrite) if is_main() else _scratch_folder() as folder:
        yield Run(command, folder, absolute, settings)


@contextlib.contextmanager
def _scratch_folder() -> Iterator[pathlib.Path]:
    """What the other ones of several processes write goes nowhere."""
    with tempfile.TemporaryDirectory(prefix="keras_bert_lab-") as folder:
        yield pathlib.Path(folder)
