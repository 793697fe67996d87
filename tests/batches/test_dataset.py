"""Numbered batches as a data set: the same batches, of known number, from any step on."""

import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.batches import ExampleBatches, TokenRows, as_dataset, as_epochs

STEPS = 5


@pytest.fixture(scope="module")
def batches():
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 67, 31)
    ids = rng.integers(5, 101, lengths.sum()).astype(np.int32)
    rows = TokenRows(ids, np.zeros_like(ids), np.cumsum([0, *lengths]))
    found = ExampleBatches(rows, 0, 7, np.arange(31) % 2, np.linspace(0.5, 2, 31, dtype=np.float32), seed=3)
    assert found.steps_per_epoch == STEPS
    return found


def assert_equal(found, batches, steps):
    assert len(found) == len(steps)
    for batch, step in zip(found, steps, strict=True):
        keras.tree.map_structure(
            np.testing.assert_array_equal, keras.tree.map_structure(np.asarray, batch), batches.batch(step)
        )


def first(dataset, count):
    """The first batches of an endless data set."""
    iterator = iter(dataset)
    found = list(itertools.islice(iterator, count))
    # TensorFlow hangs if it is dropped while its thread is in Python: that thread shall rest, having read ahead.
    time.sleep(0.3)
    return found


@pytest.mark.parametrize("epochs", [1, 3])
def test_finite(batches, epochs):
    dataset = as_dataset(batches, epochs=epochs)
    assert isinstance(dataset, tf.data.Dataset)
    assert int(dataset.cardinality()) == epochs * STEPS
    assert_equal(list(dataset), batches, range(epochs * STEPS))
    assert_equal(list(dataset), batches, range(epochs * STEPS))  # it can be read again


def test_endless(batches):
    dataset = as_dataset(batches)
    assert int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY
    assert_equal(first(dataset, 3 * STEPS + 2), batches, range(3 * STEPS + 2))


@pytest.mark.parametrize("first_step", [2, 5, 13])
def test_resumes_in_the_middle_with_the_same_batches(batches, first_step):
    assert_equal(first(as_dataset(batches, first_step), 7), batches, range(first_step, first_step + 7))
    finite = as_dataset(batches, first_step, epochs=2)
    assert int(finite.cardinality()) == 2 * STEPS
    assert_equal(list(finite), batches, range(first_step, first_step + 2 * STEPS))


def test_shapes_are_open_and_types_kept(batches):
    inputs, targets, weights = as_dataset(batches, epochs=1).element_spec
    assert {key: (spec.shape.as_list(), spec.dtype) for key, spec in inputs.items()} == {
        key: ([None, None], tf.int32) for key in ("input_word_ids", "input_mask", "input_type_ids")
    }
    assert (targets.shape.as_list(), targets.dtype) == ([None], tf.int64)
    assert (weights.shape.as_list(), weights.dtype) == ([None], tf.float32)


def test_inputs_alone(batches):
    alone = ExampleBatches(batches.rows, 0, 7)
    found = list(as_dataset(alone, epochs=1))
    assert_equal(found, alone, range(STEPS))
    assert isinstance(found[0], tuple)


def test_other_backends_get_batches_by_number(batches, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    finite = as_dataset(batches, 2, epochs=1)
    assert isinstance(finite, keras.utils.PyDataset)
    assert finite.num_batches == STEPS
    assert_equal(list(finite), batches, range(2, 2 + STEPS))
    assert_equal(list(finite), batches, range(2, 2 + STEPS))  # it can be read again: each validation does
    assert as_dataset(batches).num_batches is None
    assert_equal(list(itertools.islice(as_dataset(batches), 7)), batches, range(7))


class OwnBatches:
    """Numbered batches of a user: no shapes are told."""

    steps_per_epoch = 3

    def batch(self, step):
        return np.full((2, 7), step, np.float32), np.full(2, step)


@pytest.mark.parametrize("position", [0, 2, 4, 5, 13, 14])
def test_the_rest_of_an_epoch(batches, position):
    dataset = as_epochs(batches, lambda: position)
    assert int(dataset.cardinality()) == STEPS  # what Keras asks: of a whole one
    assert_equal(list(dataset), batches, range(position, (position // STEPS + 1) * STEPS))


def test_each_epoch_begins_where_the_training_stands(batches):
    place = [3]
    dataset = as_epochs(batches, lambda: place[0])
    reading = iter(dataset)
    place[0] = 6  # asked when reading begins, not when it is prepared
    assert_equal(list(reading), batches, range(6, 10))
    place[0] = 11
    assert_equal(list(dataset), batches, range(11, 15))


def test_a_users_own_batches():
    place = [4]
    dataset, own = as_epochs(OwnBatches(), lambda: place[0]), OwnBatches()
    assert isinstance(dataset, keras.utils.PyDataset)
    assert len(list(dataset)) == 3  # before it is read: a whole epoch
    dataset.on_epoch_begin()
    assert dataset.num_batches == 2
    assert_equal(list(dataset), own, [4, 5])
    place[0] = 6
    dataset.on_epoch_end()
    assert dataset.num_batches == 3
    dataset.on_epoch_begin()
    assert_equal([dataset[2], dataset[0]], own, [8, 6])  # whoever asks first
