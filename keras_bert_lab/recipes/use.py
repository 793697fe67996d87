"""A trained model at work: evaluate, predict, fill gaps, export."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.config import check_integer
from keras_bert_lab.data import check_known_labels, check_writable, read_columns, read_table, write_table
from keras_bert_lab.errors import DataError
from keras_bert_lab.evaluation import classification_report
from keras_bert_lab.export import export_saved_model
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.recipes.models import OpenedModel, open_model
from keras_bert_lab.recipes.tables import announce_dropped, texts_of
from keras_bert_lab.tasks import MaskedLanguageModel, TextClassifier

__all__ = ["evaluate", "export", "fill_mask", "predict"]

pd = LazyModule("pandas")

_LABEL, _SCORE, _PROBABILITY = "predicted_label", "predicted_score", "probability_"


def _columns(opened: OpenedModel, **given: str | None) -> dict[str, Any]:
    """Names of columns: as given, else as in training."""
    trained = opened.settings
    return {name: column or trained.get(name) or (name if name != "text_pair" else None) for name, column in given.items()}


def _check_pairs(model: str, pairs: bool | None, data: Any) -> None:
    """Say that a column of second texts is missing, or too many."""
    given = "text_pair" in data
    if pairs is not None and pairs != given:
        raise DataError(
            f"text_pair must {'name the column of second texts' if pairs else 'be left out'}: {model} was trained on "
            f"{'pairs' if pairs else 'single texts'}. Received: {'single texts' if pairs else 'pairs'}"
        )


def evaluate(
    model: str,
    table: pathlib.Path,
    *,
    text: str | None = None,
    label: str | None = None,
    text_pair: str | None = None,
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
    if classifier.kind == "multi_label":
        raise ValueError(f"evaluate takes models with one label for each text. Received: {model}, kind='multi_label'")
    data = read_table(
        table,
        **_columns(opened, text=text, label=label, text_pair=text_pair),
        encoding=encoding,
        separator=separator,
        sheet=sheet,
        drop_unusable=drop_unusable,
        label_type="number" if is_number else "name",
    )
    announce_dropped(data)
    _check_pairs(model, classifier.pairs, data)
    if not is_number:
        check_known_labels(data["label"], classifier.labels)
    answers = classifier.predict_text(texts_of(data), batch_size=batch_size).label
    if is_number:
        figures = {"examples": len(data), "mae": float(np.abs(data["label"] - answers).mean())}
        print(f"mean absolute error  {figures['mae']:.4g}  ({len(data):,} texts)")
        return figures
    report = classification_report(data["label"], answers, classifier.labels)
    print(report)
    return report.to_dict()


def predict(
    model: str,
    texts: Sequence[str] = (),
    *,
    table: pathlib.Path | None = None,
    text: str | None = None,
    text_pair: str | None = None,
    output: pathlib.Path | None = None,
    probabilities: bool = False,
    batch_size: int = 64,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Predict labels of texts, or of all rows of a table.

    Args:
        model: folder that `train` wrote, or a classifier of Hugging Face (a folder or hf://organisation/name).
        texts: the texts; two for one pair, if the model takes pairs.
        table: CSV, TSV, XLSX, JSONL or Parquet, also gzipped, instead of texts.
        text: the column of texts; by default named as in training.
        text_pair: the column of second texts, for pairs.
        output: file for the table with two more columns, predicted_label and predicted_score; its ending says the format.
        probabilities: also one column for each label, probability_<label>.
        batch_size: texts in a batch.
        encoding: of the table.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: rows whose text is empty, missing or no text get no prediction, instead of stopping.
        overwrite: replace `output` if it is there.

    Returns:
        The predictions of texts, or the name of the file that was written, as plain data.

    Raises:
        DataError: a table that cannot be used, or an output that is there already.
        FormatError: no whole classifier in the folder.
    """
    check_integer("batch_size", batch_size, 1)
    if bool(texts) == (table is not None):
        raise ValueError(f"predict takes texts or a table, one of them. Received: {len(texts)} texts, table={table}")
    if (table is None) != (output is None):
        raise ValueError(f"output belongs to a table. Received: table={table}, output={output}. Give both or none.")
    opened = open_model(model, TextClassifier)
    if table is None:
        return _predict_texts(opened.load(), [texts] if isinstance(texts, str) else list(texts), batch_size)
    assert output is not None
    check_writable(output, overwrite)
    how: dict[str, Any] = {"encoding": encoding, "separator": separator, "sheet": sheet}
    rows = read_columns(table, **how)
    columns = _columns(opened, text=text, text_pair=text_pair)
    data = read_table(table, **columns, label=None, drop_unusable=drop_unusable, **how)
    announce_dropped(data)
    classifier = opened.load()
    _check_pairs(model, classifier.pairs, data)
    names = classifier.labels if probabilities else []
    added = [_LABEL, _SCORE, *(f"{_PROBABILITY}{name}" for name in names)]
    taken = [name for name in added if name in set(rows.columns)]
    if taken:
        raise DataError(f"{table} must not have the columns that are added. Received: {taken}. Rename or remove them.")
    found = classifier.predict_text(texts_of(data), batch_size=batch_size)
    dropped = {row - 1 for numbers in data.attrs["dropped"].values() for row in numbers}
    usable = [row for row in range(len(rows)) if row not in dropped]
    for name, values in zip(
        added,
        [found["label"], found["score"], *([row[label] for row in found["probabilities"]] for label in names)],
        strict=True,
    ):
        rows[name] = pd.Series(list(values), index=usable, dtype=object).reindex(rows.index)
    write_table(rows, output, overwrite=overwrite)
    print(f"{len(rows):,} rows written to {output}")
    return {"rows": len(rows), "predictions": len(usable), "output": str(output)}


def _predict_texts(classifier: Any, texts: list[str], batch_size: int) -> dict[str, Any]:
    if classifier.pairs:
        if len(texts) != 2:
            raise DataError(f"This model takes pairs: two texts. Received: {len(texts)} text(s). For more pairs use --table.")
        found = classifier.predict_text(([texts[0]], [texts[1]]))
        texts = [" | ".join(texts)]
    else:
        found = classifier.predict_text(texts, batch_size=batch_size)
    predictions = [
        {"text": text, "label": row.label, "score": row.score, "probabilities": row.probabilities}
        for text, row in zip(texts, found.itertuples(), strict=True)
    ]
    width = max(len(str(each["label"])) for each in predictions)
    for each in predictions:
        shown = f"{each['label']!s:>{width}}  {each['score']:.3f}" if classifier.labels else f"{each['score']:.4g}"
        print(f"{shown}  {each['text']}")
    return {"predictions": predictions}


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
