from __future__ import annotations

import pandas as pd

from keras_bert_lab import tfidf_baseline

TEXTS = ["a good film", "good and warm", "so good", "a bad film", "bad and cold", "so bad", "so dull"]
LABELS = ["pos", "pos", "pos", "neg", "neg", "neg", "neg"]


def test_it_learns_which_words_tell() -> None:
    assert tfidf_baseline(TEXTS, LABELS, ["good", "a bad play", "very good"]) == ["pos", "neg", "pos"]


def test_it_takes_pairs_of_words_into_account() -> None:
    texts = ["not good", "very bad", "not bad", "very good"] * 5
    labels = ["neg", "neg", "pos", "pos"] * 5
    assert tfidf_baseline(texts, labels, ["not good", "not bad"]) == ["neg", "pos"]


def test_it_takes_columns_of_a_table_with_labels_that_are_numbers() -> None:
    table = pd.DataFrame({"text": TEXTS, "label": [1, 1, 1, 0, 0, 0, 0]}, index=[5, 3, 2, 11, 7, 0, 1])
    assert tfidf_baseline(table.text, table.label, pd.Series(["good"], index=[3])) == ["1"]
