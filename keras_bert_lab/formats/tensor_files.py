"""Named tensors in files of other people's, checked before they are read, and read one at a time."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import pathlib
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from keras_bert_lab.errors import FormatError
from keras_bert_lab.lazy import LazyModule

__all__ = ["Tensors", "in_precision", "read_json", "safetensors_in", "write_safetensors"]

safetensors = LazyModule("safetensors")
safetensors_numpy = LazyModule("safetensors.numpy", install="safetensors")
ml_dtypes = LazyModule("ml_dtypes")

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
# Names under which pickled weights come. Unpickling runs any code that a file holds.
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.ckpt", "pytorch_model.pt")
_FLOATS = {"F32", "F16", "BF16", "F64"}
# Many times what real files have; a parsed file takes up to twenty times its size in memory.
_LARGEST_JSON = 16 * 2**20
_LARGEST_HEADER = 4 * 2**20


@dataclasses.dataclass(frozen=True)
class Tensors:
    """Tensors that can be looked at without being read.

    Attributes:
        where: the file or folder, for errors.
        shapes: name -> shape, of those that hold floating-point numbers.
        read: name -> the tensor, float32; only one is in memory at a time.
        read_rows: (name, start, stop) -> these rows of it; None = such files are read whole.
    """

    where: pathlib.Path
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]
    read_rows: Callable[[str, int, int], np.ndarray] | None = None

    def renamed(self, names: Mapping[str, str]) -> Tensors:
        """The same under other names; those that are not among them are left out.

        Args:
            names: new name -> name until now.
        """
        read_rows = self.read_rows
        return Tensors(
            self.where,
            {new: self.shapes[name] for new, name in names.items()},
            lambda new: self.read(names[new]),
            None if read_rows is None else lambda new, start, stop: read_rows(names[new], start, stop),
        )


def regular_file(path: pathlib.Path) -> pathlib.Path:
    """The path, if it leads to a file that can be read to its end.

    Raises:
        FormatError: it is missing, or a folder, a pipe, a device or a link to nowhere.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"{str(path)!r} cannot be read: {reason}. Copy or download the whole folder again.") from error
    if not stat.S_ISREG(mode):
        raise FormatError(f"{path} must be a file. Received: a folder, a pipe or a device. Copy the whole folder again.")
    return path


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        FormatError: the file is missing, too large, or holds something else.
    """
    if regular_file(path).stat().st_size > _LARGEST_JSON:
        raise FormatError(f"{path} must be at most {_LARGEST_JSON} bytes long. Received: {path.stat().st_size} bytes")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} is damaged: it is not JSON in UTF-8 ({error!s:.100}). Copy it again.") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path} must hold a JSON object. Received: {type(found).__name__}")
    return found


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[Any]:
    # The library checks the header against the file's size: lengths, offsets, gaps, overlaps.
    try:
        with safetensors.safe_open(regular_file(path), framework="numpy") as file:
            yield file
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, UnicodeDecodeError, OverflowError) as error:
        raise FormatError(f"{path} is damaged: {error!s:.200}. Copy or download it again.") from error


def _check_header(path: pathlib.Path) -> None:
    """Refuse a header that is too long, and one that names something twice, of which the library would take the last."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = [name for name, count in collections.Counter(name for name, _ in pairs).items() if count > 1]
            raise FormatError(f"{path} must name every tensor once. Received more than once: {twice[:5]}. Copy it again.")
        return found

    size = regular_file(path).stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _LARGEST_HEADER):
                raise FormatError(
                    f"{path} is damaged: its header must fit into the file and have at most {_LARGEST_HEADER} bytes. "
                    f"Received: {length} bytes in a file of {size}. Copy or download it again."
                )
            json.loads(file.read(length), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} is damaged: its header is not JSON ({error!s:.100}). Copy or download it again.") from error


def _shard_names(folder: pathlib.Path) -> dict[str, str]:
    """Name of a tensor -> name of its file, for a checkpoint in several files."""
    mapping = read_json(folder / INDEX).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise FormatError(f"{folder / INDEX} must hold a weight_map: names of tensors with their files. Copy it again.")
    for tensor, name in mapping.items():
        plain = isinstance(name, str) and name.endswith(".safetensors") and pathlib.PurePath(name).name == name
        if not plain or "\\" in name or "\0" in name:
            raise FormatError(
                f"{folder / INDEX} must name .safetensors files beside itself. Received: {name!r} for {tensor!r}. "
                "Do not use this checkpoint."
            )
    return mapping


