from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from keras_bert_lab.batches.content_hash import hash_of

DIFFERENT: list[tuple[Any, ...]] = [
    (),
    (None,),
    (None, None),
    ("None",),
    ("",),
    (np.arange(6),),
    (np.arange(6).reshape(2, 3),),
    (np.arange(6).reshape(3, 2),),
    (np.arange(6, dtype=np.int32),),
    (np.arange(6.0),),
    (np.arange(3), np.arange(3, 6)),
    (np.zeros(0),),
    (np.zeros((0, 3)),),
    (np.zeros(0), np.zeros(0)),
    (np.array(0.0),),
    (np.array([0.0]),),
    (np.array(-0.0),),
    (np.array([True]),),
    (np.array(["ab", "c"], object),),
    (np.array(["a", "bc"], object),),
    (np.array([b"ab", b"d"], object),),
    (np.array(["ab", "c"]),),
]


def test_different_data_have_different_hashes() -> None:
    found = [hash_of(*parts) for parts in DIFFERENT]
    for (one, first), (other, second) in itertools.combinations(zip(found, DIFFERENT, strict=True), 2):
        assert one != other, (first, second)


@pytest.mark.parametrize("parts", DIFFERENT, ids=range(len(DIFFERENT)))
def test_the_same_data_have_the_same_hash(parts: tuple[Any, ...]) -> None:
    copies = [part.copy() if isinstance(part, np.ndarray) else part for part in parts]
    assert hash_of(*parts) == hash_of(*copies)


def test_memory_does_not_matter() -> None:
    array = np.arange(35).reshape(5, 7)
    assert hash_of(np.asfortranarray(array)) == hash_of(array)
    assert hash_of(np.repeat(array, 2, axis=1)[:, ::2]) == hash_of(array)
    assert hash_of(np.array(["ä"], object)) == hash_of(np.array(["ä".encode()], object))


@pytest.mark.parametrize("place", range(35))
def test_each_number_counts(place: int) -> None:
    array = np.arange(35.0)
    changed = array.copy()
    changed[place] = np.nextafter(changed[place], 99)
    assert hash_of(array) != hash_of(changed)
