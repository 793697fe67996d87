"""Masking follows section 3.1 of the BERT paper: shares, protected tokens, whole words, one implementation of chance."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_bert_lab.batches import VocabularyTable
from keras_bert_lab.batches.masking import Masker
from keras_bert_lab.batches.masking_units import LENGTHS
from keras_bert_lab.config import MaskingConfig

quick = hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)

PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL = np.arange(5)
V = 101  # ids 5 ... 100 are ordinary; those from 71 on continue a word
WORD_STARTS = np.arange(V) < 71


TABLE = VocabularyTable(
    pad_id=PAD, unk_id=UNK, cls_id=CLS, sep_id=SEP, mask_id=MASK, special_ids=SPECIAL, word_starts=WORD_STARTS
)


class Watched(Masker):
    """Keeps the units, and which of them were chosen."""

    def _choose(self, units, *rest):
        taken = super()._choose(units, *rest)
        self.units, self.taken = units, taken
        return taken


def flat(ids, examples, seed):
    """What `Masker.mask` takes, from rows of texts that may stand anywhere in them."""
    used = np.asarray(examples) > 0
    new = np.diff(examples, axis=1, prepend=0) != 0
    new[:, 0] = True
    text = (np.cumsum(new & used) - 1).reshape(used.shape)
    rows = np.nonzero(new & used)[0]
    keys = np.random.default_rng(seed).integers(0, 2**63, 4).astype(np.uint64)
    places = np.arange(used.sum(), dtype=np.uint64)
    return used, (ids[used], text[used], (new & used)[used], places, rows), keys


def mask(ids, examples, seed=3, masker=None, limit=10**9, **settings):
    ids, examples = np.asarray(ids, np.int32), np.asarray(examples, np.int32)
    used, texts, keys = flat(ids, examples, seed)
    found = (masker or Masker(TABLE, MaskingConfig(**settings))).mask(*texts, limit, keys)
    seen, chosen = ids.copy(), np.zeros(ids.shape, bool)
    seen[used], chosen[used] = found
    return seen, chosen


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
    found = Masker(TABLE, MaskingConfig()).mask(
        *flat(ids[:3], np.ones((3, 503), int), 3)[1], 503, np.arange(4, dtype=np.uint64)
    )
    assert [part.dtype for part in found] == [np.int32, bool]


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
    table = VocabularyTable(
        pad_id=2, unk_id=2, cls_id=2, sep_id=2, mask_id=97, special_ids=np.array([2, 97]), word_starts=np.ones(V, bool)
    )
    _, chosen = mask(ids, np.ones_like(ids), masker=Masker(table, MaskingConfig(rate=0.5)))
    assert not chosen[:, ::2].any()
    assert (chosen.sum(axis=1) == 4).all()  # 8 ordinary tokens


@pytest.mark.parametrize("length", range(1, 31))
@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_number_of_chosen_tokens_of_a_text(length, rate):
    ids = np.array([[CLS, *range(5, 5 + length), SEP]])
    _, chosen = mask(ids, np.ones_like(ids), rate=rate)
    assert chosen.sum() == max(1, round(rate * length))


@pytest.mark.parametrize("unit", ["token", "word"])
def test_packed_rows_are_masked_text_by_text(unit):
    #      text 1 of one word    text 2 of 13 words                text 3 of 7 words     padding
    row = [CLS, 17, SEP] + [CLS, *range(20, 33), SEP] + [CLS, *range(40, 47), SEP] + [PAD] * 4
    example = [1] * 3 + [2] * 15 + [3] * 9 + [0] * 4
    for seed in range(29):
        _, chosen = mask([row, row[::-1]], [example, example[::-1]], seed, unit=unit)
        for line, numbers in zip(chosen, (example, example[::-1]), strict=True):
            counts = np.bincount(numbers, weights=line, minlength=4)
            assert counts.tolist() == [0, 1, 2, 1]  # 15 % of 1, 13 and 7, rounded, at least one


def test_texts_are_masked_independently_of_their_neighbours():
    """The same number of the next row's text continues no text."""
    _, chosen = mask([[7] * 5, [7] * 5, [7] * 5], [[1] * 5] * 3)
    assert chosen.sum(axis=1).tolist() == [1, 1, 1]


