"""What `autofit` has done."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras_bert_lab.training.learning_rate_search import LearningRateSearch

__all__ = ["AutofitResult"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutofitResult:
    """What `autofit` has done.

    Attributes:
        history: figures of the epochs, as `History.history`, with `learning_rate` at the end of each.
        reason: why it stopped, in a sentence.
        best_epoch: the epoch whose weights the model has now, counted from 1; 0 = those from before.
        rate: the highest learning rate.
        search: what `lr_find` found, where no rate was given.
    """

    history: dict[str, list[Any]]
    reason: str
    best_epoch: int
    rate: float
    search: LearningRateSearch | None

    def __str__(self) -> str:
        return self.reason

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, as for JSON."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return found | {"search": None if self.search is None else self.search.to_dict()}
