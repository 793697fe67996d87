"""Looking at the data before a model is trained on it."""

from __future__ import annotations

from typing import Any

from keras_bert_lab.config import check_integer
from keras_bert_lab.data.table_checks.cell_findings import check_cells
from keras_bert_lab.data.table_checks.duplicates import check_duplicates
from keras_bert_lab.data.table_checks.examined_table import ExaminedTable
from keras_bert_lab.data.table_checks.label_findings import (
    check_labels_across,
    check_labels_of,
    check_numbers,
    check_swapped,
    label_names,
)
from keras_bert_lab.data.table_checks.lengths import check_lengths, check_preprocessor
from keras_bert_lab.data.table_checks.opening import open_table
from keras_bert_lab.data.table_checks.table_check import TableCheck
from keras_bert_lab.data.table_checks.text_findings import check_texts

__all__ = ["check_table"]

_FEW = 50


def check_table(
    table: Any,
    test: Any = None,
    *,
    validation: Any = None,
    preprocessor: Any = None,
    text: str = "text",
    label: str | None = "label",
    text_pair: str | None = None,
    label_type: str = "name",
    max_length: int | None = None,
    rare: int = 10,
    near_duplicates: bool = True,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
) -> TableCheck:
    """Look at texts and labels before a model is trained on them, and say all that is wrong.

    Nothing is changed. What `read_table` refuses, its first problem alone, is reported here with everything else.

    Args:
        table: what is learned from: a DataFrame (of `read_table` or another one), or the path of a file for `read_table`.
        test: what is tested with, in the same form.
        validation: what is validated with, in the same form.
        preprocessor: counts tokens and unknown ones (see `load_preprocessor`); None = lengths are guessed from the characters.
        text: name of the column with the texts.
        label: name of the column with the labels, or with a list of labels in each row; None = there are none.
        text_pair: name of the column with the second texts, for pairs.
        label_type: "name" = classes; "number" = finite numbers, for regression.
        max_length: tokens that the model reads; None = the preprocessor's, without one 512.
        rare: a class with fewer rows is reported.
        near_duplicates: also look for texts that are almost the same (word pairs with a Jaccard similarity of at least 0.8,
            texts of at least 12 words).
        encoding, separator, sheet: of files, as in `read_columns`.

    Returns:
        A TableCheck: `print` it, or use its `problems` and `counts`.

    Raises:
        DataError: no such file, or an unknown suffix or encoding; what is wrong inside a file is a problem, not an error.
        TypeError: neither a table nor a path, or a preprocessor without tokenizer.
        ValueError: another argument with an impossible value.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"text": ["good", "bad", "bad", " "], "label": ["pos", "neg", "pos", "neg"]})
        >>> [problem.kind for problem in check_table(table).problems]
        ['empty_text', 'rare_classes', 'conflicting_labels', 'duplicate_texts', 'few_rows']
    """
    if label_type not in ("name", "number"):
        raise ValueError(f"label_type must be one of ['name', 'number']. Received: label_type={label_type!r}")
    wanted = {role: name for role, name in (("text", text), ("text_pair", text_pair), ("label", label)) if name is not None}
    if len(set(wanted.values())) < len(wanted):
        raise ValueError(f"text, text_pair and label must name different columns. Received: {wanted}")
    check_integer("rare", rare, 1)
    if max_length is not None:
        check_integer("max_length", max_length, 4)
    if preprocessor is not None:
        check_preprocessor(preprocessor)
    given = {"table": table, "validation": validation, "test": test}
    how: dict[str, Any] = {"encoding": encoding, "separator": separator, "sheet": sheet}
    tables = [open_table(each, part, wanted, **how) for part, each in given.items() if each is not None]
    names, summaries = [], []
    for each in tables:
        if label_type == "name":
            check_swapped(each)
        check_cells(each, label_type, sheet)
        names.append(label_names(each) if label_type == "name" else [[] for _ in range(each.rows)])
        check_texts(each, names[-1])
        lengths, unknown = check_lengths(each, preprocessor, max_length)
        numbers = check_numbers(each) if label_type == "number" else []
        summaries.append(_summary(each, names[-1], lengths, unknown, numbers))
    if label_type == "name":
        check_labels_of(tables[0], names[0], rare)
        for each, labels in zip(tables[1:], names[1:], strict=True):
            check_labels_across(each, tables[0], labels, names[0])
    joined = [[" + ".join(row) or None for row in labels] for labels in names]
    shared = check_duplicates(tables, joined, near_duplicates)
    if 0 < tables[0].rows < _FEW:
        tables[0].report("few_rows", detail=f"{tables[0].rows} rows.")
    problems = sorted((problem for each in tables for problem in each.problems), key=lambda problem: problem.rank)
    return TableCheck(tuple(problems), {"tables": summaries, "shared": shared})


def _summary(
    table: ExaminedTable, names: list[list[str]], lengths: dict[str, Any], unknown: float | None, numbers: list[float]
) -> dict[str, Any]:
    classes: dict[str, int] = {}
    for row in names:
        for name in row:
            classes[name] = classes.get(name, 0) + 1
    usable = [dict(table.texts(role)) for role in table.text_roles]
    whole = [row for row in range(table.rows) if usable and all(row in column for column in usable)]
    if "label" in table.cells and not numbers:
        whole = [row for row in whole if names[row]]
    return {
        "where": table.where,
        "part": table.part,
        "rows": table.rows,
        "usable": len(whole),
        "columns": dict(table.names),
        "classes": dict(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        "numbers": {"min": min(numbers), "mean": sum(numbers) / len(numbers), "max": max(numbers)} if numbers else {},
        "lengths": lengths,
        "unknown_share": unknown,
    }
