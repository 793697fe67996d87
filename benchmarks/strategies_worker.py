"""Worker of the benchmark strategies.py: one training of MiniLM with `Lab`."""

from __future__ import annotations

import argparse
import functools
import json
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

import keras_bert_lab as kbl
from benchmarks.fine_tuning_recipes import Examples, read_examples

_LENGTH, _EPOCHS, _BATCH = 128, 3, 32
_DECAY, _RANK, _SIZE = 0.8, 8, 64
_CHOICE = 0.1  # share of the training texts that rates are chosen on


def _table(examples: Examples, rows: np.ndarray | None = None) -> pd.DataFrame:
    table = pd.DataFrame({"text": examples.columns[0], "label": [examples.names[label] for label in examples.labels]})
    return table if rows is None else table.iloc[rows].reset_index(drop=True)


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Accuracy on one part of a set, or on held-out training texts ("choice")."""
    keras.utils.set_random_seed(options.seed)
    examples = read_examples(options.data, options.name, "train", options.quick)
    if options.part == "choice":
        order = np.random.default_rng(0).permutation(len(examples.labels))
        count = round(_CHOICE * len(order))
        learned, measured = _table(examples, order[count:]), _table(examples, order[:count])
    else:
        learned = _table(examples)
        measured = _table(read_examples(options.data, options.name, options.part, options.quick))
    model = kbl.TextClassifier.from_pretrained(
        options.model, labels=examples.names, pooling="mean", max_length=_LENGTH, dtype="mixed_bfloat16"
    )
    optimizer = functools.partial(kbl.AdamW, layer_decay=_DECAY) if options.strategy == "layer decay" else kbl.AdamW
    is_auto = options.strategy == "autofit"
    lab = kbl.Lab(model, learned, 0.1 if is_auto else 0, batch_size=_BATCH, seed=options.seed, optimizer=optimizer)
    if options.strategy in ("frozen", "last 2"):
        kbl.set_trainable(model, {"frozen": "none"}.get(options.strategy, options.strategy))
    elif options.strategy == "LoRA":
        kbl.add_lora(model, rank=_RANK)
    elif options.strategy == "adapters":
        kbl.add_adapters(model, size=_SIZE)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    start = time.perf_counter()
    rate = options.rate
    if is_auto:
        rate = lab.autofit(verbose=0).rate
    elif options.strategy == "gradual":
        lab.fit_gradually(rate, model.encoder.config.num_layers + 1, schedule="one_cycle", verbose=0)
    else:
        lab.fit_one_cycle(rate, _EPOCHS, verbose=0)
    seconds = time.perf_counter() - start
    steps = len(lab.history["loss"]) * -(-len(lab.train) // _BATCH)
    if options.strategy == "LoRA":
        kbl.merge_lora(model)
    return {
        "accuracy": lab.report(measured).accuracy,
        "rate": rate,
        "trained": trained,
        "seconds": seconds,
        "ms_per_step": 1000 * seconds / steps,
        "history": lab.history,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the set")
    parser.add_argument("strategy")
    parser.add_argument("--part", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--results", type=Path, required=True, help="file for the figures")
    options = parser.parse_args()
    options.results.write_text(json.dumps(train(options)), encoding="utf-8")


if __name__ == "__main__":
    main()
