"""Which rows of a table are learned from, and which are kept to validate on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule

__all__ = ["split_rows", "stratified_order"]

model_selection = LazyModule("sklearn.model_selection", install="scikit-learn")


def _numbered(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's label, int64 (R,), and how often each label occurs, (C,)."""
    _, numbers, counts = np.unique([str(label) for label in labels], return_inverse=True, return_counts=True)
    return numbers, counts


def split_rows(
    count: int, share: float, seed: int, labels: Sequence[Any] | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and rows that are held out, drawn with a seed.

    Args:
        count: number of rows, R.
        share: how much of them is held out, between 0 and 1.
        seed: of the draw, from 0 on; the rows are a pure function of it.
        labels: one for each row: then each label has the same share of both parts, to one row, unless one occurs only once
            or a part has fewer rows than there are labels. None = drawn without looking at them.

    Returns:
        Indices to learn from and held out, int64, each in rising order.

    Raises:
        ValueError: a part without rows.

    Example:
        >>> split_rows(9, 1 / 3, 7, ["a"] * 6 + ["b"] * 3)
        (array([0, 2, 3, 5, 6, 7]), array([1, 4, 8]))
    """
    held_out = round(share * count)
    if not 0 < held_out < count:
        raise ValueError(
            f"validation_split must leave rows on both sides. Received: validation_split={share!r} of {count} texts. "
            "Give another share, or texts of their own to validate on."
        )
    strata = None
    if labels is not None:
        numbers, counts = _numbered(labels)
        if counts.min() >= 2 and len(counts) <= min(held_out, count - held_out):
            strata = numbers
    learned, kept = model_selection.train_test_split(
        np.arange(count), test_size=held_out, random_state=seed % 2**32, stratify=strata
    )
    return np.sort(learned), np.sort(kept)


def stratified_order(labels: Sequence[Any] | np.ndarray, seed: int) -> np.ndarray:
    """An order of rows in which the first n, for each n, have all labels in the shares that they have among all.

    Of each label there is one row more or less than its share at most.

    Args:
        labels: one for each row.
        seed: of the order among rows of the same label.

    Returns:
        Indices of the rows, int64 (R,).

    Reference: Tijdeman 1980, "The chairman assignment problem".

    Example:
        >>> labels = np.array(["a"] * 4 + ["b"] * 2)
        >>> labels[stratified_order(labels, seed=7)].tolist()
        ['a', 'b', 'a', 'a', 'b', 'a']
    """
    numbers, counts = _numbered(labels)
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(numbers == number)) for number in range(len(counts))]
    shares = counts / len(numbers)
    slack = 1 - 1 / max(2 * len(counts) - 2, 1)  # how far a label may lag behind its share before its row is due
    taken = np.zeros(len(counts), int)
    order = np.empty(len(numbers), np.int64)
    for place in range(len(numbers)):
        lag = shares * (place + 1) - taken
        due = np.where(lag >= 1 - slack - 1e-9, (slack - lag) / shares, np.inf)  # steps until it would lag too far
        chosen = int(due.argmin())
        order[place] = rows[chosen][taken[chosen]]
        taken[chosen] += 1
    return order
