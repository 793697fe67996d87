"""Numbers and categories that stand beside the texts of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.data.cell_checks import MISSING, as_label, as_number, label_problem, number_problem, problems_of
from keras_bert_lab.lazy import LazyModule

__all__ = ["EXTRA_KINDS", "check_extra_names", "extra_kinds", "extra_values"]

pd = LazyModule("pandas")

EXTRA_KINDS = {"number": number_problem, "category": label_problem}
"""Kind of a column -> what keeps a cell from being of it."""


def check_extra_names(columns: Mapping[str, str] | Sequence[str], roles: Mapping[str, str]) -> None:
    """Refuse names that the text or the label has, or names for it, and kinds that do not exist.

    Args:
        columns: name -> kind, or names.
        roles: "text", "text_pair", "label" -> name of the column.

    Raises:
        ValueError: one of these.
    """
    if isinstance(columns, str):
        raise ValueError(f"columns must be a list of names. Received: columns={columns!r}. Write [{columns!r}].")
    for name in columns:
        if name in roles.values() or name in ("text", "text_pair", "label"):
            raise ValueError(f"columns must name other columns than {dict(roles)}. Received: {name!r}")
    if isinstance(columns, Mapping):
        for name, kind in columns.items():
            if kind not in EXTRA_KINDS:
                raise ValueError(f"The kind of a column must be one of {list(EXTRA_KINDS)}. Received: {kind!r} for {name!r}")


def extra_kinds(columns: Mapping[str, str] | Sequence[str], cells: Mapping[str, list[Any]]) -> dict[str, str]:
    """Kind of each column; where it is not given, one whose cells are all numbers or missing, and not all missing, is a number.

    Args:
        columns: name -> kind, or names.
        cells: name -> its cells.

    Example:
        >>> extra_kinds(["price", "brand"], {"price": ["2.5", ""], "brand": ["7", "a"]})
        {'price': 'number', 'brand': 'category'}
    """
    if isinstance(columns, Mapping):
        return dict(columns)
    found = {}
    for name in columns:
        problems = problems_of(cells[name], number_problem)
        missing = len(problems.pop(MISSING, []))
        found[name] = "number" if not problems and missing < len(cells[name]) else "category"
    return found


def extra_values(cells: list[Any], kind: str) -> Any:
    """A Series: numbers as float64, missing ones NaN; categories as text, missing ones "".

    Example:
        >>> extra_values(["2.5", ""], "number").tolist(), extra_values([7, None, "a"], "category").tolist()
        ([2.5, nan], ['7', '', 'a'])
    """
    if kind == "number":
        return pd.Series([math.nan if number_problem(cell) else as_number(cell) for cell in cells], dtype="float64")
    return pd.Series(["" if label_problem(cell) else as_label(cell) for cell in cells], dtype=str)
