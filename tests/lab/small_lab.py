"""A lab that learns from 23 sentences in a second."""

from __future__ import annotations

from typing import Any

import pandas as pd

from keras_bert_lab import Lab
from tests.tasks.small_tasks import classifier

WORDS = {"pos": "a good film", "neg": "the bad play"}
LABELS = (["pos", "neg", "neg"] * 8)[:23]


def table(labels: list[Any] = LABELS, **columns: Any) -> pd.DataFrame:
    """Texts that tell their label, of different lengths."""
    texts = [f"{WORDS[label]} {'and ' * (row % 5)}".strip() for row, label in enumerate(labels)]
    return pd.DataFrame({"text": texts, "label": labels, **columns})


def lab(**settings: Any) -> Lab:
    """A lab on a small classifier."""
    model = classifier(compiled=False, labels=["neg", "pos"])
    return Lab(model, table(), **({"validation": 0.2, "batch_size": 5} | settings))
