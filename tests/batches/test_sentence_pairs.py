"""Pairs follow the recipe of the original BERT, orders that of ALBERT: lengths, classes, cuts."""

import collections
import random

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches.randomness import noise_key
from keras_bert_lab.batches.sentence_pairs import SentencePairs, _cut
from tests.batches.test_sentences import corpus_of

quick = hypothesis.settings(derandomize=True, max_examples=200, deadline=None, database=None)
S = 67


def documents_of(count=53, seed=3, shortest=2):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 31, size).tolist() for size in rng.integers(shortest, 97, count)]


class Sample:
    """The texts of several epochs, and where they come from."""

    def __init__(self, kind, documents, epochs=7, sequence_length=S, chosen=None):
        self.corpus = corpus_of(documents)
        self.pairs = SentencePairs(self.corpus, chosen, sequence_length, 5, kind)
        number = np.arange(len(self.pairs.slots))
        self.epochs = [self.pairs.texts(number, noise_key(7, epoch)) for epoch in range(epochs)]
        self.starts, self.lengths, self.labels, self.weights = (
            np.concatenate([getattr(texts, name) for texts in self.epochs])
            for name in ("starts", "lengths", "labels", "weights")
        )
        self.document = np.searchsorted(self.corpus.document_splits, self.starts, side="right") - 1
        self.ends = self.starts + self.lengths


@pytest.fixture(scope="module", params=["next", "order"])
def sample(request):
    return Sample(request.param, documents_of())


@pytest.fixture(scope="module")
def following():
    return Sample("next", documents_of())


def test_half_of_the_pairs_are_of_each_class(sample):
    count = len(sample.labels)
    assert count > 3_500
    assert abs(sample.labels.mean() - 0.5) < 5 * 0.5 / np.sqrt(count)
    assert (sample.weights == 1).all()
    # class and place of a pair have nothing to do with each other: the epochs of a pair have both classes
    each = np.mean([texts.labels for texts in sample.epochs], axis=0)
    assert set(np.rint(each * 7)) == set(range(8))


def test_pairs_fit_into_their_slots(sample):
    slots = np.tile(sample.pairs.slots, 7)
    assert slots.max() == S
    assert (sample.lengths.min(axis=1) >= 1).all()
    assert (sample.lengths.sum(axis=1) + 3 <= slots).all()


def test_nine_in_ten_pairs_fill_a_row(sample):
    """The original's short_seq_prob of 0.1; the ends of documents are short, too."""
    full = (sample.pairs.slots == S).mean()
    ends = len(documents_of()) / len(sample.pairs.slots)
    assert 0.9 - ends < full < 0.95


def test_next_is_next_and_random_is_from_another_document(following):
    own = following.labels == 0
    first, second = following.document.T
    assert (first[own] == second[own]).all()
    assert (first[~own] != second[~own]).all()
    gap = following.starts[own, 1] - following.ends[own, 0]
    assert (gap >= 0).all()
    uncut = following.lengths[own].sum(axis=1) + 3 < S
    assert uncut.sum() > 100
    assert not gap[uncut].any()


def test_texts_are_stretches_of_their_document(sample):
    bounds = sample.corpus.document_splits
    assert (sample.ends <= bounds[sample.document + 1]).all()


def test_partners_come_from_all_other_documents_equally_often():
    found = Sample("next", [[5] * 40] * 7, epochs=97)
    drawn = found.labels == 1
    table = np.zeros((7, 7))
    np.add.at(table, tuple(found.document[drawn].T), 1)
    assert not np.diag(table).any()
    for number, row in enumerate(table):
        others = np.delete(row, number)
        assert (np.abs(others - others.mean()) < 5 * np.sqrt(others.mean())).all()


def test_lengths_do_not_tell_the_class(following):
    for part in (0, 1):
        means = [following.lengths[following.labels == label, part].mean() for label in (0, 1)]
        spread = following.lengths[:, part].std() / np.sqrt(len(following.labels) / 2)
        assert abs(means[0] - means[1]) < 6 * spread


