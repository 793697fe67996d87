"""Texts of several windows in flat arrays do what a list of lists of lists does."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.batches import ExampleBatches, TokenRows, WindowRows, tokenize_windows
from keras_bert_lab.batches import token_rows as module

# Windows of at most 5 tokens: texts of 1, 3, 1, 2 and 1 windows.
TEXTS = [
    [[11, 13, 17]],
    [[19, 23, 29, 31, 37], [41, 43, 47, 53, 59], [61, 67, 71, 73, 79]],
    [[83, 89]],
    [[97, 101, 103, 107, 109], [113, 127, 131, 137, 139]],
    [[149]],
]
PAD = 2


def rows_of(texts: list[list[list[int]]]) -> WindowRows:
    windows = [window for text in texts for window in text]
    flat = np.array([token for window in windows for token in window], np.int32)
    return WindowRows(TokenRows(flat, flat % 2, np.cumsum([0, *map(len, windows)])), np.cumsum([0, *map(len, texts)]))


def texts_of(rows: WindowRows) -> list[list[list[int]]]:
    splits = rows.windows.splits
    windows = [rows.windows.ids[start:end].tolist() for start, end in itertools.pairwise(splits)]
    return [windows[start:end] for start, end in itertools.pairwise(rows.splits)]


def test_length_and_lengths() -> None:
    rows = rows_of(TEXTS)
    assert len(rows) == 5
    assert rows.lengths.tolist() == [3, 15, 2, 10, 1]
    assert (len(rows_of([])), rows_of([]).lengths.tolist(), rows_of([]).batches(3, None)) == (0, [], [])


@pytest.mark.parametrize("order", [[3, 0], [4, 3, 2, 1, 0], [1, 1, 2], [2], []])
def test_take(order: list[int]) -> None:
    taken, wanted = rows_of(TEXTS).take(np.array(order, int)), rows_of([TEXTS[row] for row in order])
    assert texts_of(taken) == [TEXTS[row] for row in order]
    for ours, theirs in zip(taken.arrays, wanted.arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("order", "most"), [([0, 3, 1], 3), ([4], 1), ([3, 2], 2)])
def test_padded(order: list[int], most: int) -> None:
    ids, mask, types = rows_of(TEXTS).padded(np.array(order), 7, PAD)
    assert {part.dtype for part in (ids, mask, types)} == {np.dtype(np.int32)}
    assert ids.shape == mask.shape == types.shape == (len(order), most, 7)
    assert rows_of(TEXTS).slots(np.array(order), 7) == ids.size
    for place, row in enumerate(order):
        windows = TEXTS[row] + [[]] * (most - len(TEXTS[row]))
        assert ids[place].tolist() == [window + [PAD] * (7 - len(window)) for window in windows]
        assert mask[place].tolist() == [[1] * len(window) + [0] * (7 - len(window)) for window in windows]
        assert types[place].tolist() == [[token % 2 for token in window] + [0] * (7 - len(window)) for window in windows]


def random_texts(count: int, longest: int) -> list[list[list[int]]]:
    """One short window, or several full ones, as `TextWindows` makes them."""
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 5, count)
    lengths = [longest if windows > 1 else rng.integers(1, longest + 1) for windows in counts]
    return [rng.integers(5, 97, (windows, length)).tolist() for windows, length in zip(counts, lengths, strict=True)]


@pytest.mark.parametrize("seed", [None, 5])
def test_texts_of_as_many_windows_stand_together(seed: int | None) -> None:
    texts = random_texts(211, 61)
    batches = ExampleBatches(rows_of(texts), PAD, 7, targets=np.arange(211), seed=seed, longest=61)
    shapes, seen, mixed = [], [], 0
    for step in range(batches.steps_per_epoch):
        inputs, targets = batches.batch(step)
        assert targets.tolist() == batches.indices(step).tolist()
        ids, mask = inputs["input_word_ids"], inputs["input_mask"]
        assert batches.counts(step) == (mask.sum(), mask.size)
        for row, text in enumerate(targets):
            windows = [ids[row, place][mask[row, place] == 1].tolist() for place in range(ids.shape[1])]
            assert windows == texts[text] + [[]] * (ids.shape[1] - len(texts[text]))
        seen += targets.tolist()
        shapes.append(ids.shape[1:])
        mixed += len({len(texts[text]) for text in targets}) > 1
    assert sorted(seen) == list(range(211))
    assert set(shapes) == {(1, 16), (1, 32), (1, 48), (1, 61), (2, 61), (3, 61), (4, 61)}
    assert mixed <= 3  # where one number of windows gives over to the next
    if seed is None:
        assert shapes == sorted(shapes)


def test_the_longest_window_decides_the_length() -> None:
    """Windows of other makers need not be full: the batch is as long as its longest one."""
    texts = [[[5] * 17], [[7], [11, 13]]]
    ((rows, length),) = rows_of(texts).batches(2, None)
    assert (rows.tolist(), length) == ([0, 1], 32)


def test_parts_and_hashes() -> None:
    texts = random_texts(11, 13)
    batches = ExampleBatches(rows_of(texts), PAD, 3, seed=5)
    part = batches.subset(np.array([7, 2, 3]), shuffle=False)
    assert texts_of(part.rows) == [texts[row] for row in (7, 2, 3)]  # type: ignore[arg-type]
    assert batches.content_hash == ExampleBatches(rows_of(texts), PAD, 3).content_hash != part.content_hash
    # The same tokens in the same rows, but one window goes from one text to the other.
    apart = [ExampleBatches(rows_of(each), PAD, 3).content_hash for each in ([[[5], [7]], [[11]]], [[[5]], [[7], [11]]])]
    assert apart[0] != apart[1]


@pytest.mark.parametrize("chunk", [2, 3, 4096])
def test_tokenize_windows_part_by_part(monkeypatch: Any, chunk: int) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])
    windows = kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=4), 3, 1)
    texts = ["a b", "a a b a", "", "b b b", "b"]
    rows = tokenize_windows(windows.rows, len(texts), lambda part: texts[part])
    assert texts_of(rows) == [
        [[2, 5, 6, 3]],
        [[2, 5, 5, 3], [2, 5, 6, 3], [2, 6, 5, 3]],
        [[2, 3]],
        [[2, 6, 6, 3]] * 2,
        [[2, 6, 3]],
    ]
    assert {array.dtype for array in rows.arrays} == {np.dtype(np.int32), np.dtype(np.int64)}
