"""Several processes: what the settings and the environment say, and what is refused before anybody waits for anybody."""

from __future__ import annotations

import contextlib
import sys

import keras
import pytest

from keras_bert_lab.config import ProcessesConfig
from keras_bert_lab.training import distribution
from keras_bert_lab.training.distribution import (
    alone,
    device_count,
    is_main,
    joined,
    of_all,
    of_main,
    process_count,
    process_number,
    text_of_main,
)

KERAS = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID", "KERAS_DISTRIBUTION_JOB_ADDRESSES")
KUBEFLOW = ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID", "JAX_COORDINATOR_ADDRESS")
SLURM = ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_NODELIST")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KERAS, *KUBEFLOW, *SLURM):
        monkeypatch.delenv(name, raising=False)


class _Jax:
    """Stands for JAX, which is not connected to anybody."""

    class distributed:
        told: list[tuple[object, ...]]

        @staticmethod
        def is_initialized() -> bool:
            return False

        @classmethod
        def initialize(cls, *how: object, shutdown_timeout_seconds: int) -> None:
            assert shutdown_timeout_seconds < 60  # what an error of one costs the others
            cls.told.append(how)

    class config:
        @staticmethod
        def update(name: str, value: object) -> None:
            assert (name, value) == ("jax_enable_preemption_service", False)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """On a JAX backend with one device: what it was told to connect to."""
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(distribution, "jax", _Jax)
    monkeypatch.setattr(_Jax.distributed, "told", told, raising=False)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    return told


def set_all(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], *values: str) -> None:
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(name, value)


def join(rows: int = 12, **settings: object) -> tuple[int, int]:
    with joined(ProcessesConfig(**settings), rows) as share:
        return share


def test_one_process_is_all_there_is() -> None:
    assert (process_number(), process_count(), is_main(), device_count()) == (0, 1, True, 1)
    assert of_all(2**40 + 3) == [2**40 + 3]
    assert of_main(7) == 7
    assert text_of_main(lambda: "größer") == "größer"
    assert join(rows=5) == (0, 1)
    assert join(rows=5, count=1) == (0, 1)


def test_tensorflow_does_not_import_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)  # importing it fails
    assert is_main()
    assert join() == (0, 1)


@pytest.mark.parametrize(
    ("names", "values", "found"),
    [
        (KERAS, ("3", "2", "10.0.0.1:1234"), ("10.0.0.1:1234", 3, 2)),
        (KERAS, ("3", "2", "a:1, b:2,c:3"), ("a:1", 3, 2)),
        (KUBEFLOW, ("3", "1", "bert-0.bert:55"), ("bert-0.bert:55", 3, 1)),
        (SLURM, ("3", "2", "gpu[007-009]"), (None, 3, 2)),
    ],
)
def test_the_environment_tells(
    names: tuple[str, ...],
    values: tuple[str, ...],
    found: tuple[object, ...],
    connected: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, names, *values)
    join()
    assert connected == [found]


def test_settings_go_before_the_environment_and_kerass_before_others(
    connected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, KUBEFLOW, "7", "5", "other:1")
    set_all(monkeypatch, KERAS, "3", "2", "here:5")
    join(number=1)
    assert connected == [("here:5", 3, 1)]
    join(count=1)
    assert len(connected) == 1


def test_a_batch_script_of_slurm_is_no_process_of_a_step(
    connected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert join() == (0, 1)
    assert not connected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "count must be an integer of at least 1. Received: count=0"),
        ({"count": 3, "number": 3}, "number must be an integer from 0 to 2. Received: number=3"),
        ({"number": -1}, "number must be an integer of at least 0. Received: number=-1"),
        ({"address": "10.0.0.1"}, "address must be HOST:PORT. Received: address='10.0.0.1'"),
        ({"number": 2}, "count must say how many processes train together. Received: count=None, number=2"),
        ({"address": "a:1"}, "count must say how many"),
        ({"count": 3, "address": "a:1"}, "number must say which of the processes this is. Received: count=3, number=None"),
        ({"count": 3, "number": 0}, "address must say where process 0 waits for the others. Received: count=3, number=0"),
        (
            {"count": 5, "number": 0, "address": "a:1"},
            "batch_size must leave every part of a batch as many rows for each of 5 processes. Received: 12 rows",
        ),
    ],
)
def test_settings_that_are_not_enough(settings: dict[str, object], message: str, connected: list[tuple[object, ...]]) -> None:
    with pytest.raises(ValueError, match="batch_size|count|number|address") as error:
        join(**settings)
    assert message in str(error.value)
    assert not connected


def test_variables_that_are_no_numbers(connected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, KERAS, "three", "0", "a:1")
    with pytest.raises(ValueError, match="KERAS_DISTRIBUTION_NUM_PROCESSES must be an integer. Received: .*='three'"):
        join()
    set_all(monkeypatch, KERAS, "3", "3", "a:1")
    with pytest.raises(ValueError, match="number must be an integer from 0 to 2. Received: number=3"):
        join()
    assert not connected


def test_tensorflow_alone_trains_in_one_process() -> None:
    with pytest.raises(ValueError, match="on the JAX backend alone. Received: KERAS_BACKEND=tensorflow, count=3"):
        join(count=3, number=0, address="a:1")


def test_processes_that_do_not_find_each_other(connected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise RuntimeError("DEADLINE_EXCEEDED: Barrier timed out")

    monkeypatch.setattr(_Jax.distributed, "initialize", late)
    with pytest.raises(ConnectionError, match="The 3 processes must find each other at a:1. Received: DEADLINE_EXCEEDED"):
        join(count=3, number=0, address="a:1")


def test_rows_must_divide_into_devices(connected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [f"cpu:{number}" for number in range(5)])
    with pytest.raises(ValueError, match="for each of 5 devices. Received: 12 rows in the smallest part"):
        join()


def test_alone_is_without_distribution_and_then_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    current: list[object] = ["shared"]
    monkeypatch.setattr(keras.distribution, "distribution", lambda: current[-1])
    monkeypatch.setattr(keras.distribution, "set_distribution", current.append)
    with contextlib.suppress(OSError), alone():
        assert current[-1] is None
        raise OSError("the disk is full")
    assert current[-1] == "shared"
