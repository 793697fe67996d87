"""Fine-tuning batches: each text once an epoch with its target and weight, in an order that the seed alone decides."""

import numpy as np
import pytest

from keras_bert_lab.batches import ExampleBatches, TokenRows

PAD = 2
COUNT = 53


def rows_of(lists):
    flat = np.array([token for row in lists for token in row], np.int32)
    return TokenRows(flat, flat % 2, np.cumsum([0, *map(len, lists)]))


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(3)
    return [rng.integers(5, 101, length).tolist() for length in rng.integers(1, 67, COUNT)]


@pytest.fixture(scope="module")
def targets():
    return np.arange(COUNT) * 3


@pytest.fixture(scope="module")
def weights():
    return np.linspace(0.5, 2, COUNT, dtype=np.float32)


def epoch_of(batches, epoch=0):
    return range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)


def order_of(batches, epoch=0):
    return [row for step in epoch_of(batches, epoch) for row in batches.indices(step).tolist()]


@pytest.mark.parametrize(("batch_size", "steps"), [(7, 8), (1, 53), (53, 1), (97, 1), (13, 5)])
def test_steps_of_an_epoch(texts, batch_size, steps):
    assert ExampleBatches(rows_of(texts), PAD, batch_size).steps_per_epoch == steps


@pytest.mark.parametrize("seed", [None, 3])
def test_each_text_once_in_every_epoch_with_its_target_and_weight(texts, targets, weights, seed):
    batches = ExampleBatches(rows_of(texts), PAD, 7, targets, weights, seed)
    for epoch in range(3):
        assert sorted(order_of(batches, epoch)) == list(range(COUNT))
        for step in epoch_of(batches, epoch):
            inputs, wanted, weight = batches.batch(step)
            rows = batches.indices(step)
            np.testing.assert_array_equal(wanted, rows * 3)
            np.testing.assert_array_equal(weight, weights[rows])
            for place, row in enumerate(rows):
                room = inputs["input_word_ids"].shape[1] - len(texts[row])
                assert inputs["input_word_ids"][place].tolist() == texts[row] + [PAD] * room
                assert inputs["input_mask"][place].tolist() == [1] * len(texts[row]) + [0] * room
                assert inputs["input_type_ids"][place].tolist() == [token % 2 for token in texts[row]] + [0] * room


def test_parts_of_a_batch(texts, targets, weights):
    rows = rows_of(texts)
    assert len(ExampleBatches(rows, PAD, 7).batch(0)) == 1
    assert len(ExampleBatches(rows, PAD, 7, targets).batch(0)) == 2
    assert len(ExampleBatches(rows, PAD, 7, targets, weights).batch(0)) == 3
    inputs = ExampleBatches(rows, PAD, 7).batch(0)[0]
    assert {key: part.dtype for key, part in inputs.items()} == {
        key: np.dtype(np.int32) for key in ("input_word_ids", "input_mask", "input_type_ids")
    }


def test_targets_of_several_numbers(texts):
    targets = np.arange(COUNT * 3).reshape(COUNT, 3)
    batches = ExampleBatches(rows_of(texts), PAD, 7, targets, seed=3)
    np.testing.assert_array_equal(batches.batch(4)[1], targets[batches.indices(4)])


@pytest.mark.parametrize("seed", [None, 3])
def test_counts_are_those_of_the_batch(texts, seed):
    batches = ExampleBatches(rows_of(texts), PAD, 7, seed=seed)
    for step in range(2 * batches.steps_per_epoch):
        mask = batches.batch(step)[0]["input_mask"]
        assert batches.counts(step) == (mask.sum(), mask.size)


def test_without_seed_short_texts_first_in_every_epoch(texts):
    batches = ExampleBatches(rows_of(texts), PAD, 7)
    widths = [batches.batch(step)[0]["input_mask"].shape[1] for step in epoch_of(batches)]
    assert widths == sorted(widths)
    assert order_of(batches, 0) == order_of(batches, 1) == order_of(batches, 5)


def test_seed_decides_the_order(texts):
    rows = rows_of(texts)
    batches = ExampleBatches(rows, PAD, 7, seed=3)
    assert order_of(batches, 0) != order_of(batches, 1)
    assert order_of(batches, 0) != order_of(ExampleBatches(rows, PAD, 7, seed=5), 0)
    again = ExampleBatches(rows, PAD, 7, seed=3)
    for step in (19, 0, 8, 3, 19):  # in any order of calls
        np.testing.assert_array_equal(again.indices(step), batches.indices(step))


@pytest.mark.parametrize("seed", [None, 3])
def test_indices_restore_the_order_of_the_texts(texts, seed):
    """As `predict` does: what comes out batch by batch goes back to the place of its text."""
    batches = ExampleBatches(rows_of(texts), PAD, 7, seed=seed)
    first_tokens = np.concatenate([batches.batch(step)[0]["input_word_ids"][:, 0] for step in epoch_of(batches)])
    restored = np.empty_like(first_tokens)
    restored[order_of(batches)] = first_tokens
    assert restored.tolist() == [text[0] for text in texts]


@pytest.mark.parametrize("shuffle", [True, False])
def test_subset(texts, targets, weights, shuffle):
    chosen = np.array([47, 3, 11, 29, 2])
    subset = ExampleBatches(rows_of(texts), PAD, 2, targets, weights, seed=3).subset(chosen, shuffle)
    assert subset.steps_per_epoch == 3
    assert (subset.seed, subset.pad_id, subset.batch_size) == (3 if shuffle else None, PAD, 2)
    for step in epoch_of(subset):
        inputs, wanted, weight = subset.batch(step)
        rows = chosen[subset.indices(step)]
        np.testing.assert_array_equal(wanted, targets[rows])
        np.testing.assert_array_equal(weight, weights[rows])
        assert [
            ids[: sum(mask)].tolist() for ids, mask in zip(inputs["input_word_ids"], inputs["input_mask"], strict=True)
        ] == [texts[row] for row in rows]


def test_subset_without_targets(texts):
    subset = ExampleBatches(rows_of(texts), PAD, 7).subset(np.array([5, 2]))
    assert len(subset.batch(0)) == 1
    assert sorted(subset.indices(0).tolist()) == [0, 1]
