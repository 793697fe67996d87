"""What importing the package and asking for help cost, beside `import keras`.

    python -m benchmarks.start_up            about 3 minutes

Fresh processes, taken in turn, 11 rounds; a round's ratio compares processes that ran right after each other. The limit is
`import keras` itself, since the package is used with it. Expected: both ratios at most 1.1. No seed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import machine, summary, versions

_COMMANDS = {
    "import keras": ["-c", "import keras"],
    "import keras_bert_lab": ["-c", "import keras_bert_lab"],
    "keras-bert-lab --help": ["-m", "keras_bert_lab", "--help"],
}


def seconds_of(arguments: list[str]) -> float:
    """Wall time of one Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "start_up.json")
    options = parser.parse_args()
    for arguments in _COMMANDS.values():
        seconds_of(arguments)  # fills the file cache and writes byte code
    rounds: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for index in range(options.rounds):
        for name in _COMMANDS if index % 2 == 0 else reversed(_COMMANDS):
            rounds[name].append(seconds_of(_COMMANDS[name]))
    base = np.array(rounds["import keras"])
    rows = [
        {"command": name, "seconds": summary(seconds), "ratio_to_import_keras": summary(list(np.array(seconds) / base))}
        for name, seconds in rounds.items()
    ]
    for row in rows:
        ratio = row["ratio_to_import_keras"]["median"]
        print(f"{row['command']:24} {row['seconds']['median']:6.2f} s   {ratio:5.2f}x import keras")
    report = {
        "command": "python -m benchmarks.start_up",
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow"]),
        "rows": rows,
        "rounds": rounds,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
