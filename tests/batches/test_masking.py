"""Masking follows section 3.1 of the BERT paper: shares, protected tokens, whole words, one implementation of chance."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches import mask_tokens
from keras_bert_lab.config import MaskingConfig

quick = hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)

PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL = np.arange(5)
V = 101  # ids 5 ... 100 are ordinary; those from 71 on continue a word
WORD_STARTS = np.arange(V) < 71


def mask(ids, examples, seed=3, **settings):
    return mask_tokens(
        np.asarray(ids, np.int32),
        np.asarray(examples, np.int32),
        np.random.default_rng(seed),
        mask_id=MASK,
        special_ids=SPECIAL,
        word_starts=WORD_STARTS,
        masking=MaskingConfig(**settings),
    )


def random_rows(rows=223, length=503, continued=True, seed=7):
    """One text in each row: [CLS], `length - 2` ordinary tokens, [SEP]."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, V if continued else 71, (rows, length)).astype(np.int32)
    ids[:, 0], ids[:, 1], ids[:, -1] = CLS, 11, SEP
    return ids, np.ones_like(ids)


def within(share, expected, count, sigmas=5):
    """Whether a share among `count` draws is as expected, up to 5 standard deviations of the binomial distribution."""
    return abs(share - expected) < sigmas * np.sqrt(expected * (1 - expected) / count)


@pytest.fixture(scope="module")
def sample():
    ids, examples = random_rows()
    return ids, *mask(ids, examples)


def test_share_of_chosen_tokens(sample):
    ids, _, chosen = sample
    assert ids.size > 100_000
    assert (chosen.sum(axis=1) == 75).all()  # round(0.15 * 501)


def test_80_10_10(sample):
    ids, seen, chosen = sample
    count = int(chosen.sum())
    masked = seen[chosen] == MASK
    same = seen[chosen] == ids[chosen]
    assert within(masked.mean(), 0.8, count)
    assert within(same.mean(), 0.1 + 0.1 / 96, count)  # one random token in 96 happens to be the old one
    assert within((~masked & ~same).mean(), 0.1 - 0.1 / 96, count)


def test_only_chosen_tokens_change(sample):
    ids, seen, chosen = sample
    np.testing.assert_array_equal(seen[~chosen], ids[~chosen])
    assert seen.dtype == np.int32
    assert chosen.dtype == bool


def test_random_tokens_are_ordinary_and_uniform(sample):
    ids, seen, chosen = sample
    random = seen[chosen & (seen != MASK) & (seen != ids)]
    counts = np.bincount(random, minlength=V)
    assert counts[:5].sum() == 0
    expected = len(random) / 96
    chi_square = ((counts[5:] - expected) ** 2 / expected).sum()
    assert expected > 15
    assert chi_square < 95 + 5 * np.sqrt(2 * 95)  # 95 degrees of freedom: mean 95, variance 190


def test_places_are_chosen_uniformly(sample):
    _, _, chosen = sample
    counts = chosen[:, 1:-1].sum(axis=0)
    expected, share = counts.mean(), counts.mean() / len(chosen)
    chi_square = ((counts - expected) ** 2 / (expected * (1 - share))).sum()
    assert chi_square < 500 + 5 * np.sqrt(2 * 500)
    assert chi_square > 500 - 5 * np.sqrt(2 * 500)


def test_special_tokens_and_padding_are_never_chosen():
    rng = np.random.default_rng(7)
    ids = rng.integers(0, 11, (31, 47))  # half of all tokens are special
    examples = np.where(np.arange(47) < 41, 1, 0) * np.ones_like(ids)
    seen, chosen = mask(ids, examples, rate=0.9)
    assert chosen.any()
    assert (ids[chosen] >= 5).all()
    assert not chosen[:, 41:].any()
    np.testing.assert_array_equal(seen[:, 41:], ids[:, 41:])


def test_special_ids_may_stand_anywhere():
    ids = np.full((13, 17), 7, np.int32)
    ids[:, ::2] = 97
    _, chosen = mask_tokens(
        ids,
        np.ones_like(ids),
        np.random.default_rng(3),
        mask_id=97,
        special_ids=np.array([2, 97]),
        word_starts=np.ones(V, bool),
        masking=MaskingConfig(rate=0.5),
    )
    assert not chosen[:, ::2].any()
    assert (chosen.sum(axis=1) == 4).all()  # 8 ordinary tokens


@pytest.mark.parametrize("length", range(1, 31))
@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_number_of_chosen_tokens_of_a_text(length, rate):
    ids = np.array([[CLS, *range(5, 5 + length), SEP]])
    _, chosen = mask(ids, np.ones_like(ids), rate=rate)
    assert chosen.sum() == max(1, round(rate * length))


@pytest.mark.parametrize("whole_word", [False, True])
def test_packed_rows_are_masked_text_by_text(whole_word):
    #      text 1 of one word    text 2 of 13 words                text 3 of 7 words     padding
    row = [CLS, 17, SEP] + [CLS, *range(20, 33), SEP] + [CLS, *range(40, 47), SEP] + [PAD] * 4
    example = [1] * 3 + [2] * 15 + [3] * 9 + [0] * 4
    for seed in range(29):
        _, chosen = mask([row, row[::-1]], [example, example[::-1]], seed, whole_word=whole_word)
        for line, numbers in zip(chosen, (example, example[::-1]), strict=True):
            counts = np.bincount(numbers, weights=line, minlength=4)
            assert counts.tolist() == [0, 1, 2, 1]  # 15 % of 1, 13 and 7, rounded, at least one


