from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import DataError
from keras_bert_lab.tasks.text_inputs import is_dataset, is_texts, sample_weights, some_texts

IDS = np.ones((2, 3), np.int32)


@pytest.mark.parametrize(
    "x",
    [
        "good",
        b"good",
        ["good", "bad", "dull"],
        ("good", "bad"),
        (["good"], ["bad"]),
        [("good", "bad"), ("dull", "bad")],
        [np.array(["good"]), np.array(["bad"])],
        np.array(["good", "bad"]),
        np.array([b"good", b"bad"]),
        np.array(["good", "bad"], object),
        pd.Series(["good", "bad"]),
        pd.Series(["good", "bad"], dtype="string"),
        tf.constant(["good", "bad"]),
        [tf.constant(["good"]), tf.constant(["bad"])],
    ],
)
def test_texts_in_all_usual_containers_are_told(x: Any) -> None:
    assert is_texts(x) is True


@pytest.mark.parametrize(
    "x",
    [
        None,
        IDS,
        [IDS, IDS],
        tf.constant(IDS),
        [tf.constant(IDS), tf.constant(IDS)],
        {"input_word_ids": IDS},
        tf.data.Dataset.from_tensors(["good"]),
    ],
)
def test_token_batches_and_datasets_are_no_texts(x: Any) -> None:
    assert is_texts(x) is False


def test_datasets_are_told_after_any_step() -> None:
    dataset = tf.data.Dataset.from_tensor_slices(["good", "bad"])
    assert all(is_dataset(x) for x in (dataset, dataset.batch(2), dataset.map(tf.strings.lower).prefetch(1)))
    assert not any(is_dataset(x) for x in (["good"], tf.constant(["good"]), IDS, None))


@pytest.mark.parametrize(
    "texts", [(["a", "b"], ["c", "d"]), [("a", "c"), ("b", "d")], [np.array(["a", "b"]), pd.Series(["c", "d"], index=[7, 3])]]
)
def test_pairs_in_all_forms_become_two_columns(texts: Any) -> None:
    first, second = some_texts(texts)
    assert first.numpy().tolist() == [b"a", b"b"]
    assert second.numpy().tolist() == [b"c", b"d"]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: 2 first and 3 second texts"):
        some_texts((["a", "b"], ["c", "d", "e"]))


def test_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="There must be at least one text. Received: none"):
        some_texts([])


def test_what_is_no_text_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match=re.escape("row 1: None (NoneType)")):
        some_texts(["a", None])


TARGETS = np.array([[0.0], [1.0], [1.0], [0.0], [1.0]], np.float32)


@pytest.mark.parametrize(
    "class_weight",
    [{"neg": 3, "pos": 7}, {0: 3, 1: 7}, {"neg": 3, 1: 7}, {np.int64(0): 3, np.int64(1): 7}, {np.str_("neg"): 3, "pos": 7}],
)
def test_weights_of_classes_by_name_and_number(class_weight: Any) -> None:
    weights = sample_weights(TARGETS, ["neg", "pos"], class_weight, None)
    assert weights is not None
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, [3, 7, 7, 3, 7])


def test_classes_without_a_weight_weigh_1() -> None:
    np.testing.assert_array_equal(sample_weights(TARGETS, ["neg", "pos"], {"pos": 7}, None), [1, 7, 7, 1, 7])


def test_names_that_are_numbers_go_before_places() -> None:
    np.testing.assert_array_equal(sample_weights(np.array([0, 1]), ["1", "0"], {1: 7}, None), [7, 1])


def test_weights_of_classes_and_texts_are_multiplied() -> None:
    np.testing.assert_array_equal(sample_weights(TARGETS, ["neg", "pos"], {1: 7}, [1, 2, 3, 5, 0]), [1, 14, 21, 5, 0])


def test_without_weights_there_are_none() -> None:
    assert sample_weights(TARGETS, ["neg", "pos"], None, None) is None


@pytest.mark.parametrize("label", ["good", 2, -1])
def test_an_unknown_class_is_refused(label: Any) -> None:
    message = f"class_weight must name labels among ['neg', 'pos'] or their numbers. Received: {label!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        sample_weights(TARGETS, ["neg", "pos"], {label: 2.0}, None)


def test_a_wrong_number_of_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="sample_weight must hold one number for each of 5 texts. Received: 3"):
        sample_weights(TARGETS, ["neg", "pos"], None, [1, 2, 3])


def test_weights_of_classes_are_refused_for_several_labels() -> None:
    with pytest.raises(ValueError, match="class_weight needs one label for each text. Received: several labels"):
        sample_weights(np.zeros((5, 2)), ["neg", "pos"], {0: 1.0}, None)
