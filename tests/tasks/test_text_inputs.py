from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

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
    weights = sample_weights(TARGETS, ["neg", "pos"], class_weight, None, "binary")
    assert weights is not None
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, [3, 7, 7, 3, 7])


def test_classes_without_a_weight_weigh_1() -> None:
    np.testing.assert_array_equal(sample_weights(TARGETS, ["neg", "pos"], {"pos": 7}, None, "binary"), [1, 7, 7, 1, 7])


def test_names_that_are_numbers_go_before_places() -> None:
    np.testing.assert_array_equal(sample_weights(np.array([0, 1]), ["1", "0"], {1: 7}, None, "multi_class"), [7, 1])


def test_weights_of_classes_and_texts_are_multiplied() -> None:
    np.testing.assert_array_equal(sample_weights(TARGETS, ["neg", "pos"], {1: 7}, [1, 2, 3, 5, 0], "binary"), [1, 14, 21, 5, 0])


def test_without_weights_there_are_none() -> None:
    assert sample_weights(TARGETS, ["neg", "pos"], None, None, "binary") is None


@pytest.mark.parametrize("label", ["good", 2, -1])
def test_an_unknown_class_is_refused(label: Any) -> None:
    message = f"class_weight must name labels among ['neg', 'pos'] or their numbers. Received: {label!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        sample_weights(TARGETS, ["neg", "pos"], {label: 2.0}, None, "binary")


def test_a_wrong_number_of_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="sample_weight must hold one number for each of 5 texts. Received: 3"):
        sample_weights(TARGETS, ["neg", "pos"], None, [1, 2, 3], "binary")


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0}, {}])
def test_weights_of_classes_are_refused_where_a_text_has_not_one_class(kind: str, class_weight: Any) -> None:
    message = f"class_weight needs one label for each text: kind 'binary' or 'multi_class'. Received: kind={kind!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        sample_weights(np.zeros((5, 2)), ["neg", "pos"], class_weight, None, kind)


def test_an_unknown_word_for_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="class_weight must be 'balanced' or weights by label. Received: class_weight='even'"):
        sample_weights(TARGETS, ["neg", "pos"], "even", None, "binary")


def test_balanced_weights_by_hand() -> None:
    """5 texts of 2 labels, 2 and 3 of each: 5 / (2 * 2) and 5 / (2 * 3)."""
    weights = sample_weights(TARGETS, ["neg", "pos"], "balanced", None, "binary")
    np.testing.assert_allclose(weights, [5 / 4, 5 / 6, 5 / 6, 5 / 4, 5 / 6], rtol=1e-6)
    weighed_twice = sample_weights(TARGETS, ["neg", "pos"], "balanced", [1, 2, 3, 5, 0], "binary")
    np.testing.assert_allclose(weighed_twice, [5 / 4, 10 / 6, 15 / 6, 25 / 4, 0], rtol=1e-6)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    """Labels that are numbers in another order than their places, and one that no text has."""
    names = ["3", "1", "0", "2"]
    numbers = np.random.default_rng(5).choice(4, 97, p=[0.6, 0.3, 0.0, 0.1])
    weights = sample_weights(numbers, names, "balanced", None, "multi_class")
    assert weights is not None
    theirs = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=numbers)
    by_number = dict(zip([0, 1, 3], theirs, strict=True))
    np.testing.assert_allclose(weights, [by_number[number] for number in numbers], rtol=1e-6)
    assert [weights[numbers == number].sum() for number in (0, 1, 3)] == pytest.approx([97 / 3] * 3, rel=1e-5)
