"""Shards of a corpus on the workers of a Ray cluster."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from keras_bert_lab.batches.corpus_files import read_tokenizer
from keras_bert_lab.batches.shard_work import ShardPlan, make_shards
from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["make_shards_on_ray", "ray_cores"]

ray = LazyModule("ray", install="'keras_bert_lab[ray]'")
tqdm = LazyModule("tqdm.auto", install="tqdm")


def _connect() -> None:
    """Use the cluster that runs; none is started here.

    Raises:
        DataError: there is none.
    """
    if ray.is_initialized():
        return
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            ray.init(address="auto", log_to_driver=False)
    except ConnectionError as error:
        raise DataError(
            "engine='ray' needs a Ray cluster that runs. Received: none. Start one with `ray start --head`, or name it in "
            "RAY_ADDRESS."
        ) from error


def ray_cores() -> int:
    """Cores of the cluster.

    Raises:
        DataError: no cluster runs.
    """
    _connect()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _make_shard(stream: DocumentStream, plan: ShardPlan, shard: int, workers: int) -> int:
    """Runs on a worker: it takes the tokenizer from the folder."""
    make_shards(stream, read_tokenizer(plan.corpus), plan, [shard], workers)
    return shard


def make_shards_on_ray(stream: DocumentStream, plan: ShardPlan, shards: list[int], workers: int, show_progress: bool) -> None:
    """Make shards, each as a task of the cluster.

    Args:
        stream: all texts of the corpus; its files must be there on all machines.
        plan: what all workers agree on.
        shards: which shards.
        workers: cores for each task.
        show_progress: show a progress bar.

    Raises:
        DataError: no cluster runs; a text that cannot be used.
    """
    _connect()
    task: Any = ray.remote(num_cpus=workers, max_retries=3)(_make_shard)
    running = [task.remote(stream, plan, shard, workers) for shard in shards]
    try:
        with tqdm.tqdm(total=len(shards), desc="preparing", unit="shard", disable=not show_progress) as bar:
            while running:
                done, running = ray.wait(running)
                ray.get(done)  # raises what the worker raised
                bar.update(len(done))
    finally:
        for each in running:
            ray.cancel(each)
