"""A table while it is looked at: its cells as they are, and what was found so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from keras_bert_lab.data.cell_checks import text_problem
from keras_bert_lab.data.cells import is_missing
from keras_bert_lab.data.table_checks.table_problem import TableProblem
from keras_bert_lab.data.wording import shown

__all__ = ["ExaminedTable"]


@dataclasses.dataclass
class ExaminedTable:
    """One table.

    Attributes:
        where: the file, or the part that a DataFrame is.
        part: "table", "validation" or "test".
        kind: of the file, as `table_format` tells; "frame" for a DataFrame.
        rows: how many there are, those that could not be read included.
        cells: role ("text", "text_pair", "label") -> its cells; a role is missing where its column is.
        names: role -> name of the column.
        unread: rows, from 0, whose cells are not what the file's author meant: no other check looks at them.
        problems: found so far.
    """

    where: str
    part: str
    kind: str = "frame"
    rows: int = 0
    cells: dict[str, list[Any]] = dataclasses.field(default_factory=dict)
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    unread: set[int] = dataclasses.field(default_factory=set)
    problems: list[TableProblem] = dataclasses.field(default_factory=list)

    @property
    def text_roles(self) -> list[str]:
        """The columns of texts that are there."""
        return [role for role in ("text", "text_pair") if role in self.cells]

    def texts(self, role: str = "text") -> list[tuple[int, str]]:
        """Place (from 0) and text of each row that has a usable one."""
        cells = self.cells.get(role, [])
        return [(row, cell) for row, cell in enumerate(cells) if row not in self.unread and text_problem(cell) is None]

    def report(
        self,
        kind: str,
        places: Iterable[int] = (),
        *,
        role: str | None = None,
        example: Any = None,
        detail: str = "",
        other: str | None = None,
        other_places: Sequence[int] = (),
    ) -> None:
        """Add a problem.

        Args:
            kind: of `KINDS`.
            places: rows from 0, in order; none = the whole file.
            role: of the column.
            example: what to show; None = the cell of the first row.
            detail: more about it.
            other: the table that the rows are compared with.
            other_places: for each place the row, from 0, that it is like.
        """
        rows = tuple(place + 1 for place in places)
        if example is None and rows and role is not None:
            example = self.cells[role][rows[0] - 1]
        self.problems.append(
            TableProblem(
                kind=kind,
                where=self.where,
                of=self.rows,
                rows=rows,
                column=self.names.get(role) if role is not None else None,
                example=_shown(kind, example),
                detail=detail,
                other=other,
                other_rows=tuple(place + 1 for place in other_places),
            )
        )


def _shown(kind: str, example: Any) -> str:
    if is_missing(example) or (isinstance(example, str) and not example):
        return ""
    return str(example) if kind in _WRITTEN else shown(example, _WIDTH)


_WIDTH = 100
_WRITTEN = frozenset({"wrong_encoding", "mojibake", "windows_characters", "truncated"})  # their examples are sentences
