"""Places in normalised texts -> places in the texts as they were."""

from __future__ import annotations

from typing import Any

from keras_bert_lab.lazy import LazyModule

__all__ = ["offsets_before"]

tf = LazyModule("tensorflow")


def offsets_before(sources: Any, starts: Any, ends: Any) -> tuple[Any, Any]:
    """Byte offsets in the texts before normalisation.

    A token of a character that was taken apart has the place of the whole character; what is dropped after a token (accents)
    belongs to it.

    Args:
        sources: for each byte of a normalised text, and for its end, the place that it comes from: ragged (B, bytes + 1).
        starts, ends: in the normalised texts, ragged (B, tokens).

    Returns:
        starts, ends: ragged int32 (B, tokens).
    """
    places = sources.flat_values
    row = tf.gather(sources.row_starts(), starts.value_rowids())
    first = row + tf.cast(starts.flat_values, tf.int64)
    last = row + tf.cast(ends.flat_values, tf.int64) - 1
    # Of the bytes that come from later characters, the first one ends the token. Apart by row, all places ascend.
    apart = places + sources.value_rowids() * (tf.reduce_max(places) + 1)
    after = tf.searchsorted(apart, tf.gather(apart, tf.maximum(last, row)), side="right")
    after = tf.where(last < first, first, tf.cast(after, tf.int64))  # a token of no byte stays one
    return (
        starts.with_flat_values(tf.cast(tf.gather(places, first), tf.int32)),
        ends.with_flat_values(tf.cast(tf.gather(places, after), tf.int32)),
    )
