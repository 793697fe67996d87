"""Checkpoints of TensorFlow, read whole and written with other tensors; copies of fixtures to damage."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf


def tensors_in(prefix: Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def write_checkpoint(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    for old in prefix.parent.glob(f"{prefix.name}.*"):
        old.unlink()
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(tensor) for tensor in tensors.values()],
    )


def copy_of(folder: Path, target: Path) -> Path:
    """A copy that can be written to."""
    shutil.copytree(folder, target, copy_function=shutil.copyfile)
    for entry in (target, *target.rglob("*")):
        entry.chmod(0o755 if entry.is_dir() else 0o644)
    return target


def shorten(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def flip(path: Path, place: float) -> None:
    """Change one byte at a relative place."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0x55
    path.write_bytes(bytes(content))
