"""Which tokens the masked language model must predict, and what it sees in their place."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_bert_lab.batches.masking_units import LENGTHS, draw_lengths, group_words
from keras_bert_lab.batches.phrases import PhraseFinder
from keras_bert_lab.batches.randomness import noise, uniform
from keras_bert_lab.config import MaskingConfig

__all__ = ["Masker"]

_WIDTH = np.uint64(44)  # bits of a random number that order the units of a text


@dataclasses.dataclass(frozen=True)
class _Units:
    """Units of U candidates: `first` (U,) candidate, `sizes` (U,) in tokens, `texts` (U,), `whole` (U,) replaced as one."""

    first: np.ndarray
    sizes: np.ndarray
    texts: np.ndarray
    whole: np.ndarray


class Masker:
    """Chooses and replaces tokens.

    In each text of n ordinary tokens max(1, round(rate * n)) are to be chosen. Units (tokens, words, n-grams or spans of
    words) are taken in random order until so many tokens are reached; the last unit may go beyond, which is made up for by
    stopping earlier, so that units of every length are equally probable and the rate holds on average. Of the chosen ones 80 %
    become [MASK], 10 % another token, 10 % stay as they are: each token by itself, those of a span or phrase together. Special
    tokens, [UNK] included, are neither chosen nor drawn.

    Args:
        vocabulary: with `mask_id`, `special_ids` and `word_starts`.
        masking: the settings.

    Raises:
        ValueError: a phrase with a token that is special or not in the vocabulary.

    Reference: see `MaskingConfig`.

    Example:
        >>> from keras_bert_lab.batches.vocabulary_table import VocabularyTable
        >>> table = VocabularyTable(pad_id=0, unk_id=1, cls_id=2, sep_id=3, mask_id=4, special_ids=np.arange(5),
        ...                         word_starts=np.ones(11, bool))
        >>> masker = Masker(table, MaskingConfig(rate=0.3, mask_share=1.0, random_share=0.0))
        >>> tokens, places = np.array([5, 6, 7]), np.arange(3, dtype=np.uint64)
        >>> texts, rows, keys = np.zeros(3, int), np.zeros(1, int), np.arange(4, dtype=np.uint64)
        >>> seen, chosen = masker.mask(tokens, texts, places == 0, places, rows, limit=3, keys=keys)
        >>> int(chosen.sum()), int((seen == 4).sum())
        (1, 1)
    """

    def __init__(self, vocabulary: Any, masking: MaskingConfig) -> None:
        self.masking = masking
        self._mask_id = vocabulary.mask_id
        self._word_starts = np.asarray(vocabulary.word_starts)
        self._ordinary = np.ones(len(self._word_starts), bool)
        self._ordinary[vocabulary.special_ids] = False
        self._drawn = np.flatnonzero(self._ordinary)
        for phrase in masking.phrases:
            if max(phrase) >= len(self._ordinary) or not self._ordinary[list(phrase)].all():
                raise ValueError(
                    f"phrases must hold ordinary tokens of the vocabulary's {len(self._ordinary)}. Received: {list(phrase)}"
                )
        self._phrases = PhraseFinder(masking.phrases)

    def wanted(self, counts: np.ndarray) -> np.ndarray:
        """How many of so many tokens of a text are to be chosen."""
        return np.maximum(1, np.rint(self.masking.rate * counts)).astype(np.int64)

    @property
    def single(self) -> bool:
        """Whether every unit is one token."""
        return self.masking.unit == "token" and self._phrases.longest < 2

    def mask(
        self,
        tokens: np.ndarray,
        texts: np.ndarray,
        starts: np.ndarray,
        places: np.ndarray,
        rows: np.ndarray,
        limit: int,
        keys: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose and replace tokens of R texts.

        Args:
            tokens: int (T,), all tokens, text after text.
            texts: int (T,), number of the text of each token, ascending.
            starts: bool (T,), tokens with which a segment begins: no unit reaches across from the left.
            places: uint64 (T,), a number for each token; the same number and keys, the same chance.
            rows: int (R,), the row of each text, ascending.
            limit: most tokens that are chosen in a row; what is too much is left out unit by unit.
            keys: uint64 (4,), see `noise_key`.

        Returns:
            The ids that the model sees, int32 (T,), and which were chosen, bool (T,).
        """
        seen, chosen = tokens.astype(np.int32), np.zeros(len(tokens), bool)
        candidates = np.flatnonzero(self._ordinary[tokens])
        if not len(candidates):
            return seen, chosen
        breaks = starts[candidates] | (np.diff(candidates, prepend=-2) != 1)
        units = self._units(tokens[candidates], texts[candidates], breaks, places[candidates], keys[0])
        taken = self._choose(units, places[candidates][units.first], rows, limit, keys[1])
        repeated = np.repeat(taken, units.sizes)
        where = candidates[repeated]
        chosen[where] = True
        # Where a unit is replaced as one, its first token's lot decides.
        decides = np.where(np.repeat(units.whole, units.sizes), np.repeat(units.first, units.sizes), np.arange(len(candidates)))
        lot = uniform(keys[2], places[candidates[decides[repeated]]])
        lots = noise(keys[3], places[where]) >> np.uint64(32)
        drawn = self._drawn[(lots * np.uint64(len(self._drawn)) >> np.uint64(32)).astype(np.int64)]
        masked, changed = lot < self.masking.mask_share, lot < self.masking.mask_share + self.masking.random_share
        seen[where] = np.where(masked, self._mask_id, np.where(changed, drawn, seen[where]))
        return seen, chosen

    def _units(self, tokens: np.ndarray, texts: np.ndarray, breaks: np.ndarray, places: np.ndarray, key: np.uint64) -> _Units:
        """The units of the candidates: what is chosen together."""
        unit = self.masking.unit
        count = len(tokens)
        words = breaks | self._word_starts[tokens]
        begins = np.ones(count, bool) if unit == "token" else words.copy()
        whole = np.full(count, unit == "span")
        if self._phrases.longest:
            lengths = self._phrases.find(tokens, words, breaks)
            first = np.flatnonzero(lengths)
            open_at = np.zeros(count + 1, np.int64)
            open_at[first + 1] += 1
            np.subtract.at(open_at, first + lengths[first], 1)
            begins[np.cumsum(open_at[:-1]) > 0] = False
            if unit in ("token", "word"):
                whole[first] = True
        if unit in LENGTHS:
            first = np.flatnonzero(begins)
            wanted = self.wanted(np.bincount(texts))  # no unit is longer than all that is to be chosen
            drawn = draw_lengths(LENGTHS[unit], wanted[texts[first]], uniform(key, places[first]))
            begins = np.zeros(count, bool)
            begins[first[group_words(drawn, texts[first], breaks[first])]] = True
        first = np.flatnonzero(begins)
        return _Units(first, np.diff(first, append=count), texts[first], whole[first])

    def _choose(self, units: _Units, places: np.ndarray, rows: np.ndarray, limit: int, key: np.uint64) -> np.ndarray:
        """Which units are chosen, bool (U,)."""
        random = noise(key, places)
        order = np.argsort((units.texts.astype(np.uint64) << _WIDTH) | (random >> (np.uint64(64) - _WIDTH)))
        sizes, texts = units.sizes[order], units.texts[order]
        tokens = np.bincount(units.texts, units.sizes)
        wanted = self.wanted(tokens).astype(np.float64)
        before = np.cumsum(sizes) - sizes
        starts = np.flatnonzero(np.diff(texts, prepend=-1))
        before -= np.repeat(before[starts], np.diff(starts, append=len(texts)))  # tokens of the text that come earlier
        if len(sizes) < tokens.sum():
            # By how much the unit that reaches a limit passes it, on average: as in a renewal process.
            wanted -= np.bincount(units.texts, units.sizes * (units.sizes - 1)) / np.maximum(2 * tokens, 1)
            lots = np.zeros(len(wanted))
            lots[texts[starts]] = (random[order[starts]] & np.uint64(0xFFFFF)) / 2.0**20
            wanted = np.maximum(1, np.floor(wanted + lots))  # at random up or down
        take = before < wanted[texts]
        total = np.bincount(rows[texts[take]], sizes[take])
        if total.max() > limit:
            row = rows[texts[take]]
            rank = np.arange(len(texts)) - np.repeat(starts, np.diff(starts, append=len(texts)))
            turn = np.flatnonzero(take)[np.lexsort((rank[take], row))]  # all first units of a row, then all second ones, ...
            used = np.cumsum(sizes[turn])
            begin = np.flatnonzero(np.diff(np.sort(row), prepend=-1))
            used -= np.repeat((used - sizes[turn])[begin], np.diff(begin, append=len(turn)))
            take[turn[used > limit]] = False
        chosen = np.zeros(len(sizes), bool)
        chosen[order] = take
        return chosen
