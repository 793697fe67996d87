"""Telling texts from token batches, for the tasks that take both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_bert_lab.batches import ExampleBatches, TokenRows, WindowRows, tokenize_rows, tokenize_windows
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text import Preprocessor, TextWindows
from keras_bert_lab.text.preprocessor import text_columns

__all__ = [
    "is_dataset",
    "is_table",
    "is_texts",
    "sample_weights",
    "some_texts",
    "split_batches",
    "split_rows",
    "texts_of",
    "tokenized",
]

tf = LazyModule("tensorflow")


def is_dataset(x: Any) -> bool:
    """Whether x is a `tf.data.Dataset`."""
    return any(kind.__module__.startswith("tensorflow.python.data") for kind in type(x).__mro__)


def is_table(x: Any) -> bool:
    """Whether x is a table with texts: a DataFrame, or a dict of columns, one of which is "text"."""
    return (isinstance(x, Mapping) or hasattr(x, "columns")) and "text" in x


def texts_of(x: Any) -> Any:
    """The texts, or both texts of pairs, of a table; anything else as it is."""
    if not is_table(x):
        return x
    return (x["text"], x["text_pair"]) if "text_pair" in x else x["text"]


def is_texts(x: Any) -> bool:
    """Whether x holds texts (or pairs of texts) in one of the forms that `Preprocessor` takes, or in a table."""
    if is_table(x):
        return True
    if isinstance(x, Mapping) or x is None or is_dataset(x):
        return False
    if isinstance(x, (str, bytes)):
        return True
    if hasattr(x, "dtype") and not hasattr(x, "index"):  # an array or a tensor
        return getattr(x.dtype, "kind", None) in ("U", "S", "O", "T") or "string" in str(x.dtype)
    if isinstance(x, (list, tuple)):  # of texts, of pairs, or of two columns; a list of number arrays is Keras's own business
        return not any(getattr(item, "ndim", 0) and not is_texts(item) for item in x)
    return hasattr(x, "to_numpy")


def some_texts(texts: Any) -> list[Any]:
    """One string tensor (R,), or two of equal length for pairs; at least one row.

    Raises:
        DataError: a text that is no string.
        ValueError: pairs with columns of different length, or no text at all.
    """
    columns = text_columns(texts_of(texts))
    if not int(columns[0].shape[0]):
        raise ValueError("There must be at least one text. Received: none")
    return columns


def tokenized(source: Preprocessor | TextWindows, columns: list[Any]) -> TokenRows | WindowRows:
    """Tokenise all rows once: special tokens added, long rows cut, or cut into windows."""
    count = int(columns[0].shape[0])

    def part_of(rows: slice) -> Any:
        return columns[0][rows] if len(columns) == 1 else [column[rows] for column in columns]

    if isinstance(source, TextWindows):
        return tokenize_windows(source.rows, count, part_of)
    return tokenize_rows(source.rows, count, part_of)


def sample_weights(
    targets: np.ndarray, names: list[str], class_weight: Mapping[Any, float] | None, sample_weight: Any
) -> np.ndarray | None:
    """One weight for each text, float32 (R,), or None.

    Args:
        targets: encoded labels, (R,) or (R, 1).
        names: the labels, in the order of their numbers.
        class_weight: weights by label name or number; labels not named weigh 1.
        sample_weight: one number for each text.

    Raises:
        ValueError: an unknown class, or another number of weights than texts.
    """
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight, np.float32).reshape(-1)
        if len(weights) != len(targets):
            raise ValueError(f"sample_weight must hold one number for each of {len(targets)} texts. Received: {len(weights)}")
    if class_weight is not None:
        if targets.ndim == 2 and targets.shape[1] > 1:
            raise ValueError("class_weight needs one label for each text. Received: several labels. Use sample_weight.")
        by_class = np.ones(len(names), np.float32)
        for label, weight in class_weight.items():
            place = names.index(str(label)) if str(label) in names else label
            if not isinstance(place, (int, np.integer)) or not 0 <= place < len(names):
                raise ValueError(f"class_weight must name labels among {names} or their numbers. Received: {label!r}")
            by_class[place] = weight
        found = by_class[targets.reshape(-1).astype(int)]
        weights = found if weights is None else weights * found
    return weights


def split_rows(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and a share of the rows that is held out, drawn with the seed; both in order.

    Raises:
        ValueError: one of the two would be empty.
    """
    held_out = round(count * share)
    if not 0 < held_out < count:
        raise ValueError(
            f"validation_split must leave texts on both sides. Received: validation_split={share!r} of {count} texts"
        )
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def split_batches(batches: ExampleBatches, share: float, seed: int) -> tuple[ExampleBatches, ExampleBatches]:
    """Batches to learn from, and batches of a share of the examples that is held out, drawn with the seed."""
    learned, held_out = split_rows(len(batches.rows), share, seed)
    return batches.subset(learned), batches.subset(held_out, shuffle=False)
