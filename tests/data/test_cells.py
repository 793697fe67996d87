"""Cells in plain Python."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.data.cells import as_json, has_surrogates, is_missing, plain


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT").item()])
def test_missing(value):
    assert is_missing(value) or plain(value) is None


@pytest.mark.parametrize("value", ["", "nan", 0, False, [], {}, 0.0, b""])
def test_not_missing(value):
    assert not is_missing(value)


@pytest.mark.parametrize(("text", "broken"), [("", False), ("é😀", False), ("\ud83d\ude00", True), ("a\udfff", True)])
def test_surrogates(text, broken):
    assert has_surrogates(text) == broken


def test_plain_is_what_json_knows():
    value = {
        1: (1, {2.5}, frozenset()),
        "array": np.array([[1.5, np.nan]]),
        "day": pd.Timestamp("2024-02-29 01:02:03"),
        "hour": datetime.time(1, 2),
        "inf": -np.inf,
        "bytes": b"x",
        "bool": np.bool_(True),
    }
    expected = {
        "1": [1, [2.5], []],
        "array": [[1.5, None]],
        "day": "2024-02-29T01:02:03",
        "hour": "01:02:00",
        "inf": "-inf",
        "bytes": "b'x'",
        "bool": True,
    }
    assert plain(value) == expected
    assert json.loads(as_json(value)) == expected
