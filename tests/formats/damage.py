"""Ways to damage the tiny Hugging Face folder of a classifier; each is a function of the folder."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.formats import huggingface_folders as hf

WEIGHTS = "model.safetensors"
QUERY = "bert.encoder.layer.1.attention.self.query.weight"

Change = Callable[[Path], Any]


def file_bytes(change: Callable[[bytes], bytes]) -> Change:
    def apply(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(change((folder / WEIGHTS).read_bytes()))

    return apply


def header_length(length: int) -> Change:
    return file_bytes(lambda content: struct.pack("<Q", length) + content[8:])


def header(change: Callable[[dict[str, Any]], Any]) -> Change:
    """`change` gives new bytes, or changes the parsed header."""

    def apply(folder: Path) -> None:
        parsed, data = hf.header_of(folder / WEIGHTS)
        hf.write_raw(folder / WEIGHTS, change(parsed) or parsed, data)

    return apply


def entry(**changes: Any) -> Change:
    """Other claims about one of the tensors."""
    return header(lambda parsed: parsed[QUERY].update(changes))


def shifted(by: int) -> Change:
    def change(parsed: dict[str, Any]) -> None:
        parsed[QUERY]["data_offsets"] = [offset + by for offset in parsed[QUERY]["data_offsets"]]

    return header(change)


def named_twice(second: str) -> Change:
    return header(lambda parsed: json.dumps(parsed)[:-1].encode() + f', "{QUERY}": {second}}}'.encode())


def tensors(change: Callable[[dict[str, np.ndarray]], Any]) -> Change:
    def apply(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        hf.write(folder, hf.CLASSIFIER, weights)

    return apply


def put(name: str, value: Any) -> Change:
    return tensors(lambda weights: weights.update({name: np.asarray(value)}))


def cast(name: str, dtype: str) -> Change:
    return tensors(lambda weights: weights.update({name: weights[name].astype(dtype)}))


def lose(*names: str) -> Change:
    return tensors(lambda weights: [weights.pop(name) for name in names])


def spoil(name: str, value: float) -> Change:
    """Another first number of a tensor."""
    return tensors(lambda weights: weights[name].__setitem__((0,) * weights[name].ndim, value))


def config(**changes: Any) -> Change:
    return lambda folder: (folder / "config.json").write_text(json.dumps(hf.CLASSIFIER | changes))


def without(*names: str) -> Change:
    left = {name: value for name, value in hf.CLASSIFIER.items() if name not in names}
    return lambda folder: (folder / "config.json").write_text(json.dumps(left))


def config_bytes(content: bytes) -> Change:
    return lambda folder: (folder / "config.json").write_bytes(content)


def sharded(change: Callable[[Path, dict[str, Any]], Any]) -> Change:
    """`change` gives a new weight_map, or changes the one that it gets."""

    def apply(folder: Path) -> None:
        index = hf.shard(folder)
        changed = change(folder, index)
        hf.write_index(folder, index if changed is None else changed)

    return apply


def shard_named(name: Any) -> Change:
    """The index puts one tensor into another file; copies of it lie beside the folder and in a folder below it."""

    def change(folder: Path, index: dict[str, Any]) -> None:
        outside = folder.parent / "outside.safetensors"
        shutil.copy(folder / index[QUERY], outside)
        (folder / "below").mkdir()
        shutil.copy(outside, folder / "below" / "x.safetensors")
        index[QUERY] = name(outside) if callable(name) else name

    return sharded(change)


def shard_over(one: int, other: int) -> Change:
    """A copy of one shard in the place of another."""

    def change(folder: Path, index: dict[str, Any]) -> None:
        names = sorted(set(index.values()))
        shutil.copy(folder / names[one], folder / names[other])

    return sharded(change)


def instead(make: Callable[[Path], Any], file: str = WEIGHTS) -> Change:
    """Something else in the place of a file."""

    def apply(folder: Path) -> None:
        (folder / file).unlink()
        make(folder / file)

    return apply


def hole(path: Path, size: int = 2**33) -> None:
    """A file that says to be large, with nothing on the disk."""
    with path.open("wb") as file:
        file.truncate(size)


def loop(path: Path) -> None:
    """A link that leads to itself."""
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def pickled(*names: str) -> Change:
    def apply(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        for name in names:
            (folder / name).write_bytes(b"\x80\x04cos\nsystem\n")

    return apply


def model(
    head: str, pooler: bool = True, changes: dict[str, Any] | None = None, extra: dict[str, np.ndarray] | None = None
) -> Change:
    """Another class than the classifier, with settings and tensors of its own."""
    whole = hf.BERT | {"architectures": [f"Bert{head}"]} | (changes or {})
    return lambda folder: hf.write(folder, whole, hf.tensors(head, pooler) | (extra or {}))
