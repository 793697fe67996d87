"""What is chosen together when tokens are masked: tokens, words, phrases, n-grams, spans."""

from __future__ import annotations

import numpy as np

__all__ = ["LENGTHS", "draw_lengths", "group_words"]

LENGTHS = {
    # ALBERT, section 3.1: n-grams of at most 3 words, p(n) ~ 1/n.
    "ngram": np.array([1 / n for n in range(1, 4)]) / sum(1 / n for n in range(1, 4)),
    # SpanBERT, section 3.1: geometric with p = 0.2, at most 10 words: what lies beyond is drawn again.
    "span": np.array([0.2 * 0.8**n for n in range(10)]) / (1 - 0.8**10),
}
"""Probability of each number of words, from 1 on."""


def draw_lengths(probabilities: np.ndarray, most: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Lengths with these probabilities, none above `most`.

    Args:
        probabilities: float (L,), of lengths 1 ... L.
        most: int (N,), the longest allowed each time, at least 1.
        numbers: float (N,), uniform from 0 to 1.

    Returns:
        int64 (N,).

    Example:
        >>> draw_lengths(np.array([0.5, 0.3, 0.2]), np.array([3, 3, 3, 2, 1]), np.array([0.4, 0.6, 0.9, 0.9, 0.9])).tolist()
        [1, 2, 3, 2, 1]
    """
    below = np.cumsum(probabilities)
    most = np.minimum(most, len(below))
    drawn = np.searchsorted(below, numbers * below[most - 1], side="right") + 1
    return np.minimum(drawn, most)  # rounding alone could pass it


def group_words(lengths: np.ndarray, texts: np.ndarray, breaks: np.ndarray) -> np.ndarray:
    """Part each text into groups of consecutive words.

    Args:
        lengths: int (W,): the first group of a text takes as many words as the first number says, the next one the second, ...
        texts: int (W,), text of each word, ascending.
        breaks: bool (W,), words that no group reaches across from the left.

    Returns:
        bool (W,), whether a group begins with this word.

    Example:
        >>> group_words(np.array([2, 1, 3, 3, 3, 2]), np.array([0, 0, 0, 0, 1, 1]), np.zeros(6, bool)).tolist()
        [True, False, True, True, True, False]
    """
    first = np.flatnonzero(np.diff(texts, prepend=-1))  # first word of each text
    number = np.cumsum(np.diff(texts, prepend=-1) != 0) - 1
    before = np.cumsum(lengths) - lengths
    target = before - before[first][number] + first[number]
    end = np.append(first[1:], len(lengths))
    begins = breaks.copy()
    begins[target[target < end[number]]] = True
    return begins
