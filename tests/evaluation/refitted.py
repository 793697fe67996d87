"""A model that learns in no time: the label that each word is seen with most often; and texts for it."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pandas as pd

TEXTS = [f"{'good' if number % 3 else 'bad'} film {number}" for number in range(41)]
LABELS = ["pos" if number % 3 or number == 12 else "neg" for number in range(41)]  # 28 and 13; number 12 is mislabelled


class WordVotes:
    """Answers with the label of a text's first word; what it was given is kept in `fits`."""

    fits: list[dict[str, Any]] = []  # noqa: RUF012, of all models, emptied by the tests

    def __init__(self) -> None:
        self.first_number = float(np.random.random())
        self.votes: dict[str, collections.Counter[Any]] = {}

    def fit(self, texts: Any, labels: Any, seed: int = -1, **settings: Any) -> None:
        self.fits.append({"texts": texts, "labels": labels, "seed": seed, "first": self.first_number} | settings)
        for text, label in zip(texts if isinstance(texts, list) else texts[0], labels, strict=True):
            self.votes.setdefault(text.split()[0], collections.Counter())[str(label)] += 1

    def predict_text(self, texts: Any) -> pd.DataFrame:
        firsts = [text.split()[0] for text in (texts if isinstance(texts, list) else texts[0])]
        return pd.DataFrame({"label": [self.votes[first].most_common(1)[0][0] for first in firsts], "score": 1.0})


class Means:
    """A regression: the mean of all numbers that it has seen."""

    kind = "regression"

    def fit(self, texts: Any, labels: Any) -> None:
        self.mean = float(np.mean(labels))

    def predict_text(self, texts: Any) -> pd.DataFrame:
        return pd.DataFrame({"label": [self.mean] * len(texts)})


class AllLabels:
    """Of any of several labels it always gives those that more than half of the texts have."""

    kind = "multi_label"
    labels = ("a", "b", "c")

    def fit(self, texts: Any, labels: Any) -> None:
        counts = collections.Counter(name for names in labels for name in names)
        self.common = [name for name in self.labels if counts[name] * 2 > len(labels)]

    def predict_text(self, texts: Any) -> pd.DataFrame:
        return pd.DataFrame({"label": [self.common] * len(texts)})
