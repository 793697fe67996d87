"""What a user sees while a model trains."""

from __future__ import annotations

import sys
import time
from typing import Any

import keras
import numpy as np

from keras_bert_lab.batches import Batches
from keras_bert_lab.lazy import LazyModule

__all__ = ["Progress"]

tqdm = LazyModule("tqdm.auto", install="tqdm")


class Progress(keras.callbacks.Callback):
    """A progress bar for each epoch with loss, real tokens per second, and share of padding; one line each when done.

    With several epochs it also tells how long the whole training will take, without validation.

    Args:
        batches: the numbered batches that the model is trained on.
        label: shown in front of the bar.
        flops_per_slot: arithmetic of a step for each slot, padding included, see `training_flops`.
        peak: most operations per second that this machine does, see `matmul_rate`. With both, the share of it that the training
            reaches is shown.

    It also adds `tokens_per_second`, `padding` and `share_of_peak` to the logs of each epoch, for `CSVLogger` and the training
    history.
    """

    def __init__(
        self, batches: Batches, label: str = "training", flops_per_slot: float | None = None, peak: float | None = None
    ) -> None:
        super().__init__()
        self.batches = batches
        self.label = label
        self.flops_per_slot = flops_per_slot
        self.peak = peak
        self._bar: Any = None
        self._first_step = self._counted = 0
        self._real = self._slots = 0
        self._earlier = np.zeros(2, np.int64)  # real tokens and slots of this epoch before a training went on
        self._seconds = self._began = 0.0
        self._steps = batches.steps_per_epoch
        self._steps_left = 0

    @property
    def _first_batch(self) -> int:
        """Of this epoch: not 0 where a `ResumableTraining` goes on in the middle of it."""
        return (self.params or {}).get("first_batch", 0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._steps = (self.params or {}).get("steps") or self.batches.steps_per_epoch
        self._first_step = epoch * self._steps
        self._counted = self._first_batch
        self._real = self._slots = 0
        self._earlier[:] = 0
        self._seconds = 0.0
        epochs = (self.params or {}).get("epochs", epoch + 1)
        self._steps_left = (epochs - epoch) * self._steps if epochs > 1 else 0
        self._bar = tqdm.tqdm(
            total=self._steps,
            initial=self._counted,
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
        while self._counted <= min(batch, self._steps - 1):
            real, slots = self.batches.counts(self._first_step + self._counted)
            self._counted += 1
            self._real += real
            self._slots += slots
            self._bar.update(1)
        if logs:
            self._bar.set_postfix_str(self._summary(logs), refresh=False)

    def _rates(self) -> dict[str, float]:
        seconds = max(self._seconds, 1e-9)
        real, slots = self._earlier + np.array([self._real, self._slots])
        rates = {"tokens_per_second": self._real / seconds, "padding": 1.0 - float(real) / max(float(slots), 1.0)}
        if self.flops_per_slot is not None and self.peak is not None:
            rates["share_of_peak"] = self._slots * self.flops_per_slot / seconds / self.peak
        return rates

    def _summary(self, logs: dict[str, Any]) -> str:
        rates = self._rates()
        shown = [f"{name} {float(value):.3f}" for name, value in logs.items() if name not in rates and name != "learning_rate"]
        shown += [f"{rates['tokens_per_second']:,.0f} tokens/s", f"padding {rates['padding']:.1%}"]
        if "share_of_peak" in rates:
            shown.append(f"{rates['share_of_peak']:.0%} of peak")
        left = self._steps_left - self._counted
        if self._counted > self._first_batch and left > 0:
            shown.append(f"{tqdm.tqdm.format_interval(left * self._seconds / (self._counted - self._first_batch))} left")
        return ", ".join(shown)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            # Now, and not before the first batch: there may be a million of them.
            for batch in range(self._first_batch):
                self._earlier += self.batches.counts(self._first_step + batch)
            logs.update(self._rates())
            self._bar.set_postfix_str(self._summary(logs), refresh=True)
        self._bar.close()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._bar is not None:
            self._bar.close()
