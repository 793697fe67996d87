"""The film reviews and prose that come with the package."""

from __future__ import annotations

import importlib.resources
from typing import Any

from keras_bert_lab.lazy import LazyModule

__all__ = ["sample_data"]

pd = LazyModule("pandas")

_NAMES = ("corpus", "reviews")


def _file(name: str) -> Any:
    return importlib.resources.files("keras_bert_lab.data") / "samples" / name


def _reviews() -> Any:
    with _file("reviews.csv").open(encoding="utf-8") as lines:
        return pd.read_csv(lines, dtype=str, keep_default_na=False)


def sample_data(name: str) -> Any:
    """Text about invented films, written for this package; it comes with it and needs no network.

    Args:
        name: "reviews" = 1,600 short reviews, half of them positive, 1,200 to train on and 400 to test on;
            "corpus" = unlabelled documents for pretraining: the same reviews, and as much again of other prose about films.

    Returns:
        "reviews": a pandas DataFrame with the columns `text`, `label` ("neg" or "pos") and `split` ("train" or "test").
        "corpus": a list of documents; the sentences of a document stand on lines of their own.

    Raises:
        ValueError: an unknown name.
    """
    if name == "reviews":
        return _reviews()
    if name == "corpus":
        prose = _file("prose.txt").read_text(encoding="utf-8")
        return [*_reviews()["text"], *prose.strip().split("\n\n")]
    raise ValueError(f"name must be one of {list(_NAMES)}. Received: name={name!r}")
