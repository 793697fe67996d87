"""What `train` leaves beside the model: a card and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.lab import model_card, pictures_of, save_pictures
from keras_bert_lab.lab.model_card import about_table
from keras_bert_lab.recipes.runs import Run
from keras_bert_lab.tasks import TextClassifier

__all__ = ["write_card_and_pictures"]


def write_card_and_pictures(
    run: Run, model: TextClassifier, history: Mapping[str, Sequence[float]], learned: Any, kept: Any, report: Any
) -> None:
    """Write README.md and the pictures into the folder of a run, and what they tell of the data into its figures.

    Args:
        run: being made.
        model: that was trained.
        history: figures of the epochs.
        learned: rows that it learned from.
        kept: rows that it was validated on, or None.
        report: of these rows; None = it was not measured.
    """
    tables = {"train": learned} | ({} if kept is None else {"validation": kept})
    run.figures["data"] = {name: about_table(table, model.kind) for name, table in tables.items()}
    names = save_pictures(pictures_of(model, history, kept, report), run.folder)
    rate = run.figures["learning_rate"]
    steps = [{"step": "train", "lr": rate, "epochs": len(history.get("loss", ())), "seconds": run.seconds}]
    about = {"settings": {"steps": steps}, "figures": run.figures, "date": run.date}
    reports = {} if report is None else {"validation": report}
    card = model_card(model, about, reports, names, run.output.name)
    (run.folder / "README.md").write_text(card, encoding="utf-8")
