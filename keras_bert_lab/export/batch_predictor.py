"""A classifier that travels by its name: batches of a table in, the same with answers out."""

from __future__ import annotations

import os
import pathlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.config import check_integer
from keras_bert_lab.data.cell_checks import problems_of, text_problem
from keras_bert_lab.data.wording import listed, rows_named
from keras_bert_lab.errors import DataError
from keras_bert_lab.export.loaded_classifiers import Classifier, loaded_classifier
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.preprocessor import columns_of

__all__ = ["BatchPredictor"]

pd = LazyModule("pandas")

ANSWERS = ("label", "score", "probabilities")


class BatchPredictor:
    """A classifier for data engines: it is pickled as the name of its folder, and loaded at the first call in each process.

    It takes texts of any lengths, sorts them into batches of similar length, and answers in their order.

    Args:
        model: a folder that `save_task` or `train` wrote, an exported model (see `export_saved_model`), or what `load_task`
            takes. It must be found under this name wherever the predictor is used.
        batch_size: texts in a batch of the model; not the batch of the engine, which may well be 8,192 rows, so that there is
            something to sort.
        text: name of the column of texts; None = as in training, else "text".
        text_pair: name of the column of second texts, for pairs; None = as in training.
        drop_unusable: rows whose text is empty, missing or no text get no answer (None, NaN), instead of an error.
        prefix: stands before the names of the columns that are added, as in "predicted_label".

    Call arguments:
        batch: a dict of NumPy arrays, a pandas DataFrame, or texts alone: a list, Series or array; pairs as `Preprocessor`
            takes them.

    Returns:
        The same with `label`, `score` and `probabilities` added (see `TextClassifier.predict_text`); for texts alone a
        DataFrame of these. In a dict of arrays, the probabilities are float32 (B, C) in the order of `labels`, and a model
        of numbers has none.

    Attributes:
        labels: names of the labels, in the order of the outputs; empty for a model of numbers.
        tokens, slots: real tokens, and places for tokens, of all batches so far; 0 for an exported model.

    Raises:
        TypeError: a model that is no name of one, or a batch of another kind.
        DataError: a column that is not there, or that would be overwritten; rows without a text.
        FormatError, ExportError: at the first call: no classifier there.

    Example:
        answers = kbl.BatchPredictor("runs/reviews")(frame)
        table = ray.data.read_csv("in.csv").map_batches(kbl.BatchPredictor, fn_constructor_args=("/runs/reviews",))
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        batch_size: int = 64,
        text: str | None = None,
        text_pair: str | None = None,
        drop_unusable: bool = False,
        prefix: str = "",
    ) -> None:
        if not isinstance(model, (str, os.PathLike)):
            raise TypeError(
                f"model must name a folder, so that every process can load it. Received: {type(model).__name__}. Save it with "
                "save_task or export_saved_model."
            )
        check_integer("batch_size", batch_size, 1)
        self.source = os.fspath(model)
        if pathlib.Path(self.source).exists():
            self.source = str(pathlib.Path(self.source).absolute())  # other processes may stand in other folders
        self.batch_size = batch_size
        self.text = text
        self.text_pair = text_pair
        self.drop_unusable = drop_unusable
        self.prefix = prefix
        self._begin()

    def _begin(self) -> None:
        self.tokens = self.slots = 0
        self._loaded: Classifier | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        left_here = ("tokens", "slots", "_loaded", "_lock")
        return {name: value for name, value in vars(self).items() if name not in left_here}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    @property
    def classifier(self) -> Classifier:
        """The model; it is loaded now, if it was not yet."""
        with self._lock:
            if self._loaded is None:
                self._loaded = loaded_classifier(self.source)
        return self._loaded

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return self.classifier.labels

    def columns(self) -> list[str]:
        """Names of the columns that hold the texts."""
        trained = self.classifier.settings
        pair = self.text_pair or trained.get("text_pair")
        return [self.text or trained.get("text") or "text", *([pair] if pair else [])]

    def __call__(self, batch: Any) -> Any:
        if isinstance(batch, Mapping) or hasattr(batch, "columns"):
            return self._with_answers(batch)
        if isinstance(batch, (list, tuple, np.ndarray)) or hasattr(batch, "to_numpy"):
            return self.predict_text(batch)
        raise TypeError(
            f"batch must be a dict of arrays, a pandas DataFrame, or texts. Received: {type(batch).__name__}. With Ray Data "
            'use batch_format="numpy" or "pandas".'
        )

    def _with_answers(self, batch: Any) -> Any:
        there = list(batch.columns if hasattr(batch, "columns") else batch)
        names = self.columns()
        wanted = [*names, *self.classifier.columns]
        missing = [name for name in wanted if name not in there]
        if missing:
            raise DataError(
                f"batch must have the columns {listed(wanted)}. Received: {listed(there)}. Name those of the texts with text= "
                "and text_pair=."
            )
        texts = [_cells(batch[name]) for name in names]
        beside = {name: _cells(batch[name]) for name in self.classifier.columns}
        answers = self.predict_text(texts if len(texts) == 2 else texts[0], beside)
        is_frame = hasattr(batch, "columns")
        columns = {name: answers[name].tolist() for name in ANSWERS} if is_frame else self._arrays(answers)
        added = {f"{self.prefix}{name}": column for name, column in columns.items()}
        taken = [name for name in added if name in there]
        if taken:
            raise DataError(
                f"batch must not have the columns that are added. Received: {taken}. Rename them, or pass prefix='predicted_'."
            )
        if not is_frame:
            return {**batch, **added}
        return batch.assign(**{name: pd.Series(column, index=batch.index) for name, column in added.items()})

    def _arrays(self, answers: Any) -> dict[str, np.ndarray]:
        """Answers as arrays with one row for each text."""
        kind, labels = self.classifier.kind, self.labels
        label = np.empty(len(answers), object)
        label[:] = answers["label"].tolist()
        found = {"label": label.astype(float) if kind == "regression" else label, "score": answers["score"].to_numpy(float)}
        if kind == "regression":
            return found
        rows = [[row[name] for name in labels] if row else [np.nan] * len(labels) for row in answers["probabilities"]]
        return found | {"probabilities": np.array(rows, np.float32).reshape(len(rows), len(labels))}

    def predict_text(
        self,
        texts: Any,
        beside: Mapping[str, Sequence[Any]] | None = None,
        watch: Callable[[int], None] = lambda rows: None,
    ) -> Any:
        """A table with one row for each text, in their order; see `TextClassifier.predict_text`.

        Args:
            texts: as in `TextClassifier.predict_text`.
            beside: cells of the columns that the model reads beside them, by name.
            watch: called with the number of texts of a batch when it goes into the model.
        """
        columns = [_cells(column) for column in columns_of([texts] if isinstance(texts, (str, bytes)) else texts)]
        if len({len(column) for column in columns}) > 1:
            counts = [len(column) for column in columns]
            raise ValueError(f"Each row of pairs must have both texts. Received: {counts[0]} first, {counts[1]} second ones")
        more = {name: list((beside or {})[name]) for name in self._needed(beside, len(columns[0]))}
        bad = [problems_of(column, text_problem) for column in columns]
        unusable = {row - 1 for problems in bad for rows in problems.values() for row in rows}
        if unusable and not self.drop_unusable:
            kinds = [f"{kind} in {rows_named(rows)}" for problems in bad for kind, rows in problems.items()]
            raise DataError(
                f"Every row must have a text. Received: {'; '.join(kinds)} (row 1 = the first of {len(columns[0]):,}). Fill or "
                "remove these rows, or pass drop_unusable=True."
            )
        usable = [row for row in range(len(columns[0])) if row not in unusable]
        if not usable:
            return pd.DataFrame({"label": None, "score": np.nan, "probabilities": None}, index=range(len(columns[0])))
        chosen = [[column[row] for row in usable] for column in columns] if unusable else columns
        if unusable:
            more = {name: [cells[row] for row in usable] for name, cells in more.items()}
        found, tokens, slots = self.classifier.answers(chosen, more, self.batch_size, watch)
        self.tokens += tokens
        self.slots += slots
        if not unusable:
            return found
        every = range(len(columns[0]))
        given = {name: dict(zip(usable, found[name].tolist(), strict=True)) for name in ANSWERS}
        table = {name: pd.Series([answers.get(row) for row in every], dtype=object) for name, answers in given.items()}
        return pd.DataFrame(table | {"score": table["score"].astype(float)})

    def _needed(self, beside: Mapping[str, Sequence[Any]] | None, rows: int) -> list[str]:
        """Names of the columns that the model reads beside the texts.

        Raises:
            ValueError: one is missing, or has another number of rows.
        """
        needed = list(self.classifier.columns)
        for name in needed:
            if beside is None or name not in beside or len(beside[name]) != rows:
                received = "none" if beside is None or name not in beside else f"{len(beside[name])} cells"
                raise ValueError(
                    f"beside must hold a cell of {name!r} for each of {rows} texts, which the model reads too. "
                    f"Received: {received}. Give a table with this column."
                )
        return needed


def _cells(column: Any) -> list[Any]:
    """Texts as Python strings; bytes, as arrays and TFRecords have them, are UTF-8."""
    if hasattr(column, "numpy"):  # a tensor
        column = column.numpy()
    cells = column.tolist() if hasattr(column, "tolist") else list(column)
    return [_decoded(cell) if isinstance(cell, bytes) else cell for cell in cells]


def _decoded(text: bytes) -> Any:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text  # which is no text