def _look_at(path: pathlib.Path) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Shapes of the float tensors of one file, and the names of the others."""
    shapes, others = {}, set()
    _check_header(path)
    with _opened(path) as file:
        for name in file.keys():  # noqa: SIM118, it is no dict
            tensor = file.get_slice(name)
            if tensor.get_dtype() in _FLOATS:
                shapes[name] = tuple(tensor.get_shape())
            else:
                others.add(name)
    return shapes, others


def _conversion(folder: pathlib.Path) -> str:
    """One line of Python that writes what a pickled file holds, its head and tokenizer too, as safetensors."""
    return (
        f"import transformers as t; a = {str(folder)!r}; b = 'converted'; c = t.AutoConfig.from_pretrained(a); "
        "getattr(t, (c.architectures or ['AutoModel'])[0]).from_pretrained(a).save_pretrained(b); "
        "t.AutoTokenizer.from_pretrained(a).save_pretrained(b)"
    )


def safetensors_in(folder: pathlib.Path) -> tuple[Tensors, set[str]]:
    """The tensors of `model.safetensors`, or of the files that `model.safetensors.index.json` names.

    Returns:
        The tensors with floating-point numbers, and the names of those with other numbers.

    Raises:
        FormatError: no such file, or pickled weights only; a damaged file or index.
    """
    listed: dict[str, str] = {}
    if (folder / INDEX).exists() and not (folder / SINGLE).exists():
        listed = _shard_names(folder)
    elif not (folder / SINGLE).exists():
        pickled = [name for name in _PICKLED if (folder / name).exists()]
        if pickled:
            raise FormatError(
                f"{folder} holds its weights as {pickled[0]}, a pickled file, which can run any code when it is opened. "
                f"If you trust it, convert it where transformers is installed: python -c {shlex.quote(_conversion(folder))}"
            )
        raise FormatError(
            f"{folder} must hold {SINGLE} or {INDEX}. Received: neither. Copy or download the whole folder again."
        )
    shapes: dict[str, tuple[int, ...]] = {}
    others: set[str] = set()
    places: dict[str, pathlib.Path] = {}
    for name in sorted(set(listed.values())) or [SINGLE]:
        found, rest = _look_at(folder / name)
        twice = sorted((found.keys() | rest) & places.keys())
        if twice:
            raise FormatError(f"{folder / name} must not hold tensors of another file once more. Received: {twice[:5]}")
        places |= dict.fromkeys([*found, *rest], folder / name)
        shapes |= found
        others |= rest
    if listed:
        lost = sorted(name for name in listed if places.get(name) != folder / listed[name])
        unlisted = sorted(places.keys() - listed.keys())
        if lost or unlisted:
            raise FormatError(
                f"{folder / INDEX} does not fit its files: not where it says {lost[:5]}, not listed {unlisted[:5]}. "
                "Copy or download the whole folder again."
            )

    def read(name: str) -> np.ndarray:
        # bfloat16 is NumPy's through ml_dtypes, which Keras imports. Too large for float32 is infinite, and refused later.
        with _opened(places[name]) as file, np.errstate(over="ignore"):
            return file.get_tensor(name).astype(np.float32, copy=False)

    def read_rows(name: str, start: int, stop: int) -> np.ndarray:
        # Opened for each part: what was read of a mapped file stays in memory until it is closed.
        with _opened(places[name]) as file, np.errstate(over="ignore"):
            return file.get_slice(name)[start:stop].astype(np.float32, copy=False)

    return Tensors(folder, shapes, read, read_rows), others


def in_precision(name: str, values: np.ndarray, dtype: str) -> np.ndarray:
    """A float32 tensor in the precision in which it is to be written.

    Args:
        name: of the tensor, for the error.
        values: the tensor.
        dtype: "float32", "float16" or "bfloat16".

    Raises:
        FormatError: finite numbers that would become infinite.

    Example:
        >>> in_precision("bias", np.array([1 / 3, -65504], "float32"), "float16")
        array([ 3.333e-01, -6.550e+04], dtype=float16)
    """
    if dtype == "float32":
        return values
    with np.errstate(over="ignore"):
        rounded = values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16)
    lost = np.isfinite(values) & ~np.isfinite(rounded)
    if lost.any():
        raise FormatError(
            f"{name} must hold numbers of at most {float(ml_dtypes.finfo(rounded.dtype).max):.6g} to be written as {dtype}. "
            f"Received: {int(lost.sum())} larger ones, up to {np.abs(values[lost]).max():.6g}. "
            f"Use dtype={'bfloat16 or ' if dtype == 'float16' else ''}float32."
        )
    return rounded


def write_safetensors(tensors: Mapping[str, np.ndarray], path: pathlib.Path) -> None:
    """Write tensors as PyTorch libraries expect them."""
    # The library writes the bytes as they lie in memory: a transposed view would come out wrong.
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    path.touch()
    mode = path.stat().st_mode
    safetensors_numpy.save_file(whole, path, metadata={"format": "pt"})
    path.chmod(mode)  # what the library writes, newer versions let nobody but its owner read