@pytest.mark.parametrize("unit", ["token", "word"])
@pytest.mark.parametrize("row", [[CLS, SEP, PAD], [UNK, UNK, UNK], [PAD, PAD, PAD]])
def test_texts_of_only_special_tokens(row, unit):
    examples = [[int(token != PAD) for token in row]]
    seen, chosen = mask([row], examples, unit=unit)
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
    _, chosen = mask(ids, examples, unit="word")
    several = 0
    for row in range(len(ids)):
        for word in words_of(ids, row):
            assert len(set(chosen[row, word])) == 1
            several += len(word) > 1 and chosen[row, word[0]]
    assert several > 1_000


def test_whole_words_keep_the_rate():
    ids, examples = random_rows()
    _, chosen = mask(ids, examples, unit="word")
    # A text misses its 75 tokens by less than a word; the mean over 223 texts is right to 5 standard errors.
    counts = chosen.sum(axis=1)
    assert abs(counts.mean() - 75) < 5 * counts.std() / np.sqrt(len(counts))
    assert counts.std() < 3


def test_pieces_of_a_whole_word_are_replaced_each_by_itself():
    """As in the original code: 80/10/10 for every piece."""
    ids, examples = random_rows()
    seen, chosen = mask(ids, examples, unit="word")
    assert within((seen[chosen] == MASK).mean(), 0.8, chosen.sum())


def test_special_token_ends_a_whole_word():
    #    a word  [UNK]  its pieces are a word of their own
    row = [CLS, 7, UNK, 71, 72, SEP]
    found = {tuple(mask([row], [[1] * 6], seed, unit="word")[1][0].nonzero()[0]) for seed in range(41)}
    assert found == {(1,), (3, 4)}


def test_word_longer_than_the_share_is_masked_whole():
    row = [CLS, 7, 71, 72, 73, SEP]
    _, chosen = mask([row], [[1] * 6], unit="word")
    assert chosen.tolist() == [[False, True, True, True, True, False]]


# Determinism and properties -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["token", "word"])
def test_same_randomness_same_masks(unit):
    ids, examples = random_rows(11, 53)
    first, again, other = (mask(ids, examples, seed, unit=unit) for seed in (3, 3, 5))
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
    strategies.sampled_from(["token", "word", "ngram", "span"]),
)
def test_any_row(texts, seed, rate, unit):
    """One packed row of any texts: nothing special is touched, every text with an ordinary token gets its share."""
    ids = np.array([[token for text in texts for token in text] + [PAD] * 3])
    examples = np.array([[number for number, text in enumerate(texts, 1) for _ in text] + [0] * 3])
    seen, chosen = mask(ids, examples, seed, rate=rate, unit=unit)
    assert not chosen[ids < 5].any()
    np.testing.assert_array_equal(seen[~chosen], ids[~chosen])
    assert not np.isin(seen[chosen], [PAD, UNK, CLS, SEP]).any()
    for number, text in enumerate(texts, 1):
        ordinary = sum(token >= 5 for token in text)
        count = chosen[examples == number].sum()
        if unit == "token":
            assert count == (max(1, round(rate * ordinary)) if ordinary else 0)
        assert (count > 0) == (ordinary > 0)


# Spans and n-grams ----------------------------------------------------------------------------------------------------

UNITS = ["word", "ngram", "span"]


@pytest.fixture(scope="module", params=UNITS)
def long_texts(request):
    """1,009 texts of 501 words of one token each, with the units that were chosen."""
    ids, examples = random_rows(1009, continued=False)
    masker = Watched(TABLE, MaskingConfig(unit=request.param))
    return request.param, ids, *mask(ids, examples, masker=masker), masker


def test_units_of_several_words_have_the_lengths_of_the_papers(long_texts):
    unit, _, _, _, masker = long_texts
    sizes = masker.units.sizes[masker.taken]
    share = LENGTHS.get(unit, np.ones(1))
    counts = np.bincount(sizes, minlength=len(share) + 1)
    assert counts[0] == 0
    assert len(counts) == len(share) + 1
    expected = share * len(sizes)
    freedom = max(len(share) - 1, 1)
    assert len(sizes) > 19_000
    assert ((counts[1:] - expected) ** 2 / expected).sum() < freedom + 5 * np.sqrt(2 * freedom)


def test_units_of_every_length_keep_the_rate(long_texts):
    _, ids, _, chosen, _ = long_texts
    counts = chosen.sum(axis=1)
    assert abs(counts.mean() - 75) < 5 * max(counts.std(), 0.1) / np.sqrt(len(ids))


def test_units_do_not_overlap_and_are_what_is_chosen(long_texts):
    _, _, _, chosen, masker = long_texts
    assert chosen.sum() == masker.units.sizes[masker.taken].sum()
    assert masker.units.sizes.sum() == 1009 * 501


