"""The share of a training step in which the model waits for its batch, and what making batches beside it costs.

    python -m benchmarks.input_stall --data ../shared/data            about 12 minutes on 2 cores, 4 to prepare the books
    python -m benchmarks.input_stall --data ../shared/data --quick    about 2 minutes: 20 books, two rounds

BERT mini (V = 8,192, mixed bfloat16), 32 rows of 128, the books as a prepared corpus. Three figures:

- waiting: a training loop takes a batch from `as_dataset` with `next` and then makes a step; the share of its time inside
  `next`. The whole of it counts, also what a batch that is there already takes to be handed over.
- fit: seconds of a step in `fit` on the prepared corpus, and in `fit` on one batch held in memory, in turn, A B, B A; the
  difference also holds what the thread that makes batches takes away from the cores that compute. A step is the time from the
  end of one to the end of the next; the first two of each `fit` are left out.
- making: seconds that one batch takes to make, alone, on one core.

Rounds of `fit` during which other work kept more than a tenth of a core busy are repeated (within `--patience`). Expected
result, in benchmarks/results/input_stall.json: waiting below 1 % of the steps. Seed 0.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.measure import QUIET, alternate, busy_seconds, machine, summary, time_steps, versions
from benchmarks.prepared_books import about_corpus, mini_model, prepared_books, working_folder
from keras_bert_lab.batches import PretrainingBatches, as_dataset, open_corpus
from keras_bert_lab.training import AdamW

_LENGTH, _ROWS = 128, 32
_STEPS = 30  # of a round
_LEFT_OUT = 2


class _Ends(keras.callbacks.Callback):
    """When each step of a `fit` ended."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends.append(time.perf_counter())


class Fits:
    """Rounds of `fit` on the corpus, each going on where the last one ended, and on one batch in memory."""

    def __init__(self, model: Any, batches: PretrainingBatches) -> None:
        self.model = model
        self.batches = batches
        self.step = 0
        first = batches.batch(0)
        specification = as_dataset(batches).element_spec  # the same, so that both run the same graph
        tensors = tf.nest.map_structure(tf.constant, first)

        def same(spec: Any, tensor: Any) -> Any:
            return tf.ensure_shape(tensor, spec.shape)

        self.held = tf.data.Dataset.from_tensors(tensors).map(lambda *parts: tf.nest.map_structure(same, specification, parts))
        self.held = self.held.cache().repeat()

    def _fit(self, dataset: Any) -> dict[str, Any]:
        callback, busy, own = _Ends(), busy_seconds(), time.process_time()
        start = time.perf_counter()
        self.model.fit(dataset, steps_per_epoch=_STEPS, verbose=0, shuffle=False, callbacks=[callback])
        wall, after, own = time.perf_counter() - start, busy_seconds(), time.process_time() - own
        others = None if busy is None or after is None else max(0.0, (after - busy - own) / wall)
        return {"seconds": np.diff(callback.ends)[_LEFT_OUT - 1 :].tolist(), "others": others}

    def on_the_corpus(self) -> dict[str, Any]:
        self.step += _STEPS
        return self._fit(as_dataset(self.batches, first_step=self.step - _STEPS))

    def on_one_batch(self) -> dict[str, Any]:
        return self._fit(self.held)


def waiting(model: Any, batches: PretrainingBatches, steps: int) -> dict[str, Any]:
    """How long `next` takes, and how long steps do, in a loop of both."""
    dataset = as_dataset(batches)
    step = tf.function(model.train_step, input_signature=[dataset.element_spec])
    iterator, blocked, computing = iter(dataset), [], []
    for _ in range(steps + _LEFT_OUT):
        start = time.perf_counter()
        data = next(iterator)
        ready = time.perf_counter()
        float(step(data)["loss"])
        blocked.append(ready - start)
        computing.append(time.perf_counter() - ready)
    blocked, computing = blocked[_LEFT_OUT:], computing[_LEFT_OUT:]
    return {
        "share_of_time": sum(blocked) / (sum(blocked) + sum(computing)),
        "seconds_in_next": summary(blocked) | {"longest": max(blocked)},
        "seconds_of_a_step": summary(computing),
        "steps": steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with books/")
    parser.add_argument("--work", type=Path, help="folder for the prepared books")
    parser.add_argument("--quick", action="store_true", help="20 books, two rounds")
    parser.add_argument("--rounds", type=int, help="rounds of fit (11; with --quick 2)")
    parser.add_argument("--patience", type=float, default=300, help="seconds to repeat disturbed rounds")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    default = Path(__file__).parent / "results" / "input_stall.json"
    output = options.output or (Path(tempfile.gettempdir()) / "input_stall_quick.json" if options.quick else default)
    rounds = options.rounds or (2 if options.quick else 11)
    folder = prepared_books(options.data, working_folder(options.work, options.quick), "all", options.quick)
    corpus = open_corpus(folder)
    start = time.perf_counter()
    batches = PretrainingBatches(corpus, _LENGTH, _ROWS)
    planned = time.perf_counter() - start
    making = time_steps(iter(map(batches.batch, range(200))).__next__, 50 if options.quick else 200)
    model = mini_model(corpus, _LENGTH)
    model.compile(AdamW(1e-4))
    fits = Fits(model, batches)
    fits.on_the_corpus()  # traces and warms up
    fits.on_one_batch()
    steps = 30 if options.quick else 200
    before = waiting(model, batches, steps)
    runs = {"corpus": fits.on_the_corpus, "one batch": fits.on_one_batch}
    seconds, others = alternate(runs, rounds, options.patience)
    ratios = np.array(seconds["corpus"]) / np.array(seconds["one batch"])
    after = waiting(model, batches, steps)
    report = {
        "command": "python -m benchmarks.input_stall --data DATA" + " --quick" * options.quick,
        "options": {"rounds": rounds, "patience": options.patience, "steps_of_a_round": _STEPS},
        "corpus": about_corpus(folder),
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "numpy"]),
        "waiting": [before, after],
        "fit": {name: summary(found) | {"rounds": found} for name, found in seconds.items()},
        "fit_is_slower_by": summary(list(ratios - 1)),
        "making": summary(making),
        "seconds_to_plan_the_first_epoch": planned,
        "cores_busy_with_other_work": others,
    }
    for found in (before, after):
        blocked, step = found["seconds_in_next"], found["seconds_of_a_step"]
        print(
            f"waiting: {found['share_of_time']:.2%} of the time in next, median {1e3 * blocked['median']:.2f} ms, "
            f"longest {1e3 * blocked['longest']:.1f} ms; step {1e3 * step['median']:.0f} ms"
        )
    for name, found in seconds.items():
        mark = " !" if others[name] > QUIET else ""
        print(f"fit on {name}: {1e3 * float(np.median(found)):.1f} ms a step{mark}")
    low, middle, high = (report["fit_is_slower_by"][key] for key in ("p10", "median", "p90"))
    print(f"fit on the corpus is slower by {middle:+.2%} (from {low:+.2%} to {high:+.2%})")
    print(f"making a batch: {1e3 * float(np.median(making)):.1f} ms of one core; planning the epoch {planned:.1f} s")
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {output}")


if __name__ == "__main__":
    main()
