"""Losses and figures of pretraining: per masked token, and per pair of sentences."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from typing import Any

import keras
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.lazy import LazyModule

__all__ = [
    "LOSS_METRIC",
    "Means",
    "batch_without_pairs",
    "cross_entropy",
    "loss_and_accuracy",
    "mean_over_replicas",
    "of_masked_tokens",
    "of_pairs",
    "token_metrics",
    "without_pairs",
]

tf = LazyModule("tensorflow")

LOSS_METRIC = "token_loss"

# A variable of the context, not of the model: on several replicas each trains in a thread of its own, and waits for the others.
_WITHOUT_PAIRS: contextvars.ContextVar[bool] = contextvars.ContextVar("without_pairs", default=False)

Parts = tuple[Any, Any, Any]


def of_masked_tokens(y: Any, y_pred: Any, weights: Any) -> Parts:
    """Targets (B, P), logits (B, P, V) and weights (B, P) or None of the masked tokens, with or without pairs beside them."""
    return _part(contract.MASKED_IDS, y, y_pred, weights)


def of_pairs(y: Any, y_pred: Any, weights: Any) -> Parts | None:
    """Labels (B, K), logits (B, K, 2) and weights (B, K) or None of the pairs; None where there are none.

    Raises:
        ValueError: labels of pairs, and no logits for them.
    """
    if not _has_pairs(y):
        return None
    if not isinstance(y_pred, Mapping):
        raise ValueError(
            f"Targets with {contract.NEXT_SENTENCE_LABELS!r} need a MaskedLanguageModel with next_sentence=True, and inputs "
            f"with {contract.EXAMPLE_STARTS!r}. Received: targets {sorted(y)} for a model that gives scores of masked tokens "
            "alone."
        )
    return _part(contract.NEXT_SENTENCE_LABELS, y, y_pred, weights)


def _has_pairs(y: Any) -> bool:
    return isinstance(y, Mapping) and contract.NEXT_SENTENCE_LABELS in y


def _part(key: str, y: Any, y_pred: Any, weights: Any) -> Parts:
    if isinstance(y, Mapping) and (key not in y or not (weights is None or isinstance(weights, Mapping))):
        raise ValueError(
            f"Targets and weights must both be dicts, and hold {key!r}. Received: targets {sorted(y)}, weights "
            f"{sorted(weights) if isinstance(weights, Mapping) else type(weights).__name__}"
        )
    target, scores, weight = (each.get(key) if isinstance(each, Mapping) else each for each in (y, y_pred, weights))
    return target, scores, weight


def cross_entropy(target: Any, scores: Any) -> Any:
    """-log softmax(scores)[target], each one, in the shape of the targets."""
    return ops.sparse_categorical_crossentropy(target, scores, from_logits=True)


def mean_over_replicas(each: Any, weights: Any = None) -> Any:
    """Weighted mean over all replicas: this one's sum(each * weights), divided by the sum of weights of all of them.

    Args:
        each: values of any shape.
        weights: of the same shape, 0 = does not count; None = all count.

    Returns:
        This replica's part of the mean, which optimizers sum up; 0 where all weights are 0.
    """
    weights = ops.ones_like(each) if weights is None else ops.cast(weights, each.dtype)
    return ops.sum(each * weights) / ops.maximum(_total(ops.sum(weights)), 1.0)


def _total(count: Any) -> Any:
    """Sum of a number over all replicas of a `tf.distribute` strategy; the number itself outside of one."""
    if keras.backend.backend() == "tensorflow" and tf.distribute.in_cross_replica_context() is False:
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            return context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return count


def token_metrics() -> list[keras.metrics.Metric]:
    """What is shown of the masked tokens: the loss of all of an epoch's, divided by their number, and the share found."""
    return [
        keras.metrics.SparseCategoricalCrossentropy(name=LOSS_METRIC, from_logits=True),
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    ]


def loss_and_accuracy(labels: Any, logits: Any, weights: Any) -> dict[str, tuple[Any, Any]]:
    """Loss of each pair, and whether it was told right, each with the weights."""
    best = ops.argmax(logits, axis=-1)
    right = ops.equal(best, ops.cast(labels, best.dtype))
    return {"pair_loss": (cross_entropy(labels, logits), weights), "pair_accuracy": (ops.cast(right, "float32"), weights)}


class Means:
    """Weighted means over an epoch, which are shown only where something was counted.

    They are no Keras objects of the model that holds them: its `.keras` file is the same with and without them.

    Args:
        *names: of the metrics.
    """

    def __init__(self, *names: str) -> None:
        self.metrics = [keras.metrics.Mean(name=name) for name in names]
        self._traced = False

    def update(self, parts: Mapping[str, tuple[Any, Any]] | None) -> None:
        """Count (values, weights) under each name; None = nothing to count in this batch."""
        self._traced = parts is not None
        for metric in self.metrics if parts is not None else []:
            values, weights = parts[metric.name]  # type: ignore[index]
            flat = None if weights is None else ops.reshape(weights, (-1,))
            metric.update_state(ops.reshape(values, (-1,)), sample_weight=flat)

    def take(self, results: dict[str, Any]) -> dict[str, Any]:
        """Move the means out of the results of all metrics; none where nothing was counted."""
        found = {metric.name: results.pop(metric.name) for metric in self.metrics}
        seen = self._traced
        if keras.backend.backend() == "tensorflow" and tf.executing_eagerly():
            seen = bool(ops.greater(self.metrics[0].count, 0))
        return found if seen else {}


@contextlib.contextmanager
def batch_without_pairs(data: Any) -> Iterator[None]:
    """Within it `without_pairs` tells whether this batch of (inputs, targets, weights) is one without pairs."""
    _, y, _ = keras.utils.unpack_x_y_sample_weight(data)
    before = _WITHOUT_PAIRS.set(not _has_pairs(y))
    try:
        yield
    finally:
        _WITHOUT_PAIRS.reset(before)


def without_pairs() -> bool:
    """Whether the batch that is trained on right now has no pairs."""
    return _WITHOUT_PAIRS.get()
