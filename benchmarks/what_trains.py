"""Step time and trained parameters of the ways to fine-tune one encoder, in one run.

    python -m benchmarks.what_trains            on 2 cores, 5 GB of memory
    python -m benchmarks.what_trains --quick    two rounds

A classifier on an encoder of the shape of MiniLM (6 layers, H = 384, 12 heads, F = 1,536, V = 30,522) with weights as they
start, B = 16 full rows of S = 128, dropout 0.1, AdamW, 2 threads. Each way has a process of its own; they take turns, A B C,
C B A, one computing at a time, and runs during which other work kept more than a tenth of a core busy are repeated (within
`--patience`; rows that stay disturbed have a "!"). Processor time, of all threads, suffers less from other work.

Expected result: `benchmarks/results/what_trains.json` and a table; the numbers of parameters are those of docs/what_trains.md.
Data seed 0; weights seed 0.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import QUIET, Worker, alternate, machine, serve, summary, time_steps, timed_run, versions

STRATEGIES = ("head", "last 2", "lora 8", "lora 8 all", "adapters 64", "all")
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
_SHAPE = {"vocab_size": 30522, "hidden_size": 384, "num_layers": 6, "num_heads": 12, "intermediate_size": 1536}
_BATCH, _LENGTH, _CLASSES = 16, 128, 2


def _choose(model: Any, strategy: str) -> Any:
    import keras_bert_lab as kbl

    choices: dict[str, Callable[[], Any]] = {
        "head": lambda: kbl.set_trainable(model, "none"),
        "last 2": lambda: kbl.set_trainable(model, "last 2"),
        "lora 8": lambda: kbl.add_lora(model, rank=8),
        "lora 8 all": lambda: kbl.add_lora(model, rank=8, targets="all"),
        "adapters 64": lambda: kbl.add_adapters(model, size=64),
        "all": lambda: kbl.set_trainable(model, "all"),
    }
    return choices[strategy]()


def work(strategy: str, precision: str) -> None:
    """The process of one strategy."""
    import keras
    import tensorflow as tf

    import keras_bert_lab as kbl

    keras.utils.set_random_seed(0)
    encoder = kbl.Encoder(kbl.EncoderConfig(**_SHAPE), dtype=_POLICIES[precision])
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name) for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    model = keras.Model(inputs, kbl.ClassificationHead(_CLASSES)(encoder(inputs), inputs["input_mask"]))
    counts = _choose(model, strategy)
    model.compile(kbl.AdamW(1e-4), "sparse_categorical_crossentropy", jit_compile=False)
    model.make_train_function()
    rng = np.random.default_rng(0)
    shape = (8, _BATCH, _LENGTH)
    data = {
        "input_word_ids": rng.integers(1000, _SHAPE["vocab_size"], shape).astype("int32"),
        "input_mask": np.ones(shape, "int32"),
        "input_type_ids": np.zeros(shape, "int32"),
    }
    targets = rng.integers(0, _CLASSES, shape[:2])
    batches = iter(tf.data.Dataset.from_tensor_slices((data, targets)).repeat())

    def step() -> float:
        return float(model.train_function(batches)["loss"])

    def run(steps: int) -> dict[str, Any]:
        before = time.process_time()
        answer = timed_run(step, steps)
        return answer | {"processor": (time.process_time() - before) / steps}

    serve(
        {
            "warm_up": lambda: {"trainable": counts.trainable, "frozen": counts.frozen, "seconds": time_steps(step, 4)},
            "run": run,
        }
    )


def measure(precision: str, rounds: int, patience: float, threads: int) -> list[dict[str, Any]]:
    """One row for each strategy."""
    with contextlib.ExitStack() as stack:
        workers, facts, runs = {}, {}, {}
        processor: dict[str, list[float]] = {strategy: [] for strategy in STRATEGIES}

        def run(strategy: str, steps: int) -> dict[str, Any]:
            answer = workers[strategy].ask("run", steps=steps)
            processor[strategy].append(answer["processor"])
            return answer

        for strategy in STRATEGIES:
            arguments = ["--work", strategy, "--precisions", precision]
            workers[strategy] = stack.enter_context(Worker("benchmarks.what_trains", arguments, threads))
            facts[strategy] = workers[strategy].ask("warm_up")
            steps = max(3, min(20, round(3 / facts[strategy]["seconds"][-1])))  # a round of about 3 s
            runs[strategy] = functools.partial(run, strategy, steps)
        medians, others = alternate(runs, rounds, patience)
    everything = np.array(medians["all"])
    return [
        {
            "strategy": strategy,
            "precision": precision,
            "trainable": facts[strategy]["trainable"],
            "frozen": facts[strategy]["frozen"],
            "seconds": summary(medians[strategy]),
            # Round by round, so that a slow minute of the machine meets both.
            "of_all": summary(list(np.array(medians[strategy]) / everything)),
            "cores_busy_with_other_work": others[strategy],
            "rounds": medians[strategy],
            "processor_seconds": summary(processor[strategy]),
        }
        for strategy in STRATEGIES
    ]


def print_table(rows: list[dict[str, Any]]) -> None:
    """The report, for reading."""
    print("precision what is trained      parameters     ms/step      p10      p90   of all  processor ms/step")
    for row in rows:
        median, p10, p90 = (1000 * row["seconds"][key] for key in ("median", "p10", "p90"))
        mark = " !" if row["cores_busy_with_other_work"] > QUIET else ""
        print(
            f"{row['precision']:9} {row['strategy']:15} {row['trainable']:15,} {median:11.0f} {p10:8.0f} {p90:8.0f} "
            f"{row['of_all']['median']:8.0%} {1000 * row['processor_seconds']['median']:18.0f}{mark}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--rounds", type=int, help="rounds of each row (7; with --quick 2)")
    parser.add_argument("--precisions", nargs="+", choices=sorted(_POLICIES), default=["float32", "bfloat16"])
    parser.add_argument("--patience", type=float, default=120, help="seconds to repeat runs disturbed by other work")
    parser.add_argument("--threads", type=int, default=2, help="for each process (2)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "what_trains.json")
    parser.add_argument("--work", choices=STRATEGIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.precisions[0])
        return
    rounds = options.rounds or (2 if options.quick else 7)
    rows = list(
        itertools.chain.from_iterable(
            measure(precision, rounds, options.patience, options.threads) for precision in options.precisions
        )
    )
    print_table(rows)
    report = {
        "command": " ".join(["python -m benchmarks.what_trains", *sys.argv[1:]]),
        "batch": [_BATCH, _LENGTH],
        "shape": _SHAPE,
        "machine": machine(),
        "threads": options.threads,
        "versions": versions(["keras-bert-lab", "tensorflow", "keras", "numpy"]),
        "rows": rows,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
