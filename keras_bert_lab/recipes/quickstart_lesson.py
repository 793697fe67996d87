"""What the quickstart shows of its classifiers: one table, and what can and cannot be learned from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation import ClassificationReport

__all__ = ["Entry", "lesson", "table"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One classifier on the test reviews.

    Attributes:
        name: what it is.
        report: its figures.
        right: bool (R,), which of the reviews it is right on.
        seconds: that it was trained on the labelled reviews.
        pretraining: seconds of the pretraining that went before on this machine; None = none.
        validation: accuracy on training reviews held out; None = not measured.
    """

    name: str
    report: ClassificationReport
    right: np.ndarray
    seconds: float
    pretraining: float | None = None
    validation: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            **self.report.to_dict(),
            "seconds": self.seconds,
            "pretraining_seconds": self.pretraining,
            "validation_accuracy": self.validation,
        }


def table(entries: Sequence[Entry]) -> str:
    """A line for each classifier: accuracy on validation and test reviews, and the seconds of its training."""
    width = max(len(entry.name) for entry in entries)
    lines = [f"{'':{width}}  validation  test   95 % interval   seconds"]
    for entry in entries:
        low, high = entry.report.interval
        validation = "" if entry.validation is None else f"{entry.validation:.3f}"
        before = "" if entry.pretraining is None else f"{entry.pretraining:.0f} of pretraining + "
        lines.append(
            f"{entry.name:{width}}  {validation:>10}  {entry.report.accuracy:.3f}  {low:.3f} to {high:.3f}  "
            f"{before}{entry.seconds:.{0 if entry.seconds >= 10 else 1}f}"
        )
    return "\n".join(lines)


def difference(one: Entry, other: Entry) -> tuple[float, float]:
    """By how much the accuracy of the first is higher on the same reviews, and two standard errors of that.

        error = 2 * standard deviation of (right of one - right of other) / sqrt(R)

    Example:
        >>> report = None
        >>> one = Entry("one", report, np.array([True, True, True, False]), 1.0)
        >>> other = Entry("other", report, np.array([True, False, True, True]), 1.0)
        >>> tuple(round(each, 3) for each in difference(one, other))
        (0.0, 0.707)
    """
    gap = one.right.astype(float) - other.right.astype(float)
    return float(gap.mean()), float(2 * gap.std() / np.sqrt(len(gap)))


def _compared(one: Entry, other: Entry) -> str:
    gap, error = difference(one, other)
    verdict = "more than chance explains" if abs(gap) > error else "which can be chance"
    return f"{one.name} - {other.name}: {100 * gap:+.1f} points, ± {100 * error:.1f} (two standard errors): {verdict}."


def lesson(entries: Sequence[Entry]) -> str:
    """What the table teaches.

    Args:
        entries: from scratch, sample encoder, TF-IDF.
    """
    scratch, sample, simple = entries
    gap, error = difference(sample, scratch)
    if gap > error:
        shown = "Both learned from the same labelled reviews: what the sample encoder read before makes the difference."
    elif gap < -error:
        shown = "Here the encoder that has read these films' reviews beats the larger one that has read old books."
    else:
        shown = f"With {len(sample.right)} reviews, a difference below {100 * error:.0f} points cannot be told from none."
    lines = [
        _compared(sample, scratch),
        _compared(sample, simple),
        _compared(scratch, simple),
        shown,
        "The sample encoder is larger too, and was pretrained far longer, on old books; its README.md tells how.",
    ]
    if simple.report.accuracy >= max(scratch.report.accuracy, sample.report.accuracy):
        lines.append("TF-IDF is not beaten here: with so little text, counting words does well.")
    return "\n".join(lines)
