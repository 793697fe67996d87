"""What all problems of one kind have in common."""

from __future__ import annotations

import dataclasses

__all__ = ["SEVERITIES", "ProblemKind"]

SEVERITIES = {
    "stops": "training or evaluation stops, or means nothing",
    "misleads": "figures would say something that is not so",
    "costs": "the model would be worse than it could be",
    "look": "may be as it should: look at it",
}
"""From grave to harmless; problems are ordered by it."""


@dataclasses.dataclass(frozen=True)
class ProblemKind:
    """What all problems of one kind have in common.

    Attributes:
        severity: one of `SEVERITIES`.
        title: what it is, in a few words.
        cost: what it would cost; may hold {share}, the share of rows.
        cure: what to do about it.
        weight: how much of such a row's use is lost, roughly, from 0 to 1.
    """

    severity: str
    title: str
    cost: str
    cure: str
    weight: float = 1.0