@pytest.mark.parametrize("unit", UNITS)
def test_80_10_10_of_every_unit(unit):
    ids, examples = random_rows(503)
    seen, chosen = mask(ids, examples, unit=unit)
    # A span is replaced as one: there are fewer independent decisions than tokens.
    count = chosen.sum() / (25 if unit == "span" else 1)
    assert within((seen[chosen] == MASK).mean(), 0.8, count)
    assert within((seen[chosen] == ids[chosen]).mean(), 0.1 + 0.1 / 96, count)


def kinds(masker, ids, seen, chosen):
    """For each chosen unit of at least 3 tokens: are all masked, is none masked, are all as they were?"""
    sizes = masker.units.sizes[masker.taken]
    ends = np.cumsum(sizes)
    old, new = ids[chosen], seen[chosen]
    for start, end in zip(ends - sizes, ends, strict=True):
        if end - start >= 3:
            masked = new[start:end] == MASK
            yield masked.all(), not masked.any(), (new[start:end] == old[start:end]).all()


def test_a_span_is_replaced_as_one():
    ids, examples = random_rows(503, continued=False)
    masker = Watched(TABLE, MaskingConfig(unit="span"))
    found = np.array(list(kinds(masker, ids, *mask(ids, examples, masker=masker))))
    every, none, same = found.T
    assert len(found) > 3_000
    assert (every | none).all()
    assert within(every.mean(), 0.8, len(found))
    assert within(same.mean(), 0.1, len(found))


def test_tokens_of_an_n_gram_are_replaced_each_by_itself():
    ids, examples = random_rows(503, continued=False)
    masker = Watched(TABLE, MaskingConfig(unit="ngram"))
    every, none, _ = np.array(list(kinds(masker, ids, *mask(ids, examples, masker=masker)))).T
    assert within(every.mean(), 0.8**3, len(every))
    assert within(none.mean(), 0.2**3, len(every))


@pytest.mark.parametrize("unit", UNITS)
def test_no_unit_cuts_a_word(unit):
    ids, examples = random_rows(53)
    _, chosen = mask(ids, examples, unit=unit)
    assert all(len(set(chosen[row, word])) == 1 for row in range(len(ids)) for word in words_of(ids, row))


@pytest.mark.parametrize("unit", ["ngram", "span"])
def test_no_unit_is_longer_than_the_share_of_its_text(unit):
    """Short texts would lose more than their share to one long span."""
    ids = np.full((997, 11), 7)  # 2 of 11 tokens are to be chosen
    _, chosen = mask(ids, np.ones_like(ids), unit=unit)
    assert chosen.sum(axis=1).min() >= 1
    assert chosen.sum(axis=1).max() <= 3  # one of 1 token, and then one of 2


def test_a_span_ends_at_special_tokens_and_texts():
    row = [7, 7, UNK, 7, 7, 7, 7]
    masker = Watched(TABLE, MaskingConfig(unit="span", rate=0.9))
    for seed in range(31):
        mask([row, row], [[1, 1, 1, 1, 1, 2, 2]] * 2, seed, masker)
        assert np.isin([0, 2, 4, 6, 8, 10], masker.units.first).all()


def test_a_unit_does_not_reach_from_one_segment_into_the_next():
    """The two texts of a pair are masked together, but no word, phrase or span belongs to both."""
    tokens, places = np.array([7, 71, 7, 71]), np.arange(4, dtype=np.uint64)
    for starts, sizes in (([1, 0, 0, 1], [2, 1, 1]), ([1, 0, 0, 0], [2, 2])):
        masker = Watched(TABLE, MaskingConfig(unit="word"))
        masker.mask(tokens, np.zeros(4, int), np.array(starts, bool), places, np.zeros(1, int), 4, places)
        assert masker.units.sizes.tolist() == sizes


# Phrases --------------------------------------------------------------------------------------------------------------

PHRASES = ((7, 11, 13), (17, 19), (23, 71))


def phrase_rows(rows=211):
    rng = np.random.default_rng(5)
    pieces = [*PHRASES, *((token,) for token in (7, 11, 17, 29, 31, 37, 23, 41))]
    ids = np.zeros((rows, 97), np.int32)
    for row in range(rows):
        tokens = [token for number in rng.integers(0, len(pieces), 97) for token in pieces[number]]
        ids[row] = tokens[:97]
    return ids, np.ones_like(ids)


