"""Whether one of two models is better, or chance made it look so."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from keras_bert_lab.lazy import LazyModule

__all__ = ["McNemar", "mcnemar"]

stats = LazyModule("scipy.stats", install="scipy")

_FEW = 25
"""Below so many texts that one model alone got right, the exact test is used."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class McNemar:
    """Two models on the same texts.

    Attributes:
        names: of the models.
        examples: number of texts.
        only_first: texts that the first model alone got right.
        only_second: texts that the second model alone got right.
        test: "exact" (binomial) or "chi-squared" (with continuity correction).
        statistic: chi-squared with one degree of freedom; None for the exact test.
        p_value: probability of a difference at least as large between models that are equally good.
        significance: below which p a difference counts as shown.
    """

    names: tuple[str, str]
    examples: int
    only_first: int
    only_second: int
    test: str
    statistic: float | None
    p_value: float
    significance: float

    @property
    def better(self) -> str | None:
        """Name of the better model; None = no difference shown."""
        if self.p_value >= self.significance:
            return None
        return self.names[0] if self.only_first > self.only_second else self.names[1]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self) | {"names": list(self.names), "better": self.better}

    def __str__(self) -> str:
        first, second = self.names
        verdict = "no difference shown" if self.better is None else f"{self.better} is better"
        return (
            f"{verdict}: of {self.examples} texts {first} alone is right on {self.only_first}, {second} alone on "
            f"{self.only_second} (McNemar, {self.test}, p = {self.p_value:.2g})"
        )


def mcnemar(
    true: Any,
    answers_a: Any,
    answers_b: Any,
    names: Sequence[str] = ("a", "b"),
    significance: float = 0.05,
) -> McNemar:
    """Compare the answers of two models to the same texts.

        chi-squared = (|b - c| - 1)^2 / (b + c);  exact: two-sided binomial test of b among b + c

    b and c are the texts that one of the models alone got right; the others say nothing about which is better. The exact test
    is used where b + c < 25. To say that no difference is shown is not to say that there is none: the test set may be small.

    Args:
        true: the true labels.
        answers_a: answers of the first model.
        answers_b: answers of the second model.
        names: of the two models, for the sentence.
        significance: below which p a difference counts as shown.

    Returns:
        A McNemar; `print` it for a sentence.

    Raises:
        ValueError: columns of different length or none at all, or a number out of range.

    Reference: McNemar 1947; correction by Edwards 1948; for classifiers Dietterich 1998, "Approximate statistical tests for
        comparing supervised classification learning algorithms", section 3.1.

    Example:
        >>> print(mcnemar(["y"] * 14, ["y"] * 11 + ["n"] * 3, ["n"] * 11 + ["y"] * 3))
        no difference shown: of 14 texts a alone is right on 11, b alone on 3 (McNemar, exact, p = 0.057)
    """
    first, second = (str(name) for name in names)
    if not isinstance(significance, (int, float)) or not 0 < significance < 1:
        raise ValueError(f"significance must be a number between 0 and 1. Received: significance={significance!r}")
    columns = [[str(value) for value in column] for column in (true, answers_a, answers_b)]
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        counts = ", ".join(str(len(column)) for column in columns)
        raise ValueError(f"There must be two answers for each true label. Received: {counts} labels and answers")
    right = [(a == label, b == label) for label, a, b in zip(*columns, strict=True)]
    only_first, only_second = right.count((True, False)), right.count((False, True))
    apart, statistic = only_first + only_second, None
    if apart < _FEW:
        p_value = float(stats.binomtest(only_first, apart).pvalue) if apart else 1.0
    else:
        # equal counts are no difference: nothing is left to correct
        statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / apart
        p_value = float(stats.chi2.sf(statistic, 1))
    return McNemar(
        names=(first, second),
        examples=len(right),
        only_first=only_first,
        only_second=only_second,
        test="exact" if apart < _FEW else "chi-squared",
        statistic=statistic,
        p_value=p_value,
        significance=significance,
    )
