"""Tables of texts and extra columns, on their way into a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.extra_columns import ExtraColumns
from keras_bert_lab.tasks.text_inputs import is_table

__all__ = ["check_table", "column_vectors", "learned_columns", "row_vectors", "with_columns"]

tf = LazyModule("tensorflow")


def check_table(columns: ExtraColumns | None, x: Any) -> None:
    """Refuse texts alone where a model reads more columns.

    Raises:
        ValueError: x is no table.
        DataError: a column is missing.
    """
    if columns is None:
        return
    if not is_table(x):
        raise ValueError(
            "This model reads a table: a DataFrame, or a dict of columns, with 'text' and "
            f"{list(columns.kinds)}. Received: {type(x).__name__}"
        )
    columns.check(x)


def learned_columns(columns: ExtraColumns | None, table: Any, rows: np.ndarray | None) -> ExtraColumns | None:
    """The columns, having learned from the rows that `fit` trains on; those that have learned before stay as they are.

    Args:
        columns: of the model.
        table: what `fit` was given.
        rows: those of its rows that are trained on; None = all.

    Raises:
        ValueError, DataError: see `check_table`.
    """
    if columns is None or columns.learned is not None:
        return columns
    check_table(columns, table)
    return columns.learned_from(table, rows)


def column_vectors(columns: ExtraColumns, table: Any) -> Any:
    """The vectors of a table's rows, for the backend that computes the model."""
    vectors = columns.vectors(table)
    return vectors if keras.backend.backend() == "tensorflow" or not tf.executing_eagerly() else vectors.numpy()


def row_vectors(columns: ExtraColumns | None, table: Any, count: int) -> np.ndarray | None:
    """The vectors of a table's rows, float32 (R, F), or None for a model without extra columns.

    Raises:
        ValueError: another number of them than of texts.
    """
    if columns is None:
        return None
    vectors = columns.vectors(table).numpy()
    if len(vectors) != count:
        raise ValueError(
            f"All columns of a table must have as many rows as texts. Received: {count} texts, {len(vectors)} rows"
        )
    return vectors


def with_columns(vectors: Any, inputs: Mapping[str, Any], width: int) -> Any:
    """Vectors of texts, (B, H), and behind each of them that of its extra columns: (B, H + F).

    Raises:
        ValueError: token ids without extra columns.
    """
    if contract.COLUMNS not in inputs:
        raise ValueError(
            f"inputs must have the key {contract.COLUMNS!r}, float32 (B, {width}). Received: {sorted(inputs)}. "
            "Give a table, or add model.columns.vectors(table)."
        )
    columns = ops.reshape(ops.cast(inputs[contract.COLUMNS], vectors.dtype), (-1, width))
    return ops.concatenate([vectors, columns], axis=1)
