"""Weights in HDF5 files that Keras wrote, checked before they are read, and read one at a time."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.tensor_files import Tensors, regular_file
from keras_bert_lab.lazy import LazyModule

__all__ = ["hdf5_tensors"]

h5py = LazyModule("h5py")
ml_dtypes = LazyModule("ml_dtypes")


def _is_bfloat16(dataset: Any) -> bool:
    return dataset.attrs.get("dtype") == "bfloat16"  # HDF5 has no such type: Keras stores the bytes


def _checked(dataset: Any, path: pathlib.Path) -> tuple[int, ...]:
    """Shape of a dataset whose numbers lie in this file as they are."""
    needed = dataset.dtype.itemsize * math.prod(dataset.shape)
    if dataset.external or dataset.is_virtual or dataset.chunks is not None or dataset.id.get_storage_size() != needed:
        raise FormatError(
            f"{path} must hold its numbers as Keras writes them, in one piece. Received: {dataset.name} with {needed} bytes by "
            f"its shape and {dataset.id.get_storage_size()} in the file. Copy or download it again."
        )
    return tuple(dataset.shape)


def _in_file(path: pathlib.Path) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    strange: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.dtype.kind == "f" or _is_bfloat16(item):
                shapes[name] = _checked(item, path)
            elif not name.startswith("optimizer/"):
                strange.append(name)

    _with_file(path, lambda file: file.visititems(visit))  # does not follow links to other files
    if strange:
        raise FormatError(f"{path} must hold its weights as floating-point numbers. Received: others in {strange[:5]}")
    return shapes


def _with_file(path: pathlib.Path, use: Callable[[Any], Any]) -> Any:
    regular_file(path)
    try:
        with h5py.File(path, "r") as file:
            return use(file)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError) as error:
        raise FormatError(f"{path} is damaged: {error!s:.200}. Copy or download it again.") from error


def hdf5_tensors(where: pathlib.Path, paths: Iterable[pathlib.Path], rename: Callable[[str], str]) -> Tensors:
    """The weights in one or several HDF5 files; what an optimizer kept is left out.

    Args:
        where: the folder, for errors.
        paths: the files.
        rename: name of a dataset -> name of the tensor.

    Raises:
        FormatError: a file is missing or damaged, or two tensors have the same name.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    places: dict[str, tuple[pathlib.Path, str]] = {}
    for path in paths:
        for name, shape in _in_file(path).items():
            if name.startswith("optimizer/"):
                continue
            new = rename(name)
            if new in places:
                raise FormatError(f"{path} must not hold a tensor once more. Received: {name}, which is also in {places[new]}")
            shapes[new], places[new] = shape, (path, name)

    def read(name: str) -> np.ndarray:
        path, place = places[name]

        def values(file: Any) -> np.ndarray:
            dataset = file[place]
            return np.array(dataset, dtype=ml_dtypes.bfloat16) if _is_bfloat16(dataset) else dataset[()]

        return _with_file(path, values).astype(np.float32, copy=False)

    return Tensors(where, shapes, read)
