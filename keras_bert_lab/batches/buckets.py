"""Rows of similar length in one batch: few shapes, little padding."""

from __future__ import annotations

import numpy as np

__all__ = ["BOUNDARIES", "bucket_batches"]

BOUNDARIES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Lengths that batches are padded to; longer rows get a multiple of 128."""


def bucket_batches(lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> list[tuple[np.ndarray, int]]:
    """Put every row into exactly one batch with rows of similar length.

    Args:
        lengths: int (R,), tokens in each row.
        batch_size: rows in a batch; only the last one of the longest bucket may have fewer.
        rng: shuffles rows within their bucket, and the batches; None = rows keep their order, batches go from short to long.

    Returns:
        ceil(R / batch_size) pairs: indices of the rows, and the length they are padded to.

    Example:
        >>> [(rows.tolist(), length) for rows, length in bucket_batches(np.array([5, 30, 7, 20, 9]), 2, None)]
        [([0, 2], 16), ([4, 1], 32), ([3], 32)]
    """
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    bucket_of = np.searchsorted(BOUNDARIES, lengths[order])
    beyond = bucket_of == len(BOUNDARIES)
    bucket_of[beyond] += (lengths[order][beyond] - BOUNDARIES[-1] - 1) // 128
    batches: list[tuple[np.ndarray, int]] = []
    carried = order[:0]  # rows that do not fill a batch go along with the next longer bucket
    buckets = np.unique(bucket_of)
    for bucket in buckets:
        rows = np.concatenate([carried, order[bucket_of == bucket]])
        last = bucket == buckets[-1]
        full = len(rows) if last else len(rows) // batch_size * batch_size
        beyond_known = bucket - len(BOUNDARIES)
        padded = BOUNDARIES[bucket] if beyond_known < 0 else BOUNDARIES[-1] + 128 * (int(beyond_known) + 1)
        batches += [(rows[start : start + batch_size], padded) for start in range(0, full, batch_size)]
        carried = rows[full:]
    if rng is not None:
        batches = [batches[index] for index in rng.permutation(len(batches))]
    return batches
