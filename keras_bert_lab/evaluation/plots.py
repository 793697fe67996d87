"""Pictures. Each function takes the axes to draw on, returns them, and shows nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.evaluation.classification_report import ClassificationReport
from keras_bert_lab.lazy import LazyModule

__all__ = ["plot_confusion_matrix", "plot_learning_curves"]

figure = LazyModule("matplotlib.figure", install="matplotlib")
metrics = LazyModule("sklearn.metrics", install="scikit-learn")


def _axes(ax: Any) -> Any:
    return figure.Figure(figsize=(6, 4), layout="constrained").subplots() if ax is None else ax


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

    Args:
        report: of `classification_report`.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    metrics.ConfusionMatrixDisplay(report.confusion, display_labels=report.labels).plot(ax=ax, colorbar=False, cmap="Blues")
    ax.set_xlabel("answer")
    ax.set_ylabel("true label")
    ax.set_title(f"accuracy {report.accuracy:.3f} on {report.examples} texts")
    return ax
