"""Model -> SavedModels that take raw text, or token ids."""

from __future__ import annotations

import json
import pathlib
import shutil
import tempfile

import keras
import numpy as np

from keras_bert_lab.encoder.lora import merged_lora
from keras_bert_lab.errors import ExportError
from keras_bert_lab.export.fresh_process import answers_of_fresh_process
from keras_bert_lab.export.signatures import Endpoint, endpoints_of
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import MaskedLanguageModel

__all__ = ["DESCRIPTION", "export_saved_model", "next_version"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

DESCRIPTION = "assets.extra/keras_bert_lab.json"
"""Where an exported model says what it is; TensorFlow Serving leaves this folder alone."""

# What every exported model must answer like its original: plain, empty, accented, other scripts, longer than most.
_PROBES = ["a fine film", "", "Café, naïve: dull for an hour, then unforgettable", "東京 ☕", "not good " * 40]


def next_version(folder: pathlib.Path) -> int:
    """The next free number among the versions in this folder."""
    taken = [int(entry.name) for entry in folder.glob("*") if entry.name.isdigit()] if folder.is_dir() else []
    return max(taken, default=0) + 1


def _write(endpoint: Endpoint, model: keras.Model, folder: pathlib.Path) -> None:
    if endpoint.name == "text":
        tf_text.__name__  # noqa: B018  registers the ops that the graph needs
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(name="serve", fn=endpoint.function, input_signature=list(endpoint.inputs.values()))
    archive.write_out(str(folder), verbose=False)
    description = {
        "package": "keras_bert_lab",
        "model": type(model).__name__,
        "name": model.name,
        "input": endpoint.name,
        "inputs": list(endpoint.inputs),
        "kind": getattr(model, "kind", None),
        "labels": getattr(model, "labels", None),
        "threshold": getattr(model, "threshold", None),
        "columns": None if getattr(model, "columns", None) is None else model.columns.kinds,
        "versions": {"tensorflow": tf.__version__, "keras": keras.version()},
    }
    target = folder / DESCRIPTION
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _probe_columns(model: keras.Model, count: int) -> dict[str, np.ndarray]:
    """For each extra column usual and unusual cells: missing, new and extreme ones."""
    columns = getattr(model, "columns", None)
    if columns is None:
        return {}
    numbers = np.array([1.5, np.nan, -1e300, 0.0])
    names = {
        name: np.array([category.encode() for category in [*columns.learned[name][:1], "", "unheard of"]])
        for name, kind in columns.kinds.items()
        if kind == "category"
    }
    return {name: np.resize(names.get(name, numbers), count) for name in columns.kinds}


def _probe_inputs(endpoint: Endpoint, model: keras.Model) -> dict[str, np.ndarray]:
    texts = _PROBES
    if isinstance(model, MaskedLanguageModel):
        mask = model.preprocessor.tokenizer.vocabulary.special_tokens["mask"]
        texts = [f"{mask} {text}" for text in texts]
    if getattr(model, "windows", None):
        texts = [*texts, "not good " * model.preprocessor.row_length]
    if endpoint.name == "text":
        given = {name: np.array([text.encode() for text in texts]) for name in endpoint.inputs}
        return given | _probe_columns(model, len(texts))
    shape = next(iter(endpoint.inputs.values())).shape
    lengths = np.array([1, 3, 5] if len(shape) == 2 else [[1, 0], [3, 2], [5, 5]])  # (B,), or (B, W) for windows
    mask_id = model.preprocessor.tokenizer.vocabulary.mask_id if isinstance(model, MaskedLanguageModel) else 1
    width = shape[-1] or 5  # fixed where the model's own Preprocessor fixes it
    mask_row = (np.arange(width) < lengths[..., None]).astype(np.int32)
    arrays = {"input_word_ids": mask_row * mask_id, "input_mask": mask_row, "input_type_ids": mask_row * 0}
    return {name: arrays[name] for name in endpoint.inputs if name in arrays} | _probe_columns(model, 3)


def _check(endpoint: Endpoint, model: keras.Model, folder: pathlib.Path) -> None:
    """Compare with the original, in a fresh process."""
    inputs = _probe_inputs(endpoint, model)
    tensors = [tf.constant(array.tolist() if array.dtype.kind == "S" else array) for array in inputs.values()]
    expected = {name: np.asarray(value) for name, value in endpoint.function(*tensors).items()}
    found = answers_of_fresh_process(folder, inputs, needs_text_ops=endpoint.name == "text")
    if set(found) != set(expected):
        raise ExportError(f"The exported model must answer {sorted(expected)}. It answers {sorted(found)}.")
    # The graph fuses operations that run one by one here; in half precision that shows sooner.
    tolerance = 1e-4 if model.compute_dtype == "float32" else 3e-2
    for name, value in expected.items():
        if value.dtype.kind in "OSU":
            continue  # names of labels and tokens follow from the numbers
        difference = float(np.max(np.abs(value.astype(np.float64) - found[name]), initial=0.0))
        if not difference <= tolerance:
            raise ExportError(
                f"The exported model's {name!r} differs from the original's by {difference:.2g} (at most {tolerance:.0e})"
            )


def export_saved_model(model: keras.Model, path: str | pathlib.Path) -> pathlib.Path:
    """Write a model as SavedModels, and compare them with the original in fresh processes before they get their names.

    `<path>/<version>/` takes strings: `serving_default(text)` (and `text_pair`, for pairs). It needs the ops of
    tensorflow-text where it is loaded (`load_exported` sees to that; TensorFlow Serving has them).
    `<path>-tokens/<version>/` takes `input_word_ids`, `input_mask` and `input_type_ids`, int32 (B, S), needs nothing but
    TensorFlow, and gives the same answers.

    Answers of a classifier: `label` (B,), the most probable one, of two labels what the model's `threshold` makes of it;
    `score` (B,), the highest probability; `probabilities` (B, C); of a regression: `score` (B,); of a masked language model:
    `tokens` and `scores` (B, gaps, 5); of a composed model: its outputs by name. Low-rank updates (`add_lora`) are part of the
    weights that are written; the model itself keeps them.

    Args:
        model: a TextClassifier, a MaskedLanguageModel, or a functional `keras.Model` with one or two string inputs.
        path: folder of the model; the version is the next free number in it.

    Returns:
        The folder of the new version that takes strings.

    Raises:
        TypeError, ValueError: a model that cannot be exported.
        ExportError: the exported model does not run in a fresh process, or gives other answers. Nothing is left under `path`.
    """
    path = pathlib.Path(path)
    if path.exists() and not path.is_dir():
        raise ExportError(f"path must be a folder. Received: the file {path}. Name another folder.")
    folders = {"text": path, "tokens": path.with_name(f"{path.name}-tokens")}
    endpoints = endpoints_of(model)
    version = max(next_version(folder) for folder in folders.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
        for endpoint in endpoints:
            written = pathlib.Path(scratch, endpoint.name)
            with merged_lora(model):
                _write(endpoint, model, written)
            _check(endpoint, model, written)
        for endpoint in reversed(endpoints):  # the version that takes strings appears last: then both are there
            folders[endpoint.name].mkdir(parents=True, exist_ok=True)
            shutil.move(pathlib.Path(scratch, endpoint.name), folders[endpoint.name] / str(version))
    return path / str(version)
