"""Numbers and categories beside the text -> one vector for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.config import check_integer
from keras_bert_lab.data.cell_checks import as_label, as_number
from keras_bert_lab.data.cells import is_missing
from keras_bert_lab.data.extra_cells import EXTRA_KINDS
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["ExtraColumns"]

tf = LazyModule("tensorflow")

_TAKEN = ("text", "text_pair", "label", *contract.INPUT_KEYS, contract.COLUMNS)
# A number further from the mean counts as this many standard deviations: one wrong cell must not drown the text.
_FARTHEST = 10.0


class ExtraColumns:
    """What a classifier reads beside the text, and what it has learned of it from its training rows.

    | kind | vector |
    |---|---|
    | "number" | (x - mean) / deviation, between -10 and 10, and whether the number is missing |
    | "category" | `most_categories` numbers: 1 at the place of the row's category, else 0 |

    Mean, standard deviation and categories are those of the training rows. Whatever these rows cannot teach anything about is
    0, so that no weight that was never trained is read: a category that is not among them, or is not among their most frequent
    ones; "is missing" where none of them lacked the number; a number that is the same in all of them. A missing number is the
    mean. A missing category is a category like others.

    Args:
        kinds: name of each column -> "number" or "category"; the vectors stand in this order.
        most_categories: K, the most frequent categories of a column that are told apart.
        learned: what `learned_from` has found; None = nothing yet.

    Raises:
        ValueError: no column, an unknown kind, a name that texts, labels or token ids have, or an impossible `most_categories`.

    Example:
        >>> table = {"price": [2.0, 4.0, None], "brand": ["b", "a", "b"]}
        >>> columns = ExtraColumns({"price": "number", "brand": "category"}, most_categories=3).learned_from(table)
        >>> columns.vectors({"price": [5.0, None], "brand": ["b", "new"]}).numpy().tolist()
        [[2.0, 0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, kinds: Mapping[str, str], most_categories: int = 32, learned: Mapping[str, Any] | None = None) -> None:
        if not isinstance(kinds, Mapping) or not kinds:
            raise ValueError(
                f"columns must name each column and its kind, such as {{'price': 'number'}}. Received: columns={kinds!r}"
            )
        for name, kind in kinds.items():
            if not isinstance(name, str) or name in _TAKEN:
                raise ValueError(f"columns must have names other than {list(_TAKEN)}. Received: {name!r}. Rename it.")
            if kind not in EXTRA_KINDS:
                raise ValueError(f"The kind of a column must be one of {list(EXTRA_KINDS)}. Received: {kind!r} for {name!r}")
        check_integer("most_categories", most_categories, 1)
        self.kinds = dict(kinds)
        self.most_categories = most_categories
        self.learned = None if learned is None else dict(learned)

    @property
    def width(self) -> int:
        """Numbers in a row's vector; known before anything is learned."""
        return sum(2 if kind == "number" else self.most_categories for kind in self.kinds.values())

    def learned_from(self, table: Any, rows: np.ndarray | None = None) -> ExtraColumns:
        """The same columns, having learned from a table.

        Args:
            table: a DataFrame or a dict of columns.
            rows: which rows of it; None = all.

        Raises:
            DataError: a column that is not there, or a cell that is neither of its kind nor missing.
        """
        learned: dict[str, Any] = {}
        for name, values in self.values(table).items():
            chosen = values if rows is None else values[rows]
            if self.kinds[name] == "number":
                there = chosen[np.isfinite(chosen)]
                # Relative to the largest: sums do not overflow, and of equal numbers the deviation is 0, not 1e-17.
                largest = float(np.abs(there).max(initial=0.0)) or 1.0
                shares = there / largest if len(there) else np.zeros(1)
                mean, deviation = float(shares.mean()) * largest, float(shares.std()) * largest
                learned[name] = {"mean": mean, "deviation": deviation, "missing": len(there) < len(chosen)}
            else:
                found, counts = np.unique(chosen.astype(str), return_counts=True)  # sorted: of equally frequent ones the first
                learned[name] = found[np.argsort(-counts, kind="stable")][: self.most_categories].tolist()
        return ExtraColumns(self.kinds, self.most_categories, learned)

    def values(self, table: Any) -> dict[str, np.ndarray]:
        """The columns of a table as arrays: numbers as float64, missing ones NaN; categories as text, missing ones "".

        Raises:
            DataError: a column that is not there, or a cell that is neither of its kind nor missing.
        """
        self.check(table)
        found = {name: (_numbers if kind == "number" else _names)(name, table[name]) for name, kind in self.kinds.items()}
        counts = {name: len(values) for name, values in found.items()}
        if len(set(counts.values())) > 1:
            raise DataError(f"All columns of a table must have as many rows as texts. Received: {counts}")
        return found

    def check(self, table: Any) -> None:
        """Whether a table has these columns.

        Raises:
            DataError: one is not there.
        """
        absent = [name for name in self.kinds if name not in table]
        if absent:
            raise DataError(
                f"The table must have the columns {list(self.kinds)} beside the text. Received: {sorted(map(str, table))}, "
                f"without {absent}."
            )

    def vectors(self, table: Any) -> Any:
        """The vector of each row, float32 (B, width), as TensorFlow ops; inside of graphs on tensors.

        Args:
            table: a DataFrame or a dict of columns; or tensors, float64 (B,) for numbers, string (B,) for categories.

        Raises:
            ValueError: nothing was learned yet.
            DataError: see `values`.
        """
        if self.learned is None:
            raise ValueError(
                "The extra columns must have learned from training rows. Received: columns of a model that was not trained. "
                "fit on a table teaches them; for data sets and loops of your own: "
                "model.columns = model.columns.learned_from(table)."
            )
        self.check(table)
        given = {name: table[name] for name in self.kinds}
        if not all(tf.is_tensor(values) for values in given.values()):
            given = self.values(table)
        parts = [part for name, values in given.items() for part in self._parts(name, values)]
        return tf.concat(parts, axis=1)

    def _parts(self, name: str, values: Any) -> list[Any]:
        known: Any = (self.learned or {})[name]
        if self.kinds[name] == "category":
            if tf.is_tensor(values) and values.dtype != tf.string:
                values = tf.strings.as_string(values)
            place = tf.equal(tf.reshape(values, (-1, 1)), tf.constant([known], tf.string))
            return [tf.pad(tf.cast(place, tf.float32), ((0, 0), (0, self.most_categories - len(known))))]
        # In float64: a date in seconds has no digits left in float32.
        numbers = tf.reshape(tf.cast(values, tf.float64), (-1, 1))
        there = tf.math.is_finite(numbers)
        distance = tf.where(there, numbers, known["mean"]) - known["mean"]
        scaled = distance / known["deviation"] if known["deviation"] > 0 else tf.zeros_like(distance)
        missing = tf.cast(~there, tf.float32) * float(known["missing"])
        return [tf.cast(tf.clip_by_value(scaled, -_FARTHEST, _FARTHEST), tf.float32), missing]

    def specs(self) -> dict[str, Any]:
        """A `tf.TensorSpec` for each column, for exported models."""
        types = {"number": tf.float64, "category": tf.string}
        return {name: tf.TensorSpec((None,), types[kind], name=name) for name, kind in self.kinds.items()}

    def get_config(self) -> dict[str, Any]:
        """Plain data, what was learned included."""
        return {"kinds": list(self.kinds.items()), "most_categories": self.most_categories, "learned": self.learned}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ExtraColumns:
        return cls(dict(config["kinds"]), config["most_categories"], config["learned"])


def _cells(values: Any) -> Sequence[Any]:
    values = values.numpy() if tf.is_tensor(values) else values
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _numbers(name: str, values: Any) -> np.ndarray:
    if getattr(getattr(values, "dtype", None), "kind", "") in tuple("fiub"):
        return np.asarray(values, np.float64).reshape(-1)
    cells = _cells(values)
    # A missing cell, or one that holds "nan", is no number; one that holds a text is a mistake.
    numbers = np.array([float(cell) if isinstance(cell, (int, float)) else as_number(cell) for cell in cells], np.float64)
    empty = [is_missing(cell) or (isinstance(cell, str) and not cell.strip()) or isinstance(cell, float) for cell in cells]
    wrong = np.flatnonzero(np.isnan(numbers) & ~np.array(empty, bool))
    if len(wrong):
        raise DataError(
            f"The column {name!r} must hold numbers. Received {len(wrong)} other(s) among {len(cells)}, first "
            f"{cells[wrong[0]]!r:.60} in row {wrong[0]}. Clean these rows, or make the column a 'category'."
        )
    return numbers


def _names(name: str, values: Any) -> np.ndarray:
    cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in _cells(values)]
    wrong = [row for row, cell in enumerate(cells) if isinstance(cell, (list, dict, tuple, set, np.ndarray))]
    if wrong:
        raise DataError(
            f"The column {name!r} must hold one category in each row. Received {len(wrong)} other(s) among {len(cells)}, first "
            f"{cells[wrong[0]]!r:.60} in row {wrong[0]}."
        )
    return np.array(["" if is_missing(cell) else as_label(cell) for cell in cells], object)
