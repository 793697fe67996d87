"""What is read beside the text, beside scikit-learn's StandardScaler and OneHotEncoder."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from keras_bert_lab import DataError, ExtraColumns

KINDS = {"price": "number", "brand": "category", "year": "number"}
TABLE = pd.DataFrame(
    {
        "brand": ["b", "a", "c", "b", "a", "b", "d"],
        "price": [3.5, 2.0, 11.0, 7.25, 5.0, 1.0, 13.0],
        "year": [1999, 2003, 2011, 1997, 2017, 2027, 2029],
        "text": [""] * 7,
    }
)
NEW = pd.DataFrame({"price": [4.0, 17.0], "brand": ["d", "b"], "year": [2039, 2000]})


def columns(**settings: Any) -> ExtraColumns:
    return ExtraColumns(KINDS, **({"most_categories": 5} | settings))


@pytest.fixture(scope="module")
def learned() -> ExtraColumns:
    return columns().learned_from(TABLE)


def test_numbers_are_those_of_standard_scaler_and_categories_those_of_one_hot_encoder(learned: ExtraColumns) -> None:
    scaled = StandardScaler().fit(TABLE[["price", "year"]]).transform(NEW[["price", "year"]])
    # The most frequent one first, of equally frequent ones in the order of the alphabet; one place is left.
    encoder = OneHotEncoder(categories=[["b", "a", "c", "d"]], sparse_output=False).fit(TABLE[["brand"]])
    hot = np.pad(encoder.transform(NEW[["brand"]]), ((0, 0), (0, 1)))
    no = np.zeros(2)
    expected = np.column_stack([scaled[:, 0], no, hot, scaled[:, 1], no])
    found = learned.vectors(NEW)
    assert (found.dtype, learned.width, found.shape) == (tf.float32, 9, (2, 9))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_only_the_most_frequent_categories_have_a_place() -> None:
    few = columns(most_categories=2).learned_from(TABLE)
    assert few.width == 6
    found = few.vectors(pd.DataFrame({"price": 0, "year": 0, "brand": ["a", "b", "c", "", None, "new"]})).numpy()[:, 2:4]
    assert found.tolist() == [[0, 1], [1, 0], *[[0, 0]] * 4]


def test_some_rows_may_be_learned_from() -> None:
    rows = np.array([1, 4, 6])
    part, same = columns().learned_from(TABLE, rows), columns().learned_from(TABLE.iloc[rows])
    assert part.learned == same.learned
    assert part.learned["price"] == {
        "mean": pytest.approx(20 / 3),
        "deviation": pytest.approx(np.std([2, 5, 13])),
        "missing": False,
    }
    assert part.learned["brand"] == ["a", "d"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, "", "  "])
def test_a_missing_number_is_the_mean_and_says_that_it_is_missing(missing: Any) -> None:
    table = {"x": [1.0, missing, 4.0, missing, 7.0]}
    found = ExtraColumns({"x": "number"}).learned_from(table)
    assert found.learned["x"] == {"mean": 4.0, "deviation": pytest.approx(np.sqrt(6)), "missing": True}
    np.testing.assert_allclose(found.vectors(table), [[-np.sqrt(1.5), 0], [0, 1], [0, 0], [0, 1], [np.sqrt(1.5), 0]], rtol=1e-6)


def test_what_was_never_missing_cannot_be_learned_about(learned: ExtraColumns) -> None:
    found = learned.vectors({"price": [None], "brand": [None], "year": ["2010"]}).numpy()
    assert found[0, :7].tolist() == [0] * 7


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, ""])
def test_a_missing_category_is_one_like_others(missing: Any) -> None:
    table = {"x": ["a", missing, "b", missing]}
    found = ExtraColumns({"x": "category"}, 3).learned_from(table)
    assert found.learned["x"] == ["", "a", "b"]
    assert found.vectors({"x": [missing, "b"]}).numpy().tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("values", [[7.0] * 3, [None] * 3, [7.0, None, 7.0], [0.1] * 7, [0.0, 0.0]])
def test_a_number_that_is_always_the_same_tells_nothing(values: list[Any]) -> None:
    found = ExtraColumns({"x": "number"}).learned_from({"x": values})
    assert found.vectors({"x": [7.0, -3.0, 1e300]}).numpy().tolist() == [[0, 0]] * 3
    assert found.learned["x"]["deviation"] == 0


def test_nothing_gives_numbers_that_are_none(learned: ExtraColumns) -> None:
    extreme = [np.inf, -np.inf, np.nan, 1.7e308, -1.7e308, 1e-320, 0.0]
    given = {
        "price": np.array(extreme),
        "year": np.array(extreme[::-1]),
        "brand": ["", "\x00", "東京", "b" * 10000, "b", "nan", "None"],
    }
    for table in (given, pd.DataFrame(given), {name: tf.constant(values) for name, values in given.items()}):
        found = learned.vectors(table).numpy()
        assert np.isfinite(found).all()
        assert np.abs(found).max() == 10
        assert found[:, 0].tolist()[:5] == [0, 0, 0, 10, -10]
    again = columns().learned_from(given)
    assert np.isfinite(again.vectors(TABLE).numpy()).all()


def test_dates_in_seconds_keep_their_digits() -> None:
    seconds = np.arange(11) + 1_700_000_000
    found = ExtraColumns({"x": "number"}).learned_from({"x": seconds}).vectors({"x": seconds})
    expected = StandardScaler().fit_transform(np.arange(11.0)[:, None])
    np.testing.assert_allclose(found[:, :1], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("list", [2, 5, 3]),
        ("texts", ["2", " 5.0 ", "3"]),
        ("array", np.array([2, 5, 3], np.uint8)),
        ("half", np.array([2, 5, 3], np.float16)),
        ("nullable", pd.Series([2, 5, 3], dtype="Int64", index=[7, 3, 5])),
        ("column", np.array([[2.0], [5.0], [3.0]])),
        ("tensor", tf.constant([2, 5, 3])),
    ],
)
def test_numbers_in_all_usual_containers(form: str, values: Any) -> None:
    expected = ExtraColumns({"x": "number"}).learned_from({"x": [2.0, 5.0, 3.0]})
    found = ExtraColumns({"x": "number"}).learned_from({"x": values})
    assert found.learned == expected.learned
    np.testing.assert_allclose(found.vectors({"x": values}), expected.vectors({"x": [2.0, 5.0, 3.0]}), rtol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        [7, 11, 7],
        [7.0, 11.0, 7.0],
        ["7", "11", "7"],
        [b"7", b"11", b"7"],
        np.array([7, 11, 7], np.int8),
        pd.Series(["7", "11", "7"], dtype="category"),
        pd.Series(["7", "11", "7"], dtype="string"),
        tf.constant(["7", "11", "7"]),
        tf.constant([7, 11, 7]),
    ],
)
def test_categories_in_all_usual_containers(values: Any) -> None:
    found = ExtraColumns({"x": "category"}, 2).learned_from({"x": values})
    assert found.learned["x"] == ["7", "11"]
    assert found.vectors({"x": values}).numpy().tolist() == [[1, 0], [0, 1], [1, 0]]


def test_in_a_graph(learned: ExtraColumns) -> None:
    dataset = tf.data.Dataset.from_tensor_slices(dict(NEW)).batch(2).map(learned.vectors)
    np.testing.assert_array_equal(next(iter(dataset)), learned.vectors(NEW))


def test_settings_and_what_was_learned_are_plain_data(learned: ExtraColumns) -> None:
    again = ExtraColumns.from_config(json.loads(json.dumps(learned.get_config())))
    assert list(again.kinds.items()) == list(KINDS.items())
    np.testing.assert_array_equal(again.vectors(NEW), learned.vectors(NEW))
    assert ExtraColumns.from_config(columns().get_config()).learned is None


def test_learning_makes_new_columns() -> None:
    before = columns()
    before.learned_from(TABLE)
    assert before.learned is None


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({}, "columns must name each column and its kind, such as {'price': 'number'}. Received: columns={}"),
        (["price"], "Received: columns=['price']"),
        ({"price": "float"}, "must be one of ['number', 'category']. Received: 'float' for 'price'"),
        ({"text": "category"}, "Received: 'text'. Rename it."),
        ({"label": "category"}, "Received: 'label'. Rename it."),
        ({"input_mask": "number"}, "Received: 'input_mask'. Rename it."),
        ({7: "number"}, "Received: 7. Rename it."),
    ],
)
def test_impossible_columns_are_refused(kinds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ExtraColumns(kinds)


def test_an_impossible_number_of_categories_is_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("most_categories must be an integer of at least 1. Received: most_categories=0")
    ):
        columns(most_categories=0)


def test_a_column_that_is_not_there_is_named(learned: ExtraColumns) -> None:
    message = f"The table must have the columns {list(KINDS)} beside the text. Received: ['brand'], without ['price', 'year']."
    for use in (learned.vectors, learned.values, columns().learned_from):
        with pytest.raises(DataError, match=re.escape(message)):
            use({"brand": ["a"]})


def test_cells_of_another_kind_are_named(learned: ExtraColumns) -> None:
    message = "The column 'price' must hold numbers. Received 2 other(s) among 4, first 'cheap' in row 1."
    with pytest.raises(DataError, match=re.escape(message)):
        learned.vectors({"price": [1, "cheap", None, "1_000"], "brand": [""] * 4, "year": [0] * 4})
    message = "The column 'brand' must hold one category in each row. Received 1 other(s) among 2, first ['a', 'b'] in row 1."
    with pytest.raises(DataError, match=re.escape(message)):
        learned.vectors({"price": [1, 2], "brand": ["a", ["a", "b"]], "year": [0, 0]})


def test_columns_of_different_length_are_refused(learned: ExtraColumns) -> None:
    message = "must have as many rows as texts. Received: {'price': 2, 'brand': 1, 'year': 2}"
    with pytest.raises(DataError, match=re.escape(message)):
        learned.vectors({"price": [1, 2], "brand": ["a"], "year": [0, 0]})


def test_without_learning_there_are_no_vectors() -> None:
    with pytest.raises(ValueError, match="Received: columns of a model that was not trained. fit on a table teaches them"):
        columns().vectors(TABLE)
