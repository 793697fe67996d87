"""Texts to look at: those that a model gets most wrong, and those that it is least sure of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_bert_lab.config import check_integer
from keras_bert_lab.evaluation.probability_figures import SMALLEST, label_losses
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.tasks.labels import encode_labels
from keras_bert_lab.tasks.thresholds import decisions
from keras_bert_lab.text.preprocessor import text_columns

__all__ = ["most_uncertain", "top_losses"]

pd = LazyModule("pandas")


def _check(model: Any, n: Any) -> None:
    if not isinstance(model, TextClassifier):
        raise TypeError(f"model must be a TextClassifier. Received: {type(model).__name__}")
    check_integer("n", n, 1)


def _text_table(texts: Any, rows: np.ndarray) -> dict[str, list[Any]]:
    """Columns `row`, `text` and, for pairs, `text_pair`."""
    names = ("text", "text_pair")
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):  # a table with other columns beside the text
        columns = [list(texts[name]) for name in names if name in texts]
    else:
        columns = [[text.decode() for text in column.numpy()] for column in text_columns(texts)]
    return {"row": rows.tolist()} | {name: [column[row] for row in rows] for name, column in zip(names, columns, strict=False)}


def _probabilities(model: TextClassifier, outputs: np.ndarray) -> np.ndarray:
    """Outputs as float64 (R, C), with both of two labels."""
    outputs = np.asarray(outputs, np.float64)
    return np.concatenate([1.0 - outputs, outputs], axis=1) if model.kind == "binary" else outputs


def top_losses(model: TextClassifier, texts: Any, labels: Any, n: int = 10, batch_size: int = 64) -> Any:
    """The texts that a model gets most wrong: often wrong labels, or texts unlike the others.

    Args:
        model: a TextClassifier.
        texts: texts or pairs of texts, as for `predict`.
        labels: one for each text, as for `evaluate`.
        n: how many texts, at most.
        batch_size: texts in a batch.

    Returns:
        A pandas DataFrame, highest loss first: `row` (place of the text, from 0), `text` (and `text_pair`), `label` (the true
        one), `answer`, `probability` (of the true label; of all labels being right for "multi_label"; not for regression),
        `loss` (cross-entropy, for "multi_label" the mean over the labels; squared error for regression).

    Raises:
        DataError: a label that the model does not know.
        TypeError: no TextClassifier.
        ValueError: n below 1, or another number of labels than texts.
    """
    _check(model, n)
    targets = encode_labels(labels, model.labels, model.kind)
    outputs = model.predict(texts, batch_size=batch_size)
    if len(outputs) != len(targets):
        raise ValueError(f"There must be one label for each text. Received: {len(outputs)} texts, {len(targets)} labels")
    names: list[Any]
    if model.kind == "regression":
        losses = np.square(np.asarray(outputs[:, 0], np.float64) - targets[:, 0])
        names, answers = targets[:, 0].astype(float).tolist(), outputs[:, 0].astype(float).tolist()
        columns: dict[str, Any] = {}
    else:
        table = _probabilities(model, outputs)
        true = targets > 0.5 if model.kind == "multi_label" else targets.reshape(-1).astype(np.int64)
        losses = label_losses(true, table)
        answers = decisions(outputs if model.kind != "binary" else table, model.labels, model.kind, model.threshold)
        if model.kind == "multi_label":
            names = [[model.labels[place] for place in np.flatnonzero(row)] for row in true]
            chances = np.where(true, table, 1.0 - table).prod(axis=1)
        else:
            names = [model.labels[number] for number in true]
            chances = table[np.arange(len(true)), true]
        columns = {"probability": chances}
    rows = np.argsort(-losses, kind="stable")[:n]
    return pd.DataFrame(
        _text_table(texts, rows)
        | {"label": [names[row] for row in rows], "answer": [answers[row] for row in rows]}
        | {name: values[rows] for name, values in columns.items()}
        | {"loss": losses[rows]}
    )


def most_uncertain(model: TextClassifier, texts: Any, n: int = 10, by: str = "entropy", batch_size: int = 64) -> Any:
    """The texts that a model is least sure of: the first to be labelled next, or to be looked at by a person.

        entropy = -sum_k p_k log p_k;    margin = highest - second highest probability

    With several labels for a text each label is a decision between p and 1 - p: their entropies are added up, and the margin is
    the smallest one.

    Args:
        model: a TextClassifier, no regression.
        texts: texts or pairs of texts, as for `predict`; labels are not needed.
        n: how many texts, at most.
        by: "entropy", highest first; or "margin", smallest first.
        batch_size: texts in a batch.

    Returns:
        A pandas DataFrame: `row` (place of the text, from 0), `text` (and `text_pair`), `answer`, `probability` (the highest
        one), `entropy` (in nats), `margin`.

    Raises:
        TypeError: no TextClassifier.
        ValueError: a regression, n below 1, or another word for `by`.

    Reference: Settles 2009, "Active learning literature survey", section 3.1.
    """
    _check(model, n)
    if by not in ("entropy", "margin"):
        raise ValueError(f"by must be 'entropy' or 'margin'. Received: by={by!r}")
    if model.kind == "regression":
        raise ValueError("most_uncertain needs probabilities. Received: a model with kind='regression'")
    outputs = model.predict(texts, batch_size=batch_size)
    table = _probabilities(model, outputs)
    answers = decisions(outputs if model.kind != "binary" else table, model.labels, model.kind, model.threshold)
    if model.kind == "multi_label":
        entropy = sum(_entropy(np.stack([column, 1.0 - column], axis=1)) for column in table.T)
        margin = np.abs(2 * table - 1).min(axis=1)
    else:
        entropy = _entropy(table)
        highest = np.sort(table, axis=1)
        margin = highest[:, -1] - highest[:, -2]
    order = -np.asarray(entropy) if by == "entropy" else margin
    rows = np.argsort(order, kind="stable")[:n]
    return pd.DataFrame(
        _text_table(texts, rows)
        | {"answer": [answers[row] for row in rows], "probability": table.max(axis=1)[rows]}
        | {"entropy": np.asarray(entropy)[rows], "margin": margin[rows]}
    )


def _entropy(table: np.ndarray) -> np.ndarray:
    """In nats, float64 (R,)."""
    return np.asarray(-(table * np.log(np.clip(table, SMALLEST, 1.0))).sum(axis=1))
