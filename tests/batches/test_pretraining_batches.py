"""Pretraining batches hold every token once an epoch, nearly without padding, and are pure functions of seed and number."""

import collections
import concurrent.futures
import dataclasses
import gzip
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.batches import MemoryCorpus, PretrainingBatches, TokenRows, as_dataset, tokenize_rows
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


def with_sentences(count=31, seed=5):
    """Documents, and the boundaries of their sentences."""
    rng = np.random.default_rng(seed)
    lengths = [rng.integers(1, 13, size) for size in rng.integers(2, 23, count)]
    texts = [rng.integers(5, V, sizes.sum()).tolist() for sizes in lengths]
    return texts, 31, 5, 3, np.cumsum([0, *np.concatenate(lengths)])


def random_texts(count=103, longest=43, seed=7):
    rng = np.random.default_rng(seed)
    return [rng.integers(5, V, length).tolist() for length in rng.integers(1, longest + 1, count)]


SETTINGS = {field.name for field in dataclasses.fields(MaskingConfig)}


def batches_of(texts, sequence_length=31, batch_size=5, seed=3, sentences=None, **settings):
    """Settings of the masking and of the batches in one list."""
    corpus = MemoryCorpus(rows_of(texts), VOCABULARY, sentences)
    masking = MaskingConfig(**{name: value for name, value in settings.items() if name in SETTINGS})
    others = {name: value for name, value in settings.items() if name not in SETTINGS}
    return PretrainingBatches(corpus, sequence_length, batch_size, masking, seed=seed, **others)


def masked_of(batch):
    """Inputs, targets and weights of the masked tokens."""
    inputs, targets, weights = batch
    return (inputs, targets["masked_lm_ids"], weights["masked_lm_ids"]) if isinstance(targets, dict) else batch


def original(batch):
    """The ids before masking: the targets put back where they were."""
    inputs, targets, weights = masked_of(batch)
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
    pairs = list(zip(arrays(first), arrays(second), strict=True))
    return all(one.dtype == other.dtype and np.array_equal(one, other) for one, other in pairs)


def arrays(batch):
    """All arrays of a batch, dicts by their names."""
    return [part[key] if key else part for part in batch for key in (sorted(part) if isinstance(part, dict) else [None])]


@pytest.fixture(scope="module")
def sample_corpus():
    texts = kbl.sample_data("corpus")
    tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(texts, 2003))
    rows = tokenize_rows(lambda part: (tokenizer(part),) * 2, len(texts), lambda part: texts[part])
    return rows, tokenizer.vocabulary


# Rows -----------------------------------------------------------------------------------------------------------------


def test_by_hand():
    """Two texts fill a row of 11: [CLS] 5 6 7 [SEP] [CLS] 8 9 [SEP] and two slots of padding."""
    inputs, targets, weights = batches_of([[8, 9], [5, 6, 7]], 11, 1).batch(0)
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
    batches = PretrainingBatches(MemoryCorpus(rows, vocabulary), 127, 31)
    real, slots = np.sum([batches.counts(step) for step in range(batches.steps_per_epoch)], axis=0)
    assert real > 100_000
    assert 1 - real / slots < 0.08


def test_counts_are_those_of_the_batch():
    batches = batches_of(random_texts())
    for step in range(2 * batches.steps_per_epoch):
        mask = batches.batch(step)[0]["input_mask"]
        assert batches.counts(step) == (mask.sum(), mask.size)


def test_batches_are_full_but_the_last():
    batches = batches_of(random_texts(), batch_size=7, fill_last_batch=False)
    sizes = [len(batch[1]) for batch in epoch_of(batches, 0)]
    assert sizes[:-1] == [7] * (batches.steps_per_epoch - 1)
    assert sizes[-1] == (batches.rows - 1) % 7 + 1 < 7


def test_the_last_batch_is_filled_with_rows_of_padding():
    batches, open_end = (batches_of(random_texts(), batch_size=7, fill_last_batch=fill) for fill in (True, False))
    last = batches.steps_per_epoch - 1
    rows = batches.rows - 7 * last
    assert 0 < rows < 7
    assert equal(
        [part[key][:rows] if key else part[:rows] for part, key in parts_of(batches.batch(last))], arrays(open_end.batch(last))
    )
    for part, key in parts_of(batches.batch(last)):
        filler = (part[key] if key else part)[rows:]
        assert len(filler) == 7 - rows
        assert not filler.any()  # [PAD] is 0
    assert batches.counts(last) == (open_end.counts(last)[0], 7 * 31)


def parts_of(batch):
    return [(part, key) for part in batch for key in (sorted(part) if isinstance(part, dict) else [None])]


