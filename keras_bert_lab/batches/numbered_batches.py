"""A user's own data as numbered batches: which examples batch k holds follows from (seed, k)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.batches.randomness import generator
from keras_bert_lab.config import check_integer

__all__ = ["numbered_batches"]


class _Ordered:
    """Batches of an order that is new in each epoch.

    Args:
        count: how many things are ordered.
        steps_per_epoch: batches in an epoch.
        seed: of the order; None = as it is.
    """

    def __init__(self, count: int, steps_per_epoch: int, seed: int | None) -> None:
        self.steps_per_epoch = steps_per_epoch
        self._count = count
        self._seed = seed
        self._order = functools.lru_cache(maxsize=2)(self._ordered)

    def _ordered(self, epoch: int) -> np.ndarray:
        return np.arange(self._count) if self._seed is None else generator(self._seed, epoch).permutation(self._count)

    def _place(self, step: int) -> tuple[np.ndarray, int]:
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._order(epoch if self._seed is not None else 0), place

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`, counted over all epochs."""
        raise NotImplementedError

    def counts(self, step: int) -> tuple[int, int]:
        """Rows of batch `step`, twice: there is no padding."""
        rows = len(keras.tree.flatten(self.batch(step))[0])
        return rows, rows


class _ArrayBatches(_Ordered):
    """Rows of arrays."""

    def __init__(self, columns: tuple[Any, ...], batch_size: int, seed: int | None) -> None:
        flat = keras.tree.flatten(columns)
        rows = {len(array) for array in flat}
        if len(rows) != 1 or not max(rows):
            raise ValueError(f"x, y and sample_weight must have the same number of rows, at least 1. Received: {sorted(rows)}")
        super().__init__(max(rows), -(-max(rows) // batch_size), seed)
        self._columns = columns
        self._batch_size = batch_size

    @functools.cached_property
    def content_hash(self) -> str:
        """Of all rows."""
        return hash_of(*keras.tree.flatten(self._columns))

    def batch(self, step: int) -> tuple[Any, ...]:
        order, place = self._place(step)
        rows = order[place * self._batch_size : (place + 1) * self._batch_size]
        return keras.tree.map_structure(lambda array: array[rows], self._columns)


class _DatasetBatches(_Ordered):
    """Batches of a `keras.utils.PyDataset`."""

    def __init__(self, dataset: keras.utils.PyDataset, seed: int | None) -> None:
        kind, base = type(dataset), keras.utils.PyDataset
        changes = kind.on_epoch_begin is not base.on_epoch_begin or kind.on_epoch_end is not base.on_epoch_end
        if changes or not dataset.num_batches:
            raise TypeError(
                "A PyDataset must have a length and give the same batch for the same index in all epochs. Received: "
                f"{kind.__name__}, which {'changes from epoch to epoch' if changes else 'has none'}. Leave the shuffling to "
                "shuffle=True, or pass an object with steps_per_epoch and batch(k), k counted over all epochs."
            )
        super().__init__(dataset.num_batches, dataset.num_batches, seed)
        self._dataset = dataset

    def batch(self, step: int) -> tuple[Any, ...]:
        order, place = self._place(step)
        found = self._dataset[int(order[place])]
        return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def numbered_batches(
    x: Any, y: Any = None, sample_weight: Any = None, batch_size: int = 32, shuffle: bool = True, seed: int = 0
) -> Any:
    """Data as batches that can be had by their number.

    Args:
        x: arrays, tensors, lists or tables with a row for each example, or a dict or tuple of them; or numbered batches
            already; or a `keras.utils.PyDataset`.
        y, sample_weight: with a row for each example.
        batch_size: rows in a batch; the last of an epoch may hold fewer.
        shuffle: a new order in each epoch.
        seed: of the order.

    Raises:
        TypeError: data that cannot be had by number, or columns of other things than numbers and texts.
        ValueError: columns of different length; targets beside data that hold their own; weights without targets.

    Example:
        >>> batches = numbered_batches(np.arange(5), np.arange(5) * 10, batch_size=2, shuffle=False)
        >>> batches.steps_per_epoch, [array.tolist() for array in batches.batch(4)]  # the second of the second epoch
        (3, [[2, 3], [20, 30]])
    """
    check_integer("batch_size", batch_size, 1)
    order = seed if shuffle else None
    is_numbered = hasattr(x, "batch") and hasattr(x, "steps_per_epoch")
    if is_numbered or isinstance(x, keras.utils.PyDataset):
        if y is not None or sample_weight is not None:
            name = type(x).__name__
            raise ValueError(f"A {name} holds its own targets. Received: y or sample_weight beside it. Leave them out.")
        return x if is_numbered else _DatasetBatches(x, order)
    if not (isinstance(x, Mapping) or hasattr(x, "__len__")) or _is_dataset(x):
        raise TypeError(
            f"The order of the data must be known beforehand. Received: {type(x).__name__}. Pass arrays, a "
            "keras.utils.PyDataset, or an object with steps_per_epoch and batch(k), k counted over all epochs."
        )
    if y is None and sample_weight is not None:
        raise ValueError("y must be given where sample_weight is. Received: y=None")
    columns = [_as_arrays(x)]
    if y is not None:
        columns.append(_as_arrays(y))
    if sample_weight is not None:
        columns.append(_as_arrays(sample_weight))
    return _ArrayBatches(tuple(columns), batch_size, order)


def _is_dataset(x: Any) -> bool:
    return any(kind.__module__.startswith("tensorflow.python.data") for kind in type(x).__mro__)


def _as_arrays(data: Any) -> Any:
    """Columns in the structure that they came in."""
    if isinstance(data, Mapping):
        return {name: _as_arrays(column) for name, column in data.items()}
    if isinstance(data, (list, tuple)) and any(hasattr(item, "shape") and np.ndim(item) for item in data):
        return tuple(_as_arrays(column) for column in data)
    array = data.to_numpy() if hasattr(data, "to_numpy") else np.asarray(data)
    if array.dtype.kind in "OU":  # texts: in the form that TensorFlow keeps them in
        others = [item for item in array.ravel() if not isinstance(item, (str, bytes))]
        if others:
            found = f"a {type(others[0]).__name__}, {others[0]!r:.60}"
            raise TypeError(f"A column must hold numbers alone, or texts alone. Received: {found}")
        encoded = [text if isinstance(text, bytes) else text.encode() for text in array.ravel()]
        array = np.array([*encoded, None], object)[:-1].reshape(array.shape)
    if not array.ndim:
        raise TypeError(f"Data must have a row for each example. Received: {type(data).__name__}")
    return array
