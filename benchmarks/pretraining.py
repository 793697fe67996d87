"""A real pretraining on books, what it is worth in fine-tuning, and which objectives are worth most.

    python -m benchmarks.pretraining real --data ../shared/data            about 65 minutes on 2 cores
    python -m benchmarks.pretraining fine_tuning --data ../shared/data     about 80 minutes; after `real`
    python -m benchmarks.pretraining objectives --data ../shared/data      about 100 minutes; needs nothing of the others
    ... --quick            some minutes each: 20 books, few steps, every fiftieth text, three objectives

BERT mini (4 x 256, V = 8,192), S = 128, mixed bfloat16; the books are prepared once and kept in the working folder.

- real: `keras-bert-lab pretrain` with the settings below; four books held out by the command. Its curve, speed and share of the
  machine's peak, and what it reaches on the held-out books with 15 % single tokens masked.
- fine_tuning: that encoder, and new ones of the same size with other weights for each seed, on SST-2 (dev, test), TREC (test)
  and RTE (dev); 5 seeds. For each set and each of the two the learning rate is the one of four that is best on a tenth of the
  training texts (mean of two other seeds), with which the final trainings then learn from all training texts; nothing is chosen
  by dev or test texts. Beside them TF-IDF + logistic regression (pairs as one text).
- objectives: `pretrain` for 5 minutes each, in steps that follow from 50 timed ones; then the same measurement for all, 15 %
  single tokens of four books that none has seen, and accuracy on the test set of TREC after fine-tuning, 3 seeds. Since 5
  minutes are less than one reading of the books, masks that are new in each epoch and fixed ones are compared on a tenth of
  the books.

Every step is a process of its own whose figures are kept at once, in benchmarks/results/pretraining_<what>.json; started again,
the script goes on with what is missing (a pretraining that was interrupted begins anew; without the file, all does). Wanted:
pretrained above untrained by more than two standard errors on SST-2 and TREC, which is so on the test sets of both.
`fine_tuning` has not come to its end: its file holds the steps that were done (RTE is missing), and no table.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.prepared_books import about_corpus, prepared_books, working_folder
from benchmarks.pretraining_steps import Steps
from benchmarks.pretraining_tables import compared, print_curve, print_fine_tuning, print_objectives

SHAPE = [
    "--sequence_length=128",
    "--encoder.preset=bert_mini",
    "--encoder.initializer_range=0.05",
    "--precision=mixed_bfloat16",
]
REAL = [*SHAPE, "--recipe=short_budget", "--masking.rate=0.2", "--steps=8000", "--validate_every=800"]
SHORT = [*SHAPE, "--recipe=short_budget", "--batch_size=32", "--batch_ramp=0", "--held_out=0"]
HELD_OUT = 0.02  # the command's own share

OBJECTIVES: dict[str, tuple[str, list[str]]] = {
    "15 % of the tokens": ("learn", []),
    "30 % of the tokens": ("learn", ["--masking.rate=0.3"]),
    "whole words": ("learn", ["--masking.unit=word"]),
    "n-grams": ("learn", ["--masking.unit=ngram"]),
    "spans": ("learn", ["--masking.unit=span"]),
    "next sentence too": ("learn", ["--sentence_pairs=next"]),
    "sentence order too": ("learn", ["--sentence_pairs=order"]),
    "a tenth of the books, new masks": ("few", []),
    "a tenth of the books, fixed masks": ("few", ["--masking.dynamic=false"]),
}
"""Name -> part of the books, settings."""

_QUICK = ("15 % of the tokens", "sentence order too", "a tenth of the books, fixed masks")

SETS: dict[str, tuple[list[str], int]] = {"sst2": (["dev", "test"], 5), "trec": (["test"], 10), "rte": (["dev"], 5)}
"""Set -> parts that it is measured on, epochs."""
ARMS = {"pretrained": [], "untrained": ["--untrained"]}
RATES = (2e-4, 5e-4, 1e-3, 2e-3)
SEEDS, CHOICE_SEEDS, OBJECTIVE_SEEDS = (0, 1, 2, 3, 4), (100, 101), (0, 1, 2)
_USUAL_RATE = 5e-4  # that of `keras-bert-lab train`


class Benchmark:
    """The three parts.

    Args:
        steps: runs and keeps them.
        data: folder with books/, sst2/, trec/ and rte/.
        work: for corpora and models.
        quick: a trial of everything in little time.
    """

    def __init__(self, steps: Steps, data: Path, work: Path, quick: bool) -> None:
        self.steps = steps
        self.data = data
        self.work = work
        self.quick = quick

    def _books(self, part: str) -> Path:
        return prepared_books(self.data, self.work, part, self.quick)

    def real(self) -> None:
        """One long pretraining."""
        corpus, model = self._books("all"), self.work / "real"
        settings = [*REAL, "--steps=20", "--validate_every=10"] if self.quick else REAL
        run = self.steps.package_command("pretrain", "pretrain", str(corpus), *settings, output=model)
        measured = self.steps.worker("measure", "measure", model, str(corpus), f"--held_out={HELD_OUT}")
        self.steps.write(corpus=about_corpus(corpus), held_out=measured)
        print_curve(run["figures"], measured)

    def _fine_tune(self, name: str, model: Path, on: str, *words: str, rate: float, seed: int) -> dict[str, Any]:
        parts, epochs = SETS[name]
        parts = ["choice"] if on == "choice" else [on] if on else parts
        words = (*words, "--parts", *parts, f"--rate={rate:g}", f"--seed={seed}", f"--epochs={1 if self.quick else epochs}")
        label = " ".join([model.name, name, *parts, f"{rate:g}", str(seed), *(word for word in words if word == "--untrained")])
        return self.steps.worker(label, "fine_tune", model, name, f"--data={self.data}", *words, *["--quick"] * self.quick)

    def fine_tuning(self, model: Path) -> None:
        """Pretrained against untrained."""
        rates, choice, seeds = (RATES[:1], CHOICE_SEEDS[:1], SEEDS[:2]) if self.quick else (RATES, CHOICE_SEEDS, SEEDS)
        rows = []
        for name, (parts, _) in SETS.items():
            answers: dict[str, list[dict[str, Any]]] = {}
            chosen = {}
            for arm, words in ARMS.items():
                means = {
                    rate: sum(
                        self._fine_tune(name, model, "choice", *words, rate=rate, seed=seed)["accuracy"]["choice"]
                        for seed in choice
                    )
                    / len(choice)
                    for rate in rates
                }
                chosen[arm] = max(means, key=lambda rate: means[rate])
                answers[arm] = [self._fine_tune(name, model, "", *words, rate=chosen[arm], seed=seed) for seed in seeds]
            simple = self.steps.here(f"tfidf {name}", lambda name=name, parts=parts: self._tfidf(name, parts))
            rows += compared(name, answers, chosen, simple["accuracy"])
        self.steps.write(rows=rows)
        print_fine_tuning(rows)

    def _tfidf(self, name: str, parts: list[str]) -> dict[str, Any]:
        import keras_bert_lab as kbl
        from benchmarks.fine_tuning_recipes import read_examples

        train = read_examples(self.data, name, "train", self.quick)
        accuracy = {}
        for part in parts:
            new = read_examples(self.data, name, part, self.quick)
            old_texts, new_texts = ([" ".join(row) for row in zip(*each.columns, strict=True)] for each in (train, new))
            answers = kbl.tfidf_baseline(old_texts, [train.names[label] for label in train.labels], new_texts)
            right = [answer == new.names[label] for answer, label in zip(answers, new.labels, strict=True)]
            accuracy[part] = sum(right) / len(right)
        return {"accuracy": accuracy}

    def _steps_in(self, name: str, minutes: float, *words: str) -> int:
        """How many steps of this training take so many minutes, from the difference of a longer and a shorter one."""
        short, long = (2, 4) if self.quick else (10, 60)
        seconds = []
        for count in (short, long):
            timed = {"output": self.work / "timed", "is_kept": False}
            run = self.steps.package_command(f"{name}: {count} steps", *words, f"--steps={count}", **timed)
            seconds.append(run["seconds"])
        return 20 if self.quick else max(1, round(60 * minutes * (long - short) / (seconds[1] - seconds[0])))

    def objectives(self, minutes: float) -> None:
        """The same time for each objective."""
        seeds = OBJECTIVE_SEEDS[:2] if self.quick else OBJECTIVE_SEEDS
        held_out = self._books("held_out")
        chosen = {name: each for name, each in OBJECTIVES.items() if name in _QUICK or not self.quick}
        words = {name: ["pretrain", str(self._books(part)), *SHORT, *settings] for name, (part, settings) in chosen.items()}
        # All are timed first, one after the other: whatever else runs later does not change how far they get.
        counts = {name: self._steps_in(name, minutes, *each) for name, each in words.items()}
        rows, models = [], {}
        for name, count in counts.items():
            model = models[name] = self.work / f"objective_{list(OBJECTIVES).index(name)}"
            run = self.steps.package_command(name, *words[name], f"--steps={count}", output=model)
            found = self.steps.worker(f"{name}: held out", "measure", model, str(held_out))
            rows.append({"objective": name, "steps": count, "run": run, "held_out": found})
        for row in rows:
            model = models[row["objective"]]
            row["tuned"] = [self._fine_tune("trec", model, "test", rate=_USUAL_RATE, seed=seed) for seed in seeds]
        first = next(iter(models.values()))
        untrained = [self._fine_tune("trec", first, "test", "--untrained", rate=_USUAL_RATE, seed=seed) for seed in seeds]
        rows.append({"objective": "untrained", "steps": 0, "run": None, "held_out": None, "tuned": untrained})
        table = print_objectives(rows)
        self.steps.write(rows=table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("real", "fine_tuning", "objectives"))
    parser.add_argument("--data", type=Path, required=True, help="folder with books/, sst2/, trec/ and rte/")
    parser.add_argument("--work", type=Path, help="folder for corpora and models; by default one for temporary files")
    parser.add_argument("--encoder", type=Path, help="of fine_tuning: another folder of `pretrain` than that of `real`")
    parser.add_argument("--minutes", type=float, default=5.0, help="of objectives: time for each")
    parser.add_argument("--quick", action="store_true", help="20 books, few steps, every fiftieth text")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    work = working_folder(options.work, options.quick)
    results = Path(tempfile.gettempdir()) if options.quick else Path(__file__).parent / "results"
    default = results / f"pretraining_{options.what}{'_quick' if options.quick else ''}.json"
    command = f"python -m benchmarks.pretraining {options.what} --data DATA" + " --quick" * options.quick
    steps = Steps(options.output or default, command, {str(work): "WORK", str(options.data): "DATA"})
    benchmark = Benchmark(steps, options.data, work, options.quick)
    if options.what == "real":
        benchmark.real()
    elif options.what == "fine_tuning":
        benchmark.fine_tuning(options.encoder or work / "real")
    else:
        benchmark.objectives(options.minutes)
    print(f"Written: {steps.output}")


if __name__ == "__main__":
    main()
