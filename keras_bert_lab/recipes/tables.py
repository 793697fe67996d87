"""Tables of texts, as the recipes use them."""

from __future__ import annotations

from typing import Any

__all__ = ["announce_dropped", "texts_of"]


def texts_of(table: Any) -> Any:
    """The column of texts, or the two columns of pairs."""
    return (table["text"], table["text_pair"]) if "text_pair" in table else table["text"]


def announce_dropped(table: Any) -> None:
    """Print how many rows were left out, and why."""
    for reason, rows in table.attrs.get("dropped", {}).items():
        print(f"left out {len(rows):,} rows: {reason}, first {rows[:5]}", flush=True)
