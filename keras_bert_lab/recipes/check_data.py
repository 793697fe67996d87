"""Tables in, what is wrong with them out: in words, as a page, as data."""

from __future__ import annotations

import pathlib
from typing import Any, Literal

from keras_bert_lab.data import check_table
from keras_bert_lab.evaluation import write_check_page
from keras_bert_lab.evaluation.check_page import check_page_folder
from keras_bert_lab.formats import load_preprocessor

__all__ = ["check_data"]


def check_data(
    table: pathlib.Path,
    *,
    test: pathlib.Path | None = None,
    validation: pathlib.Path | None = None,
    text: str = "text",
    label: str | None = "label",
    text_pair: str | None = None,
    label_type: Literal["name", "number"] = "name",
    encoder: str | None = None,
    max_length: int | None = None,
    rare: int = 10,
    near_duplicates: bool = True,
    output: pathlib.Path | None = None,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Look at a table of texts and labels before training on it: all that is wrong, where, what it costs, and the cure.

    Args:
        table: what is learned from: CSV, TSV, XLSX, JSONL or Parquet, also gzipped.
        test: what is tested with.
        validation: what is validated with.
        text: the column of texts.
        label: the column of labels; null = there are none.
        text_pair: the column of second texts, for pairs.
        label_type: name, or number for regression.
        encoder: the model that is to be trained, as in `train`: its tokenizer counts tokens, and those it does not know.
            Without it lengths are guessed from the characters.
        max_length: tokens of a text that are read; by default the most that the encoder takes, or 512.
        rare: a class with fewer rows is reported.
        near_duplicates: also look for texts that are almost the same.
        output: folder for a page of numbers and pictures, index.html.
        encoding: of the files.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        overwrite: replace an earlier page in `output`.

    Returns:
        Problems, ordered by what they would cost, and counts, as plain data.

    Raises:
        DataError: a missing file, or a page that is there already; what is wrong inside a file is a problem, not an error.
        FormatError: an encoder that is no whole model.
        ValueError: a number out of range.
    """
    if output is not None:
        check_page_folder(output, overwrite)
    preprocessor = None if encoder is None else load_preprocessor(encoder)
    check = check_table(
        table,
        test,
        validation=validation,
        preprocessor=preprocessor,
        text=text,
        label=label,
        text_pair=text_pair,
        label_type=label_type,
        max_length=max_length,
        rare=rare,
        near_duplicates=near_duplicates,
        encoding=encoding,
        separator=separator,
        sheet=sheet,
    )
    print(check)
    figures = check.to_dict()
    if output is not None:
        page = write_check_page(check, output, overwrite=overwrite)
        print(f"\n{page}")
        figures["page"] = str(page)
    return figures
