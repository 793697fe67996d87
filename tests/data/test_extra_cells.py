"""Numbers and categories come along with the texts of a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from keras_bert_lab import DataError, read_table

ROWS = [
    ("good", "pos", "2.5", "a", "7"),
    ("bad", "neg", "", "", "x"),
    ("dull", "neg", " 11 ", "b", ""),
    ("fine", "pos", "-3e2", "a", "7.0"),
]
NAMES = ["review", "label", "price", "brand", "code"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    pd.DataFrame(ROWS, columns=NAMES).to_csv(file, index=False)
    return file


@pytest.mark.parametrize(
    "columns",
    [["price", "brand", "code"], ("price", "brand", "code"), {"price": "number", "brand": "category", "code": "category"}],
)
def test_columns_of_both_kinds(path: Path, columns: Any) -> None:
    table = read_table(path, "review", columns=columns)
    assert list(table.columns) == ["text", "label", "price", "brand", "code"]
    assert table.price.dtype == np.float64
    np.testing.assert_array_equal(table.price, [2.5, np.nan, 11.0, -300.0])
    assert table.brand.tolist() == ["a", "", "b", "a"]
    assert table.code.tolist() == ["7", "x", "", "7.0"]
    assert table.attrs["dropped"] == {}


def test_what_looks_like_numbers_may_be_categories(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, 0], "year": [1999, None, 2003]}).to_json(
        file, orient="records", lines=True
    )
    np.testing.assert_array_equal(read_table(file, columns=["year"]).year, [1999.0, np.nan, 2003.0])
    assert read_table(file, columns={"year": "category"}).year.tolist() == ["1999", "", "2003"]


def test_a_column_of_missing_cells_is_no_number(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"], "price": ["", ""]}).to_csv(file, index=False)
    assert read_table(file, columns=["price"]).price.tolist() == ["", ""]
    assert read_table(file, columns={"price": "number"}).price.isna().all()


def test_cells_of_another_kind_are_an_error_or_left_out(path: Path) -> None:
    with pytest.raises(DataError, match=re.escape("Column 'code': 1 not a finite number (row 2: str 'x')")):
        read_table(path, "review", columns={"code": "number"})
    table = read_table(path, "review", columns={"code": "number", "price": "number"}, drop_unusable=True)
    assert table.text.tolist() == ["good", "dull", "fine"]
    np.testing.assert_array_equal(table.price, [2.5, 11.0, -300.0])
    assert table.attrs["dropped"] == {"code: not a finite number": [2]}


def test_formulas_without_a_result_are_found(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["text", "label", "price"], ["a", "x", 2], ["b", "y", "=C2+1"], ["c", "x", None]):
        book.active.append(row)
    book.save(tmp_path / "rows.xlsx")
    with pytest.raises(DataError, match=re.escape("Column 'price': 1 formula without a stored result")):
        read_table(tmp_path / "rows.xlsx", columns=["price"])
    table = read_table(tmp_path / "rows.xlsx", columns=["price"], drop_unusable=True)
    np.testing.assert_array_equal(table.price, [2.0, np.nan])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("price", "columns must be a list of names. Received: columns='price'. Write ['price']."),
        (["review"], "Received: 'review'"),
        (["label"], "Received: 'label'"),
        (["text_pair"], "Received: 'text_pair'"),
        ({"price": "float"}, "must be one of ['number', 'category']. Received: 'float' for 'price'"),
    ],
)
def test_impossible_columns_are_refused(path: Path, columns: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_table(path, "review", columns=columns)


def test_a_column_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(DataError, match=re.escape("has no column 'prize'.")):
        read_table(path, "review", columns=["prize"])
