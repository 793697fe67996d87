"""What is kept of a run: the model, what was done to it, figures, pictures, and a card that tells all of this."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.evaluation import (
    ClassificationReport,
    calibration,
    plot_calibration,
    plot_confusion_matrix,
    plot_learning_curves,
    plot_learning_rate_search,
)
from keras_bert_lab.formats import new_folder, write_task
from keras_bert_lab.lab.model_card import about_table, model_card
from keras_bert_lab.lab.table_reports import report_on, texts_of
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.training import LearningRateSearch

__all__ = ["keep_run", "pictures_of", "save_pictures"]

pd = LazyModule("pandas")

_RESOLUTION = 120  # dots per inch


def pictures_of(
    model: TextClassifier,
    history: Mapping[str, Sequence[Any]],
    table: Any,
    report: Any,
    search: LearningRateSearch | None = None,
) -> dict[str, Any]:
    """The pictures that belong to a run: name -> matplotlib figure.

    Args:
        model: that was trained.
        history: figures of its epochs.
        table: rows that it was measured on; None = none.
        report: of these rows.
        search: of a learning rate, if there was one.
    """
    figures = {}
    watched = "mae" if model.kind == "regression" else "accuracy"
    for name, metric in (("learning_curves", watched), ("loss", "loss")):
        if history.get(metric):
            figures[name] = plot_learning_curves(history, metric).figure
    if search is not None:
        figures["lr_find"] = plot_learning_rate_search(search).figure
    if table is not None and isinstance(report, ClassificationReport):
        figures["confusion_matrix"] = plot_confusion_matrix(report).figure
        probabilities = model.predict_text(texts_of(table))["probabilities"]
        figures["calibration"] = plot_calibration(calibration(table["label"], probabilities, model.labels)).figure
    return figures


def save_pictures(pictures: Mapping[str, Any], folder: pathlib.Path) -> list[str]:
    """Write pictures as PNG files; gives their names."""
    for name, picture in pictures.items():
        picture.savefig(folder / f"{name}.png", dpi=_RESOLUTION)
    return [f"{name}.png" for name in pictures]


def keep_run(
    model: TextClassifier,
    folder: str | pathlib.Path,
    *,
    settings: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]],
    history: Mapping[str, Sequence[Any]],
    train: Any,
    tables: Mapping[str, Any],
    search: LearningRateSearch | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Write a run into a new folder, which appears whole or not at all.

    The folder holds the model (for `load_task` and the command line), `keras_bert_lab.json` with settings, steps, figures and
    versions, `history.csv`, pictures, and `README.md`, the model card.

    Args:
        model: that was trained.
        folder: the new folder.
        settings: that it was trained with, plain data.
        steps: what was done, one after the other; plain data.
        history: figures of the epochs.
        train: the table that it learned from.
        tables: name -> table that it is measured on: "validation", "test".
        search: of a learning rate, if there was one.
        overwrite: whether earlier results in the folder may be replaced.

    Returns:
        The folder.

    Raises:
        FormatError: the folder is there already, or holds something else.
    """
    with new_folder(folder, overwrite) as fresh:
        reports = {name: report_on(model, table) for name, table in tables.items()}
        figures = {name: report.to_dict() for name, report in reports.items()}
        data = {name: about_table(table, model.kind) for name, table in {"train": train, **tables}.items()}
        about = {
            "command": "lab",
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "settings": dict(settings) | {"steps": [dict(step) for step in steps]},
            "figures": figures | {"kind": model.kind, "labels": model.labels, "data": data},
        }
        if history:
            columns = {name: pd.Series(values) for name, values in sorted(history.items())}
            pd.DataFrame(columns).rename(lambda epoch: epoch + 1).to_csv(fresh / "history.csv", index_label="epoch")
        measured = "test" if "test" in reports else "validation"
        pictures = pictures_of(model, history, tables.get(measured), reports.get(measured), search)
        card = model_card(model, about, reports, save_pictures(pictures, fresh), pathlib.Path(folder).name)
        (fresh / "README.md").write_text(card, encoding="utf-8")
        write_task(model, fresh, about)
    return pathlib.Path(folder)
