"""From a table to a classifier with the commands of the README, nothing pretrained elsewhere: IMDB and SST-2.

    python -m benchmarks.from_scratch imdb --data ../shared/data          about 70 minutes on 2 cores
    python -m benchmarks.from_scratch sst2 --data ../shared/data          about 15 minutes

`imdb`: masked LM on the 25,000 training texts, fine-tuning, evaluation on the 25,000 test texts: at most 40 minutes for the
three together, accuracy at least 0.88. Then the same fine-tuning from an encoder that was not pretrained, and with other
poolings. `sst2`: the same with masked LM on 20 books and the training sentences, and the dev set for the choice of the epoch.
Beside both: TF-IDF + logistic regression on the same texts.
A step that is in the file of results with the same command is not run again.
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

from benchmarks.measure import busy_seconds, machine, versions

SHAPE = [
    "--encoder.num_layers=2",
    "--encoder.hidden_size=128",
    "--encoder.initializer_range=0.05",
    "--vocabulary.size=16000",
    "--precision=mixed_bfloat16",
    "--optimizer.learning_rate=2e-3",
    "--masking.rate=0.2",
]
FINE_TUNING = ["--precision=mixed_bfloat16", "--no-baseline"]

SETTINGS: dict[str, dict[str, list[str]]] = {
    "imdb": {
        "pretrain": [*SHAPE, "--sequence_length=512", "--batch_size=8", "--epochs=4", "--held_out=0.01"],
        "train": [*FINE_TUNING, "--epochs=2", "--validation_split=0.05"],
    },
    "sst2": {
        "pretrain": [
            *SHAPE,
            "--vocabulary.size=8192",
            "--sequence_length=64",
            "--batch_size=32",
            "--epochs=10",
            "--held_out=0.01",
        ],
        "train": [*FINE_TUNING, "--epochs=5"],
    },
}


def run_command(*words: str) -> dict[str, Any]:
    """One command as a user runs it: its figures, wall and processor seconds, peak memory, and who else was computing."""
    others, start = busy_seconds(), time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "keras_bert_lab", *words, "--json"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds, own = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    if status:
        raise RuntimeError(f"{words} failed with status {status}")
    return {
        "seconds": seconds,
        "processor_seconds": own,
        "cores_busy_with_other_work": None if others is None else max(0.0, (busy_seconds() - others - own) / seconds),
        "peak_memory_mib": usage.ru_maxrss / 1024,
        "figures": json.loads(printed),
    }


def run_tfidf(train: Path, test: Path) -> dict[str, Any]:
    """TF-IDF + logistic regression."""
    import keras_bert_lab as kbl

    start = time.perf_counter()
    learned, new = kbl.read_table(train), kbl.read_table(test)
    answers = kbl.tfidf_baseline(learned.text, learned.label, new.text)
    report = kbl.classification_report(new.label, answers, sorted(set(learned.label)))
    return {"seconds": time.perf_counter() - start, "figures": report.to_dict()}


def steps_of(name: str, data: Path, work: Path) -> dict[str, list[str]]:
    """Name of the step -> words of its command."""
    runs = {each: str(work / each) for each in ("bert", "untrained", "mean", "cls", "max", "not_pretrained")}
    learn, fit = SETTINGS[name]["pretrain"], SETTINGS[name]["train"]
    if name == "imdb":
        train, test = str(data / "imdb" / "train.csv.gz"), str(data / "imdb" / "test.csv.gz")
        corpus = [train, "--text=text"]
    else:
        train, test = str(data / "sst2" / "train.csv"), str(data / "sst2" / "test.csv")
        fit = [*fit, f"--validation={data / 'sst2' / 'dev.csv'}"]
        sentences = work / "sentences.txt"
        corpus = [str(data / "books" / "books_small.txt.gz"), str(sentences)]
    steps = {"pretrain": ["pretrain", *corpus, f"--output={runs['bert']}", *learn]}
    for pooling in ("mean", "cls", "max"):
        steps[f"train_{pooling}"] = [
            "train", train, f"--encoder={runs['bert']}", f"--output={runs[pooling]}", f"--pooling={pooling}", *fit
        ]  # fmt: skip
        steps[f"evaluate_{pooling}"] = ["evaluate", runs[pooling], test]
        if pooling == "mean":
            steps["untrained"] = ["pretrain", *corpus, f"--output={runs['untrained']}", *learn, "--epochs=0"]
            steps["train_not_pretrained"] = [
                "train", train, f"--encoder={runs['untrained']}", f"--output={runs['not_pretrained']}", *fit
            ]  # fmt: skip
            steps["evaluate_not_pretrained"] = ["evaluate", runs["not_pretrained"], test]
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(SETTINGS))
    parser.add_argument("--data", type=Path, required=True, help="folder with imdb/, sst2/ and books/")
    parser.add_argument("--work", type=Path, help="folder for the models, to go on in after an interruption")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    output = options.output or Path(__file__).parent / "results" / f"from_scratch_{options.name}.json"
    work = options.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = json.loads(output.read_text(encoding="utf-8")) if output.exists() and options.work else {}
    report |= {
        "command": f"python -m benchmarks.from_scratch {options.name}",
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "scikit-learn"]),
    }
    done = report.setdefault("steps", {})
    if options.name == "sst2":
        import keras_bert_lab as kbl

        sentences = kbl.read_table(options.data / "sst2" / "train.csv").text
        (work / "sentences.txt").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")

    def keep(step: str, result: dict[str, Any]) -> None:
        done[step] = result
        print(step, f"{result['seconds']:.0f} s", result["figures"].get("accuracy", ""), flush=True)
        output.write_text(json.dumps(report, indent=1).replace(str(options.data), "DATA").replace(str(work), "WORK") + "\n")

    if "tfidf" not in done:
        folder = options.data / options.name
        suffix = ".csv.gz" if options.name == "imdb" else ".csv"
        keep("tfidf", run_tfidf(folder / f"train{suffix}", folder / f"test{suffix}"))
    for step, words in steps_of(options.name, options.data, work).items():
        shown = " ".join(words).replace(str(options.data), "DATA").replace(str(work), "WORK")
        if done.get(step, {}).get("words") != shown:
            keep(step, run_command(*words) | {"words": shown})
    print(f"Written: {output}")


if __name__ == "__main__":
    main()
