"""Pictures of probabilities. Each function takes the axes to draw on, returns them, and shows nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.calibration import Calibration
from keras_bert_lab.evaluation.plots import _axes
from keras_bert_lab.evaluation.probabilities import has_label_lists, label_numbers, probability_table
from keras_bert_lab.evaluation.probability_figures import mean_of_defined, ranking_figures
from keras_bert_lab.evaluation.thresholds import METRICS, binary_columns, choose_threshold, metric_by_threshold
from keras_bert_lab.lazy import LazyModule

__all__ = ["plot_calibration", "plot_metric_by_threshold", "plot_precision_recall", "plot_roc"]

metrics = LazyModule("sklearn.metrics", install="scikit-learn")

_NAMED = 8
"""Of more curves than this only the worst are named; the others are grey."""


def plot_calibration(calibration: Calibration, ax: Any = None) -> Any:
    """How often a model is right by how sure it is: bars on the diagonal are well calibrated, below it too sure.

    The narrow grey bars are the shares of the decisions that fall into the bins.

    Args:
        calibration: of `calibration`.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes.
    """
    ax = _axes(ax, 5, 4.5)
    edges = np.array(calibration.edges)
    middles, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    filled = [place for place, count in enumerate(calibration.counts) if count]
    right = [calibration.accuracy[place] for place in filled]
    said = [calibration.confidence[place] for place in filled]
    ax.bar(middles[filled], right, width, color="tab:blue", alpha=0.6, edgecolor="white", label="right")
    shares = np.array(calibration.counts) / max(calibration.examples, 1)
    ax.bar(middles[filled], shares[filled], 0.3 * width, color="tab:grey", label="share of the decisions")
    ax.plot([0, 1], [0, 1], "k--", linewidth=1, label="as sure as right")
    ax.plot(said, right, "o", color="tab:red", markersize=4, label="mean confidence")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share that is right")
    ax.set_title(f"ECE {calibration.ece:.3f}, MCE {calibration.mce:.3f}, {calibration.examples} decisions")
    ax.legend(loc="upper left", fontsize=8)
    return ax


def _one_against_rest(
    true: Any, probabilities: Any, labels: Sequence[str] | None
) -> tuple[list[str | None], np.ndarray, np.ndarray]:
    """As `binary_columns`, but with one column for each of more than two labels."""
    if has_label_lists(true):
        return binary_columns(true, probabilities, labels)
    given = np.shape(probabilities)
    count = len(labels) if labels is not None else max(given[1] if len(given) == 2 else 1, 2)
    if count == 2:
        return binary_columns(true, probabilities, labels)
    names = [str(place) for place in range(count)] if labels is None else [str(name) for name in labels]
    numbers = label_numbers(true, names)
    if not len(numbers):
        raise ValueError("There must be at least one text. Received: none")
    shown: list[str | None] = list(names)
    return shown, numbers[:, np.newaxis] == np.arange(count), probability_table(probabilities, names, len(numbers))


def _curves(
    ax: Any,
    columns: tuple[list[str | None], np.ndarray, np.ndarray],
    figure: int,
    curve: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    word: str,
) -> None:
    """One curve for each label that is defined, the worst ones named; the mean figure in the title."""
    names, flags, table = columns
    found = [ranking_figures(flags[:, place], table[:, place])[figure] for place in range(len(names))]
    drawn = sorted((value, place) for place, value in enumerate(found) if value is not None)
    named = len(drawn) if len(drawn) <= _NAMED else 5
    for rank, (value, place) in reversed(list(enumerate(drawn))):  # the named ones above the others
        name = f"{names[place]}  {value:.3f}" if names[place] is not None else f"{value:.3f}"
        style: dict[str, Any] = {"label": name, "linewidth": 1.6} if rank < named else {"color": "0.75", "linewidth": 0.8}
        ax.plot(*curve(flags[:, place], table[:, place]), drawstyle="steps-post" if figure else "default", **style)
    mean = mean_of_defined(found)
    ax.set_title("not defined: one label alone" if mean is None else f"{'mean ' * (len(drawn) > 1)}{word} {mean:.3f}")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.grid(alpha=0.3)
    if drawn:
        title = f"the {named} lowest of {len(drawn)}" if named < len(drawn) else None
        ax.legend(*map(list, map(reversed, ax.get_legend_handles_labels())), fontsize=8, title=title, title_fontsize=8)


def plot_roc(true: Any, probabilities: Any, labels: Sequence[str] | None = None, ax: Any = None) -> Any:
    """Share of the texts with a label that are found, by share of those without it that are taken for it.

    One curve for two labels (of the second one), else one for each label against the rest, the lowest areas named.

    Args:
        true: for each text its label, by name or number; or a list of labels, or a row of 0 and 1.
        probabilities: as `predict` or `predict_text` gives them.
        labels: all labels, in the order of the probabilities; None = they have numbers alone.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes. A label that no text has, or each, has no curve.

    Raises:
        DataError: a label that is not known.
        ValueError: no text, or probabilities of another shape.
    """
    columns = _one_against_rest(true, probabilities, labels)
    ax = _axes(ax, 5, 4.5)
    ax.plot([0, 1], [0, 1], "k--", linewidth=1)
    _curves(ax, columns, 0, lambda has, scores: metrics.roc_curve(has, scores)[:2], "AUROC")
    ax.set(xlabel="false positives, share of all without the label", ylabel="true positives, share of all with it")
    return ax


def plot_precision_recall(true: Any, probabilities: Any, labels: Sequence[str] | None = None, ax: Any = None) -> Any:
    """How many of the answers are right, by how many of the texts with a label are found.

    One curve for two labels (of the second one), else one for each label against the rest, the lowest areas named.

    Args:
        true, probabilities, labels, ax: as in `plot_roc`.

    Returns:
        The axes. A label that no text has has no curve.

    Raises:
        DataError: a label that is not known.
        ValueError: no text, or probabilities of another shape.
    """
    columns = _one_against_rest(true, probabilities, labels)
    ax = _axes(ax, 5, 4.5)
    _curves(ax, columns, 1, _recall_and_precision, "average precision")
    ax.set(xlabel="recall", ylabel="precision")
    return ax


def _recall_and_precision(has: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    precision, recall, _ = metrics.precision_recall_curve(has, scores)
    return recall, precision


def plot_metric_by_threshold(
    true: Any,
    probabilities: Any,
    metric: str | Callable[[Any, Any], float] = "f1",
    labels: Sequence[str] | None = None,
    threshold: Any = None,
    ax: Any = None,
) -> Any:
    """A metric by the threshold above which a label is given: how much there is to win, and how sharp the maximum is.

    Args:
        true, probabilities, metric, labels: as in `choose_threshold`.
        threshold: the one that is marked, or one for each label; None = what `choose_threshold` finds.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes.

    Raises:
        DataError: a label that is not known.
        ValueError: an unknown metric, no text, more than two labels, or probabilities of another shape.
    """
    chosen = choose_threshold(true, probabilities, metric, labels) if threshold is None else threshold
    if not callable(metric) and metric not in METRICS:
        raise ValueError(f"metric must be one of {list(METRICS)} or a function. Received: metric={metric!r}")
    names, flags, table = binary_columns(true, probabilities, labels)
    marks = np.broadcast_to(np.asarray(chosen, np.float64), (len(names),))
    ax = _axes(ax, 6, 4)
    for place, (name, mark) in enumerate(zip(names, marks, strict=True)):
        edges, values, _ = metric_by_threshold(flags[:, place], table[:, place], metric)
        at_mark = values[np.clip(np.searchsorted(edges, mark, side="right") - 1, 0, len(values) - 1)]
        shown = f"{mark:.2f}: {at_mark:.3f}" if name is None else f"{name}, {mark:.2f}: {at_mark:.3f}"
        is_named = len(names) <= _NAMED
        (line,) = ax.plot(
            np.repeat(edges, 2)[1:-1],
            np.repeat(values, 2),
            label=shown if is_named else None,
            color=None if is_named else "0.6",
            linewidth=1.4 if is_named else 0.8,
        )
        ax.plot([mark], [at_mark], "o", color=line.get_color())
    ax.axvline(0.5, color="0.7", linestyle=":", linewidth=1)
    word = metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")
    ax.set(xlim=(0, 1), xlabel="threshold", ylabel=word)
    ax.grid(alpha=0.3)
    if len(names) <= _NAMED:
        ax.legend(fontsize=8)
    return ax
