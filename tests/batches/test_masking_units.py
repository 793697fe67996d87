"""Lengths of n-grams and spans follow the papers; groups of words fill their text."""

import numpy as np
import pytest

from keras_bert_lab.batches.masking_units import LENGTHS, draw_lengths, group_words


def test_probabilities_of_the_papers():
    np.testing.assert_allclose(LENGTHS["ngram"], [6 / 11, 3 / 11, 2 / 11])
    span = LENGTHS["span"]
    np.testing.assert_allclose(span[1:] / span[:-1], 0.8)
    assert len(span) == 10
    assert span.sum() == pytest.approx(1)
    assert span @ np.arange(1, 11) == pytest.approx(3.8, abs=0.01)  # SpanBERT's mean


@pytest.mark.parametrize("unit", ["ngram", "span"])
@pytest.mark.parametrize("most", [1, 2, 3, 7, 10, 97])
def test_drawn_lengths(unit, most):
    share = LENGTHS[unit][:most] / LENGTHS[unit][:most].sum()
    numbers = (np.arange(100_000) + 0.5) / 100_000
    drawn = draw_lengths(LENGTHS[unit], np.full(len(numbers), most), numbers)
    counts = np.bincount(drawn, minlength=len(share) + 1)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:] / len(numbers), share, atol=2e-5)


def test_drawn_lengths_at_the_ends():
    assert draw_lengths(LENGTHS["span"], np.array([10, 10, 3]), np.array([0.0, 1 - 2**-53, 1 - 2**-53])).tolist() == [1, 10, 3]


@pytest.mark.parametrize(
    ("lengths", "texts", "breaks", "wanted"),
    [
        ([3, 1, 2, 9, 9], [0] * 5, [], [1, 0, 0, 1, 1]),  # the third group of 2 has room for one word
        ([1, 1, 1], [0] * 3, [], [1, 1, 1]),
        ([7, 7, 2, 7, 7], [0, 0, 3, 3, 3], [], [1, 0, 1, 0, 1]),
        ([7, 7, 7, 7], [0] * 4, [2], [1, 0, 1, 0]),
        ([], [], [], []),
    ],
)
def test_groups_by_hand(lengths, texts, breaks, wanted):
    gaps = np.zeros(len(texts), bool)
    gaps[breaks] = True
    assert group_words(np.array(lengths, int), np.array(texts, int), gaps).astype(int).tolist() == wanted


def test_groups_of_each_text_have_their_lengths():
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 31, 53)
    texts = np.repeat(np.arange(53), counts)
    lengths = rng.integers(1, 5, len(texts))
    begins = group_words(lengths, texts, np.zeros(len(texts), bool))
    for text in range(53):
        mine, drawn = begins[texts == text], lengths[texts == text]
        sizes = np.diff(np.append(np.flatnonzero(mine), len(mine)))
        assert mine[0]
        assert sizes[:-1].tolist() == drawn[: len(sizes) - 1].tolist()
        assert sizes[-1] <= drawn[len(sizes) - 1]
