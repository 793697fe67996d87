"""Rows of different lengths in flat arrays do what a list of lists does."""

import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.batches import TokenRows, tokenize_rows
from keras_bert_lab.batches import token_rows as module

LISTS = [[11, 13, 17], [], [19], [23, 29, 31, 37, 41], [43, 47]]


def rows_of(lists):
    flat = np.array([token for row in lists for token in row], np.int32)
    return TokenRows(flat, flat % 2, np.cumsum([0, *map(len, lists)]))


def lists_of(rows):
    return [rows.ids[start:end].tolist() for start, end in zip(rows.splits, rows.splits[1:], strict=False)]


def test_length_and_lengths():
    rows = rows_of(LISTS)
    assert len(rows) == 5
    assert rows.lengths.tolist() == [3, 0, 1, 5, 2]
    assert len(rows_of([])) == 0


@pytest.mark.parametrize("order", [[3, 0], [4, 3, 2, 1, 0], [2, 2, 2], [1], [1, 1, 0], []])
def test_take(order):
    taken = rows_of(LISTS).take(np.array(order, int))
    wanted = rows_of([LISTS[row] for row in order])
    assert lists_of(taken) == [LISTS[row] for row in order]
    np.testing.assert_array_equal(taken.types, wanted.types)
    np.testing.assert_array_equal(taken.splits, wanted.splits)


def test_take_equals_a_list_of_lists_on_random_rows():
    rng = np.random.default_rng(3)
    lists = [rng.integers(0, 997, length).tolist() for length in rng.integers(0, 13, 101)]
    order = rng.integers(0, 101, 53)
    assert lists_of(rows_of(lists).take(order)) == [lists[row] for row in order]


@pytest.mark.parametrize("order", [[0, 3, 1], [4], [2, 2]])
def test_padded(order):
    ids, mask, types = rows_of(LISTS).padded(np.array(order), 7, pad_id=53)
    assert {part.dtype for part in (ids, mask, types)} == {np.dtype(np.int32)}
    for place, row in enumerate(order):
        room = 7 - len(LISTS[row])
        assert ids[place].tolist() == LISTS[row] + [53] * room
        assert mask[place].tolist() == [1] * len(LISTS[row]) + [0] * room
        assert types[place].tolist() == [token % 2 for token in LISTS[row]] + [0] * room


def test_padded_takes_an_exact_length():
    assert rows_of(LISTS).padded(np.array([3]), 5, 0)[0].tolist() == [[23, 29, 31, 37, 41]]


@pytest.mark.parametrize("chunk", [2, 3, 4096])
def test_tokenize_rows_part_by_part(monkeypatch, chunk):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])
    preprocessor = kbl.Preprocessor(tokenizer)
    texts = ["a b", "", "b", "a a a", "b a"]
    rows = tokenize_rows(preprocessor.rows, len(texts), lambda part: texts[part])
    assert lists_of(rows) == [[2, 5, 6, 3], [2, 3], [2, 6, 3], [2, 5, 5, 5, 3], [2, 6, 5, 3]]
    assert (rows.ids.dtype, rows.types.dtype) == (np.int32, np.int32)
    pairs = tokenize_rows(preprocessor.rows, 5, lambda part: (texts[part], texts[::-1][part]))
    assert lists_of(pairs)[0] == [2, 5, 6, 3, 6, 5, 3]
    assert pairs.types[:7].tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_tokenize_no_rows():
    rows = tokenize_rows(lambda texts: texts, 0, lambda part: None)
    assert len(rows) == 0
    assert rows.ids.shape == rows.types.shape == (0,)
