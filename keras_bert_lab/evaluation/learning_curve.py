"""Whether more labelled texts would help."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.data.splits import split_rows, stratified_order
from keras_bert_lab.evaluation.refitting import FIGURES, Examples, figures_of, fitted, new_model, targets_of
from keras_bert_lab.lazy import LazyModule

__all__ = ["LearningCurve", "learning_curve", "plot_training_sizes"]

figure = LazyModule("matplotlib.figure", install="matplotlib")
pd = LazyModule("pandas")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """What `learning_curve` found.

    Attributes:
        kind: of classification.
        validated: number of texts that all models were judged on.
        runs: pandas DataFrame, one row for each fitted model: `size` (texts that it learned from), `repeat` (1, 2, ...), the
            figures of the kind, `fit_seconds`, `predict_seconds`.
    """

    kind: str
    validated: int
    runs: Any

    def summary(self, metric: str | None = None) -> Any:
        """A pandas DataFrame, one row for each size: `size`, `mean` and `standard_deviation` of a figure over the repeats.

        Args:
            metric: a column of `runs`; None = the most important figure of the kind.

        Raises:
            ValueError: no such column.
        """
        metric = FIGURES[self.kind][0] if metric is None else metric
        if metric not in self.runs or metric in ("size", "repeat"):
            known = [name for name in self.runs if name not in ("size", "repeat")]
            raise ValueError(f"metric must be one of {known}. Received: metric={metric!r}")
        by_size = self.runs.groupby("size")[metric]
        return pd.DataFrame({"mean": by_size.mean(), "standard_deviation": by_size.std(ddof=1)}).reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"kind": self.kind, "validated": self.validated, "runs": self.runs.to_dict("records")}

    def __str__(self) -> str:
        metric = FIGURES[self.kind][0]
        lines = [f"{metric} on {self.validated} texts"]
        for row in self.summary().itertuples():
            spread = "" if np.isnan(row.standard_deviation) else f"  (from repeat to repeat {row.standard_deviation:.3f})"
            lines.append(f"{row.size:>9,} texts  {row.mean:.3f}{spread}")
        return "\n".join(lines)


def _counts_of(sizes: Sequence[Any], available: int) -> list[int]:
    """Sizes as numbers of texts, in rising order, each once."""
    wrong = [size for size in sizes if isinstance(size, bool) or not isinstance(size, (int, float, np.integer, np.floating))]
    if wrong or not len(sizes):
        raise ValueError(f"sizes must be numbers of texts, or shares up to 1.0. Received: sizes={sizes!r}")
    counts = [round(size * available) if isinstance(size, (float, np.floating)) else int(size) for size in sizes]
    for size, count in zip(sizes, counts, strict=True):
        if not 1 <= count <= available:
            raise ValueError(f"sizes must be from 1 to {available}, the texts to learn from. Received: {size!r}")
    return sorted(set(counts))


def learning_curve(
    make_model: Callable[[], Any],
    texts: Any,
    labels: Any,
    sizes: Sequence[int | float] = (0.125, 0.25, 0.5, 1.0),
    validation: Any = 0.2,
    repeats: int = 1,
    seed: int = 0,
    **fit_settings: Any,
) -> LearningCurve:
    """Fit new models on more and more of the texts; judge all on the same texts.

    Smaller parts are in the larger ones. Where a text has one of several labels, each label has its share of all of them, to
    one text.

    Args:
        make_model: a function without arguments that gives a new compiled TextClassifier each time, or any model with
            `fit(texts, labels)` and `predict_text(texts)`.
        texts: texts, or pairs of texts.
        labels: one for each.
        sizes: numbers of texts to learn from, or shares of them (floating-point numbers up to 1.0).
        validation: (texts, labels) to judge the models on, or the share of `texts` that is kept for that.
        repeats: how often it is done, each time with other parts, first weights and order.
        seed: of the share that is kept, and with the number of the repeat of all else that is drawn.
        **fit_settings: of `fit`, the same for all.

    Returns:
        A LearningCurve.

    Raises:
        ValueError: sizes or repeats out of range, no text to judge on, another number of labels than texts.
        TypeError: a `make_model` that makes no such model.
    """
    examples = Examples(texts, labels)
    if not isinstance(repeats, (int, np.integer)) or repeats < 1:
        raise ValueError(f"repeats must be an integer of at least 1. Received: repeats={repeats!r}")
    model: Any = new_model(make_model, seed + 1)
    if isinstance(validation, (float, np.floating)):
        kind, _, targets = targets_of(model, examples.labels)
        learned, judged = split_rows(len(examples), float(validation), seed, _strata(kind, targets))
        pool, held_out = Examples(*examples.take(learned)), Examples(*examples.take(judged))
    elif isinstance(validation, tuple) and len(validation) == 2:
        pool, held_out = examples, Examples(*validation)
    else:
        raise ValueError(f"validation must be (texts, labels) or a share. Received: validation={validation!r:.80}")
    if not len(held_out):
        raise ValueError("validation must hold at least one text. Received: none")
    kind, names, targets = targets_of(model, pool.labels + held_out.labels)
    strata = _strata(kind, targets[: len(pool)])
    counts = _counts_of(sizes, len(pool))
    runs = []
    for repeat in range(1, repeats + 1):
        draw = seed + repeat
        order = np.random.default_rng(draw).permutation(len(pool)) if strata is None else stratified_order(strata, draw)
        for count in counts:
            model = new_model(make_model, draw) if model is None else model
            texts_judged = held_out.texts(range(len(held_out)))
            table, seconds = fitted(model, pool.take(np.sort(order[:count])), texts_judged, draw, fit_settings)
            model = None
            found = figures_of(kind, names, targets[len(pool) :], table["label"])
            runs.append({"size": count, "repeat": repeat} | found | seconds)
    return LearningCurve(kind=kind, validated=len(held_out), runs=pd.DataFrame(runs))


def _strata(kind: str, targets: np.ndarray) -> Any:
    return targets.reshape(-1).astype(int) if kind in ("binary", "multi_class") else None


def plot_training_sizes(curve: LearningCurve, metric: str | None = None, ax: Any = None) -> Any:
    """One figure over the number of texts that were learned from, with its spread over the repeats.

    Args:
        curve: of `learning_curve`.
        metric: a column of its `runs`; None = the most important figure of the kind.
        ax: matplotlib axes; None = a new figure's (`ax.figure.savefig(path)` writes it).

    Returns:
        The axes.

    Raises:
        ValueError: no such column.
    """
    table = curve.summary(metric)
    ax = figure.Figure(figsize=(6, 4), layout="constrained").subplots() if ax is None else ax
    ax.errorbar(table["size"], table["mean"], yerr=table["standard_deviation"].fillna(0.0), fmt="o-", capsize=3)
    ax.set_xscale("log")
    ax.set_xticks(table["size"], [f"{size:,}" for size in table["size"]], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_xlabel("texts to learn from")
    ax.set_ylabel(FIGURES[curve.kind][0] if metric is None else metric)
    ax.set_title(f"judged on {curve.validated} texts")
    ax.grid(alpha=0.3)
    return ax
