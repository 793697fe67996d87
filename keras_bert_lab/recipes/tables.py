"""Tables of texts, as the recipes use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_bert_lab.errors import DataError
from keras_bert_lab.recipes.models import OpenedModel

__all__ = ["announce_dropped", "announce_left_out", "check_pairs", "columns_of", "split_labels"]


def columns_of(opened: OpenedModel, **given: str | None) -> dict[str, Any]:
    """Names of columns: as given, else as in training."""
    trained = opened.settings
    return {name: column or trained.get(name) or (name if name != "text_pair" else None) for name, column in given.items()}


def check_pairs(model: str, pairs: bool | None, given: bool) -> None:
    """Say that a column of second texts is missing, or too many.

    Args:
        model: as the user named it.
        pairs: whether it takes pairs; None = not known.
        given: whether there is such a column.

    Raises:
        DataError: the table does not fit the model.
    """
    if pairs is not None and pairs != given:
        raise DataError(
            f"text_pair must {'name the column of second texts' if pairs else 'be left out'}: {model} was trained on "
            f"{'pairs' if pairs else 'single texts'}. Received: {'single texts' if pairs else 'pairs'}"
        )


def announce_dropped(table: Any) -> None:
    """Print how many rows were left out, and why."""
    announce_left_out({reason: (len(rows), rows[:5]) for reason, rows in table.attrs.get("dropped", {}).items()})


def announce_left_out(dropped: Mapping[str, tuple[int, list[int]]]) -> None:
    """Print how many rows were left out, and why: reason -> how many, and the first of them."""
    for reason, (count, first) in dropped.items():
        print(f"left out {count:,} rows: {reason}, first {first}", flush=True)


def split_labels(table: Any, separator: str | None) -> Any:
    """The table with lists of labels, where cells hold several with a separator between them; blanks around them do not count.

    An empty cell cannot be told from a forgotten one: a text without labels is written as the separator alone.
    """
    if separator is None:
        return table
    lists = [[label.strip() for label in cell.split(separator) if label.strip()] for cell in table["label"]]
    return table.assign(label=lists)
