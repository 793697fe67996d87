"""A trained model at work: evaluate, fill gaps, export."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_bert_lab.config import check_integer
from keras_bert_lab.data import check_known_labels, read_table
from keras_bert_lab.export import export_saved_model
from keras_bert_lab.lab import report_on
from keras_bert_lab.recipes.models import open_model
from keras_bert_lab.recipes.tables import announce_dropped, check_pairs, columns_of, split_labels
from keras_bert_lab.tasks import MaskedLanguageModel, TextClassifier

__all__ = ["evaluate", "export", "fill_mask"]


def evaluate(
    model: str,
    table: pathlib.Path,
    *,
    text: str | None = None,
    label: str | None = None,
    text_pair: str | None = None,
    label_separator: str | None = None,
    batch_size: int = 64,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
) -> dict[str, Any]:
    """Measure a trained classifier on a table of texts and labels that it has not seen.

    Args:
        model: folder that `train` wrote, or a classifier of Hugging Face (a folder or hf://organisation/name).
        table: CSV, TSV, XLSX, JSONL or Parquet, also gzipped.
        text: the column of texts; by default named as in training, as are the next two.
        label: the column of labels.
        text_pair: the column of second texts, for pairs.
        label_separator: between the labels of a text, where it can have several; by default as in training.
        batch_size: texts in a batch.
        encoding: of the file.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: leave out rows with empty, missing or unreadable texts or labels, instead of stopping.

    Returns:
        The figures, as plain data.

    Raises:
        DataError: a table that cannot be used, or with labels that the model does not know.
        FormatError: no whole classifier in the folder.
    """
    check_integer("batch_size", batch_size, 1)
    opened = open_model(model, TextClassifier)
    classifier = opened.load()
    is_number = classifier.kind == "regression"
    label_separator = label_separator or opened.settings.get("label_separator")
    if classifier.kind == "multi_label" and label_separator is None:
        raise ValueError(
            f"label_separator must be given: a text can have several labels for {model}. Received: label_separator=None"
        )
    data = read_table(
        table,
        **columns_of(opened, text=text, label=label, text_pair=text_pair),
        columns=() if classifier.columns is None else classifier.columns.kinds,
        encoding=encoding,
        separator=separator,
        sheet=sheet,
        drop_unusable=drop_unusable,
        label_type="number" if is_number else "name",
    )
    announce_dropped(data)
    check_pairs(model, classifier.pairs, "text_pair" in data)
    if classifier.kind == "multi_label":
        data = split_labels(data, label_separator)
    if not is_number:
        check_known_labels(data["label"], classifier.labels)
    report = report_on(classifier, data, batch_size=batch_size)
    print(report)
    return report.to_dict()


def fill_mask(model: str, texts: Sequence[str], *, top_k: int = 5) -> dict[str, Any]:
    """Fill the gaps of texts with the most probable words.

    Args:
        model: folder that `pretrain` wrote, or a masked language model of Hugging Face, TF-Hub or the original code.
        texts: texts with at least one [MASK] each.
        top_k: candidates for each gap.

    Returns:
        The candidates, as plain data.

    Raises:
        DataError: a text without a gap.
        FormatError: no whole masked language model in the folder.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    if not texts:
        raise ValueError("fill_mask needs at least one text with a [MASK]. Received: none")
    found = open_model(model, MaskedLanguageModel).load().fill_mask(texts, top_k=top_k)
    for row, of_text in found.groupby("row"):
        print(texts[row])
        for mask, of_gap in of_text.groupby("mask"):
            candidates = ", ".join(f"{each.token} {each.score:.1%}" for each in of_gap.itertuples())
            print(f"    {candidates}" if of_text["mask"].nunique() == 1 else f"    {mask + 1}: {candidates}")
    return {"candidates": found.to_dict("records")}


def export(model: str, output: pathlib.Path) -> dict[str, Any]:
    """Write a trained model as SavedModels that take raw text, or token ids, and compare them with the original.

    Args:
        model: folder that `train` or `pretrain` wrote, or a model with a head of other libraries.
        output: folder of the exported model, e.g. saved_models/my-model; a new version is made in it, earlier ones stay.

    Returns:
        Where the exported models are, as plain data.

    Raises:
        ExportError: the exported model gives other answers than the original.
        FormatError: no whole model in the folder.
    """
    version = export_saved_model(open_model(model).load(), output)
    tokens = version.parent.with_name(f"{version.parent.name}-tokens") / version.name
    print(f"{version}  takes texts\n{tokens}  takes token ids")
    return {"text": str(version), "tokens": str(tokens)}
