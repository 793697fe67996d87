"""Rows of similar length in one batch: few shapes, little padding."""

from __future__ import annotations

import numpy as np

__all__ = ["BOUNDARIES", "bucket_batches", "bucket_of_length", "group_by_bucket", "length_of_bucket"]

BOUNDARIES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Lengths that batches are padded to; longer rows get a multiple of 128."""


def bucket_of_length(lengths: np.ndarray) -> np.ndarray:
    """Number of the bucket of each row, int64 (R,); longer rows have higher ones.

    Example:
        >>> bucket_of_length(np.array([0, 16, 17, 512, 513, 640, 641])).tolist()
        [0, 0, 1, 9, 10, 10, 11]
    """
    buckets = np.searchsorted(BOUNDARIES, lengths)
    beyond = buckets == len(BOUNDARIES)
    buckets[beyond] += (lengths[beyond] - BOUNDARIES[-1] - 1) // 128
    return buckets


def length_of_bucket(bucket: int) -> int:
    """What the rows of a bucket are padded to.

    Example:
        >>> [length_of_bucket(bucket) for bucket in (0, 9, 10, 11)]
        [16, 512, 640, 768]
    """
    beyond_known = bucket - len(BOUNDARIES)
    return BOUNDARIES[bucket] if beyond_known < 0 else BOUNDARIES[-1] + 128 * (beyond_known + 1)


def group_by_bucket(buckets: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> list[tuple[np.ndarray, int]]:
    """Put every row into exactly one batch with rows of the same bucket; what fills no batch goes along with the next one.

    Args:
        buckets: int (R,), the bucket of each row.
        batch_size, rng: see `bucket_batches`.

    Returns:
        ceil(R / batch_size) pairs: indices of the rows, and the highest of their buckets.

    Example:
        >>> [(rows.tolist(), bucket) for rows, bucket in group_by_bucket(np.array([0, 5, 0, 3, 0]), 2, None)]
        [([0, 2], 0), ([4, 3], 3), ([1], 5)]
    """
    order = np.arange(len(buckets)) if rng is None else rng.permutation(len(buckets))
    ordered = buckets[order]
    batches: list[tuple[np.ndarray, int]] = []
    carried = order[:0]  # rows that do not fill a batch go along with the next longer bucket
    found = np.unique(ordered)
    for bucket in found:
        rows = np.concatenate([carried, order[ordered == bucket]])
        full = len(rows) if bucket == found[-1] else len(rows) // batch_size * batch_size
        batches += [(rows[start : start + batch_size], int(bucket)) for start in range(0, full, batch_size)]
        carried = rows[full:]
    if rng is not None:
        batches = [batches[index] for index in rng.permutation(len(batches))]
    return batches


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
    batches = group_by_bucket(bucket_of_length(lengths), batch_size, rng)
    return [(rows, length_of_bucket(bucket)) for rows, bucket in batches]
