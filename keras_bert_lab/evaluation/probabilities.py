"""True labels and probabilities, in the forms that people have them in -> arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.errors import DataError
from keras_bert_lab.tasks.labels import encode_labels

__all__ = ["has_label_lists", "label_numbers", "label_table", "probability_table"]

_ROUNDING = 1e-3
"""How far from 1 the probabilities of one text may sum up, as those of half precision do."""


def has_label_lists(true: Any) -> bool:
    """Whether each text has a list of labels, or a row of 0 and 1 with one for each label.

    Example:
        >>> has_label_lists([["a"], []]), has_label_lists(["a", "b"]), has_label_lists(np.eye(2))
        (True, False, True)
    """
    if getattr(true, "ndim", 1) == 2:
        return bool(true.shape[1] > 1)
    return any(isinstance(value, (list, tuple, set, np.ndarray)) for value in list(true)[:1])


def label_numbers(values: Any, labels: Sequence[str]) -> np.ndarray:
    """One label for each text -> its number, int64 (R,).

    Args:
        values: names of labels; or their numbers, where the names are no numbers.
        labels: all labels.

    Raises:
        DataError: a label that is not among them, or that is missing.

    Example:
        >>> label_numbers(["pos", "neg"], ["neg", "pos"]).tolist(), label_numbers(np.array([1, 0]), ["neg", "pos"]).tolist()
        ([1, 0], [1, 0])
    """
    names = [str(name) for name in labels]
    are_numbers = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iu" and values.size
    if are_numbers and not any(name.isdigit() for name in names):  # a long column of numbers needs no look at each
        wrong = values[(values < 0) | (values >= len(names))]
        if wrong.size:
            raise DataError(f"label must be one of {names}, or its number. Received: {wrong[0]}")
        return values.astype(np.int64)
    return encode_labels(values, names, "multi_class").astype(np.int64)


def label_table(values: Any, labels: Sequence[str]) -> np.ndarray:
    """Lists of labels, or rows of 0 and 1 -> bool (R, C).

    Raises:
        DataError: a label that is not among `labels`.

    Example:
        >>> label_table([["b"], [], ["b", "a"]], ["a", "b"]).astype(int).tolist()
        [[0, 1], [0, 0], [1, 1]]
    """
    names = [str(name) for name in labels]
    if isinstance(values, np.ndarray) and values.ndim == 2:
        if values.shape[1] != len(names) or not np.isin(values, (0, 1)).all():
            raise DataError(
                f"A table of labels must hold one 0 or 1 for each of {names}. Received: shape {values.shape}, values such as "
                f"{np.unique(values)[:5].tolist()}"
            )
        return values.astype(bool)
    plain = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
    return encode_labels(plain, names, "multi_label").astype(bool)


def probability_table(probabilities: Any, labels: Sequence[str], rows: int, several: bool = False) -> np.ndarray:
    """Probabilities of a classifier -> float64 (R, C).

    Args:
        probabilities: as `predict` gives them: (R, C), or (R, 1) or (R,), of the second of two labels; or as `predict_text`
            gives them: a dict for each text, label -> probability.
        labels: all labels, C of them.
        rows: R, number of texts.
        several: whether a text may have several labels; else the probabilities of a text sum up to 1.

    Raises:
        ValueError: another shape, a label without probability, or numbers that are no probabilities.

    Example:
        >>> probability_table([[0.25], [0.5]], ["neg", "pos"], 2).tolist()
        [[0.75, 0.25], [0.5, 0.5]]
        >>> probability_table([{"a": 0.25, "b": 0.75}], ["b", "a"], 1).tolist()
        [[0.75, 0.25]]
    """
    names = [str(name) for name in labels]
    if not hasattr(probabilities, "dtype") or probabilities.dtype == object:
        given = list(probabilities)
        if given and isinstance(given[0], Mapping):
            missing = [name for name in names if name not in given[0]]
            if missing:
                raise ValueError(f"probabilities must hold each of {names}. Received: {list(given[0])}")
            probabilities = [[row[name] for name in names] for row in given]
    table = np.asarray(probabilities, np.float64)
    if table.ndim == 1:
        table = table[:, np.newaxis]
    if table.shape[1:] == (1,) and len(names) == 2 and not several:
        table = np.concatenate([1.0 - table, table], axis=1)
    if table.shape != (rows, len(names)):
        raise ValueError(
            f"probabilities must be of shape {(rows, len(names))}: a row for each text, a column for each label. "
            f"Received: {np.shape(probabilities)}"
        )
    if not ((table >= -_ROUNDING) & (table <= 1 + _ROUNDING)).all():  # not so for NaN either
        row, column = np.argwhere(~((table >= -_ROUNDING) & (table <= 1 + _ROUNDING)))[0]
        raise ValueError(f"probabilities must lie between 0 and 1. Received: {table[row, column]} in row {row}")
    table = np.clip(table, 0.0, 1.0)
    if several:
        return table
    sums = table.sum(axis=1, keepdims=True)
    if (np.abs(sums - 1) > _ROUNDING).any():
        row = int(np.argmax(np.abs(sums - 1)))
        raise ValueError(f"The probabilities of a text must sum up to 1. Received: {sums[row, 0]:.4g} in row {row}")
    return table / sums
