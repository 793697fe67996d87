"""Labels that cannot be right are told before a model is trained or tested."""

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.data import check_known_labels, check_labels
from tests.data.files import assert_says, message_of


@pytest.mark.parametrize(
    "labels",
    [
        ["pos", "neg", "neg"],
        pd.Series(["pos", "neg"]),
        np.array([0, 1, 1]),
        (True, False),
        [["a", "b"], ["a"], []],
        ["1", "1.0", "10"],
        ["", "x", "y"][1:],
    ],
)
def test_good_labels(labels):
    check_labels(labels)


def test_one_class():
    assert_says(
        message_of(check_labels, ["pos"] * 1250),
        "at least two classes. Received: 'pos' in all 1,250 rows",
        "another label column",
    )


def test_no_label():
    assert_says(message_of(check_labels, []), "at least one label. Received: none")


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, "", "  "])
def test_missing_labels(missing):
    for check in (check_labels, lambda labels: check_known_labels(labels, ["a", "b"])):
        assert_says(message_of(check, ["a", missing, "b", missing]), "2 missing among 4, in rows 2, 4 (row 1 = the first)")


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        (["pos", "neg", "Pos ", "POS", "pos"], ["'pos' (2 rows) and 'Pos ' (1 row) and 'POS' (1 row)"]),
        (["very good", "very  good", "bad"], ["'very good' (1 row) and 'very  good' (1 row)"]),
        (["ﬁne", "fine", "ﾊ", "ハ"], ["'ﬁne' (1 row) and 'fine' (1 row)", "'ﾊ' (1 row) and 'ハ' (1 row)"]),
        (["straße", "STRASSE"], ["'straße' (1 row) and 'STRASSE' (1 row)"]),
        (["a\u00a0b", "a b"], ["'a\\xa0b' (1 row) and 'a b' (1 row)"]),
    ],
)
def test_similar_names(labels, groups):
    message = message_of(check_labels, labels)
    assert_says(message, "must differ in more than case and white space. Received: ", *groups, "Give them one spelling")
    assert_says(message, "keep_similar=True")
    check_labels(labels, keep_similar=True)


def test_many_similar_names_are_not_all_listed():
    labels = [name for number in range(9) for name in (f"label {number}", f"Label {number}")]
    assert_says(message_of(check_labels, labels), "'label 4'", "and 4 more groups")


def test_keep_similar_still_wants_two_classes():
    assert_says(message_of(check_labels, ["a"], keep_similar=True), "at least two classes")


@pytest.mark.parametrize("labels", [["pos"], ["neg", "pos"], pd.Series([1, 0]), [["pos"], ["neg", "1"]]])
def test_known_labels(labels):
    check_known_labels(labels, ["neg", "pos", "0", "1"])


def test_unknown_labels():
    labels = ["pos", "Pos", "neutral", "neg", "neutral"]
    assert message_of(check_known_labels, labels, ["neg", "pos"]) == (
        "label must be one of 'neg', 'pos'. Received 2 other labels: 'neutral' in 2 rows, rows 3, 5 (row 1 = the first); "
        "'Pos' in 1 row, row 2, nearest: 'pos'. Correct these labels, drop their rows, or train with them."
    )


def test_many_unknown_labels_are_not_all_listed():
    message = message_of(
        check_known_labels, [f"label{number}" for number in range(100)], [f"{number}" for number in range(100)]
    )
    assert_says(message, "'0', '1',", "and 80 more. Received 100 other labels: ", "; and 95 more. Correct")
    assert len(message) < 1000
