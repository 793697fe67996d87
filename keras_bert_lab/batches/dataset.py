"""Numbered batches -> what `keras.Model.fit` takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import keras
import numpy as np

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
    """The batches as a data set: a `tf.data.Dataset` on TensorFlow, a `keras.utils.PyDataset` on other backends.

    Args:
        batches: numbered batches.
        first_step: number of the first batch, counted over all epochs.
        epochs: how many epochs; None = endless, for `fit(steps_per_epoch=batches.steps_per_epoch)`.
    """
    count = None if epochs is None else epochs * batches.steps_per_epoch
    if keras.backend.backend() != "tensorflow":
        return _Numbered(batches, first_step, count)
    cardinality = tf.data.INFINITE_CARDINALITY if count is None else count

    def numbers() -> Iterable[int]:
        return itertools.count(first_step) if count is None else range(first_step, first_step + count)

    found = _dataset(lambda: map(batches.batch, numbers()), batches, first_step)
    return found.apply(tf.data.experimental.assert_cardinality(cardinality))


def as_epochs(batches: Batches, position: Callable[[], int]) -> Any:
    """The batches as a data set that is read once for each epoch, each time from where the training stands to the epoch's end.

    Args:
        batches: numbered batches.
        position: number of the next batch, counted over all epochs; asked whenever reading begins.

    Returns:
        A `tf.data.Dataset` for batches of token ids on TensorFlow, else a `keras.utils.PyDataset`, of which `fit` must not
        shuffle the numbers. `fit` learns from it how many batches a whole epoch has.
    """
    # Of a tf.data.Dataset Keras warns that it will not shuffle it, unless it is told shuffle=False.
    if keras.backend.backend() != "tensorflow" or not hasattr(batches, "target_shape"):
        return _Epochs(batches, position)
    found = _dataset(lambda: map(batches.batch, _rest_of_epoch(position(), batches)), batches, 0)
    # Keras asks for the number of batches here. What TensorFlow itself is told, it also counts.
    found.cardinality = lambda: tf.constant(batches.steps_per_epoch, tf.int64)
    return found


def _rest_of_epoch(first: int, batches: Batches) -> range:
    return range(first, (first // batches.steps_per_epoch + 1) * batches.steps_per_epoch)


class _Numbered(keras.utils.PyDataset):
    """Batches from a first one on; they can be read again and again, as each validation does.

    Args:
        batches: numbered batches.
        first_step: number of the first one.
        count: how many; None = endless.
    """

    def __init__(self, batches: Batches, first_step: int, count: int | None) -> None:
        super().__init__()
        self._batches = batches
        self._first_step = first_step
        self._count = count

    @property
    def num_batches(self) -> int | None:
        return self._count

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return keras.tree.map_structure(_as_text_tensor, self._batches.batch(self._first_step + index))


class _Epochs(_Numbered):
    """From the batch where the training stands when an epoch begins to the epoch's end; before and after, a whole epoch."""

    def __init__(self, batches: Batches, position: Callable[[], int]) -> None:
        super().__init__(batches, 0, batches.steps_per_epoch)
        self._position = position

    def on_epoch_begin(self) -> None:
        rest = _rest_of_epoch(self._position(), self._batches)
        self._first_step, self._count = rest.start, len(rest)

    def on_epoch_end(self) -> None:
        self._first_step, self._count = 0, self._batches.steps_per_epoch


def _as_text_tensor(array: Any) -> Any:
    """Texts are objects in NumPy, a type that Keras does not know."""
    return tf.constant(array) if isinstance(array, np.ndarray) and array.dtype.hasobject else array


def _dataset(generator: Callable[[], Iterable[tuple[Any, ...]]], batches: Batches, some_step: int) -> Any:
    """What a generator of batches yields, with open numbers of rows and tokens."""
    inputs, *rest = batches.batch(some_step)

    def spec(part: Any, shape: Any) -> Any:
        if isinstance(part, dict):
            return {key: spec(value, shape[key]) for key, value in part.items()}
        # Rows may differ from batch to batch; the number of labels does not, and metrics need it.
        return tf.TensorSpec((None, *shape[: part.ndim - 1]), part.dtype)

    signature = (
        {key: tf.TensorSpec((None,) * array.ndim, array.dtype) for key, array in inputs.items()},
        *(spec(part, batches.target_shape) for part in rest),
    )
    options = tf.data.Options()
    options.autotune.enabled = False  # nothing here is tuned, and who drops the reader waits for the thread that tunes
    return tf.data.Dataset.from_generator(generator, output_signature=signature).prefetch(2).with_options(options)
