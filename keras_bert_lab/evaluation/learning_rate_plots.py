"""The picture of a search for a learning rate."""

from __future__ import annotations

from typing import Any

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.training import LearningRateSearch

__all__ = ["plot_learning_rate_search"]

figure = LazyModule("matplotlib.figure", install="matplotlib")


def plot_learning_rate_search(found: LearningRateSearch, ax: Any = None) -> Any:
    """The losses over the learning rates, on a logarithmic axis; the suggested rate is marked.

    Args:
        found: of `lr_find`.
        ax: matplotlib axes; None = a new figure's (`ax.figure.savefig(path)` writes it).

    Returns:
        The axes.

    Raises:
        TypeError: something else than the result of a search.
    """
    if not isinstance(found, LearningRateSearch):
        raise TypeError(f"found must be what lr_find gives. Received: a {type(found).__name__}")
    if ax is None:
        ax = figure.Figure(figsize=(6, 4), layout="constrained").subplots()
    ax.plot(found.rates, found.losses, ".", color="0.7", label="loss of a step")
    ax.plot(found.rates, found.smoothed, label="averaged")
    if found.suggestion is None:
        ax.set_title("no rate can be suggested")
    else:
        ax.axvline(found.suggestion, color="C3", linestyle="--", label=f"suggested: {found.suggestion:.1e}")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    if found.smoothed:  # the loss of a search that diverges would hide where it falls
        low, start = min(found.smoothed), found.smoothed[0]
        margin = max(start - low, 0.1 * abs(start), 1e-12)
        ax.set_ylim(low - 0.3 * margin, max(start, low) + 1.5 * margin)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax
