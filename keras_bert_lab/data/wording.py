"""What messages about files have in common: rows, counts, names and the one that was probably meant."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["did_you_mean", "folded", "listed", "nearest", "plural", "reason", "rows_named", "shown"]

_ROWS = 5
_NAMES = 20
_WIDTH = 40


def folded(name: str) -> str:
    """The name without what people overlook: case, white space around and repeated inside, compatibility forms.

    Example:
        >>> folded(" Very  GOOD ")
        'very good'
    """
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: equal but for case and blanks, else spelled alike; None = nothing comes near.

    Example:
        >>> nearest("labl", ["text", "Label"])
        'Label'
    """
    by_fold: dict[str, str] = {}
    for other in names:
        by_fold.setdefault(folded(other), other)
    close = difflib.get_close_matches(folded(name), list(by_fold), n=1)
    return by_fold[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A question that names what was probably meant, with a blank before it; or nothing."""
    near = nearest(name, names)
    return "" if near is None else f" Did you mean {near!r}?"


def shown(value: object, width: int = _WIDTH) -> str:
    """The value as Python would write it, cut to a length that fits into a message."""
    text = repr(value[: 2 * width] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def listed(names: Sequence[object]) -> str:
    """The first names.

    Example:
        >>> listed(["a", "b"])
        "'a', 'b'"
    """
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(map(shown, names[:_NAMES])) + more


def plural(count: int, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> plural(1, "row"), plural(25000, "row")
        ('1 row', '25,000 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def reason(error: BaseException) -> str:
    r"""What an error of another library says, as part of a sentence of ours.

    Example:
        >>> reason(ValueError("bad page.\n"))
        'bad page'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def rows_named(rows: Sequence[int]) -> str:
    """The first row numbers.

    Example:
        >>> rows_named([3, 7])
        'rows 3, 7'
    """
    more = f" and {len(rows) - _ROWS:,} more" if len(rows) > _ROWS else ""
    return ("row " if len(rows) == 1 else "rows ") + ", ".join(map(str, rows[:_ROWS])) + more
