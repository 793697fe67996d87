"""Our own folder of a task: the Keras model, a manifest with hashes, and what a person may want to read."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab._version import __version__
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.new_folder import MANIFEST, new_folder
from keras_bert_lab.lazy import LazyModule

__all__ = ["TaskFolder", "load_task", "read_task_folder", "save_task", "write_task"]

tf = LazyModule("tensorflow")

_FORMAT = 1
_MODEL = "model.keras"
_VOCABULARY = "vocab.txt"
# How other folders of models are told apart, for the error that names what was given instead.
_OTHERS = {
    "saved_model.pb": "an exported SavedModel; load it with load_exported",
    "model.safetensors": "a Hugging Face checkpoint, which cannot be read yet",
    "bert_config.json": "a checkpoint of the original BERT code, which cannot be read yet",
}


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of what a model's numbers depend on."""
    return {"keras_bert_lab": __version__, "keras": keras.version(), "tensorflow": tf.__version__}


def write_task(task: Any, folder: pathlib.Path, about: Mapping[str, Any]) -> None:
    """Write a task, without its optimizer, into a folder that is there; the manifest comes last.

    Args:
        task: a MaskedLanguageModel, a TextClassifier, ...
        folder: where to; files that are in it already become part of the manifest.
        about: plain data about the run: settings, figures.
    """
    bare = type(task).from_config(task.get_config())  # not compiled: a saved optimizer would make the file three times as large
    bare.set_weights(task.get_weights())
    bare.save(folder / _MODEL)
    (folder / _VOCABULARY).write_text("\n".join(task.preprocessor.tokenizer.vocabulary.tokens) + "\n", encoding="utf-8")
    files = {
        entry.name: {"bytes": entry.stat().st_size, "sha256": _sha256(entry)}
        for entry in sorted(folder.iterdir())
        if entry.is_file() and entry.name != MANIFEST
    }
    manifest = {
        "format": _FORMAT,
        "task": keras.saving.get_registered_name(type(task)).removeprefix("keras_bert_lab>"),
        "files": files,
        "versions": versions(),
        "about": about,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def save_task(
    task: Any, folder: str | pathlib.Path, overwrite: bool = False, about: Mapping[str, Any] | None = None
) -> pathlib.Path:
    """Write a task into a new folder, for `load_task` and the command line; it appears whole or not at all.

    Args:
        task: a MaskedLanguageModel or a TextClassifier.
        folder: the new folder.
        overwrite: whether earlier results in it may be replaced.
        about: plain data to keep with it.

    Returns:
        The folder.

    Raises:
        FormatError: the folder is there already, or holds something else.
    """
    with new_folder(folder, overwrite) as fresh:
        write_task(task, fresh, about or {})
    return pathlib.Path(folder)


@dataclasses.dataclass(frozen=True)
class TaskFolder:
    """What the manifest of a task's folder says; the model itself is not loaded yet.

    Attributes:
        path: the folder.
        task: name of the task's class, e.g. "TextClassifier".
        about: settings and figures of the run that made it.
    """

    path: pathlib.Path
    task: str
    about: Mapping[str, Any]

    def load(self) -> Any:
        """The task, ready to predict or to be trained further."""
        try:
            return keras.saving.load_model(self.path / _MODEL)
        except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise FormatError(
                f"{self.path / _MODEL} cannot be loaded: {error!s:.300} If it holds layers of your own, import the module "
                "that registers them first."
            ) from error


def _refuse_folder(folder: pathlib.Path) -> None:
    """Say what was given where a folder of ours was expected."""
    if not folder.exists():
        siblings = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        close = difflib.get_close_matches(folder.name, siblings, n=1)
        hint = f" Did you mean {folder.parent / close[0]}?" if close else ""
        raise FormatError(f"There is no folder {folder}.{hint}")
    if not folder.is_dir():
        raise FormatError(f"A model is a folder that this package wrote. Received: the file {folder}")
    names = sorted(entry.name for entry in folder.iterdir())
    for name, kind in _OTHERS.items():
        if name in names:
            raise FormatError(f"A folder written by this package was expected. Received: {folder}, {kind}.")
    versioned = [name for name in names if (folder / name / "saved_model.pb").is_file()]
    if versioned:
        raise FormatError(f"A folder written by this package was expected. Received: {folder}, {_OTHERS['saved_model.pb']}.")
    if _MODEL in names:
        raise FormatError(f"{folder} is not complete: {MANIFEST} is missing. Copy the whole folder again, or train again.")
    raise FormatError(
        f"A folder written by this package was expected: it holds {MANIFEST}. Received: {folder}, which holds {names[:5]}"
    )


def read_task_folder(folder: str | pathlib.Path, expected: str | None = None) -> TaskFolder:
    """Check that a folder holds a whole task, without loading it.

    Args:
        folder: what `write_task` wrote.
        expected: name of the task's class; None = any.

    Raises:
        FormatError: the folder is missing, not ours, of another kind, incomplete or damaged.
    """
    folder = pathlib.Path(folder)
    if not (folder / MANIFEST).is_file():
        _refuse_folder(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            raise FormatError(
                f"{folder} was written in format {manifest['format']!r}; this version reads format {_FORMAT}. "
                "Use the version of keras_bert_lab that wrote it."
            )
        task, files, about = manifest["task"], manifest["files"], manifest["about"]
        expected_files = {name: (file["bytes"], file["sha256"]) for name, file in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{folder / MANIFEST} is damaged: {type(error).__name__}: {error}") from error
    if expected is not None and task != expected:
        raise FormatError(f"A {expected} was expected. Received: {folder}, which holds a {task}.")
    if _MODEL not in expected_files or not (folder / _MODEL).is_file():
        raise FormatError(f"{folder} is not complete: {_MODEL} is missing. Copy the whole folder again, or train again.")
    size, digest = expected_files[_MODEL]
    if (folder / _MODEL).stat().st_size != size or _sha256(folder / _MODEL) != digest:
        raise FormatError(
            f"{folder / _MODEL} is damaged: its size or hash is not that of {MANIFEST}. Copy the whole folder again."
        )
    return TaskFolder(folder, task, about)


def load_task(source: str | pathlib.Path) -> Any:
    """The task in a folder that `keras-bert-lab pretrain` or `train` wrote.

    Raises:
        FormatError: the folder is missing, not ours, incomplete or damaged.
    """
    return read_task_folder(source).load()