def test_texts_are_masked_independently_of_their_neighbours():
    """The same number of the next row's text continues no text."""
    _, chosen = mask([[7] * 5, [7] * 5, [7] * 5], [[1] * 5] * 3)
    assert chosen.sum(axis=1).tolist() == [1, 1, 1]


@pytest.mark.parametrize("whole_word", [False, True])
@pytest.mark.parametrize("row", [[CLS, SEP, PAD], [UNK, UNK, UNK], [PAD, PAD, PAD]])
def test_texts_of_only_special_tokens(row, whole_word):
    examples = [[int(token != PAD) for token in row]]
    seen, chosen = mask([row], examples, whole_word=whole_word)
    assert not chosen.any()
    assert seen.tolist() == [row]


def test_text_of_special_tokens_beside_an_ordinary_one():
    seen, chosen = mask([[CLS, UNK, SEP, CLS, 7, SEP]], [[1, 1, 1, 2, 2, 2]])
    assert chosen.tolist() == [[False, False, False, False, True, False]]
    assert seen[0, 1] == UNK


# Whole words ----------------------------------------------------------------------------------------------------------


def words_of(ids, row):
    """Columns of each word of a row, naively: a word is a start and what continues it."""
    words, previous = [], None
    for column, token in enumerate(ids[row]):
        if token < 5:
            previous = None
        elif previous is None or token < 71:
            words.append([column])
            previous = column
        else:
            words[-1].append(column)
    return words


def test_whole_words_are_masked_entirely_or_not_at_all():
    ids, examples = random_rows()
    _, chosen = mask(ids, examples, whole_word=True)
    several = 0
    for row in range(len(ids)):
        for word in words_of(ids, row):
            assert len(set(chosen[row, word])) == 1
            several += len(word) > 1 and chosen[row, word[0]]
    assert several > 1_000


def test_whole_words_keep_the_rate():
    ids, examples = random_rows()
    _, chosen = mask(ids, examples, whole_word=True)
    # A text misses its 75 tokens by less than a word; the mean over 223 texts is right to 5 standard errors.
    counts = chosen.sum(axis=1)
    assert abs(counts.mean() - 75) < 5 * counts.std() / np.sqrt(len(counts))
    assert counts.std() < 3


def test_pieces_of_a_whole_word_are_replaced_each_by_itself():
    """As in the original code: 80/10/10 for every piece."""
    ids, examples = random_rows()
    seen, chosen = mask(ids, examples, whole_word=True)
    assert within((seen[chosen] == MASK).mean(), 0.8, chosen.sum())


def test_special_token_ends_a_whole_word():
    #    a word  [UNK]  its pieces are a word of their own
    row = [CLS, 7, UNK, 71, 72, SEP]
    found = {tuple(mask([row], [[1] * 6], seed, whole_word=True)[1][0].nonzero()[0]) for seed in range(41)}
    assert found == {(1,), (3, 4)}


def test_word_longer_than_the_share_is_masked_whole():
    row = [CLS, 7, 71, 72, 73, SEP]
    _, chosen = mask([row], [[1] * 6], whole_word=True)
    assert chosen.tolist() == [[False, True, True, True, True, False]]


# Determinism and properties -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole_word", [False, True])
def test_same_randomness_same_masks(whole_word):
    ids, examples = random_rows(11, 53)
    first, again, other = (mask(ids, examples, seed, whole_word=whole_word) for seed in (3, 3, 5))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[1] != other[1]).any()


def test_input_is_not_changed():
    ids, examples = random_rows(11, 53)
    before = ids.copy()
    mask(ids, examples)
    np.testing.assert_array_equal(ids, before)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"mask_share": 1.0, "random_share": 0.0}, lambda seen, ids: seen == MASK),
        ({"mask_share": 0.0, "random_share": 1.0}, lambda seen, ids: seen >= 5),
        ({"mask_share": 0.0, "random_share": 0.0}, lambda seen, ids: seen == ids),
    ],
)
def test_shares_at_their_ends(settings, allowed):
    ids, examples = random_rows(11, 53)
    seen, chosen = mask(ids, examples, rate=0.5, **settings)
    assert chosen.sum() == 11 * 26  # round(25.5): to the even one
    assert allowed(seen[chosen], ids[chosen]).all()


@quick
@hypothesis.given(
    strategies.lists(strategies.lists(strategies.integers(0, V - 1), min_size=1, max_size=17), min_size=1, max_size=7),
    strategies.integers(0, 997),
    strategies.sampled_from([0.05, 0.15, 0.5, 0.95]),
    strategies.booleans(),
)
def test_any_row(texts, seed, rate, whole_word):
    """One packed row of any texts: nothing special is touched, every text with an ordinary token gets its share."""
    ids = np.array([[token for text in texts for token in text] + [PAD] * 3])
    examples = np.array([[number for number, text in enumerate(texts, 1) for _ in text] + [0] * 3])
    seen, chosen = mask(ids, examples, seed, rate=rate, whole_word=whole_word)
    assert not chosen[ids < 5].any()
    np.testing.assert_array_equal(seen[~chosen], ids[~chosen])
    assert not np.isin(seen[chosen], [PAD, UNK, CLS, SEP]).any()
    for number, text in enumerate(texts, 1):
        ordinary = sum(token >= 5 for token in text)
        count = chosen[examples == number].sum()
        if not whole_word:
            assert count == (max(1, round(rate * ordinary)) if ordinary else 0)
        assert (count > 0) == (ordinary > 0)
