"""What a language model fills gaps with while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

__all__ = ["FillMaskExamples"]


class FillMaskExamples(keras.callbacks.Callback):
    """Prints, after each epoch, how the model fills the same gaps.

    Args:
        texts: texts with one [MASK] each.
        answers: the words that stood there, shown beside; None = not known.
        top_k: candidates for each gap.
        task: a model with `fill_mask`; None = the one that is trained.
    """

    def __init__(self, texts: Sequence[str], answers: Sequence[str] | None = None, top_k: int = 4, task: Any = None) -> None:
        super().__init__()
        self.texts = list(texts)
        self.answers = None if answers is None else list(answers)
        self.top_k = top_k
        self.task = task

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not self.texts:
            return
        found = (self.task or self.model).fill_mask(self.texts, top_k=self.top_k)
        for row, group in found.groupby("row"):
            answer = "" if self.answers is None else f"   (was: {self.answers[row]})"
            print(f"  {self.texts[row]}{answer}")
            shown = (f"{each.token} {each.score:.0%}" for each in group[group["mask"] == 0].itertuples())
            print(f"      {', '.join(shown)}", flush=True)
