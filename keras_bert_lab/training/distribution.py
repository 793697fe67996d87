"""Several processes, on one machine or on many, that train one model: each with its share of every batch.

Keras's JAX backend does the work. All processes run the same program; process 0 alone writes files and prints.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab.config import ProcessesConfig
from keras_bert_lab.errors import KerasBertLabError
from keras_bert_lab.lazy import LazyModule

__all__ = [
    "alone",
    "arrays_of_main",
    "device_count",
    "is_main",
    "joined",
    "of_all",
    "of_main",
    "process_count",
    "process_number",
    "text_of_main",
]

jax = LazyModule("jax")
multihost_utils = LazyModule("jax.experimental.multihost_utils", install="jax")
tf = LazyModule("tensorflow")

# What it is called where programs are started.
_ENVIRONMENTS = (
    {
        "count": "KERAS_DISTRIBUTION_NUM_PROCESSES",
        "number": "KERAS_DISTRIBUTION_PROCESS_ID",
        "address": "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    },
    {"count": "JAX_NUM_PROCESSES", "number": "JAX_PROCESS_ID", "address": "JAX_COORDINATOR_ADDRESS"},  # Kubeflow Trainer
    {"count": "SLURM_STEP_NUM_TASKS", "number": "SLURM_PROCID"},  # JAX finds the address in the list of the step's machines
)
_IN_SLURM = "SLURM_STEP_NODELIST"
_BYTES = 8
_SECONDS_TO_LEAVE = 15


def _is_joined() -> bool:
    return keras.backend.backend() == "jax" and bool(jax.distributed.is_initialized())


def process_number() -> int:
    """Number of this process among those that train together, from 0."""
    return int(jax.process_index()) if _is_joined() else 0


def process_count() -> int:
    """How many processes train together; 1 outside of `joined`."""
    return int(jax.process_count()) if _is_joined() else 1


def is_main() -> bool:
    """Whether this is the process that writes files and prints."""
    return process_number() == 0


def device_count() -> int:
    """Devices that share each batch, over all processes."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.devices.size)


def of_all(value: int) -> list[int]:
    """An integer of each process, in the order of their numbers. All must ask; each waits for the others.

    Args:
        value: of this process, at least 0.

    Example:
        >>> of_all(7)  # one process
        [7]
    """
    if process_count() == 1:
        return [value]
    # As bytes: JAX makes 32-bit numbers of 64-bit ones.
    sent = np.frombuffer(value.to_bytes(_BYTES, "little"), np.uint8)
    return [int.from_bytes(row.tobytes(), "little") for row in np.asarray(multihost_utils.process_allgather(sent))]


def of_main(value: int) -> int:
    """The integer that process 0 has. All must ask; each waits for the others."""
    return of_all(value)[0]


def text_of_main(make: Callable[[], str]) -> str:
    """A text that process 0 makes, and all get. All must ask; each waits for the others.

    Args:
        make: called in process 0 alone.

    Raises:
        KerasBertLabError: (in the others) process 0 failed.
    """
    if process_count() == 1:
        return make()
    failure: BaseException | None = None
    text = ""
    if is_main():
        try:
            text = make()
        except BaseException as error:  # the others would wait for ever
            failure = error
            text = f"{type(error).__name__}: {error}"
    is_good = of_main(failure is None)
    found = _bytes_of_main(text.encode()).decode()
    if failure is not None:
        raise failure
    if not is_good:
        raise KerasBertLabError(f"Process 0, which this one trains with, has ended. Received: {found}")
    return found


