"""Numbered batches -> what `keras.Model.fit` takes."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import Any, Protocol

import keras

from keras_bert_lab.lazy import LazyModule

__all__ = ["Batches", "as_dataset"]

tf = LazyModule("tensorflow")


class Batches(Protocol):
    """Numbered batches: number k is a pure function of k."""

    steps_per_epoch: int

    @property
    def target_shape(self) -> Any:
        """Shape of one row's targets, None in it = differs from batch to batch; a dict of shapes where targets are a dict."""

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`, counted over all epochs: (inputs,), (inputs, targets) or (inputs, targets, weights)."""

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of batch `step`."""


class _Numbered(keras.utils.PyDataset):
    """Numbered batches for other backends than TensorFlow, the next one made while the model works on this one.

    They can be read again and again; a generator would be used up by the first validation.
    """

    def __init__(self, batches: Batches, first_step: int, count: int | None) -> None:
        super().__init__()
        self._batches = batches
        self._first_step = first_step
        self._count = count
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._next: tuple[int, concurrent.futures.Future[tuple[Any, ...]]] | None = None

    @property
    def num_batches(self) -> int | None:
        return self._count

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        number, batch = self._next or (None, None)
        if batch is None or number != index:
            batch = self._made(index)
        self._next = (index + 1, self._made(index + 1)) if self._count is None or index + 1 < self._count else None
        return batch.result()

    def _made(self, index: int) -> concurrent.futures.Future[tuple[Any, ...]]:
        return self._pool.submit(self._batches.batch, self._first_step + index)


def as_dataset(batches: Batches, first_step: int = 0, epochs: int | None = None) -> Any:
    """The batches as a data set: a `tf.data.Dataset` on TensorFlow, a `keras.utils.PyDataset` on other backends.

    Args:
        batches: numbered batches.
        first_step: number of the first batch, counted over all epochs.
        epochs: how many epochs; None = endless, for `fit(steps_per_epoch=batches.steps_per_epoch)`.
    """
    if keras.backend.backend() != "tensorflow":
        return _Numbered(batches, first_step, None if epochs is None else epochs * batches.steps_per_epoch)

    def numbered() -> Iterator[tuple[Any, ...]]:
        step = first_step
        while epochs is None or step < first_step + epochs * batches.steps_per_epoch:
            yield batches.batch(step)
            step += 1

    inputs, *rest = batches.batch(first_step)

    def spec(part: Any, shape: Any) -> Any:
        if isinstance(part, dict):
            return {key: spec(value, shape[key]) for key, value in part.items()}
        # Rows may differ from batch to batch; the number of labels does not, and metrics need it.
        return tf.TensorSpec((None, *shape[: part.ndim - 1]), part.dtype)

    signature = (
        {key: tf.TensorSpec((None, None), array.dtype) for key, array in inputs.items()},
        *(spec(part, batches.target_shape) for part in rest),
    )
    dataset = tf.data.Dataset.from_generator(numbered, output_signature=signature).prefetch(2)
    count = tf.data.INFINITE_CARDINALITY if epochs is None else epochs * batches.steps_per_epoch
    return dataset.apply(tf.data.experimental.assert_cardinality(count))
