"""Packing puts every piece into one row, never too many into one, and needs few rows."""

import collections

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches.packing import PackingPlan, pack_lengths

quick = hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)
some_lengths = strategies.lists(strategies.integers(1, 23), max_size=53)


def first_come(lengths, row_length):
    """Rows when each piece goes into the last row, or else opens a new one."""
    count, room = 0, 0
    for length in lengths:
        if length > room:
            count, room = count + 1, row_length
        room -= length
    return count


def best_fit(lengths, row_length, most):
    """The slow, clear version: long pieces first, each into the open row that it fills best."""
    rows = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row in rows if sum(row) + length <= row_length and len(row) < most]
        if fitting:
            max(fitting, key=sum).append(length)
        else:
            rows.append([length])
    return rows


def packed(lengths, row_length, most=None):
    patterns = pack_lengths(np.bincount(np.array(lengths, int), minlength=row_length + 1), most)
    return [list(pattern) for pattern, rows in patterns for _ in range(rows)]


@pytest.mark.parametrize(
    ("lengths", "wanted"),
    [
        ([6, 5, 4, 3], [[6], [5, 3], [4]]),  # 3 fits beside 5 (room 3) and beside 4 (room 4): the tighter one wins
        ([7, 7, 7], [[7], [7], [7]]),
        ([3, 2, 2, 1], [[3, 2, 2, 1]]),
        ([8, 8], [[8], [8]]),
        ([3, 3, 3, 3, 3], [[3, 3], [3, 3], [3]]),
        ([5, 5, 1, 1, 1, 1], [[5, 1, 1, 1], [5, 1]]),  # a row that took one piece is the tightest for the next
        ([1], [[1]]),
        ([], []),
    ],
)
def test_by_hand(lengths, wanted):
    assert packed(lengths, 8) == wanted


def test_rows_are_limited_to_some_pieces_by_hand():
    assert packed([5, 5, 1, 1, 1, 1, 1], 8, most=3) == [[5, 1, 1], [5, 1, 1], [1]]
    assert packed([1] * 7, 8, most=3) == [[1, 1, 1], [1, 1, 1], [1]]
    assert packed([4, 4, 3], 8, most=1) == [[4], [4], [3]]


@quick
@hypothesis.given(some_lengths, strategies.sampled_from([1, 2, 3, 5, 23]))
def test_the_same_rows_as_piece_by_piece(lengths, most):
    rows, slow = packed(lengths, 23, most), best_fit(lengths, 23, most)
    assert sorted(rows) == sorted(slow)


@quick
@hypothesis.given(some_lengths, strategies.sampled_from([2, 5, 23]), strategies.integers(0, 97))
def test_every_piece_once_and_no_row_too_long(lengths, most, seed):
    lengths = np.array(lengths, int)
    plan = PackingPlan(lengths, 23, most)
    order, pieces = plan.epoch(np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(plan.rows))
    assert sorted(pieces.tolist()) == list(range(len(lengths)))
    np.testing.assert_array_equal(lengths[pieces], plan.place_lengths)
    rows = [lengths[pieces[start:end]] for start, end in zip(plan.row_splits, plan.row_splits[1:], strict=False)]
    assert all(0 < row.sum() <= 23 and len(row) <= most for row in rows)
    assert plan.most == max(map(len, rows), default=0)


def test_fewer_rows_than_first_come():
    lengths = np.random.default_rng(3).integers(1, 127, 997)
    plan = PackingPlan(lengths, 127)
    assert plan.rows < 0.9 * first_come(lengths, 127)
    assert plan.rows <= 1.05 * lengths.sum() / 127


def test_pieces_of_a_length_are_dealt_out_evenly():
    """Each of the 5 pieces of 3 tokens stands at each of their 5 places equally often; so do the rows."""
    plan = PackingPlan(np.array([3, 7, 3, 3, 8, 3, 7, 3]), 11)
    places = np.flatnonzero(plan.place_lengths == 3)
    at, rows = np.zeros((8, 5)), np.zeros((plan.rows, plan.rows))
    for seed in range(2003):
        order, pieces = plan.epoch(np.random.default_rng(seed))
        at[pieces[places], range(5)] += 1
        rows[order, range(plan.rows)] += 1
    at = at[[0, 2, 3, 5, 7]]
    assert (np.abs(at - 2003 / 5) < 5 * np.sqrt(2003 * 0.2 * 0.8)).all()
    share = 1 / plan.rows
    assert (np.abs(rows - 2003 * share) < 5 * np.sqrt(2003 * share * (1 - share))).all()


def test_memory_of_an_epoch():
    """Four bytes for each place, whatever the length of rows."""
    order, pieces = PackingPlan(np.full(101, 70_000), 70_001).epoch(np.random.default_rng(0))
    assert order.dtype == pieces.dtype == np.int32


def test_many_pieces_are_packed_as_soon_as_few():
    """The work depends on lengths and patterns, not on the number of pieces."""
    counts = np.bincount(np.random.default_rng(3).integers(1, 127, 997), minlength=128)
    few, many = pack_lengths(counts), pack_lengths(counts * 10**9)
    assert len(many) < 2 * len(few)
    total = collections.Counter()
    for pattern, rows in many:
        for length in pattern:
            total[length] += rows
    assert total == {length: count * 10**9 for length, count in enumerate(counts.tolist()) if count}


@pytest.mark.parametrize(("lengths", "received"), [([5, 13, 7], "5 to 13"), ([5, 0, 7], "0 to 7")])
def test_impossible_lengths_are_refused(lengths, received):
    with pytest.raises(ValueError, match=rf"from 1 to row_length=11 tokens\. Received: pieces of {received} tokens"):
        PackingPlan(np.array(lengths), 11)
