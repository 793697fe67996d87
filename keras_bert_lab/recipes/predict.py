"""A trained model at work on texts, or on a table of any size."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_bert_lab.config import check_integer
from keras_bert_lab.data import FormCheck, TableParts, check_writable, scan_texts
from keras_bert_lab.errors import DataError
from keras_bert_lab.export import BatchPredictor
from keras_bert_lab.recipes.models import open_model
from keras_bert_lab.recipes.predicted_table import PredictedTable, file_state, made_from
from keras_bert_lab.recipes.prediction_parts import PredictionParts
from keras_bert_lab.recipes.tables import announce_left_out, check_pairs, columns_of
from keras_bert_lab.tasks import TextClassifier

__all__ = ["predict"]


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
    part_rows: int = 8192,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Predict labels of texts, or of all rows of a table of any size.

    Args:
        model: folder that `train` wrote, or a classifier of Hugging Face (a folder or hf://organisation/name).
        texts: the texts; two for one pair, if the model takes pairs.
        table: CSV, TSV, XLSX, JSONL or Parquet, also gzipped, instead of texts.
        text: the column of texts; by default named as in training.
        text_pair: the column of second texts, for pairs.
        output: file for the table with two more columns, predicted_label and predicted_score; its ending says the format.
        probabilities: also one column for each label, probability_<label>.
        batch_size: texts in a batch.
        part_rows: rows that are read, sorted by length, predicted and kept at a time. After a kill the same command goes on
            with the first part that is missing.
        encoding: of the table.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: rows whose text is empty, missing or no text get no prediction, instead of stopping.
        overwrite: replace `output` if it is there, and give up unfinished predictions that were made from something else.

    Returns:
        The predictions of texts, or the name of the file that was written, as plain data.

    Raises:
        DataError: a table that cannot be used, or an output that is there already.
        FormatError: no whole classifier in the folder.
        ResumeError: unfinished predictions for this output, made with another model, table or settings.
    """
    check_integer("batch_size", batch_size, 1)
    check_integer("part_rows", part_rows, 1)
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
    parts = TableParts(table, part_rows, **how)
    columns = columns_of(opened, text=text, text_pair=text_pair)
    settings = columns | how | {"drop_unusable": drop_unusable, "probabilities": probabilities}
    settings |= {"batch_size": batch_size, "part_rows": part_rows}
    state = file_state(parts.path)
    kept = PredictionParts(output, made_from(opened.opened.path, parts.path, settings), overwrite)
    kept.check()
    form = FormCheck(output)
    facts = scan_texts(parts, **columns, drop_unusable=drop_unusable, check=form)
    announce_left_out(facts.dropped)
    predictor = BatchPredictor(model, batch_size, drop_unusable=drop_unusable)
    classifier = predictor.classifier
    check_pairs(model, classifier.pairs, columns["text_pair"] is not None)
    done = PredictedTable(parts, [name for name in columns.values() if name], predictor, probabilities, facts.rows, state)
    done.check_names()
    with kept:
        done.predict(kept)
        done.write(output, overwrite, form.schema, kept)
        kept.is_done = True
    print(f"{facts.rows:,} rows written to {output}")
    return {"rows": facts.rows, "predictions": facts.usable, "output": str(output)}


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
