"""What a cell of a table may hold, in plain Python."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

__all__ = ["as_json", "has_surrogates", "is_missing", "plain"]


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, NA or NaT."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in ("NAType", "NaTType")


def has_surrogates(text: str) -> bool:
    r"""Whether a text holds half a character, as JSON's "\\ud800" alone gives: it is no Unicode and cannot be encoded.

    Example:
        >>> has_surrogates("\ud83d"), has_surrogates("\U0001f600")
        (True, False)
    """
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def plain(value: Any) -> Any:
    """A cell as JSON knows it: text, number, truth value, list, dict or None; anything else as text.

    Example:
        >>> plain({"day": datetime.date(2024, 2, 29), "score": float("nan")})
        {'day': '2024-02-29', 'score': None}
    """
    if isinstance(value, str):
        return value
    if hasattr(value, "tolist"):  # NumPy, without importing it
        value = value.tolist()
    if is_missing(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else str(value)


def as_json(value: Any) -> str:
    """A cell as one line of JSON."""
    return json.dumps(plain(value), ensure_ascii=False)
