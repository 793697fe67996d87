"""Telling texts from token batches, for the tasks that take both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_bert_lab.batches import ExampleBatches, TokenRows, WindowRows, tokenize_rows, tokenize_windows
from keras_bert_lab.data.splits import split_rows
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text import Preprocessor, TextWindows
from keras_bert_lab.text.preprocessor import text_columns

__all__ = [
    "check_class_weight",
    "in_order_of_texts",
    "is_dataset",
    "is_table",
    "is_texts",
    "sample_weights",
    "some_texts",
    "split_examples",
    "texts_of",
    "tokenized",
]

tf = LazyModule("tensorflow")
sklearn_weights = LazyModule("sklearn.utils.class_weight", install="scikit-learn")


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


def in_order_of_texts(batches: ExampleBatches, found: np.ndarray) -> np.ndarray:
    """Outputs for all batches, one after the other, in the order of the texts that they were made of."""
    outputs = np.empty_like(found)
    outputs[np.concatenate([batches.indices(step) for step in range(batches.steps_per_epoch)])] = found
    return outputs


def check_class_weight(class_weight: Mapping[Any, float] | str | None, names: list[str], kind: str) -> None:
    """Refuse weights of classes where a text has not one of several classes, or that name no class.

    Raises:
        ValueError: an unknown class or word, or a kind of classification that has no classes to weigh.
    """
    if class_weight is None:
        return
    if kind not in ("binary", "multi_class"):
        raise ValueError(
            f"class_weight needs one label for each text: kind 'binary' or 'multi_class'. Received: kind={kind!r}. "
            "Use sample_weight" + (", or a FocalLoss with alpha." if kind == "multi_label" else ".")
        )
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight must be 'balanced' or weights by label. Received: class_weight={class_weight!r}")
        return
    for label in class_weight:
        _place(label, names)


def _place(label: Any, names: list[str]) -> int:
    """The number of a label that is given by its name or its number."""
    place = names.index(str(label)) if str(label) in names else label
    if not isinstance(place, (int, np.integer)) or not 0 <= place < len(names):
        raise ValueError(f"class_weight must name labels among {names} or their numbers. Received: {label!r}")
    return int(place)


def sample_weights(
    targets: np.ndarray, names: list[str], class_weight: Mapping[Any, float] | str | None, sample_weight: Any, kind: str
) -> np.ndarray | None:
    """One weight for each text, float32 (R,), or None.

    Args:
        targets: encoded labels, (R,) or (R, 1).
        names: the labels, in the order of their numbers.
        class_weight: weights by label name or number, where labels not named weigh 1; or "balanced": inversely as often as the
            labels occur in `targets`, 1 in the mean over the texts.
        sample_weight: one number for each text.
        kind: of classification.

    Raises:
        ValueError: an unknown class, a kind without classes to weigh, or another number of weights than texts.

    Reference: "balanced" is that of scikit-learn's `compute_class_weight`.
    """
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight, np.float32).reshape(-1)
        if len(weights) != len(targets):
            raise ValueError(f"sample_weight must hold one number for each of {len(targets)} texts. Received: {len(weights)}")
    check_class_weight(class_weight, names, kind)
    if class_weight is not None:
        numbers = targets.reshape(-1).astype(int)
        by_class = np.ones(len(names), np.float32)
        if isinstance(class_weight, str):
            found = np.unique(numbers)  # a label may be in none of these texts
            by_class[found] = sklearn_weights.compute_class_weight(class_weight, classes=found, y=numbers)
        else:
            for label, weight in class_weight.items():
                by_class[_place(label, names)] = weight
        weights = by_class[numbers] if weights is None else weights * by_class[numbers]
    return weights


def split_examples(targets: np.ndarray, share: float, seed: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and a share of the rows that is held out, drawn with the seed; see `split_rows`.

    Where a text has one of several labels, each label has the same share of both.

    Args:
        targets: encoded labels.
        share: how much is held out.
        seed: of the draw.
        kind: of classification.
    """
    labels = targets.reshape(-1).astype(int) if kind in ("binary", "multi_class") else None
    return split_rows(len(targets), share, seed, labels)
