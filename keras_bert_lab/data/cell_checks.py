"""What keeps a cell of a table from being a text, the name of a label, or a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras_bert_lab.data.cells import has_surrogates, is_missing

__all__ = ["MISSING", "as_label", "as_number", "label_problem", "number_problem", "problems_of", "text_problem"]

MISSING = "missing"


def text_problem(value: Any) -> str | None:
    """What keeps a cell from being a text; None = nothing does.

    Example:
        >>> text_problem("good"), text_problem(" "), text_problem(None), text_problem(4.5)
        (None, 'empty', 'missing', 'not a text')
    """
    if isinstance(value, str):
        if not value or value.isspace():
            return "empty"
        return "not valid Unicode (lone surrogate)" if has_surrogates(value) else None
    return MISSING if is_missing(value) else "not a text"


def label_problem(value: Any) -> str | None:
    """What keeps a cell from naming a label; None = nothing does."""
    if isinstance(value, str):
        problem = text_problem(value)
        return MISSING if problem == "empty" else problem
    if is_missing(value):
        return MISSING
    return "not a single value" if isinstance(value, (list, dict, tuple, set, bytes)) or getattr(value, "ndim", 0) > 0 else None


def as_label(value: Any) -> str:
    """A label as text.

    Example:
        >>> as_label(1), as_label(1.0), as_label(True), as_label("01")
        ('1', '1', 'True', '01')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def as_number(value: Any) -> float:
    """A finite number; NaN for anything else, truth values and "1_000" among it.

    Example:
        >>> as_number(" 2.5 "), as_number("two")
        (2.5, nan)
    """
    try:
        number = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def number_problem(value: Any) -> str | None:
    """What keeps a cell from being a finite number; None = nothing does."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return MISSING
    return "not a finite number" if math.isnan(as_number(value)) else None


def problems_of(cells: list[Any], problem_of: Callable[[Any], str | None]) -> dict[str, list[int]]:
    """Kind of problem -> rows, 1 = the first.

    Example:
        >>> problems_of(["good", "", "bad", ""], text_problem)
        {'empty': [2, 4]}
    """
    found: dict[str, list[int]] = {}
    for row, cell in enumerate(cells, start=1):
        problem = problem_of(cell)
        if problem:
            found.setdefault(problem, []).append(row)
    return found
