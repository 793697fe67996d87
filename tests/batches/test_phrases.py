"""Phrases are found whole, the longest first, never within words or across gaps."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches.phrases import PhraseFinder

quick = hypothesis.settings(derandomize=True, max_examples=100, deadline=None, database=None)


def find(phrases, tokens, words=None, breaks=()):
    words = np.ones(len(tokens), bool) if words is None else np.array(words, bool)
    gaps = np.zeros(len(tokens), bool)
    gaps[list(breaks)] = True
    return PhraseFinder(phrases).find(np.array(tokens), words, gaps).tolist()


def slow(phrases, tokens, words, breaks):
    """Left to right, the longest phrase at each place."""
    found, place = [0] * len(tokens), 0
    while place < len(tokens):
        fits = [
            len(phrase)
            for phrase in phrases
            if tuple(tokens[place : place + len(phrase)]) == phrase
            and words[place]
            and (place + len(phrase) == len(tokens) or words[place + len(phrase)])
            and not any(place < gap < place + len(phrase) for gap in breaks)
        ]
        found[place] = max(fits, default=0)
        place += max(found[place], 1)
    return found


def test_longest_match():
    assert find([(5, 7), (5, 7, 11), (7, 11)], [5, 7, 11, 5, 7, 13]) == [3, 0, 0, 2, 0, 0]


def test_matches_do_not_overlap():
    assert find([(5, 7), (7, 5)], [5, 7, 5, 7, 5]) == [2, 0, 2, 0, 0]
    assert find([(5, 5)], [5] * 7) == [2, 0, 2, 0, 2, 0, 0]


def test_a_phrase_is_made_of_whole_words():
    #                    new  york  ##er
    assert find([(5, 7)], [5, 7, 9], [True, True, False]) == [0, 0, 0]
    assert find([(5, 7)], [5, 7, 9], [True, True, True]) == [2, 0, 0]
    assert find([(7, 9)], [5, 7, 9], [True, False, True]) == [0, 0, 0]
    assert find([(5, 7, 9)], [5, 7, 9], [True, False, False]) == [3, 0, 0]


def test_a_phrase_does_not_reach_across_a_gap():
    assert find([(5, 7, 11)], [5, 7, 11], breaks=[2]) == [0, 0, 0]
    assert find([(5, 7, 11)], [5, 7, 11], breaks=[0]) == [3, 0, 0]


def test_no_phrases_and_no_tokens():
    assert find([], [5, 7]) == [0, 0]
    assert find([(5,)], []) == []
    assert find([(5, 7, 11)], [5, 7]) == [0, 0]


def test_one_token_phrases():
    assert find([(5,), (5, 7)], [5, 5, 7, 5]) == [1, 2, 0, 1]


@quick
@hypothesis.given(
    strategies.lists(strategies.lists(strategies.integers(5, 8), min_size=1, max_size=4).map(tuple), max_size=7),
    strategies.lists(strategies.tuples(strategies.integers(5, 8), strategies.booleans(), strategies.booleans()), max_size=31),
)
def test_equals_the_slow_version(phrases, tokens):
    ids = [token for token, _, _ in tokens]
    breaks = [place for place, (_, _, gap) in enumerate(tokens) if gap]
    words = [word or gap or place == 0 for place, (_, word, gap) in enumerate(tokens)]
    assert find(phrases, ids, words, breaks) == slow(phrases, ids, words, breaks)


@pytest.mark.parametrize("size", [1, 3])
def test_large_ids(size):
    phrase = tuple(range(2**31 - 10, 2**31 - 10 + size))
    assert find([phrase], [*phrase, 5, *phrase]) == [size, *[0] * size, size, *[0] * (size - 1)]
