"""A table of up to a million rows through `predict`: rows a second and memory, beside `predict_text` on all texts in one go.

    python -m benchmarks.predict_table --data ../shared/data       10,000, 100,000 and 1,000,000 rows: 90 minutes on 2 cores
    ... --quick                                                    2,000 and 20,000 rows: about 3 minutes

- predict: `keras_bert_lab.recipes.predict` from a .csv to a .csv: hash of the table, a first pass that checks all rows, the
  predictions in parts of 8,192 rows, each brought onto the disk, and the table with its predictions written.
- in one go: `model.predict_text(texts)` alone, on texts that are in memory already: the scoring, and nothing else.

Each run is a process of its own. Packages are imported, and the model is loaded and has answered once with texts of all
lengths, before the clock starts. The texts are sentences of SST-2, questions of TREC and, one in ten, reviews of IMDB, drawn
with a seed and each followed by some words of another one, so that no two are the same; lengths go from a few tokens to the
128 of the model. The model is the sample encoder with a new head: what it answers does not matter here, and both must answer
the same (labels equal but for ties, scores to 1e-4).

Expected result: `benchmarks/results/predict_table.json` and a table with rows a second, their ratio, and the
peak memory before and after. Aims: at least 0.9 times as fast as in one go at the most rows; at most 1.1
times as much memory for the most rows as for a tenth of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Nothing else is imported up here: a worker measures what its way needs.

_ROWS = (10_000, 100_000, 1_000_000)
_QUICK = (2_000, 20_000)
_WAYS = ("predict", "in one go")
_SPEED, _MEMORY = 0.9, 1.1  # the aims
_PACKAGES = ("keras-bert-lab", "tensorflow", "tensorflow-text", "pandas", "numpy")
_WARM = 640
_SEED = 0


def _column(path: Path) -> list[str]:
    import pandas as pd

    return pd.read_csv(path, keep_default_na=False)["text"].tolist()


def texts(data: Path, rows: int) -> Iterator[str]:
    """Texts of mixed lengths, the first ones the same whatever their number."""
    import numpy as np

    short = _column(data / "sst2" / "train.csv") + _column(data / "trec" / "train.csv")
    long = _column(data / "imdb" / "train.csv.gz")
    rng = np.random.default_rng(_SEED)
    for number in range(rows):
        of = long if number % 10 == 9 else short
        first, second = of[rng.integers(len(of))], short[rng.integers(len(short))].split()
        yield " ".join([first, *second[: rng.integers(len(second))], str(number)])


def write_table(data: Path, rows: int, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "text"])
        writer.writerows(enumerate(texts(data, rows)))


def make_model(folder: Path) -> None:
    """The sample encoder with a new head, saved."""
    import keras

    import keras_bert_lab as kbl

    keras.utils.set_random_seed(_SEED)
    kbl.save_task(kbl.TextClassifier.from_pretrained(kbl.sample_encoder(), labels=["neg", "pos"]), folder)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(way: str, model: str, table: str, output: str) -> dict[str, Any]:
    """One run, in a process of its own."""
    import keras_bert_lab as kbl
    from benchmarks.measure import busy_seconds

    with open(table, encoding="utf-8", newline="") as file:  # noqa: PTH123
        warm = [row["text"] for row, _ in zip(csv.DictReader(file), range(_WARM), strict=False)]
    if way == "predict":
        from keras_bert_lab.recipes import predict

        kbl.BatchPredictor(model)(warm)  # stays loaded in this process
        before, own, busy, start = _peak(), time.process_time(), busy_seconds(), time.perf_counter()
        predict(model, table=Path(table), output=Path(output))
    else:
        task = kbl.load_task(model)
        task.predict_text(warm)
        rows = kbl.read_table(table, label=None).text.tolist()
        before, own, busy, start = _peak(), time.process_time(), busy_seconds(), time.perf_counter()
        found = task.predict_text(rows)
    seconds, own = time.perf_counter() - start, time.process_time() - own
    after = busy_seconds()
    if way != "predict":
        found[["label", "score"]].to_csv(output, index=False)
    others = None if busy is None or after is None else max(0.0, (after - busy - own) / seconds)
    return {"seconds": seconds, "processor": own, "others": others, "before_mib": before, "peak_mib": _peak()}


def run(way: str, model: Path, table: Path, output: Path) -> dict[str, Any]:
    """One run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.predict_table", "--worker", way, str(model), str(table), str(output)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def differing(predicted: Path, in_one_go: Path) -> dict[str, float]:
    """Rows with another label, and the largest difference of scores.

    Raises:
        ValueError: answers differ by more than rounding.
    """
    import numpy as np
    import pandas as pd

    ours, theirs = pd.read_csv(predicted), pd.read_csv(in_one_go)
    labels = int((ours["predicted_label"] != theirs["label"]).sum())
    score = float(np.abs(ours["predicted_score"] - theirs["score"]).max())
    if len(ours) != len(theirs) or score > 1e-4 or labels > len(ours) // 1000:
        raise ValueError(
            f"Both ways must answer the same. Received: {labels} other labels, scores that differ by up to {score:.2e}"
        )
    return {"other_labels": labels, "largest_difference_of_scores": score}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with sst2, trec and imdb")
    parser.add_argument("--quick", action="store_true", help="few rows")
    parser.add_argument("--rows", type=int, nargs="+", help="numbers of rows, instead")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(*options.worker)))
        return
    if options.data is None:
        parser.error("--data is missing")

    from benchmarks.measure import QUIET, machine, versions

    default = Path(__file__).parent / "results" / "predict_table.json"
    output = options.output or (Path(tempfile.gettempdir()) / "predict_table_quick.json" if options.quick else default)
    cases = []
    print(f"{'rows':>9} {'way':10} {'seconds':>8} {'rows/s':>8} {'ratio':>6} {'MiB before':>10} {'peak MiB':>9}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_model(folder / "model")
        for rows in options.rows or (_QUICK if options.quick else _ROWS):
            write_table(options.data, rows, folder / "in.csv")
            found: dict[str, Any] = {}
            for way in _WAYS:
                (folder / f"{way}.csv").unlink(missing_ok=True)
                found[way] = run(way, folder / "model", folder / "in.csv", folder / f"{way}.csv")
            same = differing(folder / "predict.csv", folder / "in one go.csv")
            ratio = found["in one go"]["seconds"] / found["predict"]["seconds"]
            for way, answer in found.items():
                busy = (answer["others"] or 0.0) > QUIET
                print(
                    f"{rows:9,} {way:10} {answer['seconds']:8.1f} {rows / answer['seconds']:8.0f} "
                    f"{ratio if way == 'predict' else 1.0:5.2f}x {answer['before_mib']:10.0f} {answer['peak_mib']:9.0f}"
                    f"{' !' if busy else ''}",
                    flush=True,
                )
            cases.append({"rows": rows, "ways": found, "ratio": ratio, "same": same})
    last, earlier = cases[-1], cases[-2] if len(cases) > 1 else cases[-1]
    more = last["ways"]["predict"]["peak_mib"] / earlier["ways"]["predict"]["peak_mib"]
    aims = {
        f"at least {_SPEED} times as fast as in one go": last["ratio"] >= _SPEED,
        f"at most {_MEMORY} times the memory of {earlier['rows']:,} rows": more <= _MEMORY,
    }
    for aim, reached in aims.items():
        print(f"{aim}: {'yes' if reached else 'NO'}")
    report = {
        "command": f"python -m benchmarks.predict_table --rows {' '.join(str(case['rows']) for case in cases)}",
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "aims": aims,
        "cases": cases,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {output}")


if __name__ == "__main__":
    main()
