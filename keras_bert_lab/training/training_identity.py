"""What makes a training this one: it goes on only with the same model, data and settings."""

from __future__ import annotations

import importlib.metadata
import inspect
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
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.training.training_state import is_used, optimizers_of, shapes_of

__all__ = ["differences", "environment", "training_identity", "without_rates"]

tf = LazyModule("tensorflow")

_SAMPLED = 8
_PACKAGES = ("keras-bert-lab", "keras", "numpy", "tensorflow", "jax")
_SHORT = 60


def _content(batches: Batches) -> str:
    """A hash of batches of all parts of an epoch, and of what they are made of where they tell."""
    steps = sorted({round(place) for place in np.linspace(0, max(batches.steps_per_epoch - 1, 0), _SAMPLED)})
    sampled = [array for step in steps for array in keras.tree.flatten(batches.batch(step))]
    return hash_of(getattr(batches, "content_hash", None), *sampled)[:16]


def _described(thing: Any) -> Any:
    """Settings as plain data that are the same in each process: without addresses, and names that Keras makes up."""
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, float):
        return float(f"{thing:.7g}")  # Keras gives a learning rate of 0.01 back as 0.009999999776
    if thing is None or isinstance(thing, (int, str)):
        return thing
    if isinstance(thing, Mapping):
        return {str(name): _described(value) for name, value in thing.items() if name != "name"}
    if isinstance(thing, (list, tuple)):
        return [_described(value) for value in thing]
    try:
        return {"kind": type(thing).__name__, **_described(thing.get_config())}
    except (AttributeError, NotImplementedError, TypeError, ValueError):  # none, or of a class that cannot be saved
        return getattr(thing, "__qualname__", type(thing).__name__)


def _settings_of(layer: keras.layers.Layer) -> dict[str, Any]:
    """A layer's arguments that are numbers, switches or functions, such as the share of a dropout; what it computes with."""
    # What a seed has become is restored; some layers make one up.
    names = (name for name in inspect.signature(type(layer).__init__).parameters if name not in ("self", "name", "seed"))
    values = {name: getattr(layer, name, None) for name in (*names, "trainable", "compute_dtype")}
    kept = {name: value for name, value in values.items() if isinstance(value, (bool, int, float)) or inspect.isfunction(value)}
    return {"kind": type(layer).__name__, **_described(kept), "compute_dtype": values["compute_dtype"]}


def _without_rate(config: Any) -> Any:
    """Optimizers' settings without their learning rates, but with schedules."""
    if not isinstance(config, Mapping):
        return config
    kept = {name: value for name, value in config.items() if name != "learning_rate" or isinstance(value, Mapping)}
    return {name: _without_rate(value) for name, value in kept.items()}


def training_identity(
    model: keras.Model, batches: Batches, fit: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Plain data that must be the same when a training goes on.

    Args:
        model: compiled and built. What else decides its training, it may tell by `training_settings()` -> plain data.
        batches: what it is trained on.
        fit: arguments of `fit`.
        settings: more that must be the same.
    """
    optimizers = [_described(optimizer) for optimizer in optimizers_of(model)]
    # Callbacks change the learning rate of an optimizer: it is a setting only of one that was not used yet.
    if any(is_used(optimizer) for optimizer in optimizers_of(model)):
        optimizers = [_without_rate(optimizer) for optimizer in optimizers]
    first = keras.tree.map_structure(lambda array: [*np.shape(array), str(getattr(array, "dtype", ""))], batches.batch(0))
    found = {
        "model": {
            "kind": type(model).__name__,
            "layers": [_settings_of(layer) for layer in model._flatten_layers(include_self=False)],
            "steps_per_execution": model.steps_per_execution,
            "jit_compile": model.jit_compile,
            "loss": _described(getattr(model, "loss", None)),
            "loss_weights": _described(getattr(model, "loss_weights", None)),
            **(model.training_settings() if hasattr(model, "training_settings") else {}),
        },
        "optimizers": optimizers,
        **_described(fit),
        "steps_per_epoch": batches.steps_per_epoch,
        "batch": _described(first),
        "data": _content(batches),
        "settings": settings,
        **shapes_of(model),
    }
    return json.loads(json.dumps(found))


def without_rates(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The same without the learning rates of optimizers."""
    return {**identity, "optimizers": [_without_rate(optimizer) for optimizer in identity["optimizers"]]}


def environment() -> dict[str, Any]:
    """What decides the last bits of a result beside the training itself: versions, processor, threads, switches."""
    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    switches = {name: value for name, value in sorted(os.environ.items()) if re.match(r"TF_|XLA_|OMP_|ONEDNN_|DNNL_", name)}
    return {
        **versions,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": _threads(),
        "switches": {name: value for name, value in switches.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
    }


def _threads() -> list[int]:
    """Threads that TensorFlow was told to use, within an operation and for several; 0 = as many as there are cores."""
    if keras.backend.backend() != "tensorflow":
        return []
    threading = tf.config.threading
    return [threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()]


def _processor() -> str:
    try:
        return re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())[1]  # type: ignore[index]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and (value or not place):
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
        if repr(old.get(name, ...)) != repr(new.get(name, ...))  # NaN is the same as NaN
    ]


def _shown(values: Mapping[str, Any], name: str) -> str:
    text = json.dumps(values[name], ensure_ascii=False) if name in values else "not there"
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."
