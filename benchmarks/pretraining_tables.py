"""Means, standard errors and tables of pretraining.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["compared", "print_curve", "print_fine_tuning", "print_objectives"]

_CURVE = ("val_loss", "val_accuracy", "loss", "tokens_per_second", "share_of_peak")


def _mean(values: list[float]) -> dict[str, Any]:
    """Mean and its standard error: standard deviation / sqrt(number)."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return {"accuracies": values, "mean": float(np.mean(values)), "standard_error": error}


def compared(
    name: str, answers: dict[str, list[dict[str, Any]]], rates: dict[str, float], tfidf: dict[str, float]
) -> list[dict[str, Any]]:
    """A row for each part that a set is measured on.

    Args:
        name: of the set.
        answers: "pretrained" and "untrained" -> the figures of each seed.
        rates: the learning rate of each.
        tfidf: accuracy of TF-IDF + logistic regression on each part.
    """
    rows = []
    for part, simple in tfidf.items():
        arms = {arm: _mean([each["accuracy"][part] for each in found]) for arm, found in answers.items()}
        texts = answers["pretrained"][0]["texts"][part]
        mean = arms["pretrained"]["mean"]
        difference = mean - arms["untrained"]["mean"]
        limit = 2 * math.hypot(*(arm["standard_error"] for arm in arms.values()))
        rows.append(
            {"set": name, "part": part, "texts": texts}
            | {arm: found | {"learning_rate": rates[arm]} for arm, found in arms.items()}
            | {
                "difference": difference,
                "two_standard_errors": limit,
                "pretrained_is_better": bool(difference > limit),
                "standard_error_of_the_texts": math.sqrt(mean * (1 - mean) / texts),
                "tfidf": simple,
            }
        )
    return rows


def print_fine_tuning(rows: list[dict[str, Any]]) -> None:
    """The rows of `compared`, for reading."""
    print("\nset   part  texts  pretrained        untrained         difference  two std. errors  of the texts  TF-IDF")
    for row in rows:
        arms = "  ".join(f"{row[arm]['mean']:.4f} ± {row[arm]['standard_error']:.4f}" for arm in ("pretrained", "untrained"))
        print(
            f"{row['set']:5} {row['part']:5} {row['texts']:5}  {arms}   {row['difference']:+.4f} "
            f"{row['two_standard_errors']:16.4f} {2 * row['standard_error_of_the_texts']:13.4f}  {row['tfidf']:.4f}  "
            f"{'better' if row['pretrained_is_better'] else 'no difference shown'}"
        )


def print_curve(figures: dict[str, Any], measured: dict[str, Any]) -> None:
    """The history of one pretraining, a line for each validation, and what it reached.

    Args:
        figures: of `keras-bert-lab pretrain`.
        measured: of pretraining_worker.py.
    """
    history = figures["history"]
    names = [name for name in _CURVE if history.get(name)]
    print("validation  " + "  ".join(f"{name:>17}" for name in names))
    for place in range(len(history["loss"])):
        print(f"{place + 1:10}  " + "  ".join(f"{history[name][place]:17.4f}" for name in names))
    print(f"{figures['steps']} steps in {figures['seconds']:.0f} s; on held-out books, 15 % of the tokens masked:", end=" ")
    print(", ".join(f"{name} {value:.4f}" for name, value in measured.items()))


def print_objectives(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Objectives in a table, also as plain data.

    Args:
        rows: name, steps, the run of the command, what was measured on held-out books, and the fine-tunings.
    """
    table = []
    print(f"\n{'objective':35} steps  seconds  loss   accuracy  TREC test")
    for row in rows:
        found = {"objective": row["objective"], "steps": row["steps"]}
        found["trec_test"] = _mean([each["accuracy"]["test"] for each in row["tuned"]])
        shown = f"{row['objective']:35} {row['steps']:5}  "
        if row["run"]:
            found |= {name: row["run"][name] for name in ("seconds", "processor_seconds", "cores_busy_with_other_work")}
            found["held_out"] = row["held_out"]
            shown += f"{found['seconds']:7.0f}  {row['held_out']['loss']:.3f}  {row['held_out']['accuracy']:8.4f}  "
        else:
            shown += " " * 26
        print(shown + f"{found['trec_test']['mean']:.4f} ± {found['trec_test']['standard_error']:.4f}")
        table.append(found)
    return table