def arrays_of_main(make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Named arrays that process 0 has, and all get. All must ask; each waits for the others.

    Args:
        make: called in process 0 alone.

    Raises:
        KerasBertLabError: (in the others) process 0 failed.
    """
    if process_count() == 1:
        return dict(make())
    made: dict[str, np.ndarray] = {}

    def kinds() -> str:
        made.update(make())
        return json.dumps({name: (array.dtype.str, array.shape) for name, array in made.items()})

    found = json.loads(text_of_main(kinds))
    return {
        name: np.frombuffer(_bytes_of_main(made[name].tobytes() if made else b""), dtype).reshape(shape)
        for name, (dtype, shape) in found.items()
    }


def _bytes_of_main(sent: bytes) -> bytes:
    """What process 0 gives; of the others nothing is read."""
    room = np.zeros(of_main(len(sent)), np.uint8)
    if not len(room):
        return b""
    if is_main():
        room[:] = np.frombuffer(sent, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(room)).tobytes()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within it, what is made belongs to this process: variables, a model to be saved. The others need not take part."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def _integer(name: str) -> int:
    try:
        return int(os.environ[name])
    except ValueError:
        raise ValueError(f"The environment variable {name} must be an integer. Received: {name}={os.environ[name]!r}") from None


def _with_environment(processes: ProcessesConfig) -> ProcessesConfig:
    """The settings, and what the environment says where they are open.

    Raises:
        ValueError: a variable that is no number, or a number out of range.
    """
    if processes.count == 1:
        return processes
    found: dict[str, Any] = dataclasses.asdict(processes)
    for names in _ENVIRONMENTS:
        if names["count"] not in os.environ:
            continue  # what stands beside it may be meant for something else
        for setting, name in names.items():
            if found[setting] is None and name in os.environ:
                # Keras takes a list of addresses, of which JAX needs the first.
                found[setting] = os.environ[name].split(",")[0].strip() if setting == "address" else _integer(name)
    return ProcessesConfig(**found)


def _check(processes: ProcessesConfig) -> None:
    """Whether this is enough to find each other.

    Raises:
        ValueError: it is not.
    """
    found = f"count={processes.count}, number={processes.number}, address={processes.address}"
    if processes.count is None:
        raise ValueError(
            f"count must say how many processes train together. Received: {found}. Give --processes.count, or set "
            "KERAS_DISTRIBUTION_NUM_PROCESSES."
        )
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Several processes train together on the JAX backend alone. Received: "
            f"KERAS_BACKEND={keras.backend.backend()}, {found}. Set KERAS_BACKEND=jax, or --processes.count 1 for a process "
            "that trains by itself."
        )
    if processes.number is None:
        raise ValueError(
            f"number must say which of the processes this is. Received: {found}. Give --processes.number, or set "
            "KERAS_DISTRIBUTION_PROCESS_ID."
        )
    if processes.address is None and _IN_SLURM not in os.environ:
        raise ValueError(
            f"address must say where process 0 waits for the others. Received: {found}. Give --processes.address HOST:PORT, or "
            "set KERAS_DISTRIBUTION_JOB_ADDRESSES."
        )


def _check_rows(rows: int, shares: int, of: str) -> None:
    if rows % shares:
        raise ValueError(
            f"batch_size must leave every part of a batch as many rows for each of {shares} {of}. Received: {rows} rows in the "
            f"smallest part. Choose a batch_size that makes it a multiple of {shares}, or fewer {of}."
        )


def _connect(processes: ProcessesConfig) -> None:
    # JAX would take SIGTERM for itself, and the command could no longer be ended by it.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        # As Keras does it, but that a process which ends by an error of its own does not wait 300 s for the others.
        jax.distributed.initialize(
            processes.address, processes.count, processes.number, shutdown_timeout_seconds=_SECONDS_TO_LEAVE
        )
    except RuntimeError as error:
        raise ConnectionError(
            f"The {processes.count} processes must find each other at {processes.address or 'the first machine of the job'}. "
            f"Received: {error!s:.300}. Start all of them, with the same address, and see that its port is open and free."
        ) from error


@contextlib.contextmanager
def joined(processes: ProcessesConfig, rows: int, seed: int = 0) -> Iterator[tuple[int, int]]:
    """Within it, the devices of all processes share each batch; models must be made and trained there.

    On TensorFlow, and with a single device, nothing changes. The end waits for all processes.

    Args:
        processes: which of them this is; see the environment variables in docs/several_machines.md.
        rows: of the smallest part of a batch, over all processes.
        seed: for Keras, the same in all processes.

    Yields:
        (p, n): number and count of the processes, for `PretrainingBatches(slice=...)`.

    Raises:
        ValueError: settings that are not enough, or rows that cannot be shared.
        ConnectionError: the processes do not find each other.
    """
    processes = _with_environment(processes)
    if processes.count != 1 and processes != ProcessesConfig():
        _check(processes)
        _check_rows(rows, processes.count or 1, "processes")
        if not _is_joined():
            keras.utils.set_random_seed(seed)  # else the processes would first have to agree on one
            _connect(processes)
    devices = len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1
    if devices == 1:
        yield 0, 1
        return
    _check_rows(rows, devices, "devices")
    _leave_devices_to_jax()
    with contextlib.ExitStack() as stack:
        if not is_main():
            nowhere = stack.enter_context(pathlib.Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(keras.distribution.DataParallel(auto_shard_dataset=False).scope())
        yield process_number(), process_count()
        of_all(0)


def _leave_devices_to_jax() -> None:
    """Keep TensorFlow, which makes tokens of texts, from taking all memory of the GPUs."""
    if jax.default_backend() != "cpu":
        with contextlib.suppress(RuntimeError):  # it has begun already
            tf.config.set_visible_devices([], "GPU")
