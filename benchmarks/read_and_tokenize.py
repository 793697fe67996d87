"""A table of 25,000 film reviews: read, checked, and as token ids in memory; beside pandas and tokenizers.

    python -m benchmarks.read_and_tokenize --table ../shared/data/imdb/train.csv.gz \\
        --vocabulary ../shared/data/vocab/bert-base-uncased/vocab.txt            about 10 minutes on 2 cores

- ours: `read_table`, `check_labels`, `WordPieceTokenizer` and `Preprocessor(max_length=512)`, as in `TextClassifier.fit`.
- pandas+tokenizers: `pandas.read_csv`, the Rust tokenizer of BERT with `encode_batch`, truncated at 512; no checks.

Both end with the ids of all rows in one flat int32 array and use all cores. Each run is a process of its own; the peers take
turns, A B, B A, ..., and runs during which other work kept more than a tenth of a core busy are repeated (within `--patience`).
Before anything is timed, both results are compared: at least 99 % of the rows must be equal (rare characters are read
differently); otherwise the run ends.

Expected result: `benchmarks/results/read_and_tokenize.json` and a table with the seconds of importing, reading and tokenising,
the peak memory of the process, and round by round the ratios to ours (above 1 = ours is better) of the time without importing
and of the memory. No seed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Nothing else is imported up here: a worker measures what its peer needs to import.

_MAX_LENGTH = 512
_EQUAL = 0.99
_PACKAGES = ("keras-bert-lab", "tensorflow", "tensorflow-text", "pandas", "pyarrow", "tokenizers", "numpy")
_STEPS = ("import", "read", "tokenize")


def ours(table: str, vocabulary: str) -> tuple[Callable[[], Any], Callable[[Any], tuple[Any, Any]]]:
    """Reading and tokenising: () -> texts, texts -> ids and splits."""
    import keras_bert_lab as kbl
    from keras_bert_lab.data import check_labels, read_table
    from keras_bert_lab.tasks.text_inputs import some_texts, tokenized

    def read() -> Any:
        data = read_table(table)
        check_labels(data["label"])
        return data["text"]

    def tokenize(texts: Any) -> tuple[Any, Any]:
        tokenizer = kbl.WordPieceTokenizer.from_file(vocabulary)
        rows = tokenized(kbl.Preprocessor(tokenizer, max_length=_MAX_LENGTH), some_texts(texts))
        return rows.ids, rows.splits

    return read, tokenize


def theirs(table: str, vocabulary: str) -> tuple[Callable[[], Any], Callable[[Any], tuple[Any, Any]]]:
    import numpy as np
    import pandas as pd
    import tokenizers

    def read() -> Any:
        return pd.read_csv(table)["text"]

    def tokenize(texts: Any) -> tuple[Any, Any]:
        tokenizer = tokenizers.BertWordPieceTokenizer(vocabulary, lowercase=True)
        tokenizer.enable_truncation(_MAX_LENGTH)
        rows = [encoding.ids for encoding in tokenizer.encode_batch(texts.tolist())]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.empty(int(lengths.sum()), np.int32)
        splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        for row, start, end in zip(rows, splits, splits[1:], strict=False):
            ids[start:end] = row
        return ids, splits

    return read, tokenize


_PEERS = {"ours": ours, "pandas+tokenizers": theirs}


def work(peer: str, table: str, vocabulary: str, save: str | None) -> dict[str, Any]:
    """One run, in a process of its own."""
    start = time.perf_counter()
    read, tokenize = _PEERS[peer](table, vocabulary)
    if peer == "ours":
        import tensorflow  # noqa: F401  # what is imported at first use
        import tensorflow_text  # noqa: F401
    seconds = {"import": time.perf_counter() - start}
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    import numpy as np

    from benchmarks.measure import timed_run

    result: list[Any] = []

    def step() -> None:
        start = time.perf_counter()
        texts = read()
        seconds["read"] = time.perf_counter() - start
        result.extend(tokenize(texts))
        seconds["tokenize"] = time.perf_counter() - start - seconds["read"]

    answer = timed_run(step, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ids, splits = result
    if save:
        np.savez(save, ids=ids, splits=splits)
    memory = {"after_import_mib": imported, "peak_mib": peak}
    return answer | {"steps": seconds, "memory": memory, "rows": len(splits) - 1, "tokens": len(ids)}


def run(peer: str, table: Path, vocabulary: Path, save: Path | None = None) -> dict[str, Any]:
    """One run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.read_and_tokenize", "--worker", peer]
    command += ["--table", str(table), "--vocabulary", str(vocabulary), *(["--save", str(save)] if save else [])]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow", "TOKENIZERS_PARALLELISM": "true"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def check_equal(table: Path, vocabulary: Path) -> dict[str, Any]:
    """Compare the ids of both; this also fills the file cache.

    Raises:
        ValueError: less than 99 % of the rows are equal.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        rows = {}
        for peer in _PEERS:
            path = Path(folder, f"{peer}.npz")
            run(peer, table, vocabulary, path)
            found = np.load(path)
            rows[peer] = np.split(found["ids"], found["splits"][1:-1])
    first, second = rows.values()
    equal = sum(map(np.array_equal, first, second)) / max(len(first), len(second))
    if len(first) != len(second) or equal < _EQUAL:
        raise ValueError(
            f"At least {_EQUAL:.0%} of the rows must be equal. Received: {equal:.2%} of {len(first)}, {len(second)}"
        )
    return {"rows": len(first), "equal": equal}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="CSV with the columns text and label")
    parser.add_argument("--vocabulary", type=Path, required=True, help="vocab.txt of an uncased BERT")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--patience", type=float, default=900, help="seconds to wait for a quiet machine, over all rounds")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "read_and_tokenize.json")
    parser.add_argument("--worker", choices=list(_PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--save", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, str(options.table), str(options.vocabulary), options.save)))
        return

    import numpy as np

    from benchmarks.measure import QUIET, alternate, machine, summary, versions

    equality = check_equal(options.table, options.vocabulary)
    print(f"{equality['rows']:,} rows, {equality['equal']:.3%} of them equal", flush=True)
    answers: dict[str, list[dict[str, Any]]] = {peer: [] for peer in _PEERS}

    def measured(peer: str) -> dict[str, Any]:
        answers[peer].append(run(peer, options.table, options.vocabulary))
        return answers[peer][-1]

    runs = {peer: lambda peer=peer: measured(peer) for peer in _PEERS}
    seconds, others = alternate(runs, options.rounds, options.patience)
    counted = {peer: [answer for answer in answers[peer] if answer["seconds"][0] in seconds[peer]] for peer in _PEERS}
    rows = []
    for peer, found in counted.items():
        memory = {name: [answer["memory"][name] for answer in found] for name in found[0]["memory"]}
        ratios = {
            "seconds": [a["seconds"][0] / b["seconds"][0] for a, b in zip(found, counted["ours"], strict=True)],
            "peak_memory": [
                a["memory"]["peak_mib"] / b["memory"]["peak_mib"] for a, b in zip(found, counted["ours"], strict=True)
            ],
        }
        rows.append(
            {
                "peer": peer,
                "seconds": {"read_and_tokenize": summary(seconds[peer])}
                | {step: summary([answer["steps"][step] for answer in found]) for step in _STEPS},
                "memory": {name: summary(values) for name, values in memory.items()},
                "ratio_to_ours": {name: summary(values) for name, values in ratios.items()},
                "tokens": found[0]["tokens"],
                "cores_busy_with_other_work": others[peer],
                "rounds": found,
            }
        )
    print(f"{'':20} {'import':>8} {'read':>8} {'tokenize':>9} {'peak MiB':>9} {'time':>7} {'memory':>7}")
    for row in rows:
        medians = [row["seconds"][step]["median"] for step in _STEPS]
        peak, ratio = row["memory"]["peak_mib"]["median"], row["ratio_to_ours"]
        print(
            f"{row['peer']:20} {medians[0]:8.2f} {medians[1]:8.2f} {medians[2]:9.2f} {peak:9.0f} "
            f"{ratio['seconds']['median']:6.2f}x {ratio['peak_memory']['median']:6.2f}x"
            f"{' !' if row['cores_busy_with_other_work'] > QUIET else ''}"
        )
    report = {
        "command": f"python -m benchmarks.read_and_tokenize --rounds {options.rounds}",
        "table": options.table.name,
        "max_length": _MAX_LENGTH,
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "rows": equality["rows"],
        "equal_rows": float(np.round(equality["equal"], 6)),
        "peers": rows,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
