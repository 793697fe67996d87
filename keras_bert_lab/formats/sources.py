"""What a user names -> what it holds: our own folders, and those of other libraries."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Collection

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.checkpoint import Checkpoint
from keras_bert_lab.formats.huggingface import read_huggingface
from keras_bert_lab.formats.huggingface_tokenizer import read_preprocessor
from keras_bert_lab.formats.kerashub import read_kerashub
from keras_bert_lab.formats.manifest import MANIFEST, read_manifest
from keras_bert_lab.formats.task_folder import TaskFolder, read_task_folder
from keras_bert_lab.formats.tensor_files import read_json
from keras_bert_lab.formats.tf1 import read_tf1
from keras_bert_lab.formats.tfhub import read_tfhub
from keras_bert_lab.formats.tfhub_preprocessor import read_tfhub_preprocessor
from keras_bert_lab.handles import local_folder
from keras_bert_lab.text import Preprocessor

__all__ = ["load_encoder", "load_preprocessor", "open_source"]

_PRESET = "preset:"
_READERS: dict[str, Callable[[pathlib.Path, Collection[str]], TaskFolder | Checkpoint]] = {
    "keras_bert_lab": lambda folder, ignore: read_task_folder(folder),
    "huggingface": read_huggingface,
    "kerashub": read_kerashub,
    "tf1": read_tf1,
    "tfhub": lambda folder, ignore: read_tfhub(folder),
}
_SAVED_MODEL = "saved_model.pb"


def _found(folder: pathlib.Path) -> tuple[str, pathlib.Path]:
    """What wrote a folder ("keras_bert_lab", "huggingface", "kerashub", "tf1" or "tfhub"), and where in it the model is.

    Raises:
        FormatError: nothing that is known here.
    """
    if (folder / MANIFEST).is_file():
        layout = read_manifest(folder).layout
        if layout not in _READERS:
            raise FormatError(f"layout in {folder / MANIFEST} must be one of {sorted(_READERS)}. Received: {layout!r}")
        return layout, folder / "encoder" if layout == "tfhub" else folder
    names = {entry.name for entry in folder.iterdir()}
    if "config.json" in names:
        return "kerashub" if "class_name" in read_json(folder / "config.json") else "huggingface", folder
    if "bert_config.json" in names:
        return "tf1", folder
    if (folder / "assets.extra" / MANIFEST).is_file():
        raise FormatError(f"{folder} is an exported SavedModel, which cannot be trained. Use load_exported.")
    if _SAVED_MODEL in names:
        return "tfhub", folder
    if "model.keras" in names:
        raise FormatError(f"{folder} is not complete: {MANIFEST} is missing. Copy the whole folder again, or train again.")
    versioned = sorted(name for name in names if (folder / name / _SAVED_MODEL).is_file())
    if versioned:
        raise FormatError(f"{folder} holds SavedModels in {versioned[:5]}. Name one of these folders, or use load_exported.")
    raise FormatError(
        f"{folder} must hold one of {MANIFEST} (a model of this package), config.json (Hugging Face, KerasHub), "
        f"bert_config.json (original BERT) or {_SAVED_MODEL} (TF-Hub). Received: a folder with {sorted(names)[:5]}"
    )


def open_source(source: str | pathlib.Path, ignore: Collection[str] = ()) -> TaskFolder | Checkpoint:
    """Look at a model without making it.

    Args:
        source: a folder of this package, of Hugging Face, of KerasHub, of the original BERT code, or a TF-Hub encoder; or a
            handle: "hf://organisation/name", "preset:name" of KerasHub, a tfhub.dev or Kaggle address, "sample:encoder".
        ignore: settings of a config file that are known to be harmless.

    Raises:
        FormatError: nothing there, nothing known, or a file that is damaged or does not fit.
    """
    if isinstance(source, str) and source.startswith(_PRESET):
        return read_kerashub(source, ignore)
    layout, folder = _found(local_folder(source))
    return _READERS[layout](folder, ignore)


def load_encoder(source: str | pathlib.Path, pooler: bool | None = None, ignore: Collection[str] = ()) -> Encoder:
    """An encoder with the weights of a pretrained one, ours or other people's.

    Args:
        source: see `open_source`.
        pooler: whether an encoder of other people's has a pooler; None = as in the source. Where there is none, True makes a
            new, untrained one, which is announced in the log.
        ignore: settings of a config file that are known to be harmless.

    Returns:
        An Encoder, float32.

    Raises:
        FormatError: nothing there, nothing known; a file that is damaged, not complete, or does not fit.

    Example:
        encoder = kbl.load_encoder("hf://sentence-transformers/all-MiniLM-L6-v2")
    """
    opened = open_source(source, ignore)
    return opened.load().encoder if isinstance(opened, TaskFolder) else opened.encoder(pooler)


def load_preprocessor(source: str | pathlib.Path, sequence_length: int | None = None) -> Preprocessor:
    """The preprocessor that belongs to a pretrained encoder.

    Args:
        source: see `open_source`; also a folder with a `vocab.txt` or other tokenizer files alone, or a TF-Hub preprocessor.
        sequence_length: S, every row is cut and padded to this many tokens; None = padded to the longest row of the batch.

    Raises:
        FormatError: nothing there, nothing known; a file that is damaged or does not fit.
    """
    if not (isinstance(source, str) and source.startswith(_PRESET)):
        folder = local_folder(source)
        names = {entry.name for entry in folder.iterdir()}
        if (folder / "preprocessor" / _SAVED_MODEL).is_file():  # the other half of what save_encoder wrote
            return read_tfhub_preprocessor(folder / "preprocessor", sequence_length)
        if _SAVED_MODEL in names:
            return read_tfhub_preprocessor(folder, sequence_length)
        if not names & {MANIFEST, "config.json", "bert_config.json"}:
            return read_preprocessor(folder, None, sequence_length)
    opened = open_source(source)
    if isinstance(opened, Checkpoint):
        return opened.preprocessor(sequence_length)
    given = opened.load().preprocessor
    return Preprocessor.from_config(given.get_config() | {"sequence_length": sequence_length})
