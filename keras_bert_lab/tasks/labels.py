"""Names of labels <-> the numbers that a model is trained on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_bert_lab.errors import DataError

__all__ = ["encode_labels", "label_names"]


def _plain(value: Any) -> Any:
    """A NumPy scalar as the Python value that it holds."""
    return value.item() if isinstance(value, np.generic) else value


def _as_list(values: Any) -> list[Any]:
    if hasattr(values, "numpy"):
        values = values.numpy()
    if hasattr(values, "tolist") and not isinstance(values, (list, tuple)):
        values = values.tolist()
    return [_plain(value.decode() if isinstance(value, bytes) else value) for value in values]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NAType"


def label_names(labels: Any) -> list[str]:
    """The different labels of a column, sorted; lists of labels (multi-label) are taken apart.

    Raises:
        DataError: a missing label, or no label at all.

    Example:
        >>> label_names(["pos", "neg", "pos"])
        ['neg', 'pos']
    """
    values = _as_list(labels)
    if values and all(isinstance(value, (list, tuple, set)) for value in values):
        values = [name for value in values for name in value]
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise DataError(
            f"Every text needs a label. Received {len(missing)} missing, first in rows {missing[:5]}. Drop these rows."
        )
    if not values:
        raise DataError("labels must name at least one label. Received: none")
    try:
        ordered = sorted(set(values))
    except TypeError:
        ordered = sorted(set(values), key=str)
    return [str(value) for value in ordered]


def encode_labels(values: Any, names: list[str], kind: str) -> np.ndarray:
    """Labels as a model's targets.

    Args:
        values: names of labels (or the numbers 0..C-1 where the names are no numbers), lists of names for multi-label,
            numbers for regression.
        names: the labels that the model knows, in the order of its outputs.
        kind: of classification.

    Returns:
        binary: float32 (B, 1); multi_class: int32 (B,); multi_label: float32 (B, C); regression: float32 (B, 1).

    Raises:
        DataError: a label that the model does not know, or that is missing.
    """
    table = getattr(values, "ndim", 1) == 2
    values = _as_list(values)
    if kind == "regression":
        numbers = np.array(values, np.float32).reshape(-1, 1)
        if not np.isfinite(numbers).all():
            rows = np.flatnonzero(~np.isfinite(numbers[:, 0]))[:5].tolist()
            raise DataError(f"Every target must be a finite number. Received others in rows {rows}")
        return numbers
    places = {name: place for place, name in enumerate(names)}
    if not any(name.isdigit() for name in names):
        places |= {str(place): place for place in range(len(names))}  # labels that are numbered already

    def place(row: int, value: Any) -> int:
        value = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 and kind != "multi_label" else value
        if isinstance(value, float) and value.is_integer():
            value = str(int(value)) if str(value) not in places else str(value)
        if str(value) not in places:
            raise DataError(f"label must be one of {names}. Received: {value!r} in row {row}")
        return places[str(value)]

    if kind == "multi_label":
        targets = np.zeros((len(values), len(names)), np.float32)
        flags = table or not {"0", "1"} & set(names)  # else [0, 1] names two labels
        for row, chosen in enumerate(values):
            if not isinstance(chosen, (list, tuple, set)):
                raise DataError(f"kind='multi_label' needs a list of labels for each text. Received: {chosen!r} in row {row}")
            if flags and len(chosen) == len(names) and all(flag in (0, 1) for flag in chosen):
                targets[row] = list(chosen)  # already one 0 or 1 for each label
            else:
                targets[row, [place(row, name) for name in chosen]] = 1.0
        return targets
    found = np.array([place(row, value) for row, value in enumerate(values)], np.int32)
    return found.astype(np.float32).reshape(-1, 1) if kind == "binary" else found
