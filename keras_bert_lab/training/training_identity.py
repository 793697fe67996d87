"""What makes a training this one: it goes on only with the same model, data and settings."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import Batches
from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.training.training_state import shapes_of

__all__ = ["differences", "environment", "training_identity"]

_SAMPLED = 8
_PACKAGES = ("keras-bert-lab", "keras", "numpy", "tensorflow", "jax")
_SHORT = 60


def _content(batches: Batches) -> str:
    """A hash of batches of all parts of an epoch, and of what they are made of where they tell."""
    steps = sorted({round(place) for place in np.linspace(0, max(batches.steps_per_epoch - 1, 0), _SAMPLED)})
    sampled = [array for step in steps for array in keras.tree.flatten(batches.batch(step))]
    return hash_of(getattr(batches, "content_hash", None), *sampled)[:16]


def training_identity(model: keras.Model, batches: Batches, epochs: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data that must be the same when a training goes on.

    Args:
        model: compiled and built, not trained yet.
        batches: what it is trained on.
        epochs: the number of the last epoch.
        settings: more that must be the same.
    """
    optimizer = {name: value for name, value in model.optimizer.get_config().items() if name != "name"}
    found = {
        "model": type(model).__name__,
        "weights": list(shapes_of(model).values()),
        "optimizer": {"kind": type(model.optimizer).__name__, **optimizer},
        "epochs": epochs,
        "steps_per_epoch": batches.steps_per_epoch,
        "data": _content(batches),
        "settings": settings,
    }
    return json.loads(json.dumps(found, default=str))


def environment() -> dict[str, Any]:
    """What decides the last bits of a result beside the training itself: versions, processor, threads, switches."""
    switches = {name: value for name, value in sorted(os.environ.items()) if re.match(r"TF_|XLA_|OMP_|ONEDNN_|DNNL_", name)}
    return {
        **_versions(),
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "switches": {name: value for name, value in switches.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
    }


@functools.cache  # each is looked for in all folders of packages, and every checkpoint holds them
def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


@functools.cache
def _processor() -> str:
    try:
        return re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())[1]  # type: ignore[index]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list) and any(isinstance(item, (list, Mapping)) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
    else:
        yield place, value


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is different, in words.

    Example:
        >>> differences({"epochs": 3, "optimizer": {"decay": 0.1}}, {"epochs": 5, "optimizer": {"decay": 0.1}})
        ['epochs: 3 before, 5 now']
    """
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return [
        f"{name}: {_shown(old, name)} before, {_shown(new, name)} now"
        for name in dict.fromkeys([*old, *new])
        if old.get(name, ...) != new.get(name, ...)
    ]


def _shown(values: Mapping[str, Any], name: str) -> str:
    text = json.dumps(values[name], ensure_ascii=False) if name in values else "not there"
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."
