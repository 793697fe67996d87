"""Seconds until a held-out masked-LM loss is reached: ours beside a transformers + PyTorch script.

    python -m benchmarks.time_to_loss --data ../shared/data            about 25 minutes on 2 cores: 6 of ours, 14 of the peer
    python -m benchmarks.time_to_loss --data ../shared/data --quick    about 3 minutes: 20 books, 24 steps

The same weights at the start (made by us, loaded by transformers; both must then have the same held-out loss to 0.01), BERT
mini without dropout, V = 8,192; the same books (their tokens are compared), four of 200 held out; 32 rows of 128 tokens a step,
15 % of them masked, 80/10/10, chosen anew each time; AdamW (weight decay 0.01 but not of biases and norms, gradients clipped
at 1), one learning rate for each step, 10 % warm-up and linear decay over all steps; products in bfloat16; 2 threads.

- ours: `MaskedLanguageModel.fit` on `PretrainingBatches` of the prepared corpus: packed rows.
- transformers: see time_to_loss_torch.py. "+compile", with --compile: with torch.compile.

They take turns, 100 steps each, A B, B A; after each turn both are measured on the same 1,024 held-out rows with the same masks
(see time_to_loss_case.py). Seconds are those of training, the first steps (tracing, compiling) and the making of batches
included; measuring, tokenising and loading are not. Adam's epsilon is in each library's own place. Losses between two
measurements are taken from a straight line.

Expected result, in benchmarks/results/time_to_loss.json: for each of several losses wall seconds, processor seconds and steps
of each side, and the ratios: at least 2 in wall seconds at the lowest loss that both reach. Seed 0. An interrupted run goes on
from the last turn when started again (models are kept in the working folder); tracing and compiling then count once more.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import QUIET, Worker, machine, versions
from benchmarks.prepared_books import about_corpus, all_tokens, prepared_books, texts_of_books, working_folder
from benchmarks.time_to_loss_case import Case, write_evaluation

_THREADS = 2
_OURS, _TORCH, _COMPILED = "ours", "transformers", "transformers+compile"
_LOSSES = np.arange(9.0, 0.0, -0.25)
_TOLERANCE = 0.01


class Turns:
    """Peers that train in turn, and what was measured after each turn; kept on the disk.

    Args:
        case: the training.
        workers: name -> worker.
        folder: for models and records.
    """

    def __init__(self, case: Case, workers: dict[str, Worker], folder: Path) -> None:
        self.case = case
        self.workers = workers
        self.evaluation = str(folder / "evaluation.npz")
        self._file = folder / "records.json"
        self.records: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
        kept = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {}
        for name, worker in workers.items():
            if kept.get("case") == dataclasses.asdict(case) and len(kept["records"].get(name, [])) > 1:
                done = worker.ask("restore")
                self.records[name] = [each for each in kept["records"][name] if each["step"] <= done]
                if self.records[name][-1]["step"] != done:
                    raise ValueError(f"{folder} holds models and records of different runs. Remove it.")
                print(f"{name} goes on from step {done}", file=sys.stderr, flush=True)
            else:
                self.records[name] = [{"step": 0, "validation_loss": worker.ask("evaluate", path=self.evaluation)}]

    def check_starts(self) -> dict[str, float]:
        """All must begin with the same loss.

        Raises:
            ValueError: they do not.
        """
        starts = {name: found[0]["validation_loss"] for name, found in self.records.items()}
        if max(starts.values()) - min(starts.values()) > _TOLERANCE:
            raise ValueError(f"All must begin with the same held-out loss, to {_TOLERANCE}. Received: {starts}")
        return starts

    def _advance(self, name: str, steps: int) -> None:
        worker, found = self.workers[name], self.records[name]
        answer = worker.ask("advance", steps=steps)
        found.append(
            {
                "step": found[-1]["step"] + steps,
                "seconds": answer["seconds"][0],
                "processor_seconds": answer["processor"],
                "cores_busy_with_other_work": answer["others"],
                "tokens": answer["tokens"],
                "loss": answer["loss"],
                "validation_loss": worker.ask("evaluate", path=self.evaluation),
            }
        )
        kept = {"case": dataclasses.asdict(self.case), "records": self.records}
        self._file.write_text(json.dumps(kept), encoding="utf-8")  # first: a record too many is left out by a restart
        worker.ask("save")
        last = found[-1]
        mark = " !" if (last["cores_busy_with_other_work"] or 0.0) > QUIET else ""
        print(
            f"{name:20} step {last['step']:5}: loss {last['loss']:.3f}, held out {last['validation_loss']:.3f}, "
            f"{last['seconds']:.1f} s{mark}",
            flush=True,
        )

    def forget(self) -> None:
        """The next run begins anew."""
        self._file.unlink()

    def run(self) -> None:
        """Train all to the end."""
        for turn, start in enumerate(range(0, self.case.steps, self.case.every)):
            steps = min(self.case.every, self.case.steps - start)
            for name in list(self.workers) if turn % 2 == 0 else reversed(list(self.workers)):
                if self.records[name][-1]["step"] == start:
                    self._advance(name, steps)


def reached(records: list[dict[str, Any]], loss: float) -> dict[str, float] | None:
    """Seconds, processor seconds and steps until the held-out loss was first at `loss`; None = it never was."""
    spent = {"seconds": 0.0, "processor_seconds": 0.0, "step": 0.0}
    for last, record in itertools.pairwise(records):
        amounts = {**{name: record[name] for name in ("seconds", "processor_seconds")}, "step": record["step"] - last["step"]}
        if record["validation_loss"] <= loss:
            drop = last["validation_loss"] - record["validation_loss"]
            share = (last["validation_loss"] - loss) / drop if drop > 0 else 1.0
            return {name: spent[name] + share * amounts[name] for name in spent}
        spent = {name: spent[name] + amounts[name] for name in spent}
    return None


def compared(records: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row for each loss that at least one peer reached after the start."""
    rows = []
    for loss in _LOSSES:
        if loss >= records[_OURS][0]["validation_loss"]:
            continue
        found = {name: reached(each, float(loss)) for name, each in records.items()}
        if not any(found.values()):
            break
        row: dict[str, Any] = {"loss": float(loss)} | found
        for name, theirs in found.items():
            if name != _OURS and theirs and found[_OURS]:
                row[f"{name} / ours"] = {key: theirs[key] / found[_OURS][key] for key in theirs}
        rows.append(row)
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Seconds, processor seconds and steps until each loss, and the ratios."""
    print("\nheld-out loss  peer                  seconds  processor s   steps  ratios to ours")
    for row in rows:
        for name, found in row.items():
            if not isinstance(found, dict) or "/" in name:
                continue
            ratios = row.get(f"{name} / ours", {})
            print(
                f"{row['loss']:13.2f}  {name:20} {found['seconds']:8.1f} {found['processor_seconds']:12.1f} "
                f"{found['step']:7.0f}  " + "".join(f" {key} {ratio:.2f}" for key, ratio in ratios.items())
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with books/")
    parser.add_argument("--work", type=Path, help="folder for corpora and models")
    parser.add_argument("--quick", action="store_true", help="20 books, 24 steps")
    parser.add_argument("--steps", type=int, help="of the whole training (1,800; with --quick 24)")
    parser.add_argument("--rate", type=float, default=Case(steps=1, every=1).learning_rate, help="highest learning rate of all")
    parser.add_argument("--compile", action="store_true", help="also with torch.compile")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    default = Path(__file__).parent / "results" / "time_to_loss.json"
    output = options.output or (Path(tempfile.gettempdir()) / "time_to_loss_quick.json" if options.quick else default)
    steps = options.steps or (24 if options.quick else 1800)
    case = Case(steps=steps, every=12 if options.quick else 100, learning_rate=options.rate)
    work = working_folder(options.work, options.quick)
    learn, held_out = (prepared_books(options.data, work, part, options.quick) for part in ("learn", "held_out"))
    folder = work / "time_to_loss"
    folder.mkdir(exist_ok=True)

    from keras_bert_lab.batches import open_corpus

    masked = write_evaluation(case, open_corpus(held_out), folder / "evaluation.npz")
    np.save(folder / "tokens.npy", all_tokens(open_corpus(learn)))
    workers = {_OURS: Worker("benchmarks.time_to_loss_ours", [case.to_json(), str(learn), str(folder / "ours.npz")], _THREADS)}
    try:
        initial = workers[_OURS].ask("initial", folder=str(folder / "initial"))
        for name in (_TORCH, _COMPILED)[: 1 + options.compile]:
            how = "compiled" if name == _COMPILED else "eager"
            words = [case.to_json(), initial, how, str(folder / f"{how}.pt")]
            workers[name] = Worker("benchmarks.time_to_loss_torch", words, _THREADS)
            text = texts_of_books(options.data, work, "learn", options.quick)
            files = {"rows": str(folder / "rows.npy"), "ours": str(folder / "tokens.npy")}
            workers[name].ask("prepare", text=str(text), **files)
        turns = Turns(case, workers, folder)
        starts = turns.check_starts()
        turns.run()
    finally:
        for worker in workers.values():
            worker.close()
    rows = compared(turns.records)
    print_table(rows)
    speeds = {
        name: sum(each["tokens"] for each in found[1:]) / sum(each["seconds"] for each in found[1:])
        for name, found in turns.records.items()
    }
    for name, speed in speeds.items():
        print(f"{name}: {speed:,.0f} tokens/s")
    report = {
        "command": "python -m benchmarks.time_to_loss --data DATA"
        + " --quick" * options.quick
        + " --compile" * options.compile,
        "case": dataclasses.asdict(case),
        "corpus": about_corpus(learn),
        "held_out_masked_tokens": masked,
        "loss_at_the_start": starts,
        "machine": machine(),
        "threads": _THREADS,
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "torch", "transformers", "tokenizers"]),
        "rows": rows,
        "tokens_per_second": speeds,
        "turns": turns.records,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    turns.forget()
    print(f"Written: {output}")


if __name__ == "__main__":
    main()
