"""Shares of labels in parts of a table: counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from keras_bert_lab.data.splits import split_rows, stratified_order


def labels_of(*counts: int) -> np.ndarray:
    labels = np.repeat([f"label {number}" for number in range(len(counts))], counts)
    return np.random.default_rng(3).permutation(labels)


@pytest.mark.parametrize("counts", [(97, 31), (60, 30, 7), (500, 5, 3, 11, 2), (19,)])
@pytest.mark.parametrize("share", [0.1, 0.27, 0.5])
@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_each_label_has_its_share_to_one_row(counts: tuple[int, ...], share: float, seed: int) -> None:
    labels = labels_of(*counts)
    learned, held_out = split_rows(len(labels), share, seed, labels)
    assert len(held_out) == round(share * len(labels))
    assert sorted([*learned, *held_out]) == list(range(len(labels)))
    assert (np.diff(learned) > 0).all()
    assert (np.diff(held_out) > 0).all()
    for label in set(labels):
        wanted = (labels == label).sum() * len(held_out) / len(labels)
        assert abs((labels[held_out] == label).sum() - wanted) < 1


def test_it_is_a_pure_function_of_the_seed() -> None:
    labels = labels_of(60, 30, 7)
    np.random.seed(1)
    first = split_rows(97, 0.2, 5, labels)
    np.random.seed(2)
    again = split_rows(97, 0.2, 5, pd.Series(labels, index=range(97, 0, -1)))
    for ours, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours, same)
    assert len({tuple(split_rows(97, 0.2, seed, labels)[1]) for seed in range(7)}) == 7
    wanted = train_test_split(np.arange(97), test_size=19, random_state=5, stratify=labels)[1]
    np.testing.assert_array_equal(first[1], np.sort(wanted))


def test_without_labels_rows_are_drawn_at_random() -> None:
    labels = np.repeat(["a", "b"], [50, 51])
    shares = [(labels[split_rows(101, 0.2, seed)[1]] == "a").sum() for seed in range(20)]
    assert max(shares) - min(shares) > 3
    wanted = train_test_split(np.arange(101), test_size=20, random_state=7)[1]
    np.testing.assert_array_equal(split_rows(101, 0.2, 7)[1], np.sort(wanted))


@pytest.mark.parametrize(
    ("counts", "share"),
    [((60, 1), 0.2), ((3,) * 11, 0.2), ((3,) * 11, 0.8)],
    ids=["one row of a label", "less rows held out than labels", "less rows to learn from than labels"],
)
def test_labels_with_too_few_rows_are_drawn_at_random(counts: tuple[int, ...], share: float) -> None:
    labels = labels_of(*counts)
    for ours, wanted in zip(split_rows(len(labels), share, 7, labels), split_rows(len(labels), share, 7), strict=True):
        np.testing.assert_array_equal(ours, wanted)


@pytest.mark.parametrize(("count", "share"), [(11, 0.01), (11, 0.99), (1, 0.5), (0, 0.5), (11, 1.5), (11, -1.0), (11, 0.0)])
def test_a_part_without_rows_is_refused(count: int, share: float) -> None:
    with pytest.raises(ValueError, match=f"rows on both sides. Received: validation_split={share} of {count} texts"):
        split_rows(count, share, 7, ["a"] * count)


@pytest.mark.parametrize("counts", [(19,), (97, 31), (60, 30, 7), (500, 5, 3, 11, 2), (1, 1, 1, 300), (7,) * 7])
def test_all_beginnings_of_the_order_have_all_labels_in_their_shares(counts: tuple[int, ...]) -> None:
    labels = labels_of(*counts)
    order = stratified_order(labels, seed=5)
    assert sorted(order) == list(range(len(labels)))
    so_far = np.arange(1, len(labels) + 1)
    for label in set(labels):
        wanted = so_far * (labels == label).mean()
        assert np.abs(np.cumsum(labels[order] == label) - wanted).max() < 1


def test_the_order_is_a_pure_function_of_the_seed() -> None:
    labels: Any = [1, 0, 0, 1, 1, 0, 1, 0, 1, 1]
    orders = [tuple(stratified_order(labels, seed)) for seed in (5, 5, 6, 7)]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3
