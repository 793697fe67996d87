"""Parts of the package taken away, one at a time, to see that the checks find it: a check that cannot fail shows nothing."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np

from keras_bert_lab import durable_files
from keras_bert_lab.training import checkpoints, resumable_training, stop_signals, training_state
from keras_bert_lab.training.checkpoints import CheckpointFolder

__all__ = ["SABOTAGE", "sabotage"]

_KEPT = {"save": CheckpointFolder.save, "restore": training_state.restore}


def _nothing(*arguments: Any, **settings: Any) -> None:
    """In the place of something."""


class _OsWithoutFsync:
    """The module `os`, whose fsync does nothing."""

    def __getattr__(self, name: str) -> Any:
        return _nothing if name == "fsync" else getattr(os, name)


def _without_seal(folder: pathlib.Path) -> dict[str, Any]:
    """As `_verified`, but the manifest is believed."""
    text = (folder / "manifest.json").read_bytes().partition(b"\n")[2]
    facts = json.loads(text)
    if hashlib.sha256((folder / "arrays.npz").read_bytes()).hexdigest() != facts["files"]["arrays.npz"]["sha256"]:
        raise ValueError("arrays")
    return facts["about"]


def _without_hash(folder: pathlib.Path) -> dict[str, Any]:
    """As `_verified`, but the arrays are believed."""
    seal, _, text = (folder / "manifest.json").read_bytes().partition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != seal:
        raise ValueError("manifest")
    return json.loads(text)["about"]


def _without_size(folder: pathlib.Path) -> dict[str, Any]:
    """As `_verified`, but only the beginning of the arrays is looked at."""
    facts = json.loads((folder / "manifest.json").read_bytes().partition(b"\n")[2])
    _without_hash(folder)
    if not (folder / "arrays.npz").is_file() or (folder / "arrays.npz").stat().st_size != facts["files"]["arrays.npz"]["bytes"]:
        raise ValueError("arrays")
    return facts["about"]


def _in_place(self: CheckpointFolder, arrays: Any, about: Any) -> pathlib.Path:
    """A checkpoint is written under its name."""
    rename = pathlib.Path.rename

    real = {name: getattr(checkpoints, name) for name in ("write_file", "sync")}
    mkdir = pathlib.Path.mkdir

    def named(path: pathlib.Path) -> pathlib.Path:
        return pathlib.Path(str(path).replace(".new-", ""))

    with (
        mock.patch.object(pathlib.Path, "mkdir", lambda path: mkdir(named(path))),
        mock.patch.object(pathlib.Path, "rename", lambda path, to: to if ".new-" in str(path) else rename(path, to)),
        mock.patch.object(checkpoints, "write_file", lambda path, write: real["write_file"](named(path), write)),
        mock.patch.object(checkpoints, "sync", lambda paths: real["sync"]([named(path) for path in paths])),
    ):
        return _KEPT["save"](self, arrays, about)


def _prune_first(self: CheckpointFolder, arrays: Any, about: Any) -> pathlib.Path:
    """What is old goes before what is new is there."""
    self._forget(self.names())
    return _KEPT["save"](self, arrays, about)


def _without_mercy(self: CheckpointFolder, arrays: Any, about: Any) -> pathlib.Path:
    """A disk that fails ends the training."""
    try:
        return _KEPT["save"](self, arrays, about)
    except OSError as error:
        raise RuntimeError(str(error)) from error


def _keep_rubbish(path: Any, *arguments: Any, **settings: Any) -> None:
    """Folders of failed commits stay."""
    if ".new-" not in str(path):
        shutil.rmtree(path, *arguments, **settings)


def _begin_of_epoch(batches: Any, position: Callable[[], int]) -> Any:
    """The place in the data is forgotten."""
    from keras_bert_lab.batches import as_epochs

    return as_epochs(batches, lambda: position() // batches.steps_per_epoch * batches.steps_per_epoch)


def _without_kind(lost: str) -> Callable[..., None]:
    def restore(model: Any, state: Any, kinds: Any) -> None:
        _KEPT["restore"](model, state, tuple(kind for kind in kinds if kind != lost))

    return restore


def _without_layer_seeds(model: Any, state: Any, kinds: Any) -> None:
    """The states of dropout's seeds are not brought back."""
    seeds = [variable for variable in model.variables if "seed" in variable.path]
    before = [np.array(variable) for variable in seeds]
    _KEPT["restore"](model, state, kinds)
    for variable, value in zip(seeds, before, strict=True):
        variable.assign(value)


def _without_history(self: Any, found: Any) -> None:
    """What was logged before is forgotten."""
    _GO_ON(self, found)
    self._rows = []


_GO_ON = resumable_training.ResumableTraining._go_on


def _patched(target: Any, **names: Any) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    return functools.partial(mock.patch.multiple, target, **names)


SABOTAGE: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[Any]], str]] = {
    "fsync": (_patched(durable_files, os=_OsWithoutFsync()), "power"),
    "fsync_of_folders": (_patched(checkpoints, sync=_nothing), "power"),
    "new_folder": (_patched(checkpoints, make_folder=lambda path: path.mkdir(parents=True, exist_ok=True)), "power"),
    "manifest": (_patched(checkpoints, _verified=_without_seal), "damage"),
    "hash": (_patched(checkpoints, _verified=_without_hash), "damage"),
    "size_only": (_patched(checkpoints, _verified=_without_size), "damage"),
    "set_aside": (_patched(CheckpointFolder, _set_aside=lambda self, name: name), "damage"),
    "rename": (_patched(CheckpointFolder, save=_in_place), "commits"),
    "prune_first": (_patched(CheckpointFolder, save=_prune_first), "commits"),
    "rubbish": (_patched(checkpoints, shutil=types.SimpleNamespace(rmtree=_keep_rubbish)), "commits"),
    "lock": (_patched(fcntl, flock=_nothing), "processes"),
    "position": (_patched(resumable_training, as_epochs=_begin_of_epoch), "kills"),
    "slots": (_patched(resumable_training, restore=_without_kind("optimizer")), "kills"),
    "seeds": (_patched(resumable_training, restore=_without_layer_seeds), "kills"),
    "running_means": (_patched(resumable_training, restore=_without_kind("metrics")), "kills"),
    "history": (_patched(resumable_training.ResumableTraining, _go_on=_without_history), "kills"),
    "full_disk": (_patched(CheckpointFolder, save=_without_mercy), "kills"),
    "sigterm": (_patched(stop_signals, _SIGNALS=()), "signals"),
}
"""Name -> how it is taken away, and the check that must find it."""


@contextlib.contextmanager
def sabotage(name: str | None) -> Iterator[None]:
    """While the block runs, something is missing; None = nothing."""
    with contextlib.nullcontext() if name is None else SABOTAGE[name][0]():
        yield
