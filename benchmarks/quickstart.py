"""Wall time, peak memory and accuracy of `keras-bert-lab quickstart`.

    python -m benchmarks.quickstart            about 2 minutes a seed on 2 cores

The command as a user runs it, in a folder of its own. Expected: at most 4 minutes; accuracy on the 400 held-out reviews above
the majority class by more than two standard errors, of the model from scratch and of the one made of the sample encoder; TF-IDF
+ logistic regression beside them. Seeds: 7, 8, 9.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import machine, versions


def run(seed: int) -> dict[str, Any]:
    """One quickstart: its figures, wall seconds and peak resident memory of its main process."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "keras_bert_lab", "quickstart", "--output", folder, "--seed", str(seed)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise RuntimeError(f"quickstart failed with status {status}")
        figures = json.loads(Path(folder, "runs", "quickstart", "1", "figures.json").read_text(encoding="utf-8"))
    majority, examples = figures["from_scratch"]["majority"], figures["from_scratch"]["examples"]
    error = (majority * (1 - majority) / examples) ** 0.5
    row = {"seed": seed, "seconds": seconds, "peak_memory_mib": usage.ru_maxrss / 1024, "exported": figures["exported"]}
    for name in ("from_scratch", "sample_encoder", "tfidf"):
        kept = ("accuracy", "interval", "validation_accuracy", "seconds", "pretraining_seconds")
        row[name] = {key: figures[name][key] for key in kept}
        row[name]["standard_errors_above_majority"] = (figures[name]["accuracy"] - majority) / error
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "quickstart.json")
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        rows.append(run(seed))
        print(json.dumps(rows[-1]), flush=True)
    report = {
        "command": "python -m benchmarks.quickstart",
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "scikit-learn"]),
        "rows": rows,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
