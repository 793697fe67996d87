"""All that a look at the data found."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras_bert_lab.data.table_checks.kinds import SEVERITIES
from keras_bert_lab.data.table_checks.table_problem import TableProblem
from keras_bert_lab.data.wording import plural

__all__ = ["TableCheck"]

_CLASSES = 12
_WIDTH = 30


@dataclasses.dataclass(frozen=True)
class TableCheck:
    """What `check_table` found.

    Attributes:
        problems: what is wrong, ordered by what it would cost.
        counts: plain data. "tables": for each table its place, rows, usable rows, classes, lengths; "shared": for each two
            tables how many texts stand in both.
    """

    problems: tuple[TableProblem, ...]
    counts: dict[str, Any]

    def of_kind(self, kind: str, where: str | None = None) -> list[TableProblem]:
        """The problems of one kind, in one table or in all."""
        return [each for each in self.problems if each.kind == kind and where in (None, each.where)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"problems": [each.to_dict() for each in self.problems], "counts": self.counts}

    def __str__(self) -> str:
        lines = [_summary(table) for table in self.counts["tables"]]
        for shared in self.counts["shared"]:
            lines.append(
                f"{shared['where']} and {shared['other']}: {plural(shared['texts'], 'text')} in both, "
                f"{plural(shared['near_rows'], 'more row')} almost the same"
            )
        if not self.problems:
            return "\n".join([*lines, "", "Nothing was found that should be changed."])
        graves = [sum(each.severity == severity for each in self.problems) for severity in SEVERITIES]
        found = ", ".join(f"{count} [{name}]" for name, count in zip(SEVERITIES, graves, strict=True) if count)
        lines += ["", f"{plural(len(self.problems), 'problem')}: {found}", ""]
        return "\n".join([*lines, *(str(each) for each in self.problems)])


def _short(name: str) -> str:
    """The name of a class, with what nobody would see."""
    name = name if name == name.strip() and name.isprintable() else repr(name)
    return name if len(name) <= _WIDTH else f"{name[: _WIDTH - 3]}..."


def _summary(table: dict[str, Any]) -> str:
    lines = [f"{table['where']}: {plural(table['rows'], 'row')}, {table['usable']:,} of them usable"]
    classes = table["classes"]
    if classes:
        names = [f"{_short(name)} {count:,} ({count / max(1, sum(classes.values())):.1%})" for name, count in classes.items()]
        more = f" and {len(names) - _CLASSES} more" if len(names) > _CLASSES else ""
        lines.append(f"    {len(names)} classes: {', '.join(names[:_CLASSES])}{more}")
    numbers = table["numbers"]
    if numbers:
        lines.append("    numbers: " + ", ".join(f"{name} {value:.4g}" for name, value in numbers.items()))
    length = table["lengths"]
    if length:
        guessed = "guessed from the characters; " if length["guessed"] else ""
        lines.append(
            f"    tokens: median {length['median']:,}, 90 % below {length['p90']:,}, longest {length['max']:,} "
            f"({guessed}{length['truncated_share']:.1%} longer than {length['limit']:,})"
            + ("" if table["unknown_share"] is None else f"; {table['unknown_share']:.2%} of them unknown")
        )
    return "\n".join(lines)
