"""Classifiers out of a folder, whatever wrote it, behind one way to ask them; each is loaded once in a process."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_bert_lab.data.extra_cells import extra_values
from keras_bert_lab.errors import ExportError, FormatError
from keras_bert_lab.export.exported_model import ExportedModel, load_exported
from keras_bert_lab.export.saved_model import DESCRIPTION
from keras_bert_lab.formats import MANIFEST, TaskFolder, open_source
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import TextClassifier, task_of

__all__ = ["Classifier", "loaded_classifier"]

pd = LazyModule("pandas")


class Classifier:
    """A task, or an exported model, that answers texts with labels.

    Args:
        model: a TextClassifier or an ExportedModel.
        settings: that it was trained with.

    Attributes:
        kind: of classification.
        labels: their names, in the order of the outputs.
        pairs: whether it takes pairs; None = not known.
        columns: what it reads beside the text: name of a column -> kind.
        settings: as given.
    """

    def __init__(self, model: Any, settings: Mapping[str, Any]) -> None:
        self.model = model
        self.settings = settings
        self._is_general = isinstance(model, ExportedModel)
        if isinstance(model, ExportedModel):
            self.kind: str = model.description["kind"]
            self.labels: list[str] = list(model.description["labels"] or [])
            self.columns: dict[str, str] = model.description.get("columns") or {}
            self.pairs: bool | None = len(model.description["inputs"]) - len(self.columns) == 2
        else:
            self.kind, self.labels, self.pairs = model.kind, model.labels, model.pairs
            self.columns = {} if model.columns is None else model.columns.kinds

    def answers(
        self, texts: list[list[str]], beside: Mapping[str, list[Any]], batch_size: int, watch: Callable[[int], None]
    ) -> tuple[Any, int, int]:
        """Answers to texts, in batches of similar length.

        Args:
            texts: texts, or the first and the second texts of pairs.
            beside: cells of the columns that it reads beside them.
            batch_size: texts in a batch.
            watch: called with the number of texts of each batch.

        Returns:
            The table of `predict_text`, real tokens, and places for tokens; 0 and 0 where they are not known.
        """
        if not self._is_general:
            self._generalise(len(texts))
        if isinstance(self.model, ExportedModel):
            return self._of_exported(texts, beside, batch_size, watch), 0, 0
        batches = self.model.batches(self._given(texts, beside), batch_size=batch_size)
        found = self.model.predict_text(_Watched(batches, watch))
        counts = np.array([batches.counts(step) for step in range(batches.steps_per_epoch)])
        return found, int(counts[:, 0].sum()), int(counts[:, 1].sum())

    def _given(self, texts: list[list[str]], beside: Mapping[str, list[Any]]) -> Any:
        """What the model takes: texts, pairs, or a table where it reads more columns."""
        if not self.columns:
            return tuple(texts) if len(texts) == 2 else texts[0]
        more = {name: extra_values(list(beside[name]), kind) for name, kind in self.columns.items()}
        return pd.DataFrame(dict(zip(("text", "text_pair"), texts, strict=False)) | more)

    def _generalise(self, columns: int) -> None:
        """Begin with the same two batches in every process, of one short text and of two long ones.

        TensorFlow makes its first graph for the shape of the first batch alone, and one for all shapes at the second. Their
        results may differ in the last bit; then what a text gets would depend on what this process has seen before it.
        """
        for texts in (["."], [". " * self.model.preprocessor.row_length] * 2):
            beside = {name: [None] * len(texts) for name in self.columns}
            self.model.predict(self.model.batches(self._given([texts] * columns, beside), batch_size=2))
        self._is_general = True

    def _of_exported(
        self, texts: list[list[str]], beside: Mapping[str, list[Any]], batch_size: int, watch: Callable[[int], None]
    ) -> Any:
        """The tokens are counted inside of the graph only; texts with as many characters have about as many."""
        lengths = np.array([sum(map(len, row)) for row in zip(*texts, strict=True)])
        order = np.argsort(lengths, kind="stable")
        found = []
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            chosen = [[column[row] for row in rows] for column in texts]
            more = {name: [cells[row] for row in rows] for name, cells in beside.items()}
            found.append(self.model.predict_text(self._given(chosen, more)).set_index(rows))
            watch(len(rows))
        return pd.concat(found).sort_index()


class _Watched:
    """Numbered batches that tell when one is made."""

    def __init__(self, batches: Any, watch: Callable[[int], None]) -> None:
        self._batches = batches
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)

    def batch(self, step: int) -> Any:
        self._watch(len(self._batches.indices(step)))
        return self._batches.batch(step)


def _is_exported(path: pathlib.Path) -> bool:
    """Whether `export_saved_model` wrote a folder, or one version of it."""
    if not path.is_dir() or (path / MANIFEST).is_file():
        return False
    return any((folder / DESCRIPTION).is_file() for folder in (path, *path.iterdir()))


def _stamp(path: pathlib.Path) -> tuple[Any, ...]:
    """What changes when a folder gets another content."""
    if not path.is_dir():
        return ()
    return tuple((entry.name, entry.stat().st_mtime_ns, entry.stat().st_ino) for entry in sorted(path.iterdir()))


@functools.lru_cache(maxsize=1)  # an engine sends the same predictor again and again
def _loaded(source: str, stamp: tuple[Any, ...]) -> Classifier:
    path = pathlib.Path(source)
    if _is_exported(path):
        model = load_exported(path)
        if model.description["kind"] is None:
            raise ExportError(f"A classifier was expected. Received: {source}, which holds a {model.description['model']}.")
        return Classifier(model, {})
    opened = open_source(source)
    task = task_of(opened)
    if not isinstance(task, TextClassifier):
        raise FormatError(f"A TextClassifier was expected. Received: {source}, which holds a {type(task).__name__}.")
    settings = opened.about.get("settings", {}) if isinstance(opened, TaskFolder) else {}
    return Classifier(task, settings if isinstance(settings, Mapping) else {})


def loaded_classifier(source: str) -> Classifier:
    """The classifier in a folder, or in what else `load_task` takes.

    Raises:
        FormatError, ExportError: nothing there, damaged, or no classifier.
    """
    return _loaded(source, _stamp(pathlib.Path(source)))
