"""Length buckets: every row in one batch, few shapes, shuffled by the given randomness only."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches.buckets import BOUNDARIES, bucket_batches

quick = hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)
row_lengths = strategies.lists(strategies.integers(0, 1301), max_size=67)


def boundary(length):
    """Naive: the first allowed length that is long enough."""
    return next(bound for bound in [*BOUNDARIES, *range(640, 2000, 128)] if bound >= length)


@pytest.mark.parametrize(
    ("length", "padded"),
    [
        (0, 16), (1, 16), (16, 16), (17, 32), (48, 48), (49, 64), (97, 128), (511, 512), (512, 512),
        (513, 640), (640, 640), (641, 768), (768, 768), (1301, 1408),
    ],
)  # fmt: skip
def test_padded_length(length, padded):
    assert [(rows.tolist(), bound) for rows, bound in bucket_batches(np.array([length]), 3, None)] == [([0], padded)]


def test_rows_that_fill_no_batch_join_the_next_longer_bucket():
    lengths = np.array([5, 300, 7, 40, 9, 301, 45])
    found = [(rows.tolist(), bound) for rows, bound in bucket_batches(lengths, 3, None)]
    assert found == [([0, 2, 4], 16), ([3, 6, 1], 384), ([5], 384)]


def test_no_rows_no_batches():
    assert bucket_batches(np.array([], int), 7, None) == []
    assert bucket_batches(np.array([], int), 7, np.random.default_rng(0)) == []


@quick
@hypothesis.given(row_lengths, strategies.integers(1, 13), strategies.one_of(strategies.none(), strategies.integers(0, 997)))
def test_each_row_once_in_as_few_batches_as_possible(lengths, batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    batches = bucket_batches(np.array(lengths, int), batch_size, rng)
    assert sorted(row for rows, _ in batches for row in rows.tolist()) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert sum(len(rows) < batch_size for rows, _ in batches) <= 1


@quick
@hypothesis.given(row_lengths, strategies.integers(1, 13), strategies.integers(0, 997))
def test_padding_reaches_the_boundary_of_the_longest_row(lengths, batch_size, seed):
    for rows, padded in bucket_batches(np.array(lengths, int), batch_size, np.random.default_rng(seed)):
        assert padded == boundary(max(lengths[row] for row in rows))


@quick
@hypothesis.given(row_lengths, strategies.integers(1, 13))
def test_without_randomness_from_short_to_long(lengths, batch_size):
    batches = bucket_batches(np.array(lengths, int), batch_size, None)
    bounds = [boundary(lengths[row]) for rows, _ in batches for row in rows.tolist()]
    assert bounds == sorted(bounds)
    order = [row for rows, _ in batches for row in rows.tolist()]
    for bound in set(bounds):  # stable inside a bucket
        own = [row for row in order if boundary(lengths[row]) == bound]
        assert own == sorted(own)


def test_order_is_a_pure_function_of_the_randomness():
    lengths = np.random.default_rng(3).integers(1, 601, 307)

    def batches(seed):
        return [(rows.tolist(), padded) for rows, padded in bucket_batches(lengths, 11, np.random.default_rng(seed))]

    assert batches(5) == batches(5)
    assert batches(5) != batches(7)
    padded = [bound for _, bound in batches(5)]
    assert padded != sorted(padded)  # batches are shuffled ...
    rows = [sorted(rows) for rows, _ in batches(5)]
    assert sorted(rows) != sorted(sorted(rows) for rows, _ in batches(7))  # ... and rows among batches


def test_little_padding():
    """Rows of 1 to 128 tokens: padded to one length, half of the slots are padding."""
    lengths = np.random.default_rng(3).integers(1, 129, 1999)
    slots = sum(len(rows) * padded for rows, padded in bucket_batches(lengths, 31, np.random.default_rng(5)))
    assert 1 - lengths.sum() / slots < 0.2