@pytest.mark.parametrize("kind", ["none", "next", "order"])
@pytest.mark.parametrize("unit", ["token", "span"])
def test_all_batches_have_one_shape(kind, unit):
    batches = batches_of(*with_sentences(), sentence_pairs=kind, unit=unit)
    shapes = {tuple(array.shape for array in arrays(batch)) for epoch in range(2) for batch in epoch_of(batches, epoch)}
    assert len(shapes) == 1
    inputs, targets, _ = masked_of(batches.batch(0))
    assert targets.shape == inputs["masked_lm_positions"].shape == (5, batches.masked_positions)


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
        assert weights.sum(axis=1).max() <= positions.shape[1]
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
    batches = PretrainingBatches(MemoryCorpus(rows, vocabulary), 127, 31)
    masked = sum(batches.batch(step)[2].sum() for step in range(batches.steps_per_epoch))
    ordinary = (~np.isin(rows.ids, vocabulary.special_ids)).sum()
    assert abs(masked / ordinary - 0.15) < 0.005


def test_whole_words_reach_the_batches():
    for batch in epoch_of(batches_of(random_texts(longest=29), unit="word"), 0):
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
    """Of texts, and of one slice of spans in pairs."""
    texts, length, _, seed, sentences = with_sentences()
    some = batches_of(texts, length, 6, seed, sentences, sentence_pairs="next", unit="span", slice=(1, 3))
    digest = hashlib.sha256()
    for batches in (batches_of(random_texts()), some):
        for step in (7, 0, 23):
            for part in arrays(batches.batch(step)):
                digest.update(part.tobytes())
    return digest.hexdigest()


