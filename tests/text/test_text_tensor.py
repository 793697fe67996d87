"""Every container of texts becomes the same string tensor; everything else is refused with the rows named."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_bert_lab as kbl

TEXTS = ["a film", "", "Café 你好 😀"]
BYTES = [b"a film", b"", b"Caf\xc3\xa9 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80"]


@pytest.mark.parametrize(
    "container",
    [
        TEXTS,
        tuple(TEXTS),
        BYTES,
        ["a film", b"", "Café 你好 😀"],
        pd.Series(TEXTS, index=[11, 3, 7]),
        pd.Series(TEXTS, dtype=object),
        pd.Series(TEXTS, dtype="category"),
        pd.Series(TEXTS, dtype="string"),
        pd.DataFrame({"text": TEXTS}),
        pd.Index(TEXTS),
        np.array(TEXTS, dtype=object),
        np.array(TEXTS),
        np.array(BYTES),
        np.array(TEXTS, dtype=object)[:, None],
        np.array(TEXTS)[:, None],
        tf.constant(TEXTS),
        tf.constant(TEXTS)[:, None],
    ],
    ids=[
        "list", "tuple", "list of bytes", "list of both", "Series with odd index", "Series of objects", "Series of categories",
        "Series of pandas strings", "table of one column", "Index", "numpy objects", "numpy unicode", "numpy bytes",
        "numpy objects (B, 1)", "numpy unicode (B, 1)", "tensor", "tensor (B, 1)",
    ],
)  # fmt: skip
def test_every_container_gives_the_same_tensor(container):
    tensor = kbl.as_text_tensor(container)
    assert tensor.dtype == tf.string
    assert tensor.shape == (3,)
    assert tensor.numpy().tolist() == BYTES


@pytest.mark.parametrize("text", ["a film", b"a film", np.str_("a film"), tf.constant("a film")])
def test_one_text_is_a_batch_of_one(text):
    assert kbl.as_text_tensor(text).numpy().tolist() == [b"a film"]


@pytest.mark.parametrize(
    "container", [[], (), np.array([], dtype=object), pd.Series([], dtype=object), tf.constant([], tf.string)]
)
def test_no_text_is_an_empty_tensor(container):
    tensor = kbl.as_text_tensor(container)
    assert tensor.dtype == tf.string
    assert tensor.shape == (0,)


def test_symbolic_input_stays_as_it_is():
    text = keras.Input((), dtype="string")
    assert kbl.as_text_tensor(text) is text


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", None, "b"], r"Every text must be a string\. Received 1 other\(s\) among 3 texts: row 1: None \(NoneType\)"),
        (["a", float("nan")], r"Received 1 other\(s\) among 2 texts: row 1: nan \(float\)\. Drop or fill these rows"),
        ([3, "a", 5.5], r"Received 2 other\(s\) among 3 texts: row 0: 3 \(int\), row 2: 5\.5 \(float\)\."),
        ([["a"], ["b"]], r"row 0: \['a'\] \(list\), row 1: \['b'\] \(list\)"),
        (np.array([2, 3, 5]), r"Received 3 other\(s\) among 3 texts: row 0: .*2"),
        (pd.Series(["a", None], dtype=object), r"row 1: None \(NoneType\)"),
        (pd.Series(["a", pd.NA], dtype="string"), r"row 1: <NA> \(NAType\)"),
        (pd.Series(["a", np.nan]), r"row 1: nan \(float\)"),
        ([None] * 7, r"Received 7 other\(s\) among 7 texts: row 0: .*row 4: None \(NoneType\) and 2 more\. Drop"),
    ],
    ids=["None", "NaN", "numbers", "lists", "numpy numbers", "Series None", "Series NA", "Series NaN", "many"],
)
def test_what_is_no_string_is_refused_by_row(texts, message):
    with pytest.raises(kbl.DataError, match=message):
        kbl.as_text_tensor(texts)


def test_lone_surrogates_are_refused_by_row():
    with pytest.raises(
        kbl.DataError, match=r"without lone surrogates\. Received 1 other\(s\) among 2 texts: row 1: 'x\\ud800'"
    ):
        kbl.as_text_tensor(["fine", "x\ud800"])


def test_bytes_that_are_no_utf8_are_refused_by_row():
    with pytest.raises(kbl.DataError, match=r"Received 1 other\(s\) among 2 texts: row 1: b'\\xff\\xfe'"):
        kbl.as_text_tensor([b"fine", b"\xff\xfe"])


@pytest.mark.parametrize(
    ("texts", "shape"),
    [
        (np.array([["a", "b"], ["c", "d"]], dtype=object), r"\(2, 2\)"),
        (np.array("a"), r"\(\)"),
        (pd.DataFrame({"a": ["x", "y", "z"], "b": ["x", "y", "z"]}), r"\(3, 2\)"),
        (tf.constant([["a", "b"]]), r"\(1, 2\)"),
        (tf.constant([[["a"]]]), r"\(1, 1, 1\)"),
        (tf.ragged.constant([["a"], ["b", "c"]]), r"\(2, None\)"),
    ],
    ids=["numpy (2, 2)", "numpy ()", "table", "tensor (1, 2)", "tensor (1, 1, 1)", "ragged"],
)
def test_other_shapes_are_refused(texts, shape):
    with pytest.raises(ValueError, match=rf"texts must have shape \(B,\).*Received: shape {shape}"):
        kbl.as_text_tensor(texts)


@pytest.mark.parametrize("texts", [tf.constant([2, 3]), keras.Input((5,), dtype="int32")])
def test_tensors_of_numbers_are_refused(texts):
    with pytest.raises(ValueError, match=r"texts must be strings\. Received: a tensor of int32"):
        kbl.as_text_tensor(texts)


@pytest.mark.parametrize("texts", [None, 7, {"text": ["a"]}, {"a", "b"}], ids=["None", "number", "dict", "set"])
def test_what_is_no_container_of_texts_is_refused(texts):
    with pytest.raises((TypeError, ValueError), match=r"texts must be .*Received: "):
        kbl.as_text_tensor(texts)
