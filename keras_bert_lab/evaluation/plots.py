"""Pictures. Each function takes the axes to draw on, returns them, and shows nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.classification_report import ClassificationReport
from keras_bert_lab.lazy import LazyModule

__all__ = ["plot_confusion_matrix", "plot_learning_curves"]

colors = LazyModule("matplotlib.colors", install="matplotlib")
figure = LazyModule("matplotlib.figure", install="matplotlib")

_MANY = 12
"""Of more labels than this a cell of the confusion matrix holds a share in percent: for counts there is no room."""

_SMALLEST = 4.0
"""Points: smaller letters cannot be read."""

_LONGEST = 24
"""Longer names of labels are cut."""


def _axes(ax: Any, width: float = 6, height: float = 4) -> Any:
    return figure.Figure(figsize=(width, height), layout="constrained").subplots() if ax is None else ax


def plot_learning_curves(history: Mapping[str, Sequence[float]], metric: str = "loss", ax: Any = None) -> Any:
    """One metric over the epochs, in training and, where there is one, validation.

    Args:
        history: `History.history` of a `fit`.
        metric: its name.
        ax: matplotlib axes; None = a new figure's (`ax.figure.savefig(path)` writes it).

    Returns:
        The axes.

    Raises:
        ValueError: a metric that is not in the history.
    """
    if metric not in history:
        raise ValueError(f"metric must be one of {sorted(history)}. Received: metric={metric!r}")
    ax = _axes(ax)
    for name, label, style in ((metric, "training", "o-"), (f"val_{metric}", "validation", "s--")):
        if name in history:
            ax.plot(range(1, len(history[name]) + 1), history[name], style, label=label)
    ax.set_xlabel("epoch")
    ax.set_ylabel(metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def plot_confusion_matrix(report: ClassificationReport, ax: Any = None) -> Any:
    """The confusion matrix of a report; rows are true labels, columns answers.

    The colour is the share of the row, so that rare labels are seen as well as common ones. A cell shows the count; with more
    than 12 labels the share in percent, where it is at least 1 and there is room for it.

    Args:
        report: of `classification_report`.
        ax: matplotlib axes; None = a new figure's, which is larger for more labels.

    Returns:
        The axes.
    """
    count = len(report.labels)
    names = [label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…" for label in report.labels]
    longest = max(len(name) for name in names)
    size = max(4.0, 0.3 * count + 1.5) + 0.07 * longest
    ax = _axes(ax, max(6.0, size), size)
    shares = report.confusion / np.maximum(report.confusion.sum(axis=1, keepdims=True), 1)
    # The root lets a few mistakes be seen beside many right answers.
    ax.imshow(shares, cmap="Blues", norm=colors.PowerNorm(0.6, 0, 1), interpolation="nearest")
    box, (width, height) = ax.get_position(), ax.figure.get_size_inches()
    cell = 72 * min(box.width * width, box.height * height) / count  # points
    font = min(10.0, 0.4 * cell)
    for row, column in np.ndindex(count, count):
        if font < _SMALLEST:
            break
        shown = str(report.confusion[row, column])
        if count > _MANY:
            percent = round(100 * shares[row, column])
            shown = str(percent) if percent else ""
        if shown:
            colour = "white" if shares[row, column] > 0.45 else "black"
            ax.text(column, row, shown, ha="center", va="center", color=colour, fontsize=font)
    crowded = count > 4 or longest > 10
    small = min(10.0, max(_SMALLEST, 0.45 * cell))
    ax.set_xticks(range(count), names, rotation=90 if count > _MANY else 45 if crowded else 0, fontsize=small)
    if crowded and count <= _MANY:
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.set_yticks(range(count), names, fontsize=small)
    ax.set_xlabel("answer")
    ax.set_ylabel("true label")
    share = "" if count <= _MANY else "\ncells: % of the true label"
    ax.set_title(f"accuracy {report.accuracy:.3f} on {report.examples} texts{share}")
    return ax
