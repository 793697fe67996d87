"""The tables that `train` reads: rows to learn from, rows to validate on, and which labels there are."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.data import check_known_labels, check_labels, read_table
from keras_bert_lab.data.splits import split_rows
from keras_bert_lab.recipes.tables import announce_dropped, split_labels
from keras_bert_lab.tasks.labels import label_names

__all__ = ["TrainingTables", "read_training_tables"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingTables:
    """Tables that are known to be in order.

    Attributes:
        learned: rows to learn from.
        kept: rows to validate on, or None.
        labels: the labels in the order of the outputs; None for numbers.
        kind: of classification, known now.
    """

    learned: Any
    kept: Any
    labels: list[str] | None
    kind: str


def read_training_tables(
    table: pathlib.Path,
    validation: pathlib.Path | None,
    kind: str,
    label_separator: str | None,
    validation_split: float,
    seed: int,
    keep_similar_labels: bool,
    how: Mapping[str, Any],
) -> TrainingTables:
    """Read and check the tables of a training.

    Args:
        table, validation, kind, label_separator, validation_split, seed, keep_similar_labels: of `train`.
        how: more arguments of `read_table`.

    Raises:
        DataError: a table that cannot be used.
        ValueError: a split that leaves a side empty.
    """

    def read(path: pathlib.Path) -> Any:
        label_type = "number" if kind == "regression" else "name"
        found = read_table(path, label_type=label_type, **how)
        announce_dropped(found)
        return split_labels(found, label_separator)

    data = read(table)
    labels = None if kind == "regression" else label_names(data["label"])
    if kind == "auto" and labels is not None:
        kind = "binary" if len(labels) == 2 else "multi_class"
    if labels is not None:
        check_labels(data["label"], keep_similar=keep_similar_labels)
    learned, kept = data, None
    if validation is not None:
        kept = read(validation)
        if labels is not None:
            check_known_labels(kept["label"], labels)
    elif validation_split:
        strata = data["label"].tolist() if kind in ("binary", "multi_class") else None
        rows = split_rows(len(data), validation_split, seed, strata)
        learned, kept = (data.iloc[part].reset_index(drop=True) for part in rows)
    return TrainingTables(learned=learned, kept=kept, labels=labels, kind=kind)
