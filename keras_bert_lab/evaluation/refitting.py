"""What cross-validation and learning curves share: a new model, fitted on some texts, judged on others."""

from __future__ import annotations

import gc
import inspect
import math
import numbers
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.labels import encode_labels, label_names
from keras_bert_lab.text.preprocessor import columns_of

__all__ = ["FIGURES", "Examples", "figures_of", "fitted", "new_model", "targets_of"]

metrics = LazyModule("sklearn.metrics", install="scikit-learn")

FIGURES = {
    "binary": ("accuracy", "macro_f1"),
    "multi_class": ("accuracy", "macro_f1"),
    "multi_label": ("micro_f1", "exact_match"),
    "regression": ("mae", "rmse"),
}
"""Kind of classification -> names of the figures, the most important one first."""


def _as_list(column: Any) -> list[Any]:
    values = column.numpy() if hasattr(column, "numpy") else column
    return list(values.tolist() if hasattr(values, "tolist") else values)


class Examples:
    """Texts, or pairs of texts, with labels, as plain lists of which rows can be taken.

    Args:
        texts: texts, or pairs in one of the forms that `Preprocessor` takes.
        labels: one for each.

    Raises:
        ValueError: columns of different length.
    """

    def __init__(self, texts: Any, labels: Any) -> None:
        self._columns = [_as_list(column) for column in columns_of(texts)]
        self.labels = _as_list(labels)
        lengths = {len(column) for column in (*self._columns, self.labels)}
        if len(lengths) > 1:
            raise ValueError(
                f"There must be one label for each text. Received: {len(self._columns[0])} texts, {len(self.labels)} labels"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def texts(self, rows: Sequence[int] | np.ndarray) -> Any:
        """A list of texts, or a tuple of two lists for pairs."""
        taken = [[column[row] for row in rows] for column in self._columns]
        return taken[0] if len(taken) == 1 else tuple(taken)

    def take(self, rows: Sequence[int] | np.ndarray) -> tuple[Any, list[Any]]:
        """Texts and labels of these rows."""
        return self.texts(rows), [self.labels[row] for row in rows]


def new_model(make_model: Callable[[], Any], seed: int) -> Any:
    """A new model, whose first weights follow from the seed.

    Raises:
        TypeError: no function, or what it makes cannot be fitted on texts.
    """
    if not callable(make_model):
        raise TypeError(f"make_model must be a function that gives a new model each time. Received: {make_model!r}")
    keras.utils.set_random_seed(seed % 2**32)
    model = make_model()
    if not callable(getattr(model, "fit", None)) or not callable(getattr(model, "predict_text", None)):
        raise TypeError(
            "make_model must give a model with fit(texts, labels) and predict_text(texts), such as a compiled TextClassifier. "
            f"Received: {model!r}"
        )
    return model


def kind_of_model(model: Any, labels: Sequence[Any]) -> str:
    """What the model says, else what the labels look like.

    Example:
        >>> [kind_of_model(None, labels) for labels in (["a", "b"], [1, 2, 3], [0.5, 2.0], [["a"], []])]
        ['binary', 'multi_class', 'regression', 'multi_label']
    """
    kind = getattr(model, "kind", None)
    if kind is not None:
        return str(kind)
    if all(isinstance(label, (list, tuple, set)) for label in labels):
        return "multi_label"
    if any(isinstance(label, numbers.Real) and not isinstance(label, numbers.Integral) for label in labels):
        return "regression"
    return "binary" if len(set(map(str, labels))) == 2 else "multi_class"


def targets_of(model: Any, labels: Sequence[Any]) -> tuple[str, list[str], np.ndarray]:
    """The kind of classification, the names of the labels, and the labels as `encode_labels` gives them."""
    kind = kind_of_model(model, labels)
    names = [] if kind == "regression" else list(getattr(model, "labels", None) or label_names(labels))
    return kind, names, encode_labels(labels, names, kind)


def figures_of(kind: str, names: list[str], true: np.ndarray, answers: Sequence[Any]) -> dict[str, float]:
    """How good answers are.

    Args:
        kind: of classification.
        names: the labels.
        true: encoded labels.
        answers: the column `label` of `predict_text`.

    Reference: scikit-learn's `accuracy_score` and `f1_score`.

    Example:
        >>> figures_of("binary", ["neg", "pos"], np.array([[0], [1], [1], [1]]), ["neg", "pos", "neg", "pos"])
        {'accuracy': 0.75, 'macro_f1': 0.7333333333333334}
    """
    found = encode_labels(list(answers), names, kind)
    if kind == "regression":
        errors = (found - true).astype(float).reshape(-1)
        return {"mae": float(np.abs(errors).mean()), "rmse": math.sqrt((errors**2).mean())}
    if kind == "multi_label":
        micro = metrics.f1_score(true, found, average="micro", zero_division=0)
        return {"micro_f1": float(micro), "exact_match": float(metrics.accuracy_score(true, found))}
    true, found = true.reshape(-1).astype(int), found.reshape(-1).astype(int)
    macro = metrics.f1_score(true, found, labels=np.unique([*true, *found]), average="macro", zero_division=0)
    return {"accuracy": float((true == found).mean()), "macro_f1": float(macro)}


def fitted(
    model: Any, learned: tuple[Any, list[Any]], texts: Any, seed: int, settings: Mapping[str, Any]
) -> tuple[Any, dict[str, float]]:
    """Fit a model on some texts, and let it answer others.

    Args:
        model: of `new_model`.
        learned: texts and labels to learn from.
        texts: those to answer.
        seed: given to `fit` where that takes one.
        settings: of `fit`.

    Returns:
        The table of `predict_text`; the seconds of both.
    """
    takes_seed = "seed" in inspect.signature(model.fit).parameters
    began = time.perf_counter()
    model.fit(*learned, **({"seed": seed} if takes_seed else {}) | dict(settings))
    between = time.perf_counter()
    table = model.predict_text(texts)
    seconds = {"fit_seconds": between - began, "predict_seconds": time.perf_counter() - between}
    if isinstance(model, keras.Model):
        gc.collect()  # earlier models, which Python would keep for a while
    return table, seconds
