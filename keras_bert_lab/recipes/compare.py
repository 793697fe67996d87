"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_bert_lab.lab import compare_runs
from keras_bert_lab.lazy import LazyModule

__all__ = ["compare"]

pd = LazyModule("pandas")


def compare(runs: Sequence[str]) -> dict[str, Any]:
    """Tell what runs have reached, and in which settings they differ; the best comes first.

    Args:
        runs: folders of `train`, `pretrain` or `Lab.keep`.

    Returns:
        A row for each run, as plain data.

    Raises:
        FormatError: no run in a folder, or a damaged one.
    """
    table = compare_runs([runs] if isinstance(runs, str) else runs)
    with pd.option_context("display.float_format", "{:.4g}".format):
        print(table.set_index("run").T.fillna("").to_string(header=True))  # settings are many, runs are few
    return {"runs": table.astype(object).where(table.notna(), None).to_dict("records")}