def test_order_is_kept_or_swapped():
    found = Sample("order", documents_of())
    assert (found.document[:, 0] == found.document[:, 1]).all()
    swapped = found.labels == 1
    assert (found.ends[~swapped, 0] <= found.starts[~swapped, 1]).all()
    assert (found.ends[swapped, 1] <= found.starts[swapped, 0]).all()


def test_by_hand():
    """A document of two sentences has one place to be parted."""
    found = Sample("order", [[3, 4], [5, 6]], epochs=23)
    assert found.pairs.slots.tolist() == [10, 14]
    for texts in found.epochs:
        for start, length, label, wanted in zip(
            texts.starts.tolist(), texts.lengths.tolist(), texts.labels, (([0, 3], [3, 4]), ([7, 12], [5, 6])), strict=True
        ):
            assert (start, length) == (wanted if label == 0 else (wanted[0][::-1], wanted[1][::-1]))


def test_next_by_hand():
    """Two documents of two sentences: the second part is the own second sentence, or begins with one of the other's."""
    found = Sample("next", [[3, 4], [5, 6]], epochs=97)
    for texts in found.epochs:
        assert texts.starts[:, 0].tolist() == [0, 7]
        assert texts.lengths[:, 0].tolist() == [3, 5]
    own = [(texts.starts[0, 1], texts.lengths[0, 1]) for texts in found.epochs if texts.labels[0] == 0]
    assert set(own) == {(3, 4)}
    # 4 tokens are wanted: either sentence of the other document has as many, and is cut to them
    other = {(int(texts.starts[0, 1]), int(texts.lengths[0, 1])) for texts in found.epochs if texts.labels[0] == 1}
    assert {length for _, length in other} == {4}
    assert {start for start, _ in other} <= {7, 8, 12, 13, 14}
    assert {7, 8} & {start for start, _ in other}
    assert {12, 13, 14} & {start for start, _ in other}


def test_chunks_by_hand():
    """10 tokens are wanted: the third sentence reaches them, as in the original; a last sentence does not stay alone."""
    documents = [[4, 4, 4, 4, 4, 4], [20, 1, 1], [4, 4, 4, 4]]
    counts = collections.Counter()
    for seed in range(97):
        pairs = SentencePairs(corpus_of(documents), None, 13, seed, "order")
        bounds = [tuple(row) for row in pairs._bounds[:, [0, 2]].tolist()]
        counts.update(bounds)
        assert all(first < parting < last for first, parting, last in pairs._bounds.tolist())
    # Most often: sentences 0-2, 3-5; the long one is cut into two of 10; then the last two; four sentences stay together.
    assert {(0, 3), (3, 6), (6, 8), (8, 10), (10, 14)} <= set(counts)
    for usual in ((0, 3), (3, 6), (10, 14)):
        assert counts[usual] > 50


def test_every_token_once_an_epoch_where_nothing_is_cut():
    """In the order of sentences; chunks that are too long for a row lose what is cut."""
    found = Sample("order", documents_of(shortest=3), epochs=1, sequence_length=3000)
    tokens = [
        token
        for start, length in zip(found.starts.ravel().tolist(), found.lengths.ravel().tolist(), strict=True)
        for token in range(start, start + length)
    ]
    assert sorted(tokens) == list(range(found.corpus.tokens))


def test_no_token_twice_and_few_lost():
    found = Sample("order", documents_of(), epochs=1)
    tokens = np.concatenate([np.arange(*pair) for pair in zip(found.starts.ravel(), found.ends.ravel(), strict=True)])
    assert len(np.unique(tokens)) == len(tokens)
    assert len(tokens) > 0.8 * found.corpus.tokens


def test_what_is_cut_differs_from_epoch_to_epoch():
    found = Sample("order", documents_of())
    seen = np.zeros((7, found.corpus.tokens), bool)
    for epoch, texts in enumerate(found.epochs):
        for start, length in zip(texts.starts.ravel(), texts.lengths.ravel(), strict=True):
            seen[epoch, start : start + length] = True
    assert seen.any(axis=0).mean() > seen[0].mean() + 0.04


