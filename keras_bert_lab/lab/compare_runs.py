"""Several runs side by side."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats import MANIFEST
from keras_bert_lab.formats.manifest import read_manifest
from keras_bert_lab.lazy import LazyModule

__all__ = ["compare_runs"]

pd = LazyModule("pandas")

_MEASURED = ("test", "validation")
_FIGURES = ("accuracy", "macro_f1", "micro_f1", "mcc", "auroc", "log_loss", "ece", "mae", "rmse", "r2")
# Settings that only say where things are.
_PLACES = ("output", "overwrite")


def _step(step: Mapping[str, Any]) -> str:
    """One step of a lab in a few words."""
    settings = [f"{name}={step[name]}" for name in ("lr", "epochs", "schedule", "what") if name in step]
    return " ".join([str(step["step"]), *settings])


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Groups of settings as dotted names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{name}.")
        elif name == "steps":
            found["steps"] = ", ".join(map(_step, value))
        else:
            found[f"{above}{name}"] = tuple(value) if isinstance(value, list) else value
    return found


def _row(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and settings of one run."""
    about = read_manifest(folder).about
    if "figures" not in about:
        raise FormatError(f"{folder} must be the folder of a run. Received: a model without figures of a training.")
    figures = about["figures"]
    row: dict[str, Any] = {"run": folder.name, "date": str(about.get("date", ""))[:10]}
    for table in _MEASURED:
        measured = figures.get(table)
        if not isinstance(measured, Mapping):
            continue
        row |= {f"{table}_{name}": measured[name] for name in _FIGURES if isinstance(measured.get(name), (int, float))}
        if "interval" in measured:
            row[f"{table}_interval"] = "{:.3f} to {:.3f}".format(*measured["interval"])
    steps = about.get("settings", {}).get("steps", ())
    row["seconds"] = figures.get("seconds", sum(step.get("seconds", 0.0) for step in steps) or None)
    return row, {name: value for name, value in _flat(about.get("settings", {})).items() if name not in _PLACES}


def compare_runs(folders: Sequence[str | pathlib.Path]) -> Any:
    """What runs have reached, and in which settings they differ.

    Args:
        folders: of runs: what `train`, `pretrain` or `Lab.keep` wrote.

    Returns:
        A DataFrame, one row for each run, the best first (by accuracy, or mean absolute error, on the test table where all
        have one, else on the rows they were validated on): `run`, `date`, figures with their intervals, `seconds`, and a
        column for each setting that is not the same in all of them.

    Raises:
        FormatError: no run in a folder, or a damaged one.
        ValueError: no folder.
    """
    paths = [pathlib.Path(folder) for folder in folders]
    if not paths:
        raise ValueError("folders must name at least one run. Received: none")
    for path in paths:
        if not (path / MANIFEST).is_file():
            raise FormatError(f"{path} must be the folder of a run. Received: one without {MANIFEST}.")
    rows, settings = zip(*map(_row, paths), strict=True)
    names = list(dict.fromkeys(name for each in settings for name in each))
    differing = [name for name in names if len({repr(each.get(name)) for each in settings}) > 1]
    table = pd.DataFrame([row | {name: each.get(name) for name in differing} for row, each in zip(rows, settings, strict=True)])
    for table_name in _MEASURED:
        for figure, is_rising in (("accuracy", False), ("micro_f1", False), ("mae", True)):
            column = f"{table_name}_{figure}"
            if column in table and table[column].notna().all():
                return table.sort_values(column, ascending=is_rising, kind="stable").reset_index(drop=True)
    return table
