"""Pictures of what a look at the data found. Each function takes axes, returns them, and shows nothing by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_bert_lab.data import TableCheck
from keras_bert_lab.data.table_checks.problem_kind import SEVERITIES
from keras_bert_lab.lazy import LazyModule

__all__ = ["plot_class_counts", "plot_table_problems", "plot_text_lengths"]

figure = LazyModule("matplotlib.figure", install="matplotlib")
patches = LazyModule("matplotlib.patches", install="matplotlib")
ticker = LazyModule("matplotlib.ticker", install="matplotlib")

_CLASSES, _PROBLEMS = 20, 15
_WIDTH = 32
_COLOURS = dict(zip(SEVERITIES, ("#b2182b", "#ef8a62", "#f0c040", "#92c5de"), strict=True))
_PARTS = {"table": "#3b6ea5", "validation": "#7aa974", "test": "#c07a3e"}
_NAMES = {"table": "training"}


def _axes(ax: Any, rows: int = 8) -> Any:
    return figure.Figure(figsize=(7, max(2.5, 1.2 + 0.32 * rows)), layout="constrained").subplots() if ax is None else ax


def _short(name: str) -> str:
    name = name if name == name.strip() and name.isprintable() else repr(name)
    return (name if len(name) <= _WIDTH else f"{name[: _WIDTH - 3]}...").replace("$", r"\$")  # no formulas


def _empty(ax: Any, text: str) -> Any:
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return ax


def plot_class_counts(check: TableCheck, ax: Any = None) -> Any:
    """The share of each class, in each table; of many classes the 20 that are most frequent in training.

    Args:
        check: of `check_table`.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes.
    """
    tables = [table for table in check.counts["tables"] if table["classes"]]
    if not tables:
        return _empty(_axes(ax), "no classes")
    names = list(dict.fromkeys(name for table in tables for name in table["classes"]))
    shown = names[:_CLASSES]
    ax = _axes(ax, len(shown) * max(1, len(tables) - 1))
    height = 0.8 / len(tables)
    for place, table in enumerate(tables):
        counts = [table["classes"].get(name, 0) for name in shown]
        shares = np.array(counts) / sum(table["classes"].values())
        where = np.arange(len(shown)) + (place - (len(tables) - 1) / 2) * height
        part = _NAMES.get(table["part"], table["part"])
        bars = ax.barh(where, shares, height, color=_PARTS[table["part"]], label=f"{part} ({sum(table['classes'].values()):,})")
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize="small")
    ax.set_yticks(range(len(shown)), [_short(name) for name in shown])
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.xaxis.set_major_formatter(ticker.PercentFormatter(1.0))
    ax.set_xlabel("share of the rows" + (f"; {len(names) - len(shown)} more classes" if len(names) > len(shown) else ""))
    ax.legend()
    return ax


def plot_text_lengths(check: TableCheck, ax: Any = None) -> Any:
    """How long the texts of each table are, in tokens, and what the model reads of them.

    Args:
        check: of `check_table`.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes.
    """
    tables = [table for table in check.counts["tables"] if table["lengths"]]
    ax = _axes(ax)
    if not tables:
        return _empty(ax, "no texts")
    for table in tables:
        lengths = table["lengths"]
        counts = np.array(lengths["histogram"]["counts"])
        part = _NAMES.get(table["part"], table["part"])
        ax.stairs(
            counts / counts.sum(), lengths["histogram"]["edges"], color=_PARTS[table["part"]], lw=1.8,
            label=f"{part}: {lengths['truncated_share']:.1%} longer",
        )  # fmt: skip
    limit = tables[0]["lengths"]["limit"]
    ax.axvline(limit, color="#555555", ls="--", lw=1.2, label=f"the model reads {limit:,}")
    ax.set_xscale("log")
    ax.set_xlim(left=max(1, 0.8 * min(table["lengths"]["min"] for table in tables)))
    ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    ax.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
    ax.set_xlabel("tokens of a text" + (", guessed from its characters" if tables[0]["lengths"]["guessed"] else ""))
    ax.set_ylabel("share of the texts")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def plot_table_problems(check: TableCheck, ax: Any = None) -> Any:
    """The problems in their order, the share of rows that each concerns, and how grave it is; of many the first 15.

    Args:
        check: of `check_table`.
        ax: matplotlib axes; None = a new figure's.

    Returns:
        The axes.
    """
    problems = check.problems[:_PROBLEMS]
    if not problems:
        return _empty(_axes(ax), "no problem was found")
    ax = _axes(ax, len(problems))
    parts = {table["where"]: _NAMES.get(table["part"], table["part"]) for table in check.counts["tables"]}
    shares = [problem.share for problem in problems]
    colours = [_COLOURS[problem.severity] for problem in problems]
    bars = ax.barh(range(len(problems)), shares, color=colours, hatch=["" if problem.rows else "//" for problem in problems])
    rows = [f"{len(problem.rows):,} rows" if problem.rows else "the whole table" for problem in problems]
    ax.bar_label(bars, ["1 row" if text == "1 rows" else text for text in rows], padding=3, fontsize="small")
    ax.set_yticks(range(len(problems)), [f"{parts[problem.where]}: {problem.title}" for problem in problems], fontsize="small")
    ax.invert_yaxis()
    ax.set_xlim(0, 1.35 * max(shares))
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= 1])
    ax.xaxis.set_major_formatter(ticker.PercentFormatter(1.0))
    more = len(check.problems) - len(problems)
    ax.set_xlabel("share of the rows" + (f"; {more} more problems" if more else ""))
    found = [severity for severity in SEVERITIES if any(problem.severity == severity for problem in problems)]
    ax.legend(handles=[patches.Patch(color=_COLOURS[severity], label=severity) for severity in found], fontsize="small")
    return ax