def test_a_fresh_process_makes_the_same_batches():
    found = subprocess.run(
        [sys.executable, "-c", "from tests.batches.test_pretraining_batches import fingerprint; print(fingerprint())"],
        env=os.environ | {"PYTHONHASHSEED": "11", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == fingerprint()


# Slices, threads, batch sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [2, 3, 6])
@pytest.mark.parametrize(
    "settings", [{}, {"unit": "span"}, {"sentence_pairs": "next"}, {"sentence_pairs": "order", "dynamic": False}]
)
def test_slices_together_are_the_whole_batch(parts, settings):
    texts, length, _, seed, sentences = with_sentences()
    whole, *slices = (
        batches_of(texts, length, 6, seed, sentences, **settings, slice=(part, count))
        for part, count in [(0, 1), *((part, parts) for part in range(parts))]
    )
    assert whole.rows % 6  # also the last batch, which is not full
    for step in range(2 * whole.steps_per_epoch):
        together = [np.empty_like(array) for array in arrays(whole.batch(step))]
        for part, some in enumerate(slices):
            for array, mine in zip(together, arrays(some.batch(step)), strict=True):
                array[part::parts] = mine
        assert equal(together, arrays(whole.batch(step)))
        counts = np.array([some.counts(step) for some in slices]).sum(axis=0)
        assert tuple(counts) == whole.counts(step)


def test_any_number_of_threads_in_any_order():
    texts, length, _, seed, sentences = with_sentences()
    alone, shared_by_all = (batches_of(texts, length, 7, seed, sentences, sentence_pairs="next", unit="span") for _ in range(2))
    steps = np.random.default_rng(3).permutation(5 * alone.steps_per_epoch).tolist()
    with concurrent.futures.ThreadPoolExecutor(7) as pool:
        found = dict(zip(steps, pool.map(shared_by_all.batch, steps), strict=True))
    assert all(equal(found[step], alone.batch(step)) for step in range(len(steps)))


def seen_texts(batches, epoch):
    """Each text as it was -> as the model sees it."""
    found = {}
    for batch in epoch_of(batches, epoch):
        for ids, seen, numbers in zip(original(batch), batch[0]["input_word_ids"], batch[0]["input_example_ids"], strict=True):
            for number in range(1, numbers.max() + 1):
                found[tuple(ids[numbers == number].tolist())] = tuple(seen[numbers == number].tolist())
    return found


def test_masks_do_not_depend_on_the_batch_size():
    texts = random_texts(longest=29)
    small, large = (seen_texts(batches_of(texts, 31, size), 1) for size in (3, 11))
    assert small == large
    assert len(small) > 90


def test_static_masks_are_the_same_in_every_epoch():
    texts = random_texts(longest=29)
    static = [seen_texts(batches_of(texts, dynamic=False), epoch) for epoch in range(3)]
    fresh = [seen_texts(batches_of(texts), epoch) for epoch in range(3)]
    assert static[0] == static[1] == static[2]
    assert np.mean([fresh[0][text] == fresh[1][text] for text in fresh[0]]) < 0.2
    assert static[0] == fresh[0]
    batches = batches_of(texts, dynamic=False)
    assert not equal(batches.batch(0), batches.batch(batches.steps_per_epoch))  # the order of texts is new


def test_static_pairs_are_the_same_in_every_epoch():
    settings = {"sentence_pairs": "next", "dynamic": False}
    found = [seen_texts(batches_of(*with_sentences(), **settings), epoch) for epoch in range(2)]
    assert found[0] == found[1]


def test_some_documents():
    texts = random_texts(longest=29)
    batches = batches_of(texts, documents=[11, 2, 97])
    found = sorted(piece for batch in epoch_of(batches, 0) for piece in texts_in(batch))
    assert found == sorted(texts[number] for number in (2, 11, 97))
    assert all(equal(batches.batch(step), batches_of(texts, documents=np.array([2, 97, 11])).batch(step)) for step in range(3))


# Pairs ----------------------------------------------------------------------------------------------------------------


def pairs_in(batch):
    """(first, second, label, weight, start) of each text."""
    inputs, targets, weights = batch
    labels, known = targets["next_sentence_labels"], weights["next_sentence_labels"]
    ids = original(batch)
    for row, numbers in enumerate(inputs["input_example_ids"]):
        for number in range(numbers.max()):
            mine = numbers == number + 1
            types, tokens = inputs["input_type_ids"][row, mine], ids[row, mine]
            parts = [tokens[types == kind].tolist() for kind in (0, 1)]
            yield *parts, labels[row, number], known[row, number], inputs["input_example_starts"][row, number], np.argmax(mine)


@pytest.mark.parametrize("kind", ["next", "order"])
def test_several_pairs_in_a_row(kind):
    texts, length, size, seed, sentences = with_sentences()
    texts, sentences = [*texts, [7, 11, 13]], np.append(sentences, sentences[-1] + 3)  # a document of one sentence
    batches = batches_of(texts, length, size, seed, sentences, sentence_pairs=kind)
    assert batches.texts_per_row > 1
    joined = {tuple(text) for text in texts}
    alone = 0
    for batch in epoch_of(batches, 0):
        inputs, targets, weights = batch
        shape = (5, batches.texts_per_row)
        starts, labels, known = (
            inputs["input_example_starts"],
            targets["next_sentence_labels"],
            weights["next_sentence_labels"],
        )
        assert (starts.shape, labels.shape, known.shape) == (shape, shape, shape)
        assert (starts.dtype, labels.dtype, known.dtype) == (np.int32, np.int32, np.float32)
        texts_in_row = inputs["input_example_ids"].max(axis=1)
        there = np.arange(shape[1]) < texts_in_row[:, None]
        assert ((starts >= 0) == there).all()
        assert not known[~there].any()
        assert not labels[~there].any()
        for one, other, label, weight, start, place in pairs_in(batch):
            assert start == place
            assert (one[0], one[-1]) == (CLS, SEP)
            if weight == 0:
                alone += 1
                assert (one, other, label) == ([CLS, 7, 11, 13, SEP], [], 0)
                continue
            assert other[-1] == SEP
            first, second = one[1:-1], other[:-1]
            assert min(len(first), len(second)) >= 1
            assert SEP not in first + second
            whole = second + first if kind == "order" and label else first + second
            if len(whole) + 3 < length and not (kind == "next" and label):  # nothing was cut
                assert any(contains(text, whole) for text in joined)
    assert alone == 1


def contains(text, part):
    return any(list(text[start : start + len(part)]) == part for start in range(len(text) - len(part) + 1))


def test_positions_and_types_of_pairs_by_hand():
    batches = batches_of([[5, 6, 7, 8, 9]], 11, 1, sentences=np.array([0, 3, 5]), sentence_pairs="order")
    for step in range(11):
        inputs, targets, weights = batches.batch(step)
        swapped = targets["next_sentence_labels"][0, 0]
        first = [8, 9] if swapped else [5, 6, 7]
        second = [5, 6, 7] if swapped else [8, 9]
        assert original((inputs, targets, weights))[0].tolist() == [CLS, *first, SEP, *second, SEP, 0, 0, 0]
        assert inputs["input_type_ids"][0].tolist() == [0] * (len(first) + 2) + [1] * (len(second) + 1) + [0] * 3
        assert inputs["input_positions"][0].tolist() == [*range(8), 0, 0, 0]
        assert inputs["input_example_starts"].tolist() == [[0]]
        assert weights["masked_lm_ids"].sum() == 1  # of 5 tokens


@pytest.mark.parametrize("kind", ["none", "next"])
def test_as_a_data_set(kind):
    batches = batches_of(*with_sentences(), sentence_pairs=kind)
    dataset = as_dataset(batches, first_step=3, epochs=1)
    for step, (found, spec) in enumerate(zip(dataset, [dataset.element_spec] * 5, strict=False), start=3):
        assert equal([part.numpy() for part in arrays(found)], arrays(batches.batch(step)))
        targets = arrays(spec[1:])[0]
        assert targets.shape.as_list() == [None, batches.masked_positions]


def test_few_masked_positions_are_filler():
    """P follows from the texts: rows of many tiny texts do not make it large for all."""
    rng = np.random.default_rng(3)
    texts = [rng.integers(5, V, length).tolist() for length in np.clip(rng.gamma(1.2, 20, 4001).astype(int), 2, 126)]
    for unit, least in (("token", 0.8), ("word", 0.6), ("span", 0.4)):
        batches = batches_of(texts, 128, 31, unit=unit)
        used = np.mean([batches.batch(step)[2].mean() for step in range(7)])
        assert used > least


# A real corpus --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["none", "next", "order"])
@pytest.mark.parametrize("length", [128, 512])
def test_rows_of_books_are_full(shared, kind, length):
    with gzip.open(shared / "data/books/books_small.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    rng = np.random.default_rng(3)
    ends = np.cumsum([len(line) for line in lines])
    # Words as tokens; sentences end with a full stop, documents with an empty line.
    stops = np.flatnonzero([word[-1] in ".!?" for line in lines for word in line]) + 1
    documents = ends[[not line for line in lines]]
    splits = np.unique([0, *documents, ends[-1]])
    ids = rng.integers(5, V, ends[-1]).astype(np.int32)
    corpus = MemoryCorpus(TokenRows(ids, ids * 0, splits), VOCABULARY, np.unique([*splits, *stops]))
    batches = PretrainingBatches(corpus, length, 32, sentence_pairs=kind)
    real, slots = np.sum([batches.counts(step) for step in range(batches.steps_per_epoch - 1)], axis=0)
    assert real / slots >= 0.98


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [[], [[], [], []]])
def test_no_token_is_refused(texts):
    with pytest.raises(ValueError, match=rf"must hold at least one token\. Received: {len(texts)} texts without any"):
        batches_of(texts)


@pytest.mark.parametrize("sequence_length", [2, 0])
def test_rows_without_room_for_a_token_are_refused(sequence_length):
    with pytest.raises(ValueError, match=rf"sequence_length must be .*at least 3.*Received: sequence_length={sequence_length}"):
        batches_of([[7, 11]], sequence_length)


def test_rows_without_room_for_a_pair_are_refused():
    with pytest.raises(
        ValueError, match=r"at least 5, to hold \[CLS\], two tokens and two \[SEP\]\. Received: sequence_length=4"
    ):
        batches_of(*with_sentences()[:1], 4, sentence_pairs="order")


def test_unknown_kinds_of_pairs_are_refused():
    with pytest.raises(ValueError, match=r"one of \['none', 'next', 'order'\]\. Received: sentence_pairs='previous'"):
        batches_of([[7]], sentence_pairs="previous")


def test_impossible_batch_sizes_are_refused():
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1. Received: batch_size=0"):
        batches_of([[7]], batch_size=0)


@pytest.mark.parametrize(
    ("part", "size", "fill"), [((2, 2), 4, True), ((-1, 2), 4, True), ((0, 0), 4, True), ((0, 3), 4, True), ((0, 2), 4, False)]
)
def test_impossible_slices_are_refused(part, size, fill):
    message = rf"slice must be .* Received: slice={re.escape(str(part))}, batch_size={size}, fill_last_batch={fill}"
    with pytest.raises(ValueError, match=message):
        batches_of([[7]], batch_size=size, slice=part, fill_last_batch=fill)


@pytest.mark.parametrize("documents", [[1, 1], [-1], [3], [0.5], [[0, 1]], "01"])
def test_impossible_documents_are_refused(documents):
    with pytest.raises(
        ValueError, match=rf"different numbers from 0 to 2, .* Received: documents={re.escape(repr(documents))}"
    ):
        batches_of([[7], [11], [13]], documents=documents)


def test_no_documents_are_refused():
    with pytest.raises(ValueError, match=r"must hold at least one token\. Received: 0 texts without any"):
        batches_of([[7], [11], [13]], documents=[])


def test_phrases_must_be_of_the_vocabulary():
    with pytest.raises(ValueError, match="phrases must hold ordinary tokens of the vocabulary's 101"):
        batches_of([[7]], phrases=[[7, 101]])
