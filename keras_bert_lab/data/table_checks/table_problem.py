"""One problem of one table."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras_bert_lab.data.table_checks.kinds import KINDS, SEVERITIES
from keras_bert_lab.data.wording import plural, rows_named

__all__ = ["TableProblem"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableProblem:
    """What is wrong, where, what it would cost, and the cure.

    Attributes:
        kind: name of the kind of problem, for programs.
        where: the file, or "table", "validation", "test" for a DataFrame.
        of: rows of that table.
        rows: the rows concerned, 1 = the first row below the header; none where it is the whole file.
        column: its name in the file; None = no column or all of them.
        example: of the first row, cut to a length that fits into a line; "" = none.
        detail: more about this case.
        other: the table that repeated rows are compared with; None = no other, or the same table.
        other_rows: for each of `rows` the row that it repeats or contradicts; empty for other kinds.
    """

    kind: str
    where: str
    of: int
    rows: tuple[int, ...] = ()
    column: str | None = None
    example: str = ""
    detail: str = ""
    other: str | None = None
    other_rows: tuple[int, ...] = ()

    @property
    def severity(self) -> str:
        """One of "stops", "misleads", "costs", "look"."""
        return KINDS[self.kind].severity

    @property
    def share(self) -> float:
        """Share of the table's rows that are concerned; 1 where it is the whole file."""
        return min(1.0, len(self.rows) / max(1, self.of)) if self.rows else 1.0

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return KINDS[self.kind].title

    @property
    def cost(self) -> str:
        """What it would cost."""
        return KINDS[self.kind].cost.replace("{share}", f"{100 * self.share:.3g} %")

    @property
    def cure(self) -> str:
        """What to do about it."""
        return KINDS[self.kind].cure

    @property
    def rank(self) -> tuple[int, float]:
        """The smaller, the more it would cost: first how grave, then how many rows, and how much of each is lost."""
        return list(SEVERITIES).index(self.severity), -self.share * KINDS[self.kind].weight

    def place(self) -> str:
        """The rows concerned, in words.

        Example:
            >>> TableProblem(kind="html_tags", where="a.csv", of=40, rows=(3, 7)).place()
            '2 of 40 rows (5 %), rows 3, 7'
        """
        if not self.rows:
            return "the whole table"
        named = rows_named(self.rows)
        if self.other_rows:
            of_other = f" of {self.other}" if self.other else ""
            named += f"; the first is like row {self.other_rows[0]}{of_other}"
        return f"{len(self.rows):,} of {plural(self.of, 'row')} ({100 * self.share:.3g} %), {named}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON, with all rows."""
        own = dataclasses.asdict(self) | {"rows": list(self.rows), "other_rows": list(self.other_rows)}
        derived = {name: getattr(self, name) for name in ("severity", "title", "share", "cost", "cure")}
        return own | derived

    def __str__(self) -> str:
        column = f", column {self.column!r}" if self.column is not None else ""
        lines = [f"[{self.severity}] {self.where}{column}: {self.title}", f"    {self.place()}"]
        for part in (self.detail, f"e.g. {self.example}" if self.example else ""):
            lines += [f"    {part}"] if part else []
        return "\n".join([*lines, f"    cost: {self.cost}", f"    cure: {self.cure}"])
