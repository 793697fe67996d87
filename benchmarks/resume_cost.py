"""What saving costs beside a training, and how soon a training that goes on has its next batch."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np

import keras_bert_lab as kbl
from benchmarks.measure import summary
from benchmarks.resume_lives import Marks, live
from keras_bert_lab.training.checkpoints import CheckpointFolder
from keras_bert_lab.training.training_state import state_of

__all__ = ["run_cost"]

_MINUTE = 60.0
_SHARE = 0.01  # of the time, that ResumableTraining spends at most
_MODELS = {
    "tiny": {"vocab_size": 31, "hidden_size": 6, "num_layers": 1, "num_heads": 2, "intermediate_size": 10},
    "mini": {"vocab_size": 8192, "hidden_size": 256, "num_layers": 4, "num_heads": 4, "intermediate_size": 1024},
    "base": {"vocab_size": 30522, "hidden_size": 768, "num_layers": 12, "num_heads": 12, "intermediate_size": 3072},
}
_EPOCHS = {"short": 100, "middle": 5_000, "long": 50_000}
"""Steps of an epoch."""


def _state(name: str) -> dict[str, np.ndarray]:
    """Weights and slots of AdamW of a BERT that was not trained."""
    encoder = kbl.Encoder(kbl.EncoderConfig(**_MODELS[name], max_positions=512))
    head = kbl.MaskedLMHead(encoder)
    model = keras.Sequential([keras.layers.Identity()])
    optimizer = kbl.AdamW(1e-4)
    weights = [*encoder.trainable_variables, *head.trainable_variables]
    optimizer.build(weights)
    model.compile(optimizer)
    model.build((None, 1))
    began = time.perf_counter()
    arrays = {f"weights/{place:05}": np.array(each) for place, each in enumerate(weights)}
    arrays |= state_of(model, ("optimizer", "seeds"))
    return arrays | {"": np.array(time.perf_counter() - began)}


def _plain(folder: Path, arrays: dict[str, np.ndarray]) -> float:
    """Seconds to write the same bytes and bring them onto the disk, without hashes or anything else."""
    began = time.perf_counter()
    handle = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for array in arrays.values():
        rest = memoryview(np.ascontiguousarray(array)).cast("B") if array.size else b""
        while rest:
            rest = rest[os.write(handle, rest) :]
    os.fsync(handle)
    os.close(handle)
    seconds = time.perf_counter() - began
    (folder / "plain").unlink()
    return seconds


def _saving(name: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds of a save, and of its parts."""
    arrays = _state(name)
    copying = float(arrays.pop(""))
    shutil.rmtree(folder, ignore_errors=True)
    checkpoints = CheckpointFolder(folder)
    about = {"step": 0, "history": {"epoch": [0], "history": {"loss": [1.0]}}}
    seconds, syncing, plain = [], [], []
    for _ in range(rounds):
        waited = [0.0]

        def fsync(handle: int, waited: list[float] = waited, real: Any = os.fsync) -> None:
            began = time.perf_counter()
            real(handle)
            waited[0] += time.perf_counter() - began

        began = time.perf_counter()
        with mock.patch.object(os, "fsync", fsync):
            newest = checkpoints.save(arrays, about)
        seconds.append(time.perf_counter() - began + copying)
        syncing.append(waited[0])
        plain.append(_plain(folder, arrays))
    began = time.perf_counter()
    found = checkpoints.newest()
    verified = time.perf_counter() - began
    began = time.perf_counter()
    count = len(found.arrays()) if found is not None else 0
    read = time.perf_counter() - began
    checkpoints.close()
    size, smallest = sum(path.stat().st_size for path in newest.iterdir()), sum(array.nbytes for array in arrays.values())
    shutil.rmtree(folder)
    median = float(np.median(seconds))
    return {
        "name": name,
        "arrays": count,
        "bytes": size,
        "bytes_beyond_the_arrays": size - smallest,
        "seconds": summary(seconds),
        "of_these_copying": copying,
        "of_these_fsync": float(np.median(syncing)),
        "plain_writing_seconds": summary(plain),
        "share_at_one_a_minute": median / _MINUTE,
        "seconds_between_two": max(_MINUTE, median / _SHARE),
        "share_as_paced": median / max(_MINUTE, median / _SHARE),
        "verifying_seconds": verified,
        "reading_seconds": read,
    }


