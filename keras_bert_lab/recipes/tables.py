"""Tables of texts, as the recipes use them."""

from __future__ import annotations

from typing import Any

__all__ = ["announce_dropped", "split_labels"]


def announce_dropped(table: Any) -> None:
    """Print how many rows were left out, and why."""
    for reason, rows in table.attrs.get("dropped", {}).items():
        print(f"left out {len(rows):,} rows: {reason}, first {rows[:5]}", flush=True)


def split_labels(table: Any, separator: str | None) -> Any:
    """The table with lists of labels, where cells hold several with a separator between them; blanks around them do not count.

    An empty cell cannot be told from a forgotten one: a text without labels is written as the separator alone.
    """
    if separator is None:
        return table
    lists = [[label.strip() for label in cell.split(separator) if label.strip()] for cell in table["label"]]
    return table.assign(label=lists)
