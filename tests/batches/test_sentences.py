"""Sentences of chosen documents, and chains through them."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches import MemoryCorpus, TokenRows
from keras_bert_lab.batches.sentences import chain, ranges, sentences_of

quick = hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)


def corpus_of(documents):
    """Documents as lists of lengths of sentences; token n has the id n."""
    lengths = [length for document in documents for length in document]
    ids = np.arange(sum(lengths), dtype=np.int32)
    splits = np.cumsum([0, *(sum(document) for document in documents)])
    return MemoryCorpus(TokenRows(ids, ids * 0, splits), None, np.cumsum([0, *lengths]))


def listed(sentences):
    """(start, length) of each sentence of each document."""
    pairs = list(zip(sentences.starts.tolist(), np.diff(sentences.offsets).tolist(), strict=True))
    splits = sentences.document_splits.tolist()
    return [pairs[start:end] for start, end in itertools.pairwise(splits)]


DOCUMENTS = [[3, 5], [], [7], [0, 2, 0, 13, 1], [0]]


def test_by_hand():
    found = sentences_of(corpus_of(DOCUMENTS), None, 11)
    #                                                   13 tokens are cut into 6 and 7
    assert listed(found) == [[(0, 3), (3, 5)], [], [(8, 7)], [(15, 2), (17, 6), (23, 7), (30, 1)], []]
    assert found.ends.tolist() == [2, 2, 3, 7, 7, 7, 7]
    assert len(found) == 7


def test_some_documents():
    found = sentences_of(corpus_of(DOCUMENTS), np.array([0, 3]), 100)
    assert listed(found) == [[(0, 3), (3, 5)], [(15, 2), (17, 13), (30, 1)]]
    assert found.offsets.tolist() == [0, 3, 8, 10, 23, 24]


def test_documents_without_sentences_are_cut_into_equal_parts():
    found = sentences_of(corpus_of(DOCUMENTS), None, 5, sentences=False)
    assert listed(found) == [[(0, 4), (4, 4)], [], [(8, 3), (11, 4)], [(15, 4), (19, 4), (23, 4), (27, 4)], []]


@quick
@hypothesis.given(
    strategies.lists(strategies.lists(strategies.integers(0, 17), max_size=7), max_size=11),
    strategies.integers(1, 13),
    strategies.booleans(),
)
def test_every_token_of_every_document_once(documents, longest, sentences):
    corpus = corpus_of(documents)
    found = sentences_of(corpus, None, longest, sentences)
    for number, document in enumerate(listed(found)):
        tokens = [token for start, length in document for token in range(start, start + length)]
        assert tokens == list(range(*corpus.document_splits[number : number + 2]))
        assert all(1 <= length <= longest for _, length in document)


def reached(following, starts):
    """One link after the other."""
    found, left = set(), list(starts)
    while left:
        place = left.pop()
        if place < len(following) and place not in found:
            found.add(place)
            left.append(following[place])
    return found


@pytest.mark.parametrize("starts", [[0], [0, 3], [2, 5], []])
def test_chain_follows_every_link(starts):
    following = np.array([3, 2, 5, 4, 7, 6, 7])
    wanted = reached(following.tolist(), starts)
    assert chain(following, np.array(starts, int)).tolist() == sorted(wanted)


@quick
@hypothesis.given(strategies.lists(strategies.integers(1, 5), max_size=101), strategies.sets(strategies.integers(0, 100)))
def test_any_chain(steps, firsts):
    count = len(steps)
    following = np.minimum(np.arange(count) + np.array(steps, int), count)
    starts = [first for first in firsts if first < count]
    wanted = reached(following.tolist(), starts)
    assert chain(following, np.array(starts, int)).tolist() == sorted(wanted)


def test_ranges():
    assert ranges(np.array([5, 1, 7]), np.array([2, 0, 3])).tolist() == [5, 6, 7, 8, 9]
    assert ranges(np.zeros(0, int), np.zeros(0, int)).tolist() == []
