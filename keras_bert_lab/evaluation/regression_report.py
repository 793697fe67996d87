"""How near predicted numbers are to the true ones."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["RegressionReport", "regression_report"]

metrics = LazyModule("sklearn.metrics", install="scikit-learn")
stats = LazyModule("scipy.stats", install="scipy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionReport:
    """Figures of one model that gives numbers, on one test set. None = not defined: one text, or numbers that are all equal.

    Attributes:
        examples: number of texts.
        mae: mean absolute error.
        rmse: root of the mean squared error.
        r2: share of the variance that is explained; 0 = no better than always the mean, below 0 worse.
        pearson: correlation.
        spearman: correlation of the ranks.
        mae_of_the_mean: mean absolute error of always giving the mean of the true numbers.
    """

    examples: int
    mae: float
    rmse: float
    r2: float | None
    pearson: float | None
    spearman: float | None
    mae_of_the_mean: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        r2, pearson, spearman = (
            "not defined" if value is None else f"{value:.3f}" for value in (self.r2, self.pearson, self.spearman)
        )
        return (
            f"mean absolute error  {self.mae:.4g}  (always the mean: {self.mae_of_the_mean:.4g}; {self.examples} texts)\n"
            f"RMSE                 {self.rmse:.4g}\n"
            f"R2                   {r2}  (Pearson {pearson}, Spearman {spearman})"
        )


def _numbers(name: str, values: Any) -> np.ndarray:
    numbers = np.asarray(values, np.float64).reshape(-1)
    if not np.isfinite(numbers).all():
        rows = np.flatnonzero(~np.isfinite(numbers))[:5].tolist()
        raise DataError(f"{name} must hold finite numbers. Received others in rows {rows}")
    return numbers


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def regression_report(true: Any, answers: Any) -> RegressionReport:
    """Compare predicted numbers with the true ones.

    Args:
        true: the true numbers.
        answers: the predicted ones, in the same order; (R,) or (R, 1).

    Raises:
        DataError: a number that is not finite.
        ValueError: columns of different length, or none at all.

    Reference: `sklearn.metrics`, `scipy.stats`.

    Example:
        >>> found = regression_report([1.0, 2.0, 4.0], [1.0, 3.0, 4.0])
        >>> round(found.mae, 4), round(found.rmse, 4), round(found.r2, 4), found.spearman
        (0.3333, 0.5774, 0.7857, 1.0)
    """
    true, answers = _numbers("true", true), _numbers("answers", answers)
    if len(true) != len(answers) or not len(true):
        raise ValueError(
            f"There must be one answer for each true number. Received: {len(true)} numbers, {len(answers)} answers"
        )
    varies = len(true) > 1 and np.ptp(true) > 0
    related = varies and np.ptp(answers) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)  # numbers that hardly differ: told as they are
        pearson = float(stats.pearsonr(true, answers).statistic) if related else np.nan
    return RegressionReport(
        examples=len(true),
        mae=float(metrics.mean_absolute_error(true, answers)),
        rmse=float(np.sqrt(metrics.mean_squared_error(true, answers))),
        r2=_defined(metrics.r2_score(true, answers)) if varies else None,
        pearson=_defined(pearson),
        spearman=_defined(float(stats.spearmanr(true, answers).statistic)) if related else None,
        mae_of_the_mean=float(np.abs(true - true.mean()).mean()),
    )
