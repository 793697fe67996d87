"""Areas under ROC curves from counts in fixed bins: memory that does not grow with the test set."""

from __future__ import annotations

import numpy as np

from keras_bert_lab.config import check_integer

__all__ = ["ScoreBins"]

_LIMIT = 17.0
"""Logits beyond it share the outermost bins: in float32 a probability nearer to 1 is 1."""


class ScoreBins:
    """Counts of texts with and without each label, by the probability of the label.

    Bins are equally wide in the logit, log(p / (1 - p)), so that probabilities near 0 and 1, where trained models put most
    texts, are told apart as well as others.

    Args:
        labels: C, number of labels.
        bins: how many.

    Raises:
        ValueError: fewer than 2 bins.
    """

    def __init__(self, labels: int, bins: int = 4096) -> None:
        check_integer("bins", bins, 2)
        self.bins = bins
        self._with, self._without = (np.zeros((labels, bins), np.int64) for _ in range(2))

    def add(self, true: np.ndarray, table: np.ndarray) -> None:
        """Count texts.

        Args:
            true: bool (R, C).
            table: probabilities, float64 (R, C).
        """
        with np.errstate(divide="ignore"):
            logits = np.log(table) - np.log1p(-table)
        share = (np.clip(logits, -_LIMIT, _LIMIT) + _LIMIT) / (2 * _LIMIT)
        places = np.minimum((share * self.bins).astype(np.int64), self.bins - 1)
        for label in range(table.shape[1]):
            has = true[:, label]
            self._with[label] += np.bincount(places[has, label], minlength=self.bins)
            self._without[label] += np.bincount(places[~has, label], minlength=self.bins)

    def auroc(self) -> tuple[list[float | None], float]:
        """Areas under the ROC curves, and how far one of them may be from the exact area.

            A = sum_b w_b (sum_{a < b} v_a + v_b / 2) / (W V),    |A - exact| <= sum_b w_b v_b / (2 W V)

        w_b, v_b: texts with and without the label in bin b; W, V: all of them. Of two texts in one bin nobody knows any more
        which was higher: each such pair counts a half, and may count 0 or 1.

        Returns:
            For each label the area, None where no text has it, or each; and the largest of the bounds.
        """
        areas: list[float | None] = []
        bound = 0.0
        for has, lacks in zip(self._with.astype(np.float64), self._without.astype(np.float64), strict=True):
            pairs = has.sum() * lacks.sum()
            if not pairs:
                areas.append(None)
                continue
            below = np.cumsum(lacks) - lacks
            areas.append(float((has * (below + lacks / 2)).sum() / pairs))
            bound = max(bound, float((has * lacks).sum() / (2 * pairs)))
        return areas, bound
