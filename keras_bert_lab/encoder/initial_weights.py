"""What weights start from."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_bert_lab.encoder.host_memory import hand_over, host_array

__all__ = ["blank_weights", "initial_weights"]

_is_blank = contextvars.ContextVar("is_blank", default=False)


class _Blank(keras.initializers.Initializer):
    """Zeros that take no memory before they are replaced."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.cast(hand_over(host_array(tuple(shape))), dtype or keras.config.floatx())


@contextlib.contextmanager
def blank_weights() -> Iterator[None]:
    """Inside, layers of this package start from zeros: drawing weights that are replaced at once costs time and memory.

    Example:
        >>> with blank_weights():
        ...     pooler = keras.layers.Dense(2, kernel_initializer=initial_weights(0.02))
        >>> pooler.build((None, 3))
        >>> float(abs(ops.convert_to_numpy(pooler.kernel)).max())
        0.0
    """
    token = _is_blank.set(True)
    try:
        yield
    finally:
        _is_blank.reset(token)


def initial_weights(initializer_range: float) -> keras.initializers.Initializer:
    """The truncated normal of BERT.

    Args:
        initializer_range: its standard deviation, before values beyond two of them are drawn again.

    Reference: google-research/bert, modeling.py, `create_initializer`.
    """
    return _Blank() if _is_blank.get() else keras.initializers.TruncatedNormal(stddev=initializer_range)
