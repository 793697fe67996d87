"""How good a classifier is on a table of texts and labels."""

from __future__ import annotations

from typing import Any

from keras_bert_lab.evaluation.classification_report import classification_report
from keras_bert_lab.evaluation.multi_label_report import multi_label_report
from keras_bert_lab.evaluation.regression_report import regression_report
from keras_bert_lab.tasks import TextClassifier

__all__ = ["report_on", "texts_of"]


def texts_of(table: Any) -> Any:
    """What a classifier takes of a table: texts, pairs of texts, or the table itself where columns beside the text count.

    Args:
        table: a DataFrame with `text`, for pairs `text_pair`, maybe `label`, and maybe other columns.
    """
    if set(table.columns) - {"text", "text_pair", "label"}:
        return table.drop(columns="label", errors="ignore")
    return (table["text"], table["text_pair"]) if "text_pair" in table else table["text"]


def report_on(model: TextClassifier, table: Any, batch_size: int = 64, seed: int = 0) -> Any:
    """A classifier's answers compared with the labels of a table.

    Args:
        model: that is measured.
        table: a DataFrame as `read_table` gives it: columns `text`, `label` and, for pairs, `text_pair`.
        batch_size: texts in a batch.
        seed: of the bootstrap intervals.

    Returns:
        What follows from the kind: a ClassificationReport with intervals, a MultiLabelReport or a RegressionReport.

    Raises:
        DataError: a label that the model does not know.
    """
    found = model.predict_text(texts_of(table), batch_size=batch_size)
    if model.kind == "regression":
        return regression_report(table["label"], found["label"])
    if model.kind == "multi_label":
        return multi_label_report(table["label"], found["label"], model.labels, found["probabilities"])
    return classification_report(
        table["label"], found["label"], model.labels, found["probabilities"], intervals=True, seed=seed
    )
