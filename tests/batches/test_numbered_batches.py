"""A user's own data as numbered batches."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab.batches import numbered_batches
from keras_bert_lab.batches.randomness import generator

ROWS = 11
NUMBERS = np.arange(ROWS * 3).reshape(ROWS, 3)
LABELS = np.arange(ROWS) * 10


def epoch(batches: Any, number: int = 0) -> list[Any]:
    steps = batches.steps_per_epoch
    return [batches.batch(step) for step in range(number * steps, (number + 1) * steps)]


def test_in_order() -> None:
    batches = numbered_batches(NUMBERS, LABELS, batch_size=4, shuffle=False)
    assert batches.steps_per_epoch == 3
    for number in (0, 1, 5):
        found = epoch(batches, number)
        assert [len(x) for x, _ in found] == [4, 4, 3]
        assert np.array_equal(np.concatenate([x for x, _ in found]), NUMBERS)
        assert np.array_equal(np.concatenate([y for _, y in found]), LABELS)
    assert [batches.counts(step) for step in range(4)] == [(4, 4), (4, 4), (3, 3), (4, 4)]


def test_a_new_order_in_each_epoch() -> None:
    batches = numbered_batches(NUMBERS, LABELS, batch_size=4, seed=7)
    orders = []
    for number in range(3):
        found = epoch(batches, number)
        labels = np.concatenate([y for _, y in found])
        orders.append((labels // 10).tolist())
        assert np.array_equal(np.concatenate([x for x, _ in found]), NUMBERS[labels // 10])
        assert orders[-1] == generator(7, number).permutation(ROWS).tolist()
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == list(range(ROWS)) for order in orders)
    others = numbered_batches(NUMBERS, LABELS, batch_size=4, seed=8)
    assert not np.array_equal(others.batch(0)[1], batches.batch(0)[1])


def test_a_batch_follows_from_its_number() -> None:
    batches, others = (numbered_batches(NUMBERS, LABELS, batch_size=4, seed=7) for _ in range(2))
    expected = [others.batch(step) for step in range(12)]
    for step in (11, 0, 7, 7, 3, 10):
        for one, other in zip(batches.batch(step), expected[step], strict=True):
            assert np.array_equal(one, other)


COLUMNS: dict[str, tuple[Any, Any]] = {
    "list": ([1, 2, 3], np.array([1, 2, 3])),
    "array": (np.ones((3, 2), np.float16), np.ones((3, 2), np.float16)),
    "tensor": (tf.range(3), np.arange(3, dtype=np.int32)),
    "series": (pd.Series([1.5, 2.5, 3.5]), np.array([1.5, 2.5, 3.5])),
    "table": (pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}), np.array([[1, 4], [2, 5], [3, 6]])),
    "texts": (["a", "bc", "ä"], np.array([b"a", b"bc", "ä".encode()], object)),
    "array of texts": (np.array([["a"], ["bc"], ["d"]]), np.array([[b"a"], [b"bc"], [b"d"]], object)),
    "text tensor": (tf.constant(["a", "bc", "d"]), np.array([b"a", b"bc", b"d"], object)),
    "series of texts": (pd.Series(["a", "bc", "d"]), np.array([b"a", b"bc", b"d"], object)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name: str) -> None:
    column, expected = COLUMNS[name]
    (found,) = numbered_batches(column, batch_size=3, shuffle=False).batch(0)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
    assert all(isinstance(item, bytes) for item in found.ravel()) or found.dtype != object


def test_texts_of_one_length_or_none() -> None:
    (found,) = numbered_batches([""] * 4, batch_size=3, shuffle=False).batch(1)
    assert found.tolist() == [b""]


STRUCTURES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "x": ((NUMBERS,), ("x",)),
    "x, y": ((NUMBERS, LABELS), ("x", "y")),
    "weights": ((NUMBERS, LABELS, LABELS / 2), ("x", "y", "w")),
    "dict": (({"a": NUMBERS, "b": LABELS}, LABELS), ({"a": "x", "b": "y"}, "y")),
    "list of arrays": (([NUMBERS, LABELS], LABELS), (("x", "y"), "y")),
    "tuple of arrays": ((NUMBERS, (LABELS, NUMBERS)), ("x", ("y", "x"))),
    "dict of tuples": (({"a": (NUMBERS, LABELS)}, LABELS), ({"a": ("x", "y")}, "y")),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures(name: str) -> None:
    columns, expected = STRUCTURES[name]
    found = numbered_batches(*columns, batch_size=4, shuffle=False).batch(2)
    arrays = {"x": NUMBERS[8:], "y": LABELS[8:], "w": LABELS[8:] / 2}
    keras.tree.map_structure(lambda array, letter: np.testing.assert_array_equal(array, arrays[letter]), found, expected)


class Squares(keras.utils.PyDataset):
    def __init__(self, count: int = 5) -> None:
        super().__init__()
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return np.full((2, 3), index**2), np.full(2, index)


class Changes(Squares):
    def on_epoch_end(self) -> None:
        self.count += 1


class Begins(Squares):
    def on_epoch_begin(self) -> None:
        self.count += 1


class Inputs(Squares):
    def __getitem__(self, index: int) -> Any:
        return {"a": np.full((2, 3), index)}


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index: int) -> Any:
        return (np.zeros(1),)


def test_a_py_dataset() -> None:
    batches = numbered_batches(Squares(), shuffle=False)
    assert batches.steps_per_epoch == 5
    assert [int(batches.batch(step)[1][0]) for step in range(7)] == [0, 1, 2, 3, 4, 0, 1]
    batches = numbered_batches(Squares(), seed=3)
    orders = [[int(y[0]) for _, y in epoch(batches, number)] for number in range(2)]
    assert orders == [generator(3, number).permutation(5).tolist() for number in range(2)]
    assert batches.batch(0)[0][0, 0] == orders[0][0] ** 2
    (inputs,) = numbered_batches(Inputs(), shuffle=False).batch(3)
    assert inputs["a"][0, 0] == 3


def test_numbered_batches_stay_as_they_are() -> None:
    batches = numbered_batches(NUMBERS)
    assert numbered_batches(batches) is batches


def test_the_content() -> None:
    def hashed(*columns: Any, **how: Any) -> str:
        return numbered_batches(*columns, **how).content_hash  # type: ignore[attr-defined, unused-ignore]

    one = hashed(NUMBERS, LABELS)
    assert hashed(NUMBERS.copy(), LABELS, batch_size=3, seed=5) == one
    assert hashed(NUMBERS, LABELS + (np.arange(ROWS) == 4)) != one
    assert hashed(NUMBERS) != one


REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "dataset": (
        (tf.data.Dataset.range(3),),
        {},
        TypeError,
        "order of the data must be known beforehand. Received: _RangeDataset",
    ),
    "generator": ((iter([1]),), {}, TypeError, r"Received: list_iterator. Pass arrays, a keras.utils.PyDataset, or an object"),
    "one number": ((3.0,), {}, TypeError, "Received: float"),
    "one text": (("abc",), {}, TypeError, "must have a row for each example. Received: str"),
    "no targets": (
        (NUMBERS, None, LABELS),
        {},
        ValueError,
        "y must be given where sample_weight is. Received: y=None",
    ),
    "mixed": ((["a", None, 3],), {}, TypeError, "Received: a NoneType, None"),
    "numbers as objects": ((np.array([1, 2], object),), {}, TypeError, "Received: a int, 1"),
    "lengths": ((NUMBERS, LABELS[:-1]), {}, ValueError, r"same number of rows, at least 1\. Received: \[10, 11\]"),
    "no rows": ((NUMBERS[:0],), {}, ValueError, r"Received: \[0\]"),
    "batch size": ((NUMBERS,), {"batch_size": 0}, ValueError, "batch_size"),
    "changes": ((Changes(),), {}, TypeError, "Received: Changes, which changes from epoch to epoch"),
    "begins": ((Begins(),), {}, TypeError, "Received: Begins, which changes from epoch to epoch"),
    "endless": ((Endless(),), {}, TypeError, "Received: Endless, which has none"),
    "empty": ((Squares(0),), {}, TypeError, "Received: Squares, which has none"),
    "targets twice": ((Squares(), LABELS), {}, ValueError, "A Squares holds its own targets. Received: y or sample_weight"),
    "weights twice": ((Squares(), None, LABELS), {}, ValueError, "Leave them out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    columns, how, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        numbered_batches(*columns, **how)


def test_the_signature_is_that_of_the_training() -> None:
    from keras_bert_lab import ResumableTraining

    ours = list(inspect.signature(ResumableTraining.data).parameters.values())[1:]
    assert [(each.name, each.default) for each in ours] == [
        (each.name, each.default) for each in inspect.signature(numbered_batches).parameters.values()
    ]
