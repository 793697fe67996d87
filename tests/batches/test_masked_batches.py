"""Pretraining batches hold every token once an epoch, nearly without padding, and are pure functions of seed and number."""

import collections
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.batches import MaskedBatches, TokenRows, tokenize_rows
from keras_bert_lab.config import MaskingConfig

ROOT = Path(__file__).resolve().parents[2]
PAD, UNK, CLS, SEP, MASK = range(5)
V = 101
VOCABULARY = kbl.Vocabulary(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(5, 71)), *(f"##{n}" for n in range(71, V))]
)


def rows_of(lists):
    flat = np.array([token for row in lists for token in row], np.int32)
    return TokenRows(flat, np.zeros_like(flat), np.cumsum([0, *map(len, lists)]))


def random_texts(count=103, longest=43, seed=7):
    rng = np.random.default_rng(seed)
    return [rng.integers(5, V, length).tolist() for length in rng.integers(1, longest + 1, count)]


def batches_of(texts, sequence_length=31, batch_size=5, seed=3, **masking):
    return MaskedBatches(rows_of(texts), VOCABULARY, sequence_length, batch_size, MaskingConfig(**masking), seed)


def original(batch):
    """The ids before masking: the targets put back where they were."""
    inputs, targets, weights = batch
    ids = inputs["input_word_ids"].copy()
    row, place = np.nonzero(weights)
    ids[row, inputs["masked_lm_positions"][row, place]] = targets[row, place]
    return ids


def texts_in(batch):
    """The pieces of a batch without [CLS] and [SEP]."""
    examples = batch[0]["input_example_ids"]
    for ids, numbers in zip(original(batch), examples, strict=True):
        for number in range(1, numbers.max() + 1):
            piece = ids[numbers == number].tolist()
            assert (piece[0], piece[-1]) == (CLS, SEP)
            yield piece[1:-1]


def epoch_of(batches, epoch):
    return [batches.batch(step) for step in range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)]


def equal(first, second):
    inputs, *rest = zip(first, second, strict=True)
    assert sorted(inputs[0]) == sorted(inputs[1])
    return all(np.array_equal(inputs[0][key], inputs[1][key]) for key in inputs[0]) and all(
        np.array_equal(*pair) for pair in rest
    )


@pytest.fixture(scope="module")
def sample_corpus():
    texts = kbl.sample_data("corpus")
    tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(texts, 2003))
    rows = tokenize_rows(lambda part: (tokenizer(part),) * 2, len(texts), lambda part: texts[part])
    return rows, tokenizer.vocabulary


# Rows -----------------------------------------------------------------------------------------------------------------


def test_by_hand():
    """Two texts fill a row of 11: [CLS] 5 6 7 [SEP] [CLS] 8 9 [SEP] and two slots of padding."""
    inputs, targets, weights = batches_of([[8, 9], [5, 6, 7]], 11, 2).batch(0)
    assert {key: (part.shape, part.dtype) for key, part in inputs.items() if key != "masked_lm_positions"} == {
        key: ((1, 11), np.dtype(np.int32))
        for key in ("input_word_ids", "input_mask", "input_type_ids", "input_example_ids", "input_positions")
    }
    ids = original((inputs, targets, weights))[0].tolist()
    long_first = ids[1] == 5
    assert ids == ([CLS, 5, 6, 7, SEP, CLS, 8, 9, SEP] if long_first else [CLS, 8, 9, SEP, CLS, 5, 6, 7, SEP]) + [PAD] * 2
    lengths = (5, 4) if long_first else (4, 5)
    assert inputs["input_example_ids"].tolist() == [[1] * lengths[0] + [2] * lengths[1] + [0, 0]]
    assert inputs["input_positions"].tolist() == [[*range(lengths[0]), *range(lengths[1]), 0, 0]]
    assert inputs["input_mask"].tolist() == [[1] * 9 + [0, 0]]
    assert not inputs["input_type_ids"].any()
    assert weights.sum() == 2  # one token in each text


def test_each_piece_stands_framed_and_counted_from_0():
    for inputs, _, _ in epoch_of(batches_of(random_texts()), 0):
        for ids, mask, examples, positions in zip(
            *(inputs[key] for key in ("input_word_ids", "input_mask", "input_example_ids", "input_positions")), strict=True
        ):
            ends = np.flatnonzero(np.diff(examples, append=-1)) + 1
            start = 0
            for number, end in enumerate(ends[examples[ends - 1] > 0], start=1):
                assert (examples[start:end] == number).all()
                assert positions[start:end].tolist() == list(range(end - start))
                assert (ids[start], ids[end - 1]) == (CLS, SEP)
                assert not np.isin(ids[start + 1 : end - 1], [PAD, CLS, SEP]).any()
                start = end
            assert (examples[start:] == 0).all()
            assert (ids[start:] == PAD).all()
            np.testing.assert_array_equal(mask, examples > 0)


