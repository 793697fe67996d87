"""Arrays that become the memory of variables, so that large weights are never there twice."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_bert_lab.lazy import LazyModule

__all__ = ["hand_over", "host_array"]

tf = LazyModule("tensorflow")

_ALIGNMENT = 64  # bytes; what TensorFlow's kernels ask of a buffer


def host_array(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros, float32, where a tensor may live; the system gives the memory only when it is written.

    Example:
        >>> host_array((3, 5)).ctypes.data % 64
        0
    """
    size = math.prod(shape) * np.dtype(np.float32).itemsize
    room = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(np.float32).reshape(shape)


def hand_over(array: np.ndarray) -> Any:
    """A `host_array` as a tensor, on TensorFlow without a copy: it must not be written afterwards."""
    if keras.backend.backend() == "tensorflow" and tf.executing_eagerly():
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return ops.convert_to_tensor(array)
