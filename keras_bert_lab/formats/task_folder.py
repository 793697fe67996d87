"""Our own folder of a task: the Keras model, a manifest with hashes, and what a person may want to read."""

from __future__ import annotations

import dataclasses
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.manifest import MANIFEST, OWN, check_file, read_manifest, write_manifest

__all__ = ["TaskFolder", "read_task_folder", "write_task"]

_MODEL = "model.keras"
_VOCABULARY = "vocab.txt"


def name_of(task: Any) -> str:
    """Name of a task's class, as manifests have it."""
    return str(keras.saving.get_registered_name(type(task))).removeprefix("keras_bert_lab>")


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
    write_manifest(folder, OWN, name_of(task), about)


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


def read_task_folder(folder: pathlib.Path) -> TaskFolder:
    """Check that a folder holds a whole task, without loading it.

    Args:
        folder: what `write_task` wrote; it has a manifest.

    Raises:
        FormatError: the folder is of another layout, incomplete or damaged.
    """
    manifest = read_manifest(folder)
    if manifest.layout != OWN or manifest.task is None:
        raise FormatError(f"{folder / MANIFEST} must be that of a task in our own format. Received: {manifest.layout!r}")
    check_file(folder, manifest, _MODEL)
    return TaskFolder(folder, manifest.task, manifest.about)
