from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import DataError
from keras_bert_lab.tasks.labels import encode_labels, label_names

NAMES = ["bad", "fair", "good"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([10, 9, 10], ["9", "10"]),  # by number, not by spelling
        (np.array([2, 0, 1, 2]), ["0", "1", "2"]),
        ([True, False], ["False", "True"]),
        (np.array(["b", "a"]), ["a", "b"]),
        (np.array(["b", "a"], object), ["a", "b"]),
        ([b"b", b"a"], ["a", "b"]),
        (tf.constant(["b", "a"]), ["a", "b"]),
        (pd.Series(["b", "a"], index=[5, 3]), ["a", "b"]),
        (pd.Series(["b", "a"], dtype="category"), ["a", "b"]),
        ([["b", "c"], [], {"a"}], ["a", "b", "c"]),
        (["b", 1], ["1", "b"]),
    ],
)
def test_names_are_the_different_labels_in_order(labels: Any, names: list[str]) -> None:
    assert label_names(labels) == names


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, np.float64("nan")])
def test_a_missing_label_is_refused_with_its_row(missing: Any) -> None:
    with pytest.raises(DataError, match=re.escape("Received 2 missing, first in rows [1, 3]")):
        label_names(["a", missing, "b", missing])


@pytest.mark.parametrize("labels", [[], [[], []]])
def test_no_label_at_all_is_refused(labels: Any) -> None:
    with pytest.raises(DataError, match="labels must name at least one label. Received: none"):
        label_names(labels)


@pytest.mark.parametrize(
    "values",
    [
        ["good", "bad", "fair", "good", "good"],
        [2, 0, 1, 2, 2],
        [2.0, 0.0, 1.0, 2.0, 2.0],
        np.array([2, 0, 1, 2, 2]),
        np.array([[2], [0], [1], [2], [2]], np.int8),
        np.array(["good", "bad", "fair", "good", "good"]),
        [b"good", b"bad", b"fair", b"good", b"good"],
        tf.constant(["good", "bad", "fair", "good", "good"]),
        pd.Series(["good", "bad", "fair", "good", "good"], index=[8, 3, 1, 0, 5]),
    ],
)
def test_labels_of_several_classes_become_their_places(values: Any) -> None:
    encoded = encode_labels(values, NAMES, "multi_class")
    assert encoded.dtype == np.int32
    np.testing.assert_array_equal(encoded, [2, 0, 1, 2, 2])


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["y", "n", "y"], ["n", "y"]),
        ([True, False, True], ["False", "True"]),
        (np.array([True, False, True]), ["False", "True"]),
        ([1, 0, 1], ["n", "y"]),
        ([1, 0, 1], ["0", "1"]),
        ([1.0, 0.0, 1.0], ["0", "1"]),
        ([1.0, 0.0, 1.0], ["0.0", "1.0"]),
        ([5, 3, 5], ["3", "5"]),
    ],
)
def test_binary_labels_become_a_column_of_floats(values: Any, names: list[str]) -> None:
    encoded = encode_labels(values, names, "binary")
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, [[1], [0], [1]])


def test_names_that_are_numbers_are_never_taken_for_places() -> None:
    np.testing.assert_array_equal(encode_labels([1, 2], ["1", "2"], "multi_class"), [0, 1])
    with pytest.raises(DataError, match=re.escape("label must be one of ['1', '2']. Received: 0 in row 0")):
        encode_labels([0, 1], ["1", "2"], "multi_class")


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([["good"], ["bad", "good"], []], [[0, 0, 1], [1, 0, 1], [0, 0, 0]]),
        ([{"good"}, ("bad", "fair")], [[0, 0, 1], [1, 1, 0]]),
        ([[2], [0, 1]], [[0, 0, 1], [1, 1, 0]]),
        (np.array([[0, 0, 1], [1, 0, 1]]), [[0, 0, 1], [1, 0, 1]]),
        (np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]), [[0, 0, 1], [1, 0, 1]]),
        (pd.Series([["good"], ["bad"]], index=[5, 3]), [[0, 0, 1], [1, 0, 0]]),
    ],
)
def test_several_labels_become_rows_of_zeros_and_ones(values: Any, rows: list[list[int]]) -> None:
    encoded = encode_labels(values, NAMES, "multi_label")
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, rows)


def test_lists_of_labels_that_are_0_and_1_are_names_not_flags() -> None:
    np.testing.assert_array_equal(encode_labels([[0, 1], [1], []], ["0", "1"], "multi_label"), [[1, 1], [0, 1], [0, 0]])


@pytest.mark.parametrize("values", [[0.5, -2, 3], np.array([[0.5], [-2], [3]]), pd.Series([0.5, -2, 3], index=[4, 2, 0])])
def test_numbers_become_a_column(values: Any) -> None:
    encoded = encode_labels(values, [], "regression")
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, [[0.5], [-2], [3]])


@pytest.mark.parametrize("wrong", [None, float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused_with_its_row(wrong: Any) -> None:
    with pytest.raises(DataError, match=re.escape("Every target must be a finite number. Received others in rows [1, 3]")):
        encode_labels([0.5, wrong, 2, wrong], [], "regression")


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["good", "great"], "multi_class", "label must be one of ['bad', 'fair', 'good']. Received: 'great' in row 1"),
        (["good", None], "multi_class", "Received: None in row 1"),
        ([2, 3], "multi_class", "Received: 3 in row 1"),
        ([2, -1], "multi_class", "Received: -1 in row 1"),
        ([2, 0.5], "multi_class", "Received: 0.5 in row 1"),
        ([["good"], ["great"]], "multi_label", "Received: 'great' in row 1"),
        (
            [["good"], "good"],
            "multi_label",
            "kind='multi_label' needs a list of labels for each text. Received: 'good' in row 1",
        ),
    ],
)
def test_an_unknown_label_is_refused_with_its_row(values: Any, kind: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        encode_labels(values, NAMES, kind)
