"""A page of numbers and pictures about what a look at the data found."""

from __future__ import annotations

import base64
import html
import io
import os
import pathlib
from typing import Any

from keras_bert_lab.data import TableCheck, TableProblem
from keras_bert_lab.data.atomic_files import atomic_file
from keras_bert_lab.data.table_checks.problem_kind import SEVERITIES
from keras_bert_lab.data.wording import plural, reason
from keras_bert_lab.errors import DataError
from keras_bert_lab.evaluation.table_plots import plot_class_counts, plot_table_problems, plot_text_lengths

__all__ = ["PAGE", "check_page_folder", "write_check_page"]

PAGE = "index.html"
"""The name of the page in its folder."""

_PICTURES = {
    "problems.png": (plot_table_problems, "Problems, the share of rows that each concerns, and how grave it is"),
    "classes.png": (plot_class_counts, "Share of each class"),
    "lengths.png": (plot_text_lengths, "Lengths of the texts in tokens"),
}
_ROWS = 500  # row numbers of a problem that the page shows; to_dict has all
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .25em .9em .25em 0; vertical-align: top; }
th { border-bottom: 1px solid #999; font-weight: 600; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } code { background: #f3f3f3; overflow-wrap: anywhere; }
article { border-left: 5px solid #92c5de; margin: 1em 0; padding: .2em 1em; }
article.stops { border-color: #b2182b; } article.misleads { border-color: #ef8a62; } article.costs { border-color: #f0c040; }
article h3 { font-size: 1em; margin: 0 0 .3em; } article p { margin: .2em 0; } .where { color: #666; font-weight: normal; }
@media (prefers-color-scheme: dark) { body { background: #1b1b1b; color: #ddd; } code { background: #333; }
img { background: white; } .where { color: #aaa; } }
"""


def check_page_folder(folder: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Whether `write_check_page` could write there: call it before long work.

    Raises:
        DataError: the page is there already, or the folder is a file.
    """
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"output must be a folder. Received: {folder}, which is a file.")
    found = [name for name in (PAGE, *_PICTURES) if (folder / name).exists()]
    if found and not overwrite:
        raise DataError(
            f"{folder} has {' and '.join(found)} already. Choose another folder, or pass overwrite=True (--overwrite)."
        )


def write_check_page(check: TableCheck, folder: str | os.PathLike[str], *, overwrite: bool = False) -> pathlib.Path:
    """Write a page, which holds all that it shows, and its pictures beside it.

    Texts of the tables are shown as text: nothing in them becomes part of the page.

    Args:
        check: of `check_table`.
        folder: made if it is not there.
        overwrite: replace an earlier page.

    Returns:
        The page.

    Raises:
        DataError: the page is there already, or it cannot be written.
    """
    check_page_folder(folder, overwrite)
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be made: {reason(error)}. Choose another folder.") from error
    pictures = {}
    for name, (plot, _) in _PICTURES.items():
        picture = io.BytesIO()
        plot(check).figure.savefig(picture, format="png", dpi=120)
        pictures[name] = picture.getvalue()
    for name, content in {**pictures, PAGE: _page(check, pictures).encode()}.items():
        with atomic_file(folder / name, overwrite=True) as file:
            file.write(content)
    return folder / PAGE


def _page(check: TableCheck, pictures: dict[str, bytes]) -> str:
    images = "\n".join(
        f'<p><img src="data:image/png;base64,{base64.b64encode(content).decode()}" alt="{_PICTURES[name][1]}"></p>'
        for name, content in pictures.items()
        if name != "problems.png" or check.problems
    )
    problems = "\n".join(map(_problem, check.problems)) or "<p>Nothing was found that should be changed.</p>"
    legend = "".join(f"<li><b>{name}</b>: {meaning}</li>" for name, meaning in SEVERITIES.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>A look at the data</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>A look at the data: {plural(len(check.problems), "problem")}</h1>
{_numbers(check)}
{images}
<h2>Problems, ordered by what they would cost</h2>
<ul>{legend}</ul>
{problems}
</body>
</html>
"""


def _row(cells: list[Any], kind: str = "td") -> str:
    parts = []
    for cell in cells:
        mark = ' class="n"' if isinstance(cell, (int, float)) and kind == "td" else ""
        shown = f"{cell:,}" if isinstance(cell, int) else f"{cell:.2%}" if isinstance(cell, float) else html.escape(cell)
        parts.append(f"<{kind}{mark}>{shown}</{kind}>")
    return f"<tr>{''.join(parts)}</tr>"


def _numbers(check: TableCheck) -> str:
    names = ["table", "rows", "usable", "classes", "median tokens", "longest", "cut off", "unknown tokens"]
    rows = []
    for table in check.counts["tables"]:
        lengths = table["lengths"]
        measured = [lengths["median"], lengths["max"], lengths["truncated_share"]] if lengths else ["-"] * 3
        unknown = "-" if table["unknown_share"] is None else table["unknown_share"]
        rows.append(_row([table["where"], table["rows"], table["usable"], len(table["classes"]), *measured, unknown]))
    shared = [
        _row([each["where"], each["other"], each["texts"], each["rows"], each["near_rows"], each["other_labels"]])
        for each in check.counts["shared"]
    ]
    both = ["table", "and", "texts in both", "rows", "rows almost the same", "with another label"]
    parts = [f"<table>{_row(names, 'th')}{''.join(rows)}</table>"]
    if shared:
        parts.append(f"<h2>In two tables</h2>\n<table>{_row(both, 'th')}{''.join(shared)}</table>")
    return "\n".join(parts)


def _problem(problem: TableProblem) -> str:
    column = f", column {problem.column}" if problem.column is not None else ""
    lines = [
        f'<h3>{html.escape(problem.title)} <span class="where">{html.escape(problem.where + column)}</span></h3>',
        f"<p>{html.escape(problem.place())}</p>",
    ]
    if problem.detail:
        lines.append(f"<p>{html.escape(problem.detail)}</p>")
    if problem.example:
        lines.append(f"<p>e.g. <code>{html.escape(problem.example)}</code></p>")
    lines.append(f"<p><b>cost:</b> {html.escape(problem.cost)}<br><b>cure:</b> {html.escape(problem.cure)}</p>")
    if len(problem.rows) > 5:
        more = f" and {len(problem.rows) - _ROWS:,} more" if len(problem.rows) > _ROWS else ""
        rows = ", ".join(map(str, problem.rows[:_ROWS]))
        lines.append(f"<details><summary>rows</summary>{rows}{more}</details>")
    return f'<article class="{problem.severity}">\n' + "\n".join(lines) + "\n</article>"
