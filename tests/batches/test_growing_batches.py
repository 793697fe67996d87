"""Growing batches and parts of batches hold the rows of the batches that they are made of, each once."""

import numpy as np
import pytest

from keras_bert_lab.batches import GrowingBatches, MicroBatches
from tests.batches.test_pretraining_batches import batches_of, random_texts, with_sentences


def pair_batches(batch_size, **settings):
    texts, length, _, seed, sentences = with_sentences()
    return batches_of(texts, length, batch_size, seed, sentences=sentences, sentence_pairs="next", **settings)


def flat(found):
    """All arrays of a batch, in a fixed order."""
    return [found[key] for key in sorted(found)] if isinstance(found, dict) else [found]


def arrays(batch):
    return [array for part in batch for array in flat(part)]


def test_how_they_grow():
    """1, 1, 2, 2, 3, 3, ... small batches: in a straight line from 1 to 3 over four steps."""
    growing = GrowingBatches(batches_of(random_texts(), batch_size=2), most=3, ramp_steps=4)
    assert [growing.first(step) for step in range(8)] == [0, 1, 2, 4, 6, 9, 12, 15]
    assert GrowingBatches(growing.small, most=3, ramp_steps=0).first(5) == 15
    assert GrowingBatches(growing.small, most=1, ramp_steps=7).first(11) == 11


@pytest.mark.parametrize("make", [lambda: batches_of(random_texts(), batch_size=2), lambda: pair_batches(3)])
def test_no_row_is_lost_or_used_twice(make):
    small = make()
    growing = GrowingBatches(small, most=5, ramp_steps=7)
    steps = 2 * growing.steps_per_epoch + 3  # into another epoch
    found = [arrays(growing.batch(step)) for step in range(steps)]
    wanted = [arrays(small.batch(number)) for number in range(growing.first(steps))]
    for ours, theirs in zip(zip(*found, strict=True), zip(*wanted, strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))
    assert growing.target_shape == small.target_shape


def test_counts_are_those_of_the_rows():
    growing = GrowingBatches(batches_of(random_texts(), batch_size=3), most=4, ramp_steps=5)
    for step in (0, 3, 9):
        inputs = growing.batch(step)[0]
        assert growing.counts(step) == (int(inputs["input_mask"].sum()), inputs["input_mask"].size)


@pytest.mark.parametrize(("most", "ramp_steps", "named"), [(0, 3, "most"), (2, -1, "ramp_steps"), (1.5, 3, "most")])
def test_numbers_out_of_range(most, ramp_steps, named):
    with pytest.raises(ValueError, match=f"{named} must be an integer of at least"):
        GrowingBatches(batches_of(random_texts()), most, ramp_steps)


def test_parts_of_a_batch_are_its_rows():
    whole = pair_batches(6)
    parts = MicroBatches([pair_batches(6, slice=(part, 3)) for part in range(3)])
    assert parts.steps_per_epoch == 3 * whole.steps_per_epoch
    assert parts.target_shape == whole.target_shape
    for step in (0, 1, whole.steps_per_epoch + 1):
        found = [parts.batch(3 * step + part) for part in range(3)]
        for ours, theirs in zip(zip(*map(arrays, found), strict=True), arrays(whole.batch(step)), strict=True):
            np.testing.assert_array_equal(np.stack(ours, axis=1).reshape(theirs.shape), theirs)
        real, slots = zip(*(parts.counts(3 * step + part) for part in range(3)), strict=True)
        assert (sum(real), sum(slots)) == whole.counts(step)
