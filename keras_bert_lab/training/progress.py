"""What a user sees while a model trains."""

from __future__ import annotations

import sys
import time
from typing import Any

import keras

from keras_bert_lab.batches import Batches
from keras_bert_lab.lazy import LazyModule

__all__ = ["Progress"]

tqdm = LazyModule("tqdm.auto", install="tqdm")


class Progress(keras.callbacks.Callback):
    """A progress bar for each epoch with loss, real tokens per second, and share of padding; one line each when done.

    Args:
        batches: the numbered batches that the model is trained on.
        label: shown in front of the bar.

    It also adds `tokens_per_second` and `padding` to the logs of each epoch, for `CSVLogger` and the training history.
    """

    def __init__(self, batches: Batches, label: str = "training") -> None:
        super().__init__()
        self.batches = batches
        self.label = label
        self._bar: Any = None
        self._first_step = self._counted = 0
        self._real = self._slots = 0
        self._seconds = self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._first_step = epoch * self.batches.steps_per_epoch
        self._counted = 0
        self._real = self._slots = 0
        self._seconds = 0.0
        epochs = (self.params or {}).get("epochs", epoch + 1)
        self._bar = tqdm.tqdm(
            total=self.batches.steps_per_epoch,
            desc=f"{self.label} {epoch + 1}/{epochs}",
            unit="batch",
            file=sys.stdout,
            dynamic_ncols=True,
            leave=True,
            mininterval=0.5,
        )

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._seconds += time.perf_counter() - self._began
        # One call may stand for several batches (steps_per_execution), the last one also for some after the end of the epoch.
        while self._counted <= min(batch, self.batches.steps_per_epoch - 1):
            real, slots = self.batches.counts(self._first_step + self._counted)
            self._counted += 1
            self._real += real
            self._slots += slots
            self._bar.update(1)
        if logs:
            self._bar.set_postfix_str(self._summary(logs), refresh=False)

    def _rates(self) -> dict[str, float]:
        return {
            "tokens_per_second": self._real / max(self._seconds, 1e-9),
            "padding": 1.0 - self._real / max(self._slots, 1),
        }

    def _summary(self, logs: dict[str, Any]) -> str:
        rates = self._rates()
        shown = [f"{name} {float(value):.3f}" for name, value in logs.items() if name not in rates and name != "learning_rate"]
        return ", ".join([*shown, f"{rates['tokens_per_second']:,.0f} tokens/s", f"padding {rates['padding']:.1%}"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs.update(self._rates())
            self._bar.set_postfix_str(self._summary(logs), refresh=True)
        self._bar.close()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._bar is not None:
            self._bar.close()
