"""How good a model is on texts that it has not learned from, where there are too few to keep some aside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.refitting import FIGURES, Examples, figures_of, fitted, new_model, targets_of
from keras_bert_lab.lazy import LazyModule

__all__ = ["CrossValidation", "cross_validate"]

model_selection = LazyModule("sklearn.model_selection", install="scikit-learn")
pd = LazyModule("pandas")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What `cross_validate` found.

    Attributes:
        kind: of classification.
        folds: pandas DataFrame, one row for each fold: `fold` (1, 2, ...), `learned` and `judged` (numbers of texts), the
            figures of the kind, `fit_seconds`, `predict_seconds`.
        predictions: pandas DataFrame, one row for each text, in their order: what `predict_text` of the model that had not
            learned from it says, with `true` and `fold`.
    """

    kind: str
    folds: Any
    predictions: Any

    @property
    def mean(self) -> dict[str, float]:
        """Of each figure over the folds."""
        return {name: float(self.folds[name].mean()) for name in FIGURES[self.kind]}

    @property
    def standard_deviation(self) -> dict[str, float]:
        """How much each figure differs from fold to fold."""
        return {name: float(self.folds[name].std(ddof=1)) for name in FIGURES[self.kind]}

    @property
    def standard_error(self) -> dict[str, float]:
        """Of the mean, as if the folds had nothing in common: rather too small, for they share most of what they learn from.

        Reference: Bengio and Grandvalet 2004, "No unbiased estimator of the variance of k-fold cross-validation".
        """
        return {name: value / len(self.folds) ** 0.5 for name, value in self.standard_deviation.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON, without the predictions."""
        return {
            "kind": self.kind,
            "folds": self.folds.to_dict("records"),
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "standard_error": self.standard_error,
        }

    def __str__(self) -> str:
        lines = [f"{len(self.predictions)} texts in {len(self.folds)} folds"]
        for name, mean in self.mean.items():
            deviation, error = self.standard_deviation[name], self.standard_error[name]
            lines.append(f"{name:<11}  {mean:.3f}  (standard error {error:.3f}; from fold to fold {deviation:.3f})")
        return "\n".join(lines)


def cross_validate(
    make_model: Callable[[], Any], texts: Any, labels: Any, folds: int = 5, seed: int = 0, **fit_settings: Any
) -> CrossValidation:
    """Fit a new model on all folds but one, judge it on that one; and so for each fold.

    Folds are drawn by scikit-learn: where a text has one of several labels, each label has the same share of all folds.

    Args:
        make_model: a function without arguments that gives a new compiled TextClassifier each time, or any model with
            `fit(texts, labels)` and `predict_text(texts)`.
        texts: texts, or pairs of texts.
        labels: one for each.
        folds: number of parts, at least 2.
        seed: of the folds; with the number of the fold also of the model's first weights (`keras.utils.set_random_seed`) and,
            where `fit` takes a seed, of the order in which it learns.
        **fit_settings: of `fit`, the same for each fold.

    Returns:
        A CrossValidation.

    Raises:
        ValueError: less than 2 folds, or more than texts; another number of labels than texts.
        TypeError: a `make_model` that makes no such model.

    Reference: `StratifiedKFold` and `KFold` of scikit-learn.
    """
    examples = Examples(texts, labels)
    if not isinstance(folds, (int, np.integer)) or not 2 <= folds <= len(examples):
        raise ValueError(f"folds must be an integer from 2 to the number of texts, {len(examples)}. Received: folds={folds!r}")
    model: Any = new_model(make_model, seed + 1)
    kind, names, targets = targets_of(model, examples.labels)
    one_label = kind in ("binary", "multi_class")
    splitter = model_selection.StratifiedKFold if one_label else model_selection.KFold
    parts = splitter(folds, shuffle=True, random_state=seed % 2**32).split(targets, targets.reshape(-1) if one_label else None)
    figures, tables = [], []
    for fold, (learned, judged) in enumerate(parts, start=1):
        model = new_model(make_model, seed + fold) if model is None else model
        table, seconds = fitted(model, examples.take(learned), examples.texts(judged), seed + fold, fit_settings)
        model = None
        found = figures_of(kind, names, targets[judged], table["label"])
        figures.append({"fold": fold, "learned": len(learned), "judged": len(judged)} | found | seconds)
        true = [examples.labels[row] for row in judged]
        tables.append(table.set_index(judged).assign(true=pd.Series(true, index=judged), fold=fold))
    return CrossValidation(kind=kind, folds=pd.DataFrame(figures), predictions=pd.concat(tables).sort_index())
