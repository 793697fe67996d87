"""Checks of labels before a model is trained on them or tested with them."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any

from keras_bert_lab.data.cells import is_missing
from keras_bert_lab.data.wording import folded, listed, nearest, plural, rows_named
from keras_bert_lab.errors import DataError

__all__ = ["check_known_labels", "check_labels"]

_SHOWN = 5


def _rows_of(labels: Any) -> dict[str, list[int]]:
    """Label -> its rows, 1 = the first; of several labels in a row (multi-label) each counts.

    Raises:
        DataError: a missing label, or none at all.
    """
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    rows: dict[str, list[int]] = {}
    missing = []
    for row, value in enumerate(values, start=1):
        for name in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
            if is_missing(name) or not str(name).strip():
                missing.append(row)
            else:
                rows.setdefault(str(name), []).append(row)
    if missing:
        raise DataError(
            f"Every text needs a label. Received: {len(missing):,} missing among {len(values):,}, in {rows_named(missing)} "
            "(row 1 = the first). Fill or drop these rows."
        )
    if not rows:
        raise DataError("labels must hold at least one label. Received: none")
    return rows


def check_labels(labels: Any, keep_similar: bool = False) -> None:
    """Whether a classifier can be trained on these labels.

    Args:
        labels: a label for each text, in a list, array or Series; or a list of labels for each.
        keep_similar: take names that differ only in case, white space or compatibility forms for different labels.

    Raises:
        DataError: a missing label, one class only, or names that differ only in case, white space or compatibility forms.

    Example:
        >>> check_labels(["pos", "neg", "Pos "])
        Traceback (most recent call last):
        keras_bert_lab.errors.DataError: Labels must differ in more than case and white space. Received: 'pos' (1 row) and \
'Pos ' (1 row). Give them one spelling, or pass keep_similar=True if they are different classes.
    """
    rows = _rows_of(labels)
    if len(rows) == 1:
        name, found = next(iter(rows.items()))
        raise DataError(
            f"labels must name at least two classes. Received: {name!r} in all {plural(len(found), 'row')}. "
            "Add texts of another class, or name another label column."
        )
    alike: dict[str, list[str]] = {}
    for name in rows:
        alike.setdefault(folded(name), []).append(name)
    groups = [" and ".join(f"{name!r} ({plural(len(rows[name]), 'row')})" for name in group)
              for group in alike.values() if len(group) > 1]  # fmt: skip
    if groups and not keep_similar:
        more = f"; and {len(groups) - _SHOWN} more groups" if len(groups) > _SHOWN else ""
        raise DataError(
            f"Labels must differ in more than case and white space. Received: {'; '.join(groups[:_SHOWN])}{more}. "
            "Give them one spelling, or pass keep_similar=True if they are different classes."
        )


def check_known_labels(labels: Any, known: Iterable[str]) -> None:
    """Whether a model knows all labels of a table that it is to be tested on.

    Args:
        labels: a label for each text, in a list, array or Series; or a list of labels for each.
        known: the labels of the model.

    Raises:
        DataError: a missing label, or labels that the model does not know.

    Example:
        >>> check_known_labels(["pos", "Neg", "neg"], ["neg", "pos"])
        Traceback (most recent call last):
        keras_bert_lab.errors.DataError: label must be one of 'neg', 'pos'. Received 1 other label: 'Neg' in 1 row, row 2 \
(row 1 = the first), nearest: 'neg'. Correct these labels, drop their rows, or train with them.
    """
    names = [str(name) for name in known]
    unseen = {name: rows for name, rows in _rows_of(labels).items() if name not in set(names)}
    if not unseen:
        return
    parts: list[str] = []
    for name, rows in collections.Counter({name: len(rows) for name, rows in unseen.items()}).most_common(_SHOWN):
        near = nearest(name, names)
        note = "" if parts else " (row 1 = the first)"
        where = f"{name!r} in {plural(rows, 'row')}, {rows_named(unseen[name])}{note}"
        parts.append(where + (f", nearest: {near!r}" if near is not None else ""))
    more = f"; and {len(unseen) - _SHOWN} more" if len(unseen) > _SHOWN else ""
    raise DataError(
        f"label must be one of {listed(names)}. Received {plural(len(unseen), 'other label')}: {'; '.join(parts)}{more}. "
        "Correct these labels, drop their rows, or train with them."
    )
