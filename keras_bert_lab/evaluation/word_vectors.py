"""Word vectors learned from the texts at hand, averaged: what one did before encoders, in seconds."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule

__all__ = ["WordVectors"]

sparse = LazyModule("scipy.sparse", install="scipy")
extmath = LazyModule("sklearn.utils.extmath", install="scikit-learn")
features = LazyModule("sklearn.feature_extraction.text", install="scikit-learn")


class WordVectors:
    """Texts -> means of their words' vectors; a step of a scikit-learn pipeline.

    The vectors factorise the matrix of positive pointwise mutual information of words that stand near each other,

        max(0, log(n(w, c) N / (n(w) n(c)))) = U S V',    vectors U sqrt(S),

    which is what word2vec's skip-gram with negative sampling does implicitly, in one step and without randomness in the data.

    Args:
        size: numbers in a vector.
        window: words on either side that count as near.
        min_count: words that occur less often have no vector.
        max_words: the most frequent words that have one.
        seed: of the randomised factorisation.

    Reference: Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization"; Mikolov et al. 2013.
    """

    def __init__(self, size: int = 100, window: int = 5, min_count: int = 2, max_words: int = 30000, seed: int = 0) -> None:
        self.size = size
        self.window = window
        self.min_count = min_count
        self.max_words = max_words
        self.seed = seed
        self.places: dict[str, int] = {}
        self.vectors = np.zeros((0, size), np.float32)

    def fit(self, texts: Sequence[str], labels: Any = None) -> WordVectors:
        """Learn the vectors; labels are not looked at.

        Raises:
            ValueError: no word occurs `min_count` times.
        """
        del labels
        split = features.CountVectorizer().build_analyzer()
        words = [split(text) for text in texts]
        counts = collections.Counter(itertools.chain.from_iterable(words))
        known = [word for word, count in counts.most_common(self.max_words) if count >= self.min_count]
        if not known:
            raise ValueError(
                f"texts must hold words that occur at least min_count={self.min_count} times. "
                f"Received: {len(words)} texts with {len(counts)} different words"
            )
        self.places = {word: place for place, word in enumerate(known)}
        rows = [[self.places[word] for word in text if word in self.places] for text in words]
        self.vectors = self._factors(self._near(rows))
        return self

    def _near(self, rows: list[list[int]]) -> Any:
        """How often word w stands within the window of word c, symmetric sparse (W, W)."""
        size = len(self.places)
        total = sparse.csr_matrix((size, size), dtype=np.float64)
        # -1 between texts keeps words of different texts apart.
        flat = np.concatenate([np.array([*row, *[-1] * self.window], np.int64) for row in rows])
        for distance in range(1, self.window + 1):
            first, second = flat[:-distance], flat[distance:]
            real = (first >= 0) & (second >= 0)
            pairs = sparse.coo_matrix((np.ones(real.sum()), (first[real], second[real])), shape=(size, size)).tocsr()
            total = total + pairs + pairs.T
        return total

    def _factors(self, near: Any) -> np.ndarray:
        pairs = near.tocoo()
        of_word = np.asarray(near.sum(axis=1)).ravel()
        information = np.log(pairs.data * of_word.sum() / (of_word[pairs.row] * of_word[pairs.col]))
        is_kept = information > 0
        matrix = sparse.csr_matrix((information[is_kept], (pairs.row[is_kept], pairs.col[is_kept])), shape=near.shape)
        size = min(self.size, len(self.places))
        left, strengths, _ = extmath.randomized_svd(matrix, size, random_state=self.seed)
        return (left * np.sqrt(strengths)).astype(np.float32)

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """float32 (R, size): the mean over a text's known words, scaled to length 1; zeros where none is known."""
        split = features.CountVectorizer().build_analyzer()
        rows = np.zeros((len(texts), self.vectors.shape[1]), np.float32)
        for row, text in enumerate(texts):
            places = [self.places[word] for word in split(text) if word in self.places]
            if places:
                mean = self.vectors[places].mean(axis=0)
                rows[row] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return rows

    def fit_transform(self, texts: Sequence[str], labels: Any = None) -> np.ndarray:
        """`fit` and `transform` on the same texts."""
        return self.fit(texts, labels).transform(texts)
