from __future__ import annotations

import numpy as np
import pytest

from keras_bert_lab.evaluation import WordVectors

TEXTS = ["the cat sat", "the dog sat down", "a cat and the dog", "down the hill the cat ran"]


def _counts(window: int) -> tuple[list[str], np.ndarray]:
    """Words that occur twice, and how often two of them stand near each other, counted one by one."""
    words = ["the", "cat", "sat", "dog", "down"]
    near = np.zeros((5, 5))
    for text in TEXTS:
        places = [words.index(word) for word in text.split() if word in words]
        for here, first in enumerate(places):
            for there, second in enumerate(places):
                near[first, second] += 0 < abs(here - there) <= window
    return words, near


def test_vectors_factorise_the_pointwise_mutual_information() -> None:
    words, near = _counts(window=2)
    found = WordVectors(size=5, window=2).fit(TEXTS)
    assert list(found.places) == words
    total = near.sum()
    with np.errstate(divide="ignore"):
        information = np.maximum(0, np.log(near * total / np.outer(near.sum(1), near.sum(0))))
    left, strengths, _ = np.linalg.svd(information)
    # The vectors are defined up to their sign: their products are not.
    np.testing.assert_allclose(found.vectors @ found.vectors.T, left @ np.diag(strengths) @ left.T, atol=1e-5)


def test_a_text_is_the_mean_of_its_known_words_and_an_unknown_one_is_zero() -> None:
    found = WordVectors(size=3, window=2).fit(TEXTS)
    rows = found.transform(["cat dog unknown", "nothing known"])
    mean = found.vectors[[found.places["cat"], found.places["dog"]]].mean(axis=0)
    np.testing.assert_allclose(rows[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert not rows[1].any()


def test_the_seed_decides() -> None:
    one, same = (WordVectors(size=2, seed=3).fit_transform(TEXTS) for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_no_word_twice() -> None:
    with pytest.raises(ValueError, match="at least min_count=2 times. Received: 2 texts with 4 different words"):
        WordVectors().fit(["all words", "are different"])
