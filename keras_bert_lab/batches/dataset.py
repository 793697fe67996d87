"""Numbered batches -> what `keras.Model.fit` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras

from keras_bert_lab.lazy import LazyModule

__all__ = ["Batches", "as_dataset", "as_epochs"]

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


def as_dataset(batches: Batches, first_step: int = 0, epochs: int | None = None) -> Any:
    """The batches as a data set: a `tf.data.Dataset` on TensorFlow, a generator on other backends.

    Args:
        batches: numbered batches.
        first_step: number of the first batch, counted over all epochs.
        epochs: how many epochs; None = endless, for `fit(steps_per_epoch=batches.steps_per_epoch)`.
    """

    def numbered() -> Iterator[tuple[Any, ...]]:
        step = first_step
        while epochs is None or step < first_step + epochs * batches.steps_per_epoch:
            yield batches.batch(step)
            step += 1

    if keras.backend.backend() != "tensorflow":
        return numbered()
    count = tf.data.INFINITE_CARDINALITY if epochs is None else epochs * batches.steps_per_epoch
    return _dataset(numbered, batches, first_step).apply(tf.data.experimental.assert_cardinality(count))


def as_epochs(batches: Batches, position: Callable[[], int]) -> Any:
    """The batches as a data set that is read once for each epoch, each time from where the training stands to the epoch's end.

    Args:
        batches: numbered batches.
        position: number of the next batch, counted over all epochs; asked whenever reading begins.

    Returns:
        A `tf.data.Dataset` or a `keras.utils.PyDataset`. `fit` learns from it how many batches an epoch has; it must not ask
        for those that are not read again.
    """
    # Of a tf.data.Dataset Keras warns that it will not shuffle it, unless it is told shuffle=False.
    if keras.backend.backend() != "tensorflow" or getattr(batches, "has_equal_rows", False):
        return _Epochs(batches, position)

    def rest_of_epoch() -> Iterator[tuple[Any, ...]]:
        first = position()
        yield from map(batches.batch, range(first, (first // batches.steps_per_epoch + 1) * batches.steps_per_epoch))

    # Who reads less than a whole epoch does not come to its end, where the number would be wrong.
    return _dataset(rest_of_epoch, batches, 0).apply(tf.data.experimental.assert_cardinality(batches.steps_per_epoch))


class _Epochs(keras.utils.PyDataset):
    """Whichever number is asked for, the next batch comes."""

    def __init__(self, batches: Batches, position: Callable[[], int]) -> None:
        super().__init__()
        self._batches = batches
        self._position = position
        self._next = position()

    def __len__(self) -> int:
        return self._batches.steps_per_epoch

    def on_epoch_begin(self) -> None:
        self._next = self._position()

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        self._next += 1
        return self._batches.batch(self._next - 1)


def _dataset(generator: Callable[[], Iterator[tuple[Any, ...]]], batches: Batches, some_step: int) -> Any:
    """What a generator of batches yields, with open numbers of rows and tokens."""
    inputs, *rest = batches.batch(some_step)

    def spec(part: Any, shape: Any) -> Any:
        if isinstance(part, dict):
            return {key: spec(value, shape[key]) for key, value in part.items()}
        # Rows may differ from batch to batch; the number of labels does not, and metrics need it.
        return tf.TensorSpec((None, *shape[: part.ndim - 1]), part.dtype)

    signature = (
        {key: tf.TensorSpec((None, None), array.dtype) for key, array in inputs.items()},
        *(spec(part, batches.target_shape) for part in rest),
    )
    return tf.data.Dataset.from_generator(generator, output_signature=signature).prefetch(2)
