"""A SavedModel of ours, read back."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

from keras_bert_lab.errors import ExportError
from keras_bert_lab.export.saved_model import DESCRIPTION
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.extra_columns import ExtraColumns
from keras_bert_lab.tasks.table_inputs import check_table
from keras_bert_lab.tasks.text_inputs import texts_of
from keras_bert_lab.tasks.thresholds import decisions
from keras_bert_lab.text.preprocessor import text_columns

__all__ = ["ExportedModel", "load_exported"]

pd = LazyModule("pandas")
tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")


class ExportedModel:
    """An exported model that takes texts.

    Args:
        folder: of one version, with `saved_model.pb`.

    Attributes:
        description: what the model is: its kind, labels, inputs, versions.

    Call arguments:
        texts: texts or pairs of texts, in any form that `Preprocessor` takes; a table for a model with extra columns.

    Returns:
        The answers by name, as NumPy arrays; names as `str`.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if self.description["input"] != "text":
            raise ExportError(
                f"{folder} takes token ids, not texts. Load the folder without '-tokens', or use tf.saved_model.load."
            )
        tf_text.__name__  # noqa: B018  registers the ops that the graph needs
        self._model = tf.saved_model.load(str(folder))
        self._serve = self._model.signatures["serving_default"]

    def __call__(self, texts: Any) -> dict[str, np.ndarray]:
        columns = text_columns(texts_of(texts))
        kinds = self.description.get("columns") or {}
        names = [name for name in self.description["inputs"] if name not in kinds]
        if len(columns) != len(names):
            raise ValueError(f"The model takes {' and '.join(names)}. Received: {len(columns)} column(s) of texts")
        if kinds:
            extra = ExtraColumns(kinds)
            check_table(extra, texts)
            names, columns = [*names, *kinds], [*columns, *map(tf.constant, extra.values(texts).values())]
        answers = {name: value.numpy() for name, value in self._serve(**dict(zip(names, columns, strict=True))).items()}
        return {
            name: np.vectorize(bytes.decode, otypes=[object])(value) if value.dtype.kind in "OS" and value.size else value
            for name, value in answers.items()
        }

    def predict_text(self, texts: Any) -> Any:
        """A table with one row for each text, as `TextClassifier.predict_text` gives it.

        Raises:
            ExportError: the model is no classifier.
        """
        labels = self.description["labels"]
        answers = self(texts)
        if self.description["kind"] == "regression":
            numbers = answers["score"].astype(float)
            return pd.DataFrame({"label": numbers, "score": numbers, "probabilities": [{} for _ in numbers]})
        if "label" not in answers:
            raise ExportError(
                f"predict_text needs a classifier. {self.folder} answers {sorted(answers)}. Call the model instead."
            )
        tables = [dict(zip(labels, map(float, row), strict=True)) for row in answers["probabilities"]]
        best: Any = answers["label"]
        if self.description["kind"] == "multi_label":
            best = decisions(answers["probabilities"], labels, "multi_label", self.description.get("threshold"))
        return pd.DataFrame({"label": best, "score": answers["score"].astype(float), "probabilities": tables})


def load_exported(path: str | pathlib.Path) -> ExportedModel:
    """Read back what `export_saved_model` wrote.

    Args:
        path: folder of the model (its newest version is taken), or of one version.

    Raises:
        ExportError: no exported model there. A SavedModel is a program: load only what you trust.
    """
    path = pathlib.Path(path)
    folder = path
    if not (folder / "saved_model.pb").is_file():
        versions = [entry for entry in path.glob("*") if entry.name.isdigit() and (entry / "saved_model.pb").is_file()]
        if not versions:
            raise ExportError(f"There is no exported model in {path}. Give the folder that export_saved_model was given.")
        folder = max(versions, key=lambda entry: int(entry.name))
    if not (folder / DESCRIPTION).is_file():
        raise ExportError(f"{folder} was not written by export_saved_model: it has no {DESCRIPTION}. Use tf.saved_model.load.")
    return ExportedModel(folder)
