"""The words of texts as numbers, and short signatures by which similar texts are found."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import numpy as np

__all__ = ["WordIds", "candidate_pairs", "shared_share", "signatures", "words_of"]

_BANDS, _ROWS = 12, 4
_NEIGHBOURS = 16  # that a text is compared with in a group of texts that look alike
_CHUNK = 1 << 18
_TAG = re.compile(r"<[^<>]{1,200}>")
# A letter of a script without blanks between words counts as a word.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]"
    "|[^\\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]+"
)
_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}


def words_of(text: str) -> list[str]:
    """The words of a text without case, punctuation and HTML tags.

    Example:
        >>> words_of("So <br />GOOD, isn't it?"), words_of("映画 OK")
        (['so', 'good', 'isn', 't', 'it'], ['映', '画', 'ok'])
    """
    if "<" in text:
        text = _TAG.sub(" ", text)
    if text.isascii():
        return text.lower().translate(_ASCII).split()
    return _WORD.findall(text.casefold())


@dataclasses.dataclass
class WordIds:
    """Texts as numbers of words; the numbers are given in the order in which words are first seen.

    Attributes:
        known: word -> number.
        rows: for each text its numbers, int32.
    """

    known: dict[str, int] = dataclasses.field(default_factory=dict)
    rows: list[np.ndarray] = dataclasses.field(default_factory=list)

    def add(self, words: Iterable[str]) -> None:
        """One more text."""
        known = self.known
        self.rows.append(np.array([known.setdefault(word, len(known)) for word in words], np.int32))


def _mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64 of Steele, Lea and Flood 2014: near numbers get hashes that are far apart."""
    values = values * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def pairs_of_words(words: np.ndarray) -> np.ndarray:
    """Each two neighbouring words as one number."""
    words = words.astype(np.uint64)
    return (words[:-1] << np.uint64(32)) | words[1:]


def signatures(rows: list[np.ndarray]) -> np.ndarray:
    """MinHash of the word pairs of each text, uint32 (texts, 48): the share of equal numbers in two rows is near their Jaccard
    similarity. Texts of one word are all alike.

    Reference: Broder 1997, "On the resemblance and containment of documents"; multiply-shift hashing of Dietzfelbinger and
        others 1997.
    """
    count = _BANDS * _ROWS
    rng = np.random.Generator(np.random.PCG64(0))
    factors = rng.integers(0, 2**63, count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    made = np.zeros((len(rows), count), np.uint32)
    first = 0
    while first < len(rows):
        last, size = first, 0
        while last < len(rows) and (last == first or size + len(rows[last]) <= _CHUNK):
            size += len(rows[last])
            last += 1
        parts = [pairs_of_words(row) if len(row) > 1 else np.zeros(1, np.uint64) for row in rows[first:last]]
        hashes = _mixed(np.concatenate(parts))
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
        for place, factor in enumerate(factors):
            made[first:last, place] = np.minimum.reduceat(((hashes * factor) >> np.uint64(32)).astype(np.uint32), starts)
        first = last
    return made


def candidate_pairs(signs: np.ndarray, least: float) -> np.ndarray:
    """Pairs of texts (smaller place first) whose signatures agree so far that they may be similar, int64 (pairs, 2).

    Texts are grouped by bands of 4 numbers, 12 times; within a group each is compared with the first and with its neighbours,
    so the time grows with the number of texts, not with its square. Two texts of Jaccard similarity 0.8 meet with a
    probability of 1 - (1 - 0.8^4)^12 = 0.998.

    Args:
        signs: of `signatures`.
        least: share of equal numbers.

    Reference: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.
    """
    found = [np.zeros((0, 2), np.int64)]
    for band in range(_BANDS):
        part = _mixed(np.ascontiguousarray(signs[:, band * _ROWS : (band + 1) * _ROWS]).view(np.uint64))
        keys = _mixed(part[:, 0] + np.uint64(3) * part[:, 1])
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
        lengths = np.diff(np.r_[starts, len(ordered)])
        firsts = np.repeat(starts, lengths)
        away = np.flatnonzero(np.arange(len(ordered)) - firsts > _NEIGHBOURS)
        found.append(np.stack([order[firsts[away]], order[away]], 1))
        for step in range(1, _NEIGHBOURS + 1):
            same = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not len(same):
                break
            found.append(np.stack([order[same], order[same + step]], 1))
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    agreed = np.zeros(len(pairs))
    for first in range(0, len(pairs), _CHUNK):
        some = pairs[first : first + _CHUNK]
        agreed[first : first + _CHUNK] = (signs[some[:, 0]] == signs[some[:, 1]]).mean(axis=1)
    return pairs[agreed >= least]


def shared_share(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity of the word pairs of two texts; of texts of one word: whether they are equal.

    Example:
        >>> shared_share(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]))
        0.5
    """
    if len(first) < 2 or len(second) < 2:
        return float(np.array_equal(first, second))
    ours, theirs = np.unique(pairs_of_words(first)), np.unique(pairs_of_words(second))
    both = len(np.intersect1d(ours, theirs, assume_unique=True))
    return both / (len(ours) + len(theirs) - both)
