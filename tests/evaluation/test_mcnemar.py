from __future__ import annotations

import json
import re
from typing import Any

import pytest

from keras_bert_lab import mcnemar


def compare(only_first: int, only_second: int, both: int = 7, none: int = 5, **settings: Any) -> Any:
    true = ["y"] * (both + only_first + only_second + none)
    first = ["y"] * (both + only_first) + ["n"] * (only_second + none)
    second = ["y"] * both + ["n"] * only_first + ["y"] * only_second + ["n"] * none
    return mcnemar(true, first, second, **settings)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (11, 3, 0.05737304687500008),  # teenagers on the death penalty: the example of calcugator's chi2_mcnemar
        (12, 5, 0.143463),  # readycalculator.com and stat-tools.xyz
        (5, 12, 0.143463),
        (1, 11, 2 * 13 / 4096),  # by hand: 2 (C(12, 0) + C(12, 1)) / 2^12
        (6, 6, 1.0),
        (0, 0, 1.0),
        (0, 24, 2 / 2**24),
    ],
)
def test_few_texts_are_tested_exactly(only_first: int, only_second: int, p_value: float) -> None:
    found = compare(only_first, only_second)
    assert (found.only_first, found.only_second, found.test, found.statistic) == (only_first, only_second, "exact", None)
    assert found.p_value == pytest.approx(p_value, abs=5e-7)


@pytest.mark.parametrize(
    ("only_first", "only_second", "statistic", "p_value"),
    [
        (86, 150, 16.8178, 4.115e-05),  # approval ratings: Agresti 1990, p. 350, as R's help of mcnemar.test prints it
        (25, 15, 2.025, 0.15473),  # by hand: 81 / 40; tail of chi-squared with one degree of freedom
        (20, 20, 0.0, 1.0),
        (13, 12, 0.0, 1.0),
    ],
)
def test_many_texts_are_tested_with_continuity_correction(
    only_first: int, only_second: int, statistic: float, p_value: float
) -> None:
    found = compare(only_first, only_second)
    assert found.test == "chi-squared"
    assert found.statistic == pytest.approx(statistic, rel=1e-4)
    assert found.p_value == pytest.approx(p_value, rel=1e-3)


def test_it_says_in_words_which_is_better() -> None:
    names = ("BERT", "TF-IDF")
    better = compare(86, 150, names=names)
    assert better.better == "TF-IDF"
    assert str(better) == (
        "TF-IDF is better: of 248 texts BERT alone is right on 86, TF-IDF alone on 150 (McNemar, chi-squared, p = 4.1e-05)"
    )
    assert compare(150, 86, names=names).better == "BERT"
    equal = compare(11, 3, names=names)
    assert equal.better is None
    assert str(equal) == (
        "no difference shown: of 26 texts BERT alone is right on 11, TF-IDF alone on 3 (McNemar, exact, p = 0.057)"
    )
    assert compare(11, 3, names=names, significance=0.06).better == "BERT"
    plain = json.loads(json.dumps(better.to_dict()))
    assert (plain["names"], plain["better"], plain["examples"]) == (["BERT", "TF-IDF"], "TF-IDF", 248)


def test_only_right_and_wrong_count() -> None:
    found = mcnemar([1, 2, 3, 1], ["1", "3", "3", "2"], ["2", "1", "3", "1"])
    assert (found.only_first, found.only_second) == (1, 1)


@pytest.mark.parametrize(
    ("true", "first", "second", "settings", "message"),
    [
        (["a"], ["a", "b"], ["a"], {}, "There must be two answers for each true label. Received: 1, 2, 1 labels and answers"),
        ([], [], [], {}, "Received: 0, 0, 0 labels and answers"),
        (["a"], ["a"], ["a"], {"significance": 5}, "significance must be a number between 0 and 1. Received: significance=5"),
    ],
)
def test_what_does_not_fit_is_refused(true: Any, first: Any, second: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        mcnemar(true, first, second, **settings)
