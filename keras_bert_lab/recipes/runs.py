"""What the recipes that make a model have in common: its folder, its settings, going on where a run stopped, a good end."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
import pathlib
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import yaml

from keras_bert_lab.durable_files import write_file
from keras_bert_lab.errors import ResumeError
from keras_bert_lab.formats import MANIFEST, check_new_folder, new_folder, remove_left_over, write_task
from keras_bert_lab.training import ResumableTraining
from keras_bert_lab.training.checkpoints import CheckpointFolder
from keras_bert_lab.training.distribution import alone, is_main, text_of_main
from keras_bert_lab.training.stop_signals import Terminated
from keras_bert_lab.training.training_identity import differences

__all__ = ["LARGEST_SEED", "Run", "plain", "run_of"]

SETTINGS = "config.yaml"
HISTORY = "history.csv"
UNFINISHED = ".training"
"""What the folder of an unfinished run is called, after the name of its output."""

# Settings that change nothing of what is learned.
_FREE = ("output", "gaps", "tensorboard")
_SHOWN = 8
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
        training: keeps checkpoints, and finds them again.
        stopped_by: the signal that ended the run early, or None.
        date: when it began, in UTC.
    """

    def __init__(
        self,
        command: str,
        folder: pathlib.Path,
        output: pathlib.Path,
        settings: Mapping[str, Any],
        unfinished: pathlib.Path,
        overwrite: bool,
    ) -> None:
        self.folder = folder
        self.output = output
        self.figures: dict[str, Any] = {"output": str(output)}
        self.training = ResumableTraining(unfinished, overwrite=overwrite)
        self.stopped_by: signal.Signals | None = None
        self._command = command
        self._settings = settings
        self._began = time.perf_counter()
        self.date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        (folder / SETTINGS).write_text(_as_yaml(settings), encoding="utf-8")

    @property
    def seconds(self) -> float:
        """How long it took so far, what was done before an interruption included."""
        return round(self.training.earlier_seconds + time.perf_counter() - self._began, 1)

    def fit(self, model: Any, *data: Any, callbacks: list[Any], **settings: Any) -> dict[str, list[float]]:
        """`model.fit` from where an earlier run stopped; a signal ends it early and leaves the model as it is."""
        try:
            model.fit(*data, callbacks=[self.training, *callbacks], **settings)
        except (KeyboardInterrupt, SystemExit):
            if self.training.stop.received is None:  # the training has not begun: nothing was learned
                raise
        self.stopped_by = self.training.stop.received
        history = {name: [float(value) for value in values] for name, values in model.history.history.items()}
        table = pd.DataFrame(dict(sorted(history.items())), index=pd.Index(model.history.epoch, name="epoch"))
        table.to_csv(self.folder / HISTORY)
        return history

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """Work after the training: a signal ends it, and the model is saved all the same."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            self.stopped_by = signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT

    def save(self, model: Any) -> None:
        """Write the model and what is known about it; of several processes only the main one does."""
        self.figures |= {
            "seconds": self.seconds,
            "interrupted_by": self.stopped_by.name if self.stopped_by else None,
        }
        about = {"command": self._command, "date": self.date, "settings": self._settings, "figures": plain(self.figures)}
        if is_main():
            with alone():
                write_task(model, self.folder, about)


def _as_yaml(settings: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)


def _lasting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same when a run goes on."""
    return json.loads(json.dumps({name: value for name, value in settings.items() if name not in _FREE}))


class _Unfinished:
    """The folder beside the output in which a run keeps its settings and checkpoints until it is done.

    When its `with` block ends, it goes if the run is done or nothing was saved; else it is there for the next start.

    Args:
        path: of the folder.
        settings: of the run.
        overwrite: whether an unfinished run with other settings may be given up.

    Attributes:
        is_done: whether the run came to its end.

    Raises:
        ResumeError: another process is at it, or it was begun with other settings.
    """

    def __init__(self, path: pathlib.Path, settings: Mapping[str, Any], overwrite: bool) -> None:
        self.path = path
        self.is_done = False
        self._checkpoints = CheckpointFolder(self.path)
        try:
            self._check(settings, overwrite)
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> _Unfinished:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        self.is_done = self.is_done and kind is None
        self._end()

    def _check(self, settings: Mapping[str, Any], overwrite: bool) -> None:
        kept = self.path / SETTINGS
        if self._checkpoints.names() and kept.is_file():
            try:
                before = dict(yaml.safe_load(kept.read_text(encoding="utf-8")))
            except (TypeError, ValueError, yaml.YAMLError):
                before = {}
            changed = differences(_lasting(before), _lasting(settings))
            if not changed:
                return
            if not overwrite:
                raise ResumeError(
                    f"An unfinished run is in {self.path}, begun with other settings. Received: {'; '.join(changed[:_SHOWN])}. "
                    "Give those of before to go on, or --overwrite to give it up and begin anew."
                )
            print(f"Given up: the unfinished run in {self.path}, begun with other settings", flush=True)
            self._checkpoints.clear()
        kept.unlink(missing_ok=True)
        text = _as_yaml(settings).encode()
        write_file(kept, lambda file: file.write(text))

    def _end(self) -> None:
        if self.is_done or self._checkpoints.is_empty():
            shutil.rmtree(self.path, ignore_errors=True)
        self._checkpoints.close()


def _is_interrupted(output: pathlib.Path, unfinished: pathlib.Path) -> bool:
    """Whether the output is what was learned when an unfinished run was interrupted."""
    try:
        about = json.loads((output / MANIFEST).read_text(encoding="utf-8"))["about"]
        return unfinished.is_dir() and about["figures"]["interrupted_by"] is not None
    except (OSError, ValueError, LookupError, TypeError):
        return False


@contextlib.contextmanager
def run_of(command: str, output: pathlib.Path, overwrite: bool, settings: Mapping[str, Any]) -> Iterator[Run]:
    """A run into `output`, which appears when the block ends without an error.

    Until then its checkpoints are in a folder beside it. Where such a folder is left from a run that was ended early, the same
    command goes on from there. The settings that are kept can be run again; `overwrite` is not among them. Of several
    processes the main one keeps all of this, and what the others write goes nowhere.

    Raises:
        FormatError: an output that is there already.
        ResumeError: another process is at it, or an unfinished run was begun with other settings.
    """
    settings = {name: value for name, value in settings.items() if name != "overwrite"}
    target = pathlib.Path(output).absolute()
    unfinished = target.with_name(target.name + UNFINISHED)
    kept: _Unfinished | None = None
    with contextlib.ExitStack() as stack:

        def begin() -> str:
            nonlocal kept
            replace = overwrite or _is_interrupted(target, unfinished)
            check_new_folder(output, replace)
            kept = stack.enter_context(_Unfinished(unfinished, settings, overwrite))
            remove_left_over(target)  # nobody else writes there now
            return str(stack.enter_context(new_folder(output, replace)))

        folder = text_of_main(begin)
        if not is_main():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras_bert_lab-"))
        run = Run(command, pathlib.Path(folder), target, settings, unfinished, overwrite)
        yield run
        if kept is not None:
            kept.is_done = run.stopped_by is None
