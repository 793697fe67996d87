"""A table without any problem, and ways to write it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pandas as pd

from keras_bert_lab.data import write_table

ROWS = 67
SYLLABLES = (
    "ba",
    "cor",
    "del",
    "fi",
    "gan",
    "hum",
    "jo",
    "ka",
    "lis",
    "mo",
    "nur",
    "pel",
    "quo",
    "ran",
    "sti",
    "tu",
    "vor",
    "wim",
)


def words(seed: int = 0, count: int = 400) -> list[str]:
    """Made-up words."""
    rng = random.Random(seed)
    return sorted({"".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))) for _ in range(2 * count)})[:count]


def sentences(count: int, seed: int, longest: int = 31) -> list[str]:
    """Sentences of 9 to 31 made-up words, all different."""
    rng = random.Random(seed)
    known = words()
    return [" ".join(rng.choices(known, k=rng.randint(9, longest))).capitalize() + "." for _ in range(count)]


def clean(rows: int = ROWS, seed: int = 1, labels: tuple[str, ...] = ("sad", "merry")) -> list[list[Any]]:
    """Rows of text and label, the labels in a random order with about equal shares."""
    rng = random.Random(seed + 100)
    names = [labels[row % len(labels)] for row in range(rows)]
    rng.shuffle(names)
    return [list(row) for row in zip(sentences(rows, seed), names, strict=True)]


def frame(rows: list[list[Any]], names: tuple[str, ...] = ("text", "label")) -> pd.DataFrame:
    """The rows as a table of Python values."""
    return pd.DataFrame({name: pd.Series([row[place] for row in rows], dtype=object) for place, name in enumerate(names)})


def written(folder: Path, form: str, rows: list[list[Any]], name: str = "reviews", **options: Any) -> Path:
    """The rows in a file."""
    path = folder / f"{name}.{form}"
    if form == "jsonl":  # also what write_table refuses
        names = options.get("names", ("text", "label"))
        path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows), encoding="utf-8")
        return path
    write_table(frame(rows, **options), path)
    return path


def kinds(check: Any) -> list[str]:
    """The kinds of all problems, sorted."""
    return sorted(problem.kind for problem in check.problems)
