"""Encoder forward pass and masked-LM training step, beside KerasHub and transformers, in one run.

    python -m benchmarks.encoder_step            about 20 minutes on 2 cores, 12 GB of memory
    python -m benchmarks.encoder_step --quick    about 3 minutes: BERT mini, two rounds

BERT mini (4 x 256, B = 32) and base (12 x 768, B = 8), V = 30,522, S = 128, full rows, float32 and bfloat16, 2 threads for
each peer. All peers start from the same weights and must agree in float32 (1e-4 in every output, on padded rows) before
anything is timed; a difference ends the run. Then the peers take turns, A B C, C B A, one computing at a time; runs during
which other work kept more than a tenth of a core busy are repeated (within `--patience`; rows that stay disturbed have a "!").

- forward: inference of the encoder, pooler included.
- train: one masked-LM step with dropout 0.1 and AdamW; 20 of 128 positions predicted. Ours and KerasHub project only these,
  transformers projects all positions, as it always does.

Peers as their users get them: keras_bert_lab with `jit_compile=False`; keras_hub both with `jit_compile=False` and with the
Keras default, whole-step XLA ("+xla"); transformers eager with its default attention and torch's fused AdamW. bfloat16 is the
policy "mixed_bfloat16" in Keras, autocast in torch. KerasHub has the tanh form of GELU built in; here it gets the exact form,
so that all peers compute the same function.

Expected result: `benchmarks/results/encoder_step.json` and a table with tokens/s, the ratio to each peer (above 1 = ours is
faster) and the share of the physical limit: the best rate of a plain matrix product that any of the libraries reached in the
same run. Data seed 0; weights seed 0.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoder_cases import CASES, Case
from benchmarks.measure import QUIET, Worker, alternate, machine, summary, versions

_MODULES = {
    "ours": "benchmarks.encoder_peer_keras",
    "kerashub": "benchmarks.encoder_peer_keras",
    "transformers": "benchmarks.encoder_peer_torch",
}
_PEERS = {"ours": "keras_bert_lab", "kerashub": "keras_hub", "transformers": "transformers"}
_PRECISIONS = ("float32", "bfloat16")
_WORKLOADS = ("forward", "train")
_XLA = {"kerashub"}  # peers that are also measured compiled by XLA
_TOLERANCE = 1e-4
_PACKAGES = ("keras-bert-lab", "tensorflow", "keras", "keras-hub", "torch", "transformers", "numpy")


def add_limits(found: dict[str, dict[str, float]], tensorflow: Worker, torch: Worker) -> None:
    """Measure the matrix-product rates of each library, in operations per second, and keep the best of all times."""
    for precision in _PRECISIONS:
        rates = found.setdefault(precision, {"best": 0.0})
        for library, worker in (("tensorflow", tensorflow), ("torch", torch)):
            for shape, rate in worker.ask("products", precision=precision).items():
                rates[f"{library} {shape}"] = max(rate, rates.get(f"{library} {shape}", 0.0))
        rates["best"] = max(rates.values())


def check_equal(workers: dict[str, Worker], folder: Path) -> dict[str, dict[str, float]]:
    """The largest difference of each output from that of transformers, on real positions.

    Raises:
        ValueError: a difference above 1e-4.
    """
    outputs = {name: dict(np.load(worker.ask("gate", results=str(folder / f"{name}.npz")))) for name, worker in workers.items()}
    theirs = outputs.pop("transformers")
    size, length = theirs["sequence"].shape[:2]
    real = np.arange(length) < length - 3 * np.arange(size)[:, None]  # as in encoder_cases.batch(padding=True)
    differences: dict[str, dict[str, float]] = {}
    for name, values in outputs.items():
        differences[name] = {
            key: float(np.max(np.abs(value - theirs[key])[real if key == "sequence" else ...])) for key, value in values.items()
        }
        if not max(differences[name].values()) <= _TOLERANCE:
            raise ValueError(f"{_PEERS[name]} must equal transformers to {_TOLERANCE}. Received: {differences[name]}")
    return differences


def measure(case: Case, precision: str, workers: dict[str, Worker], rounds: int, patience: float) -> list[dict[str, Any]]:
    """One row for each peer and workload."""
    rows = []
    for kind in _WORKLOADS:
        runs, workloads, warm_up, steps = {}, {}, {}, {}
        for peer, worker in workers.items():
            for workload in (kind, f"{kind}_xla") if peer in _XLA else (kind,):
                name = peer + workload.removeprefix(kind).replace("_", "+")
                warm_up[name] = worker.ask("warm_up", workload=workload)
                steps[name] = max(2, min(20, round(1.5 / warm_up[name]["seconds"][-1])))  # a round of about 1.5 s
                workloads[name] = (worker, workload)

        def run(name: str, workloads: dict[str, Any] = workloads, steps: dict[str, int] = steps) -> dict[str, Any]:
            worker, workload = workloads[name]
            return worker.ask("run", workload=workload, steps=steps[name])

        for name in workloads:
            runs[name] = functools.partial(run, name)
        medians, others = alternate(runs, rounds, patience)
        ours = np.array(medians["ours"])
        for name, seconds in medians.items():
            found = summary(seconds)
            rows.append(
                {
                    "size": case.name,
                    "workload": kind,
                    "precision": precision,
                    "peer": name,
                    "seconds": found,
                    "tokens_per_second": case.tokens / found["median"],
                    "flops_per_second": case.flops(kind) / found["median"],
                    # Round by round, so that a slow minute of the machine meets both.
                    "ours_is_faster_by": summary(list(np.array(seconds) / ours)),
                    "cores_busy_with_other_work": others[name],
                    "steps_per_round": steps[name],
                    "rounds": seconds,
                    "warm_up": warm_up[name],
                }
            )
            print(f"{case.name} {kind} {precision} {name}: {found['median']:.4f} s", file=sys.stderr, flush=True)
        for worker, workload in workloads.values():
            worker.ask("drop", workload=workload)
    return rows


def print_table(report: dict[str, Any]) -> None:
    """The report, for reading."""
    for precision, rates in report["limits"].items():
        print(precision, ", ".join(f"{key}: {rate / 1e9:,.0f} GFLOP/s" for key, rate in rates.items()))
    print("\nsize  step     precision peer                  ms      p10      p90  tokens/s  limit  ours is")
    for row in report["rows"]:
        median, p10, p90 = (1000 * row["seconds"][key] for key in ("median", "p10", "p90"))
        ratio = f"{row['ours_is_faster_by']['median']:.2f}x" + (" !" if row["cores_busy_with_other_work"] > QUIET else "")
        print(
            f"{row['size']:5} {row['workload']:8} {row['precision']:9} {row['peer']:14} {median:9.1f} {p10:8.1f} {p90:8.1f} "
            f"{row['tokens_per_second']:9,.0f} {row['share_of_limit']:6.0%} {ratio:>8}"
        )
    print(f"\nLargest differences from transformers in float32: {report['differences']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="BERT mini only, two rounds")
    parser.add_argument("--rounds", type=int, help="rounds of each row (7; with --quick 2)")
    parser.add_argument("--sizes", nargs="+", choices=sorted(CASES), help="mini, base (both; with --quick mini)")
    parser.add_argument(
        "--patience", type=float, default=120, help="seconds to repeat runs disturbed by other work, for each group"
    )
    parser.add_argument("--threads", type=int, default=2, help="for each peer (2)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "encoder_step.json")
    options = parser.parse_args()
    rounds = options.rounds or (2 if options.quick else 7)
    sizes = options.sizes or (["mini"] if options.quick else ["mini", "base"])

    report: dict[str, Any] = {
        "command": "python -m benchmarks.encoder_step",
        "options": {"rounds": rounds, "sizes": sizes, "patience": options.patience},
        "machine": machine(),
        "threads": options.threads,
        "versions": versions(_PACKAGES),
        "differences": {},
        "rows": [],
    }
    limits: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as libraries:
        folder = Path(name)
        tensorflow, torch = (
            libraries.enter_context(Worker(_MODULES[peer], ["products"], options.threads)) for peer in ("ours", "transformers")
        )
        for size, precision in itertools.product(sizes, _PRECISIONS):
            arguments = (CASES[size].to_json(), precision, str(folder / size))
            if not (folder / size).exists():
                torch.ask("write_model", case=CASES[size].to_json(), folder=str(folder / size))
            add_limits(limits, tensorflow, torch)  # each time again: a limit measured in a slow minute would be too low
            with contextlib.ExitStack() as stack:
                workers = {
                    peer: stack.enter_context(Worker(_MODULES[peer], [peer, *arguments], options.threads)) for peer in _MODULES
                }
                if precision == "float32":
                    report["differences"][size] = check_equal(workers, folder)
                report["rows"] += measure(CASES[size], precision, workers, rounds, options.patience)
        add_limits(limits, tensorflow, torch)
    report["limits"] = limits
    for row in report["rows"]:
        row["share_of_limit"] = row["flops_per_second"] / limits[row["precision"]]["best"]
    print_table(report)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