@pytest.mark.parametrize("batch_size", [1, 5, 997])
@pytest.mark.parametrize("seed", [1, 3, 5])
def test_every_text_occurs_once_in_every_epoch(batch_size, seed):
    """Also in later epochs, where the rows are packed anew: nothing is left out, nothing comes twice."""
    texts = random_texts(longest=29, seed=seed)
    batches = batches_of(texts, 31, batch_size, seed)
    wanted = collections.Counter(map(tuple, texts))
    for epoch in range(5):
        assert collections.Counter(tuple(piece) for batch in epoch_of(batches, epoch) for piece in texts_in(batch)) == wanted


def test_long_texts_are_cut_into_equal_pieces_in_order():
    #                         29 tokens fit: 67 become 22 + 22 + 23
    text = np.random.default_rng(3).permutation(np.arange(5, 72)).tolist()
    batches = batches_of([text], 31, 7)
    pieces = [piece for batch in epoch_of(batches, 0) for piece in texts_in(batch)]
    assert sorted(map(len, pieces)) == [22, 22, 23]
    pieces.sort(key=lambda piece: text.index(piece[0]))
    assert [token for piece in pieces for token in piece] == text


@pytest.mark.parametrize(("length", "pieces"), [(28, 1), (29, 1), (30, 2), (58, 2), (59, 3)])
def test_number_of_pieces(length, pieces):
    assert len([piece for batch in epoch_of(batches_of([[7] * length], 31), 0) for piece in texts_in(batch)]) == pieces


def test_every_token_occurs_once_when_texts_are_cut():
    texts = random_texts(longest=151)
    batches = batches_of(texts, 31, 5)
    wanted = collections.Counter(token for text in texts for token in text)
    for epoch in range(3):
        found = collections.Counter(token for batch in epoch_of(batches, epoch) for piece in texts_in(batch) for token in piece)
        assert found == wanted


def test_texts_without_tokens_are_left_out():
    batches = batches_of([[], [7, 11], [], [], [13]], 11, 3)
    assert sorted(piece for batch in epoch_of(batches, 0) for piece in texts_in(batch)) == [[7, 11], [13]]


def test_little_padding_on_the_sample_corpus(sample_corpus):
    rows, vocabulary = sample_corpus
    batches = MaskedBatches(rows, vocabulary, 127, 31)
    real, slots = np.sum([batches.counts(step) for step in range(batches.steps_per_epoch)], axis=0)
    assert real > 100_000
    assert 1 - real / slots < 0.08


def test_counts_are_those_of_the_batch():
    batches = batches_of(random_texts())
    for step in range(2 * batches.steps_per_epoch):
        mask = batches.batch(step)[0]["input_mask"]
        assert batches.counts(step) == (mask.sum(), mask.size)


def test_batches_are_full_but_the_last():
    batches = batches_of(random_texts(), batch_size=7)
    sizes = [len(batch[1]) for batch in epoch_of(batches, 0)]
    assert sizes[:-1] == [7] * (batches.steps_per_epoch - 1)
    assert 1 <= sizes[-1] <= 7


# Masks ----------------------------------------------------------------------------------------------------------------


def test_targets_are_the_original_tokens():
    texts = random_texts(longest=29)
    known = set(map(tuple, texts))
    changed = 0
    for batch in epoch_of(batches_of(texts), 0):
        inputs, targets, weights = batch
        assert {tuple(piece) for piece in texts_in(batch)} <= known
        row, place = np.nonzero(weights)
        seen = inputs["input_word_ids"][row, inputs["masked_lm_positions"][row, place]]
        changed += (seen != targets[row, place]).sum()
        assert (targets[row, place] >= 5).all()
    assert changed > 200