def places_of(row, phrase):
    tokens = row.tolist()
    return [place for place in range(len(tokens)) if tuple(tokens[place : place + len(phrase)]) == phrase]


@pytest.mark.parametrize("unit", ["token", *UNITS])
def test_phrases_are_kept_together(unit):
    ids, examples = phrase_rows()
    _, chosen = mask(ids, examples, unit=unit, phrases=PHRASES)
    several = 0
    for phrase in PHRASES:
        for row in range(len(ids)):
            for place in places_of(ids[row], phrase):
                some = set(chosen[row, place : place + len(phrase)].tolist())
                assert len(some) == 1
                several += some == {True}
    assert several > 300
    counts = chosen.sum(axis=1)
    assert abs(counts.mean() - 15) < 5 * counts.std() / np.sqrt(len(counts))


@pytest.mark.parametrize(("unit", "together"), [("token", True), ("word", True), ("ngram", False), ("span", True)])
def test_a_phrase_is_replaced_as_one(unit, together):
    ids, examples = phrase_rows()
    seen, chosen = mask(ids, examples, unit=unit, phrases=PHRASES)
    mixed = [
        len(set((seen[row, place : place + 3] == MASK).tolist())) > 1
        for row in range(len(ids))
        for place in places_of(ids[row], PHRASES[0])
        if chosen[row, place]
    ]
    assert len(mixed) > 100
    assert any(mixed) != together


def test_a_phrase_is_chosen_as_often_as_a_token():
    """Every unit has the same chance, so every token has."""
    ids, examples = phrase_rows(2003)
    _, chosen = mask(ids, examples, phrases=PHRASES)
    share = np.mean([chosen[row, place] for row in range(len(ids)) for place in places_of(ids[row], PHRASES[0])])
    assert abs(share - chosen.mean()) < 0.01


def test_the_longest_phrase_counts():
    masker = Watched(TABLE, MaskingConfig(phrases=((7, 11), (7, 11, 13), (13, 17))))
    mask([[7, 11, 13, 17, 7, 11, 5]], [[1] * 7], masker=masker)
    assert masker.units.sizes.tolist() == [3, 1, 2, 1]
    assert masker.units.whole.tolist() == [True, False, True, False]


@pytest.mark.parametrize("phrase", [(7, V), (7, MASK), (UNK,)])
def test_phrases_of_unknown_or_special_tokens_are_refused(phrase):
    with pytest.raises(
        ValueError, match=rf"ordinary tokens of the vocabulary's 101\. Received: \[{', '.join(map(str, phrase))}\]"
    ):
        Masker(TABLE, MaskingConfig(phrases=((5, 7), phrase)))


# Limits ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["token", *UNITS])
def test_a_row_has_no_more_than_the_limit(unit):
    ids, examples = random_rows(31)
    examples = np.repeat(np.arange(1, 9), 63)[None, :503] * examples
    _, free = mask(ids, examples, unit=unit)
    _, chosen = mask(ids, examples, unit=unit, limit=71)
    assert free.sum(axis=1).max() > 71
    assert 60 < chosen.sum(axis=1).max() <= 71
    assert not (chosen & ~free).any()
    counts = [np.bincount(numbers[line], minlength=9)[1:] for line, numbers in zip(chosen, examples, strict=True)]
    assert np.min(counts) > 0  # what is left out is never the first unit of a text
    if unit != "token":
        assert all(len(set(chosen[row, word])) == 1 for row in range(31) for word in split_words(ids, examples, row))


def split_words(ids, examples, row):
    """Words of a row; those that reach into the next text are two."""
    for word in words_of(ids, row):
        for number in np.unique(examples[row, word]):
            yield [column for column in word if examples[row, column] == number]


def test_the_chance_of_a_token_depends_on_its_place_alone():
    """Whatever else is masked in the same call: a text that is alone is masked as among others."""
    ids, examples = random_rows(7, 53)
    _, texts, keys = flat(ids, examples, 3)
    for unit in ("token", *UNITS):
        masker = Masker(TABLE, MaskingConfig(unit=unit))
        seen, chosen = masker.mask(*texts, 53, keys)
        some = texts[1] == 4
        alone = masker.mask(texts[0][some], np.zeros(53, int), texts[2][some], texts[3][some], np.zeros(1, int), 53, keys)
        np.testing.assert_array_equal(alone[0], seen[some])
        np.testing.assert_array_equal(alone[1], chosen[some])
