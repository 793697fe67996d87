"""Small files and short commands that the tests of the command line share."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from keras_bert_lab.cli import main
from tests.tasks.small_tasks import LABELS, TEXTS

TINY = ["--encoder.preset", "bert_tiny", "--encoder.hidden_size", "10", "--encoder.num_layers", "1", "--vocabulary.size", "97"]
SHORT = ["--epochs", "1", "--batch_size", "7", "--sequence_length", "13"]
NEW = [*TINY, *SHORT, "--held_out", "0.2"]
FIT = ["--epochs", "1", "--batch_size", "7", "--validation_split", "0.3", "--no-baseline"]

DOCUMENTS = [f"{text} . {other}" for text, other in zip(TEXTS, reversed(TEXTS), strict=True)]


def corpus(path: Path, documents: list[str] = DOCUMENTS) -> str:
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return str(path)


def table(path: Path, columns: dict[str, list[Any]] | None = None, separator: str = ",") -> str:
    """A .csv of these columns; by default the small tasks' texts and labels."""
    columns = {"text": TEXTS * 2, "label": LABELS * 2} if columns is None else columns
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "keras_bert_lab.json").read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys: Any, *arguments: Any) -> str:
    """The one line of a command that ends with 1."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 1
    err = str(capsys.readouterr().err)
    assert len(err.strip().splitlines()) == 1
    assert err.startswith(f"keras-bert-lab {arguments[0]}: ")
    return err