def test_positions_targets_and_weights_fit_together():
    for inputs, targets, weights in epoch_of(batches_of(random_texts(), rate=0.4), 0):
        positions = inputs["masked_lm_positions"]
        assert positions.shape == targets.shape == weights.shape
        assert (positions.dtype, targets.dtype, weights.dtype) == (np.int32, np.int32, np.float32)
        assert positions.shape[1] % 8 == 0
        for where, wanted, weight in zip(positions, targets, weights, strict=True):
            count = int(weight.sum())
            assert weight.tolist() == [1.0] * count + [0.0] * (len(weight) - count)
            assert (np.diff(where[:count]) > 0).all()  # each place once, from left to right
            assert not where[count:].any()
            assert not wanted[count:].any()


def test_number_of_masked_tokens():
    """15 % of each piece, rounded, at least one."""
    for batch in epoch_of(batches_of(random_texts()), 0):
        wanted = sum(max(1, round(0.15 * len(piece))) for piece in texts_in(batch))
        assert batch[2].sum() == wanted


def test_share_of_masked_tokens_of_the_sample_corpus(sample_corpus):
    rows, vocabulary = sample_corpus
    batches = MaskedBatches(rows, vocabulary, 127, 31)
    masked = sum(batches.batch(step)[2].sum() for step in range(batches.steps_per_epoch))
    ordinary = (~np.isin(rows.ids, vocabulary.special_ids)).sum()
    assert abs(masked / ordinary - 0.15) < 0.005


def test_whole_words_reach_the_batches():
    for batch in epoch_of(batches_of(random_texts(longest=29), whole_word=True), 0):
        ids, examples = original(batch), batch[0]["input_example_ids"]
        chosen = np.zeros(ids.shape, bool)
        row, place = np.nonzero(batch[2])
        chosen[row, batch[0]["masked_lm_positions"][row, place]] = True
        # a token that continues a word is chosen exactly if the one before it is
        continued = (ids[:, 1:] >= 71) & (ids[:, :-1] >= 5) & (examples[:, 1:] == examples[:, :-1])
        assert continued.any()
        np.testing.assert_array_equal(chosen[:, 1:][continued], chosen[:, :-1][continued])


def test_unknown_tokens_are_never_targets():
    texts = [[7, UNK, 11, UNK, 13, UNK, UNK] for _ in range(29)]
    for _, targets, weights in epoch_of(batches_of(texts, rate=0.9), 0):
        assert (targets[weights > 0] >= 5).all()


# Determinism ----------------------------------------------------------------------------------------------------------


def test_batch_is_a_pure_function_of_its_number():
    first, second = batches_of(random_texts()), batches_of(random_texts())
    steps = range(3 * first.steps_per_epoch)
    in_order = [first.batch(step) for step in steps]
    shuffled = np.random.default_rng(11).permutation(steps).tolist()
    assert all(equal(second.batch(step), in_order[step]) for step in shuffled)
    assert equal(first.batch(2), in_order[2])


def test_other_epochs_have_other_rows_and_other_masks():
    text = [[7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53]]
    batches = batches_of(text, 31, 1)
    assert batches.steps_per_epoch == 1
    places = {tuple(batches.batch(epoch)[0]["masked_lm_positions"][0, :2].tolist()) for epoch in range(23)}
    assert len(places) > 10
    many = batches_of(random_texts())
    assert not equal(many.batch(0), many.batch(many.steps_per_epoch))


def test_other_seed_other_batches():
    assert not equal(batches_of(random_texts(), seed=3).batch(0), batches_of(random_texts(), seed=5).batch(0))
    assert equal(batches_of(random_texts(), seed=3).batch(0), batches_of(random_texts(), seed=3).batch(0))


def fingerprint():
    batches = batches_of(random_texts())
    digest = hashlib.sha256()
    for step in (7, 0, 23):
        inputs, targets, weights = batches.batch(step)
        for part in (*(inputs[key] for key in sorted(inputs)), targets, weights):
            digest.update(part.tobytes())
    return digest.hexdigest()


def test_a_fresh_process_makes_the_same_batches():
    found = subprocess.run(
        [sys.executable, "-c", "from tests.batches.test_masked_batches import fingerprint; print(fingerprint())"],
        env=os.environ | {"PYTHONHASHSEED": "11", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == fingerprint()


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [[], [[], [], []]])
def test_no_token_is_refused(texts):
    with pytest.raises(ValueError, match=rf"must hold at least one token\. Received: {len(texts)} texts without any"):
        batches_of(texts)


@pytest.mark.parametrize("sequence_length", [2, 0])
def test_rows_without_room_for_a_token_are_refused(sequence_length):
    with pytest.raises(ValueError, match=rf"sequence_length must be .*at least 3.*Received: sequence_length={sequence_length}"):
        batches_of([[7, 11]], sequence_length)
