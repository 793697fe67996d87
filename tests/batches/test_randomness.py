"""Random numbers are a pure function of a seed and a place."""

import pytest

from keras_bert_lab.batches.randomness import generator


def draw(*place):
    return generator(*place).integers(2**31, size=5).tolist()


def test_same_seed_and_place_same_numbers():
    assert draw(3, 1, 7) == draw(3, 1, 7)


@pytest.mark.parametrize("other", [(5, 1, 7), (3, 2, 7), (3, 1, 11), (3, 7, 1), (3, 1), (31, 7)])
def test_other_seed_or_place_other_numbers(other):
    assert not set(draw(3, 1, 7)) & set(draw(*other))


def test_numbers_do_not_change_between_releases():
    """A training that is resumed years later must see the same batches."""
    assert draw(3, 1, 7) == [19691640, 1973522257, 126063637, 984909814, 102821779]
