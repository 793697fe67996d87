"""What a user hands over to be trained on, as what `fit` takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import as_dataset
from keras_bert_lab.text import as_text_tensor

__all__ = ["FitData", "count_rows", "data_for_steps", "holds_texts", "is_numbered", "take_rows"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitData:
    """Arguments of `fit`, and a batch.

    Attributes:
        arguments: x, y and what else belongs to the data.
        first_batch: gives a batch as the model will see it.
    """

    arguments: Mapping[str, Any]
    first_batch: Callable[[], tuple[Any, ...]]


def is_numbered(x: Any) -> bool:
    """Whether x is numbered batches: batch k is a pure function of k."""
    return hasattr(x, "batch") and hasattr(x, "steps_per_epoch")


def holds_texts(x: Any) -> bool:
    """Whether x holds texts or pairs of texts, in lists, arrays, tables or tensors.

    Example:
        >>> holds_texts(["good", "bad"]), holds_texts([("a", "b")]), holds_texts(np.zeros((2, 3)))
        (True, True, False)
    """
    if isinstance(x, Mapping):
        return False
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    dtype = getattr(x, "dtype", None)
    return isinstance(x, (str, bytes)) or getattr(dtype, "kind", "") in ("U", "S", "O", "T") or "string" in str(dtype)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and len(leaf.shape) > 0


def _as_array(leaf: Any) -> Any:
    return leaf.to_numpy() if hasattr(leaf, "to_numpy") else leaf


def count_rows(*columns: Any) -> int:
    """How many rows arrays have: all of them the same number.

    Raises:
        TypeError: something else than arrays.
        ValueError: another number of rows in some, or no rows.
    """
    leaves = [leaf for leaf in keras.tree.flatten(columns) if leaf is not None]
    for leaf in leaves:
        if not _is_array(leaf):
            raise TypeError(
                "x and y must be arrays or tensors with a row for each example, texts for a model that takes them, numbered "
                f"batches, a tf.data.Dataset or a keras.utils.PyDataset. Received: a {type(leaf).__name__}"
            )
    rows = {int(leaf.shape[0]) for leaf in leaves}
    if len(rows) != 1 or not max(rows):
        raise ValueError(f"x, y and sample_weight must have the same number of rows, at least 1. Received: {sorted(rows)}")
    return max(rows)


def take_rows(columns: Any, rows: np.ndarray) -> Any:
    """Some rows of arrays, in the structure that they came in; None stays None."""

    def taken(leaf: Any) -> Any:
        array = _as_array(leaf)
        return array[rows] if isinstance(array, np.ndarray) else keras.ops.take(array, rows, axis=0)

    return keras.tree.map_structure(lambda leaf: None if leaf is None else taken(leaf), columns)


def _some_rows(count: int, batch_size: int, batches: int, seed: int) -> np.ndarray:
    """Rows for whole batches, epoch after epoch in a new order.

    Then as many rows as the last batch of an epoch has left over: with them Keras sees batches of open size in both cases, and
    need not trace the training again for another `fit`.
    """
    rng = np.random.default_rng(seed)
    epochs = -(-batches * batch_size // (count // batch_size * batch_size))
    orders = [rng.permutation(count)[: count // batch_size * batch_size] for _ in range(epochs)]
    return np.concatenate([np.concatenate(orders)[: batches * batch_size], np.arange(count % batch_size)])


def data_for_steps(
    model: keras.Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    batch_size: int,
    batches: int,
    seed: int,
) -> FitData:
    """Data for some batches in a row, in an order that follows from the seed.

    Args:
        model: to be trained. If it has `batches(texts, labels, ...)`, it takes texts.
        x, y, sample_weight, class_weight: as in its `fit`; x may also be numbered batches.
        batch_size: rows in a batch, for arrays and texts.
        batches: how many.
        seed: of the order of arrays and texts.

    Raises:
        TypeError: data that can be read only once, or none of the known kinds.
        ValueError: columns of different length; y beside data that hold their targets.
    """
    if hasattr(model, "batches") and y is not None and holds_texts(x):
        x = model.batches(x, y, batch_size, seed=seed, class_weight=class_weight, sample_weight=sample_weight)
        y = sample_weight = class_weight = None
    is_dataset = hasattr(x, "element_spec") or isinstance(x, keras.utils.PyDataset)
    if is_numbered(x) or is_dataset:
        if y is not None or sample_weight is not None:
            raise ValueError(
                f"A {type(x).__name__} holds its own targets. Received: y or sample_weight beside it. Leave them out."
            )
        if is_numbered(x):
            numbered = x
            data = as_dataset(x, epochs=-(-batches // x.steps_per_epoch))
            return FitData(arguments={"x": data, "shuffle": False}, first_batch=lambda: numbered.batch(0))
        if hasattr(x, "element_spec"):
            data = x.repeat().take(batches)
            arguments = {"x": data, "class_weight": class_weight, "shuffle": False}
            return FitData(arguments=arguments, first_batch=lambda: next(iter(x)))
        arguments = {"x": x, "class_weight": class_weight, "epochs": batches}
        return FitData(arguments=arguments, first_batch=lambda: tuple(x[0]))
    if hasattr(x, "__next__"):
        raise TypeError(
            f"x must be data that can be read more than once. Received: a {type(x).__name__}. Pass a tf.data.Dataset, a "
            "keras.utils.PyDataset, or arrays."
        )
    if holds_texts(x):
        x = as_text_tensor(x)
    count = count_rows(x, y, sample_weight)
    size = min(batch_size, count)
    rows = _some_rows(count, size, batches, seed)
    columns = take_rows((x, y, sample_weight), rows)
    arguments = dict(zip(("x", "y", "sample_weight"), columns, strict=True))
    arguments |= {"batch_size": size, "class_weight": class_weight, "shuffle": False}
    return FitData(
        arguments=arguments,
        first_batch=lambda: tuple(part for part in take_rows(columns, np.arange(size)) if part is not None),
    )
