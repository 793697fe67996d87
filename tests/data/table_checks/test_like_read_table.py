"""A file that `read_table` refuses has a problem that stops; one that it takes has none that reading it would stop at."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.data import check_table, read_table
from keras_bert_lab.errors import DataError
from tests.data.table_checks.tables import clean, frame, written

# Kinds that reading stops at; others that stop do so later, in training or evaluation.
READING = {
    "unreadable_file", "damaged_file", "no_rows", "wrong_encoding", "too_many_fields", "unclosed_quote", "broken_json",
    "wrong_separator", "missing_column", "double_column", "no_header", "missing_text", "empty_text", "text_not_text",
    "invalid_unicode", "formula_without_result", "missing_label", "label_not_single",
}  # fmt: skip
PIECES = [
    b'"',
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\xe9",
    b"\x00",
    b"\xff\xfe",
    b";",
    b"\t",
    b"{",
    b"}",
    b"null",
    b"\\ud800",
    b" ",
    b"\n\n",
    b'""',
    b",,",
    b"label",
    b"text",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"#",
    b"1e999",
    b"[1]",
    b"\\",
    b"'",
    b"\x1a",
]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Up to five places of a file cut, doubled or overwritten."""
    for _ in range(rng.randint(1, 5)):
        first = rng.randrange(len(content) + 1)
        last = min(len(content), first + rng.choice((0, 0, 1, 2, 9)))
        piece = rng.choice([*PIECES, b"", content[first : first + 5]])
        content = content[:first] + piece + content[last:]
    return content


def agree(path: Path) -> None:
    try:
        read_table(path)
        refusal = None
    except DataError as error:
        refusal = error
    check = check_table(path, near_duplicates=False)
    found = [problem for problem in check.problems if problem.kind in READING]
    assert bool(found) is bool(refusal), f"{refusal}\n{check}"
    rows = check.counts["tables"][0]["rows"]
    assert all(1 <= row <= rows for problem in check.problems for row in problem.rows)
    if refusal is None:
        assert rows == len(read_table(path))
    json.dumps(check.to_dict(), allow_nan=False)
    str(check)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "json"])
def test_damaged_files(form: str, tmp_path: Path) -> None:
    rng = random.Random(form)
    content = written(tmp_path, form, clean(17)).read_bytes()
    for number in range(60):
        path = tmp_path / f"{number}.{form}"
        path.write_bytes(damaged(content, rng))
        agree(path)


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_damaged_packed_files(form: str, tmp_path: Path) -> None:
    rng = random.Random(form)
    content = written(tmp_path, form, clean(17)).read_bytes()
    for number in range(15):
        path = tmp_path / f"{number}.{form}"
        path.write_bytes(damaged(content, rng))
        agree(path)


CELLS = [
    None,
    "",
    " ",
    "a",
    1,
    1.5,
    True,
    float("nan"),
    float("inf"),
    pd.NA,
    pd.NaT,
    [],
    ["a"],
    {"a": 1},
    b"a",
    "\ud800",
    "\x00",
    "N/A",
    np.int64(3),
    np.array([1, 2]),
    pd.Timestamp(0),
    "<b>",
    10**30,
    "é" * 3,
    "\U0001f600",
    "text",
    "label",
    ("a",),
    {1},
]


@pytest.mark.parametrize("change", [lambda rng: [rng.choice(CELLS), "a"], lambda rng: ["a b", rng.choice(CELLS)],
                                    lambda rng: [rng.choice(CELLS), rng.choice(CELLS)]])  # fmt: skip
def test_any_cell(change: Callable[[random.Random], list[object]]) -> None:
    rng = random.Random(5)
    for _ in range(25):
        table = frame([change(rng) for _ in range(rng.randrange(9))])
        check = check_table(table, frame([change(rng) for _ in range(rng.randrange(9))]))
        json.dumps(check.to_dict(), allow_nan=False)
        str(check)
        check_table(table, label_type="number")


@pytest.mark.parametrize(
    "column",
    [
        pd.Categorical(["a", "b", "a"]),
        pd.array(["a", "b", "a"], dtype="string"),
        pd.array([1, 2, None], dtype="Int64"),
        np.array(["a", "b", "a"]),
        pd.to_datetime(["2024-02-29"] * 3),
        [True, False, True],
    ],
)
def test_any_type_of_column(column: object) -> None:
    check = check_table(pd.DataFrame({"text": ["one", "two", "three"], "label": column}))
    assert check.counts["tables"][0]["rows"] == 3
    assert check_table(pd.DataFrame({"text": column, "label": ["x", "y", "x"]})).counts["tables"][0]["rows"] == 3


def test_columns_without_names_and_twice() -> None:
    table = pd.DataFrame([["a", "b", "c"]], columns=["text", "text", 7])
    assert {problem.kind for problem in check_table(table, label="7").problems} == {"double_column", "one_class", "few_rows"}


def test_no_rows_and_no_columns() -> None:
    assert [problem.kind for problem in check_table(pd.DataFrame()).problems] == ["missing_column", "missing_column"]
    assert [problem.kind for problem in check_table(pd.DataFrame({"text": [], "label": []})).problems] == ["no_rows"]
