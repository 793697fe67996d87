"""A table and the predictions for its rows, part by part."""

from __future__ import annotations

import hashlib
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab._version import __version__
from keras_bert_lab.data import TableParts, table_writer
from keras_bert_lab.data.parquet import parquet_schema
from keras_bert_lab.errors import DataError
from keras_bert_lab.export import BatchPredictor
from keras_bert_lab.formats import MANIFEST
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.recipes.prediction_parts import PredictionParts

__all__ = ["PredictedTable", "file_state", "made_from"]

pd = LazyModule("pandas")
tf = LazyModule("tensorflow")
tqdm = LazyModule("tqdm.auto", install="tqdm")

LABEL, SCORE, PROBABILITY = "predicted_label", "predicted_score", "probability_"


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_model(folder: pathlib.Path) -> str:
    """Our manifest holds the hashes of all files; other people's models have none."""
    if (folder / MANIFEST).is_file():
        return _sha256(folder / MANIFEST)
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder).as_posix()}:{_sha256(path)};".encode())
    return found.hexdigest()


def made_from(model: pathlib.Path, table: pathlib.Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data that decide every prediction: contents of the model and the table, settings, versions.

    Args:
        model: its folder.
        table: its file; it is read once for its hash.
        settings: of the command.
    """
    return {
        "model": _of_model(model),
        "table": {"bytes": table.stat().st_size, "sha256": _sha256(table)},
        **settings,
        "versions": {"keras_bert_lab": __version__, "keras": keras.version(), "tensorflow": tf.__version__},
    }


def file_state(path: pathlib.Path) -> tuple[int, int, int]:
    """What changes when somebody writes to a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


class PredictedTable:
    """A table with columns of predictions.

    Args:
        parts: of the table; read to the end once.
        columns: names of the columns of texts.
        predictor: makes the predictions.
        probabilities: whether there is a column for each label.
        rows: of the table.
        state: of its file when it was looked at, see `file_state`.
    """

    def __init__(
        self,
        parts: TableParts,
        columns: list[str],
        predictor: BatchPredictor,
        probabilities: bool,
        rows: int,
        state: tuple[int, int, int],
    ) -> None:
        self._parts = parts
        self._columns = columns
        self._predictor = predictor
        self._labels = predictor.labels if probabilities else []
        self._rows = rows
        self._state = state

    @property
    def added(self) -> list[str]:
        """Names of the columns of predictions."""
        return [LABEL, SCORE, *(f"{PROBABILITY}{label}" for label in self._labels)]

    def check_names(self) -> None:
        """Whether the names of the predictions' columns are free, and all columns there that the model reads.

        Raises:
            DataError: the table has a column of such a name, or lacks one.
        """
        missing = [name for name in self._predictor.classifier.columns if name not in set(self._parts.names)]
        if missing:
            raise DataError(
                f"{self._parts.path} must have the columns that the model reads beside the text. "
                f"Received: {self._parts.names}, without {missing}."
            )
        taken = [name for name in self.added if name in set(self._parts.names)]
        if taken:
            raise DataError(
                f"{self._parts.path} must not have the columns that are added. Received: {taken}. Rename or remove them."
            )

    def predict(self, kept: PredictionParts) -> None:
        """Make all parts that are not kept yet, and keep them.

        Raises:
            DataError: the table was changed meanwhile; the disk is full or fails. What was predicted stays.
        """
        there = {number: part["rows"] for number in kept.numbers() if (part := kept.read(number)) is not None}
        if there:
            print(f"Going on: {sum(there.values()):,} of {self._rows:,} rows are predicted already", flush=True)
        with tqdm.tqdm(
            total=self._rows,
            initial=sum(there.values()),
            desc="predicting",
            unit="row",
            file=sys.stdout,
            dynamic_ncols=True,
            mininterval=0.5,
        ) as bar:
            for number, part in enumerate(self._parts):
                if number in there:
                    continue
                first = bar.n
                found = self._predicted(part, bar.update)
                bar.update(first + len(part) - bar.n)  # rows without a text too
                self._check_unchanged()
                self._keep(kept, number, found)
                bar.set_postfix_str(f"padding {self._padding:.1%}", refresh=False)
        if self._predictor.slots:
            print(f"{self._padding:.1%} of the computed tokens were padding", flush=True)

    @property
    def _padding(self) -> float:
        return 1.0 - self._predictor.tokens / max(1, self._predictor.slots)

    def _predicted(self, part: Any, watch: Any) -> dict[str, Any]:
        names = list(part.columns)
        texts = [part.iloc[:, names.index(name)].tolist() for name in self._columns]
        beside = {name: part.iloc[:, names.index(name)].tolist() for name in self._predictor.classifier.columns}
        answers = self._predictor.predict_text(texts if len(texts) == 2 else texts[0], beside, watch)
        score = [None if label is None else score for label, score in zip(answers["label"], answers["score"], strict=True)]
        found = {"rows": len(part), "label": answers["label"].tolist(), "score": score}
        if self._labels:
            rows = answers["probabilities"].tolist()
            found["probabilities"] = [None if row is None else [row[label] for label in self._labels] for row in rows]
        return found

    def _keep(self, kept: PredictionParts, number: int, part: dict[str, Any]) -> None:
        try:
            kept.write(number, part)
        except OSError as error:
            raise DataError(
                f"{kept.path} could not be written to: {error.strerror}. What was predicted before is there; the same command "
                "goes on from it."
            ) from error

    def _check_unchanged(self) -> None:
        if file_state(self._parts.path) != self._state:
            raise DataError(f"{self._parts.path} was changed while its rows were predicted. Begin again with --overwrite.")

    def write(self, output: pathlib.Path, overwrite: bool, schema: Any, kept: PredictionParts) -> None:
        """Write the table with all predictions; the file gets its name when all of it is there.

        Args:
            output: of the file.
            overwrite: replace an existing file.
            schema: types of the table's own columns, where the form of the file needs them.
            kept: all predictions.

        Raises:
            DataError: the table was changed meanwhile; a part was damaged; the disk is full or fails.
        """
        if schema is not None:
            schema = self._with_predictions(schema)
        with table_writer(output, overwrite, schema) as write:
            rows = 0
            for number, part in enumerate(self._parts):
                found = kept.read(number)
                if found is None or found["rows"] != len(part):
                    raise DataError(
                        f"Part {number} in {kept.path} is damaged. Run the same command again: only this part is made anew."
                    )
                for name, values in zip(self.added, self._values(found), strict=True):
                    part[name] = pd.Series(values, index=part.index, dtype=object)
                write(part)
                rows += len(part)
            if rows != self._rows:
                raise DataError(f"{self._parts.path} was changed while its rows were predicted. Begin again with --overwrite.")
            self._check_unchanged()

    def _values(self, found: Mapping[str, Any]) -> list[list[Any]]:
        """One list for each added column."""
        rows = found.get("probabilities") or []
        places = range(len(self._labels))
        return [found["label"], found["score"], *([None if row is None else row[place] for row in rows] for place in places)]

    def _with_predictions(self, schema: Any) -> Any:
        """A part may have no prediction at all, and says nothing about types then."""
        label: Any = {"regression": 0.5, "multi_label": ["a"]}.get(self._predictor.classifier.kind, "a")
        example = pd.DataFrame({LABEL: pd.Series([label], dtype=object), SCORE: [0.5]} | dict.fromkeys(self.added[2:], 0.5))
        for field in parquet_schema(example):
            schema = schema.append(field)
        return schema
