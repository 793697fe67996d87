"""The table of the quickstart, and what it says of differences: numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from keras_bert_lab.evaluation import classification_report
from keras_bert_lab.recipes.quickstart_lesson import Entry, difference, lesson, table

R = 50


def entry(name: str, right: list[bool], **more: float) -> Entry:
    """A classifier of R texts, half of them positive, that is right where it is said."""
    true = ["neg", "pos"] * (R // 2)
    answers = [label if is_right else {"neg": "pos", "pos": "neg"}[label] for label, is_right in zip(true, right, strict=True)]
    return Entry(name, classification_report(true, answers, ["neg", "pos"]), np.array(right), 12.3, **more)


def first(count: int) -> list[bool]:
    return [place < count for place in range(R)]


def test_a_difference_and_its_error() -> None:
    """Right on 40 and on 31 of the same 50: 9 texts tell them apart, 0.18 +- 2 * sqrt(0.18 * 0.82 / 50)."""
    gap, error = difference(entry("a", first(40)), entry("b", first(31)))
    assert gap == pytest.approx(0.18)
    assert error == pytest.approx(2 * (0.18 * 0.82 / 50) ** 0.5)
    opposite = [not right for right in first(25)]
    gap, error = difference(entry("a", first(25)), entry("b", opposite))  # never right together
    assert (gap, error) == (0, pytest.approx(2 / 50**0.5))


def test_the_table_has_a_line_for_each() -> None:
    rows = table(
        [
            entry("from scratch", first(31), pretraining=70.4, validation=0.75),
            entry("sample encoder", first(40)),
            entry("x", first(5)),
        ]
    ).splitlines()
    assert rows[0].split() == ["validation", "test", "95", "%", "interval", "seconds"]
    assert rows[1].split()[:4] == ["from", "scratch", "0.750", "0.620"]
    assert rows[1].endswith("  70 of pretraining + 12")
    assert rows[2].split()[:3] == ["sample", "encoder", "0.800"]
    low, high = entry("x", first(40)).report.interval
    assert f"{low:.3f} to {high:.3f}" in rows[2]
    assert rows[3].split()[:2] == ["x", "0.100"]
    assert len({row.index(" to ") for row in rows[1:]}) == 1  # the columns stand below each other


@pytest.mark.parametrize(
    ("scratch", "sample", "simple", "said", "unsaid"),
    [
        (31, 40, 32, "what the sample encoder read before makes the difference", "TF-IDF is not beaten"),
        (40, 31, 32, "beats the larger one", "TF-IDF is not beaten"),
        (40, 39, 41, "below 4 points cannot be told from none", "makes the difference"),
        (31, 31, 32, "TF-IDF is not beaten here", "makes the difference"),
    ],
)
def test_what_is_learned_follows_from_the_figures(scratch: int, sample: int, simple: int, said: str, unsaid: str) -> None:
    entries = [entry("from scratch", first(scratch)), entry("sample encoder", first(sample)), entry("TF-IDF", first(simple))]
    shown = lesson(entries)
    assert said in shown
    assert unsaid not in shown
    points = 100 * (sample - scratch) / R
    (line,) = [line for line in shown.splitlines() if line.startswith("sample encoder - from scratch")]
    assert f": {points:+.1f} points" in line
    assert ("more than chance explains" in line) == (abs(points) > 10)


def test_what_is_kept() -> None:
    found = entry("from scratch", first(31), pretraining=70.4, validation=0.75).to_dict()
    assert (found["accuracy"], found["pretraining_seconds"], found["seconds"], found["validation_accuracy"]) == (
        0.62,
        70.4,
        12.3,
        0.75,
    )
