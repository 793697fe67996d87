"""Packing puts every piece into one row, never too many into one, and needs few rows."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches.packing import pack

quick = hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)


def first_come(lengths, row_length):
    """Rows when each piece goes into the last row, or else opens a new one."""
    count, room = 0, 0
    for length in lengths:
        if length > room:
            count, room = count + 1, row_length
        room -= length
    return count


def best_fit(lengths, row_length):
    """The slow, clear version: among the rows with room, the one with the least room, the latest of those."""
    rows, rooms = [], []
    for piece, length in enumerate(lengths):
        if not any(room >= length for room in rooms):
            rows.append([])
            rooms.append(row_length)
        tightest = min(room for room in rooms if room >= length)
        row = max(index for index, room in enumerate(rooms) if room == tightest)
        rows[row].append(piece)
        rooms[row] -= length
    return rows


@pytest.mark.parametrize(
    ("lengths", "wanted"),
    [
        ([5, 4, 3, 6], [[0, 2], [1], [3]]),  # 3 fits beside 5 (room 3) and beside 4 (room 4): the tighter one wins
        ([7, 7, 7], [[0], [1], [2]]),
        ([2, 3, 2, 1], [[0, 1, 2, 3]]),
        ([8, 8], [[0], [1]]),
        ([1], [[0]]),
        ([], []),
    ],
)
def test_by_hand(lengths, wanted):
    assert pack(np.array(lengths, int), 8) == wanted


@quick
@hypothesis.given(strategies.lists(strategies.integers(1, 23), max_size=53))
def test_every_piece_once_and_no_row_too_long(lengths):
    rows = pack(np.array(lengths, int), 23)
    assert sorted(piece for row in rows for piece in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[piece] for piece in row) <= 23 for row in rows)


@quick
@hypothesis.given(strategies.lists(strategies.integers(1, 23), max_size=53))
def test_no_two_rows_could_be_one(lengths):
    """At most one row is half empty: any other piece would have gone into it."""
    rows = pack(np.array(lengths, int), 23)
    assert sum(2 * sum(lengths[piece] for piece in row) <= 23 for row in rows) <= 1


@quick
@hypothesis.given(strategies.lists(strategies.integers(1, 23), max_size=53))
def test_each_piece_goes_where_the_least_room_is_left(lengths):
    """Which one of several rows with the same room does not matter: the rooms are the same."""

    def filled(rows):
        return sorted(sum(lengths[piece] for piece in row) for row in rows)

    assert filled(pack(np.array(lengths, int), 23)) == filled(best_fit(lengths, 23))


def test_fewer_rows_than_first_come():
    lengths = np.random.default_rng(3).integers(1, 127, 997)
    rows = pack(lengths, 127)
    assert len(rows) < 0.9 * first_come(lengths, 127)
    assert len(rows) <= 1.05 * lengths.sum() / 127


def test_too_long_a_piece_is_refused():
    with pytest.raises(ValueError, match=r"at most row_length=11 tokens\. Received: 13 tokens"):
        pack(np.array([5, 13, 7]), 11)
