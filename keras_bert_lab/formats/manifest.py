"""What a folder that this package wrote holds, with hashes; written last, so that its presence says that all is there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab._version import __version__
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.tensor_files import read_json
from keras_bert_lab.lazy import LazyModule

__all__ = ["MANIFEST", "Manifest", "check_file", "read_manifest", "write_manifest"]

tf = LazyModule("tensorflow")

MANIFEST = "keras_bert_lab.json"
OWN = "keras_bert_lab"

_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a manifest says.

    Attributes:
        layout: "keras_bert_lab" for our own `.keras` file, else the library whose files these are: "huggingface", "tfhub".
        task: name of the task's class, e.g. "TextClassifier"; None = an encoder alone.
        files: name -> (bytes, SHA-256).
        about: settings and figures of the run that made it.
    """

    layout: str
    task: str | None
    files: Mapping[str, tuple[int, str]]
    about: Mapping[str, Any]


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: pathlib.Path, layout: str, task: str | None, about: Mapping[str, Any]) -> None:
    """Write down what is in a folder.

    Args:
        folder: all its files become part of the manifest.
        layout, task, about: see `Manifest`.
    """
    files = {
        entry.relative_to(folder).as_posix(): {"bytes": entry.stat().st_size, "sha256": _sha256(entry)}
        for entry in sorted(folder.rglob("*"))
        if entry.is_file() and entry != folder / MANIFEST
    }
    versions = {"keras_bert_lab": __version__, "keras": keras.version(), "tensorflow": tf.__version__}
    manifest = {"format": _FORMAT, "layout": layout, "task": task, "files": files, "versions": versions, "about": about}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(folder: pathlib.Path) -> Manifest:
    """What the manifest of a folder says.

    Raises:
        FormatError: it is damaged, or of another version.
    """
    manifest = read_json(folder / MANIFEST)
    try:
        if manifest["format"] != _FORMAT:
            raise FormatError(
                f"{folder} was written in format {manifest['format']!r:.100}; this version reads format {_FORMAT}. "
                "Use the version of keras_bert_lab that wrote it."
            )
        layout, task = manifest.get("layout", OWN), manifest["task"]
        if not isinstance(layout, str) or not isinstance(task, (str, type(None))):
            raise ValueError(f"layout={layout!r:.100}, task={task!r:.100}")
        files = {name: (int(file["bytes"]), str(file["sha256"])) for name, file in manifest["files"].items()}
        return Manifest(layout, task, files, dict(manifest["about"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{folder / MANIFEST} is damaged: {type(error).__name__}: {error!s:.300}. Copy it again.") from error


def check_file(folder: pathlib.Path, manifest: Manifest, name: str) -> None:
    """Refuse a file that is not the one that was written.

    Raises:
        FormatError: it is missing, or its size or hash differs.
    """
    path = folder / name
    if name not in manifest.files or not path.is_file():
        raise FormatError(f"{folder} is not complete: {name} is missing. Copy the whole folder again, or train again.")
    size, digest = manifest.files[name]
    if path.stat().st_size != size or _sha256(path) != digest:
        raise FormatError(f"{path} is damaged: its size or hash is not that of {MANIFEST}. Copy the whole folder again.")