class _Numbers:
    """Numbered batches without end of work."""

    def __init__(self, steps: int) -> None:
        self.steps_per_epoch = steps

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full((2, 1), step % 7, np.float32), np.zeros((2, 1), np.float32)

    def counts(self, step: int) -> tuple[int, int]:
        return 2, 2


class _First(keras.callbacks.Callback):
    """When the training began, and when its first batch was done; then it ends."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step, self.began, self.seconds = step, 0.0, 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == self.step:
            self.seconds = time.perf_counter() - self.began
            self.model.stop_training = True


def _recovery(steps: int, folder: Path) -> dict[str, Any]:
    """Seconds from the search for a checkpoint to the end of the first batch, at places of an epoch."""
    found = {}
    for place, step in (("first", 0), ("middle", steps // 2), ("last", steps - 1)):
        shutil.rmtree(folder, ignore_errors=True)
        for turn in range(2):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            training = kbl.ResumableTraining(folder, every=0 if not turn else _MINUTE)
            first = _First(step if turn else 1)
            began = training.on_train_begin

            def on_train_begin(logs: Any = None, first: _First = first, began: Any = began) -> None:
                first.began = time.perf_counter()
                began(logs)

            training.on_train_begin = on_train_begin  # type: ignore[method-assign]
            data = training.data(_Numbers(steps))
            model.fit(data, epochs=2, verbose=0, callbacks=[training, first])
            if not turn:
                _move(folder, steps + step)
        found[place] = first.seconds
    shutil.rmtree(folder)
    return {"steps_of_an_epoch": steps, "seconds": found}


def _move(folder: Path, step: int) -> None:
    """Let the checkpoint tell another place, in the second epoch."""
    checkpoints = CheckpointFolder(folder)
    found = checkpoints.newest()
    assert found is not None
    history = {"epoch": [0], "history": {name: values[:1] for name, values in found.about["history"]["history"].items()}}
    about = dict(found.about) | {"step": step, "epoch": 1, "is_finished": False, "history": history}
    checkpoints.save(found.arrays(), about)
    checkpoints.close()


def _prepared(corpus: Path) -> dict[str, Any]:
    """Seconds until the first batch of 64 rows of a prepared corpus is there, at places of the third reading, each anew."""
    found = {}
    for place, share in (("first", 0.0), ("middle", 0.5), ("last", 1.0)):
        began = time.perf_counter()
        batches = kbl.PretrainingBatches(kbl.open_corpus(corpus), 128, 64, seed=3)
        assert batches.content_hash
        batches.batch(2 * batches.steps_per_epoch + round(share * (batches.steps_per_epoch - 1)))
        found[place] = time.perf_counter() - began
    return {"steps_of_an_epoch": batches.steps_per_epoch, "seconds": found}


def run_cost(work: Path, quick: bool, corpus: Path | None = None) -> dict[str, Any]:
    """All figures, in processes of their own.

    Args:
        work: folder on a disk.
        quick: the smaller models alone.
        corpus: a prepared one, to measure also how soon its batches are there.
    """
    rows = []
    for name in ("tiny", "mini") if quick else _MODELS:
        rounds = 3 if quick else 5 if name == "base" else 15

        def saving(marks: Marks, name: str = name, rounds: int = rounds) -> Any:
            return _saving(name, work / "cost", rounds)

        rows.append(_answer(live(saving, work / "life")))
    resumed = []
    for steps in list(_EPOCHS.values())[: 2 if quick else None]:

        def recovery(marks: Marks, steps: int = steps) -> Any:
            return _recovery(steps, work / "recovery")

        resumed.append(_answer(live(recovery, work / "life")))
    prepared = _answer(live(lambda marks: _prepared(corpus), work / "life")) if corpus is not None else None
    return {"saving": rows, "recovery": resumed, "prepared_corpus": prepared, "failures": []}


def _answer(life: Any) -> Any:
    if life.status:
        raise RuntimeError(life.log)
    return life.answer
