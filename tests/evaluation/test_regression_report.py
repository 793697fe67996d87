from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from keras_bert_lab import DataError, regression_report


def test_figures_of_four_numbers_are_those_by_hand() -> None:
    report = regression_report([1.0, 2.0, 3.0, 6.0], [2.0, 2.0, 2.0, 4.0])
    assert report.examples == 4
    assert report.mae == pytest.approx(1.0)
    assert report.rmse == pytest.approx(math.sqrt(6 / 4))
    assert report.r2 == pytest.approx(1 - 6 / 14)
    assert report.mae_of_the_mean == pytest.approx((2 + 1 + 0 + 3) / 4)
    # deviations -2, -1, 0, 3 and -0.5, -0.5, -0.5, 1.5
    assert report.pearson == pytest.approx(6 / math.sqrt(14 * 3))
    # ranks 1, 2, 3, 4 and 2, 2, 2, 4: deviations -1.5, -0.5, 0.5, 1.5 and -0.5, -0.5, -0.5, 1.5
    assert report.spearman == pytest.approx(3 / math.sqrt(5 * 3))
    assert str(report).splitlines() == [
        "mean absolute error  1  (always the mean: 1.5; 4 texts)",
        "RMSE                 1.225",
        "R2                   0.571  (Pearson 0.926, Spearman 0.775)",
    ]


def test_figures_are_those_of_scikit_learn_and_scipy() -> None:
    random = np.random.default_rng(3)
    true = random.normal(size=37)
    answers = true + random.normal(size=37)
    report = regression_report(true, answers[:, np.newaxis])
    assert report.mae == pytest.approx(metrics.mean_absolute_error(true, answers))
    assert report.rmse == pytest.approx(metrics.root_mean_squared_error(true, answers))
    assert report.r2 == pytest.approx(metrics.r2_score(true, answers))
    assert report.pearson == pytest.approx(stats.pearsonr(true, answers).statistic)
    assert report.spearman == pytest.approx(stats.spearmanr(true, answers).statistic)


@pytest.mark.parametrize(
    ("true", "answers", "r2"),
    [([1.0], [2.0], None), ([3.0, 3.0], [1.0, 2.0], None), ([1.0, 2.0], [7.0, 7.0], -121.0), ([5.0] * 3, [5.0] * 3, None)],
)
def test_what_is_not_defined_is_none(true: list[float], answers: list[float], r2: float | None) -> None:
    report = regression_report(true, answers)
    assert (report.r2, report.pearson, report.spearman) == (r2, None, None)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["pearson"] is None
    assert "Pearson not defined, Spearman not defined" in str(report)


def test_numbers_that_hardly_differ_bring_no_warning() -> None:
    report = regression_report([1e9, 1e9 + 1e-6, 1e9], [1.0, 2.0, 3.0])
    json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("true", "answers", "error", "message"),
    [
        ([1.0], [1.0, 2.0], ValueError, "There must be one answer for each true number. Received: 1 numbers, 2 answers"),
        ([], [], ValueError, "Received: 0 numbers, 0 answers"),
        ([1.0, np.nan, np.inf], [1.0] * 3, DataError, "true must hold finite numbers. Received others in rows [1, 2]"),
        ([1.0], [np.nan], DataError, "answers must hold finite numbers. Received others in rows [0]"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(
    true: list[float], answers: list[float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        regression_report(true, answers)
