"""Checkpoints of TensorFlow, `<prefix>.index` and `<prefix>.data-00000-of-00001`, checked before they are read."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.tensor_files import Tensors, regular_file
from keras_bert_lab.lazy import LazyModule

__all__ = ["TensorFlowCheckpoint"]

tf = LazyModule("tensorflow")


def _stored_bytes(prefix: pathlib.Path) -> int:
    """Size of the files with the numbers; none of them may be missing."""
    parts = sorted(prefix.parent.glob(f"{prefix.name}.data-*-of-*"))
    count = parts[0].name.rsplit("-", 1)[1] if parts else "00001"
    if not count.isdigit() or int(count) > 10**4:
        raise FormatError(f"{parts[0]} must be named like {prefix.name}.data-00000-of-00001. Copy the checkpoint again.")
    names = [f"{prefix.name}.data-{part:05d}-of-{count}" for part in range(int(count))]
    return sum(regular_file(prefix.parent / name).stat().st_size for name in names)


def _checked_shapes(reader: Any, prefix: pathlib.Path) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Shapes of the tensors with floating-point numbers, and the names of the others; nothing is read yet."""
    shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    types = reader.get_variable_to_dtype_map()
    numbers = {name for name, kind in types.items() if kind.is_floating or kind.is_integer or kind.is_bool}
    # An index that lies about shapes would make the library ask for that much memory.
    needed = sum(types[name].size * math.prod(shapes[name]) for name in numbers)
    stored = _stored_bytes(prefix)
    if needed > stored:
        raise FormatError(f"{prefix} is damaged: its index names {needed} bytes, its data holds {stored}. Copy it again.")
    floats = {name: shape for name, shape in shapes.items() if types[name].is_floating}
    return floats, set(shapes) - set(floats)


@dataclasses.dataclass(frozen=True)
class TensorFlowCheckpoint:
    """A checkpoint in files, of which one tensor at a time is read.

    Attributes:
        prefix: what the names of its files begin with.
        tensors: those that hold floating-point numbers.
        others: names of all others.
        reader: TensorFlow's own.
    """

    prefix: pathlib.Path
    tensors: Tensors
    others: frozenset[str]
    reader: Any

    def read_other(self, name: str) -> Any:
        """A tensor that holds something else than floating-point numbers: text, a truth value.

        Raises:
            FormatError: the files are damaged.
        """
        return _read(self.reader, name, self.prefix)

    @classmethod
    def open(cls, prefix: pathlib.Path) -> TensorFlowCheckpoint:
        """Look at a checkpoint.

        Raises:
            FormatError: a file is missing, damaged, or holds less than the index says.
        """
        regular_file(prefix.with_name(f"{prefix.name}.index"))
        try:
            reader = tf.train.load_checkpoint(str(prefix))
            shapes, others = _checked_shapes(reader, prefix)
        except (tf.errors.OpError, ValueError, TypeError, RuntimeError) as error:
            raise FormatError(f"{prefix}.index is damaged: {error!s:.200}. Copy or download it again.") from error

        def read(name: str) -> np.ndarray:
            return np.asarray(_read(reader, name, prefix)).astype(np.float32, copy=False)

        return cls(prefix, Tensors(prefix, shapes, read), frozenset(others), reader)


def _read(reader: Any, name: str, prefix: pathlib.Path) -> Any:
    try:
        return reader.get_tensor(name)  # compares the checksum
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise FormatError(f"{name} in {prefix} cannot be read: {error!s:.200}. Copy or download it again.") from error
