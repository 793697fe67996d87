"""Documents are cut into pieces that fit, between sentences where they are known, and fill the rows."""

import numpy as np
import pytest

from keras_bert_lab.batches import MemoryCorpus, TokenRows
from keras_bert_lab.batches.packing import PackingPlan
from keras_bert_lab.batches.pieces import Pieces
from tests.batches.test_sentences import corpus_of

KEY = np.uint64(0)


def cut(documents, sequence_length, chosen=None, seed=0, sentences=True):
    """(start, length) of each piece."""
    corpus = corpus_of(documents)
    if not sentences:
        corpus.sentence_splits = None
    pieces = Pieces(corpus, chosen, sequence_length, seed)
    texts = pieces.texts(np.arange(len(pieces.slots)), KEY)
    assert (texts.lengths[:, 0] + 2 == pieces.slots).all()
    assert not texts.lengths[:, 1].any()
    assert not texts.weights.any()
    return list(zip(texts.starts[:, 0].tolist(), texts.lengths[:, 0].tolist(), strict=True))


def test_documents_that_fit_are_one_piece():
    assert cut([[3, 5], [], [7], [1]], 13) == [(0, 8), (8, 7), (15, 1)]


def test_without_sentences_in_equal_parts():
    assert cut([[67], [3]], 31, sentences=False) == [(0, 22), (22, 22), (44, 23), (67, 3)]


def test_between_sentences():
    """As many sentences as fit into 11 tokens, or one."""
    found = cut([[5, 5, 5, 5, 5]], 13)
    assert sum(length for _, length in found) == 25
    assert all(start % 5 == 0 and length in (5, 10) for start, length in found)


def test_a_sentence_that_is_longer_than_a_row_is_cut_into_equal_parts():
    assert [pair for pair in cut([[2, 25, 2]], 11) if pair[1] > 4] == [(2, 8), (10, 8), (18, 9)]


def test_some_documents():
    assert cut([[3, 5], [7], [2]], 13, np.array([0, 2])) == [(0, 8), (15, 2)]


def long_documents(count=23, seed=3):
    """Sentences as in books: 24 tokens long on average, between 2 and 125."""
    rng = np.random.default_rng(seed)
    return [np.clip(rng.gamma(1.2, 20, size).astype(int), 2, 125).tolist() for size in rng.integers(100, 900, count)]


@pytest.mark.parametrize("sequence_length", [128, 256, 512])
def test_rows_are_filled(sequence_length):
    corpus = corpus_of(long_documents())
    slots = Pieces(corpus, None, sequence_length, 0).slots
    assert slots.sum() / PackingPlan(slots, sequence_length).rows / sequence_length > 0.97
    assert (slots > sequence_length // 2).mean() > 0.4  # and most tokens still stand in long pieces
    assert slots[slots > sequence_length // 2].sum() > 0.7 * slots.sum()


def test_every_token_once_and_only_whole_sentences():
    documents = long_documents()
    corpus = corpus_of(documents)
    found = cut(documents, 128)
    assert [token for start, length in found for token in range(start, start + length)] == list(range(corpus.tokens))
    assert np.isin([start for start, _ in found], corpus.sentence_splits).all()


def test_pieces_depend_on_the_seed_alone():
    documents = long_documents()
    assert cut(documents, 128, seed=1) == cut(documents, 128, seed=1)
    assert cut(documents, 128, seed=1) != cut(documents, 128, seed=2)


def test_nothing_to_cut():
    assert cut([[], []], 11) == []
    empty = TokenRows(*(np.zeros(0, np.int32),) * 2, np.zeros(1, np.int64))
    assert not len(Pieces(MemoryCorpus(empty, None), None, 11, 0).slots)