@pytest.mark.parametrize("kind", ["next", "order"])
def test_a_document_of_one_sentence_stands_alone(kind):
    found = Sample(kind, [[3], [4, 5], [], [2]], epochs=31)
    assert found.pairs.slots.tolist() == [5, 12, 4]
    weights = np.array([texts.weights for texts in found.epochs])
    labels = np.array([texts.labels for texts in found.epochs])
    assert (weights == [0, 1, 0]).all()
    assert not labels[:, [0, 2]].any()
    assert set(labels[:, 1]) == {0, 1}
    assert all(texts.lengths[0].tolist() == [3, 0] for texts in found.epochs)


def test_some_documents_alone():
    found = Sample("next", documents_of(), chosen=np.array([2, 3, 11]))
    assert set(found.document.ravel()) == {2, 3, 11}


def test_the_same_key_the_same_pairs():
    pairs = SentencePairs(corpus_of(documents_of()), None, S, 5, "next")
    number = np.array([7, 3, 11, 2])
    whole, part = (pairs.texts(some, noise_key(7)) for some in (number, number[[2, 1]]))
    np.testing.assert_array_equal(whole.starts[[2, 1]], part.starts)
    np.testing.assert_array_equal(whole.lengths[[2, 1]], part.lengths)


# Cuts -----------------------------------------------------------------------------------------------------------------


def token_by_token(first, second, room, chance):
    """The original's rule: as long as both are too long, the longer one (the second of two equal ones) loses a token."""
    pair = [[0, first], [0, second]]
    while sum(end - start for start, end in pair) > room:
        lengths = [end - start for start, end in pair]
        longer = pair[0] if lengths[0] > lengths[1] else pair[1]
        if chance() < 0.5:
            longer[0] += 1
        else:
            longer[1] -= 1
    return [end - start for start, end in pair]


@quick
@hypothesis.given(strategies.integers(1, 53), strategies.integers(1, 53), strategies.integers(2, 71))
def test_cut_to_the_lengths_of_the_original(first, second, room):
    lengths, starts = np.array([[first, second]]), np.array([[100, 200]])
    _cut(starts, lengths, np.array([room]), lambda rows, counts, part: counts)
    assert lengths[0].tolist() == token_by_token(first, second, room, random.Random(3).random)
    assert starts[0].tolist() == [100 + first - lengths[0, 0], 200 + second - lengths[0, 1]]


def test_cuts_are_at_both_ends_by_chance():
    """Of 10 tokens too many each is cut from the front with probability 1/2."""
    documents = [[20, 20]] * 997
    found = Sample("order", documents, epochs=3, sequence_length=23)
    front = found.starts % 20  # every sentence has 20 tokens
    assert (found.lengths == 10).all()
    counts = np.bincount(front.ravel(), minlength=11)
    expected = np.array([1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1]) / 1024 * front.size
    assert ((counts - expected) ** 2 / expected).sum() < 10 + 5 * np.sqrt(20)


# Errors ---------------------------------------------------------------------------------------------------------------


def test_a_corpus_without_sentences_is_refused():
    corpus = corpus_of([[3, 4], [5, 6]])
    corpus.sentence_splits = None
    with pytest.raises(ValueError, match="sentence_pairs='order' needs a corpus with sentences"):
        SentencePairs(corpus, None, S, 0, "order")


@pytest.mark.parametrize(
    ("documents", "chosen"), [([[3, 4]], None), ([[3, 4], [], []], None), ([[3, 4], [5, 6]], np.array([1]))]
)
def test_one_document_has_no_other_one(documents, chosen):
    with pytest.raises(ValueError, match=r"needs at least two documents, to take texts from another one\. Received: 1"):
        SentencePairs(corpus_of(documents), chosen, S, 0, "next")
    assert len(SentencePairs(corpus_of(documents), chosen, S, 0, "order").slots) == 1


@pytest.mark.parametrize("kind", ["next", "order"])
def test_documents_of_one_sentence_have_no_pairs(kind):
    with pytest.raises(ValueError, match=r"documents of at least two sentences\. Received: 2 documents of one"):
        SentencePairs(corpus_of([[3], [4], []]), None, S, 0, kind)
