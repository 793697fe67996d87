"""Labels that cannot be right."""

from __future__ import annotations

import random
import re

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.data import check_table
from keras_bert_lab.data.table_checks.label_findings import _misspelt
from tests.data.table_checks.tables import clean, frame, kinds, sentences


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("postive", "positive"),
        ("psoitive", "positive"),
        ("Positve", "positive"),
        ("nuetral", "neutral"),
        ("not-good", "not_good"),
    ],
)
def test_misspelt(name, other):
    assert _misspelt(name, other, 2, 90)
    assert not _misspelt(other, name, 90, 2)
    assert not _misspelt(name, other, 20, 90)  # too many for slips


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("negative", "positive"), ("atypical", "typical"), ("not_entailment", "entailment"), ("unacceptable", "acceptable"),
        ("class1", "class2"), ("level 10", "level 11"), ("male", "female"), ("pos", "neg"), ("a", "b"), ("LOC", "NUM"),
        ("illegal", "legal"), ("nonfiction", "fiction"), ("2", "3"),
    ],
)  # fmt: skip
def test_other_words(name, other):
    assert not _misspelt(name, other, 2, 90)


@pytest.mark.parametrize(
    "labels", [("0", "1"), (0, 1), (0.0, 1.0), (True, False), ("pos", "neg", "mixed"), ("1", "2", "3", "4", "5")]
)
def test_good_labels(labels):
    assert check_table(frame(clean(90, labels=labels))).problems == ()


def test_many_classes_that_are_numbers_are_classes():
    """Twenty kinds with numbers for names, in many rows each."""
    assert check_table(frame(clean(1000, labels=tuple(range(25))))).problems == ()


def test_thousands_of_classes_are_no_work_for_a_square():
    rng = random.Random(8)
    names = [f"{'abcdefgh'[place % 8] * 3}-{rng.getrandbits(64):x}" for place in range(2000)]
    rows = [[text, names[min(int(rng.expovariate(1 / 400)), 1999)]] for text in sentences(3001, 9)]
    check = check_table(frame(rows), near_duplicates=False)
    assert "rare_classes" in kinds(check)
    assert "label_typos" not in kinds(check)


def test_rare_is_an_argument():
    rows = clean(labels=("sad", "merry"))
    for place in (3, 9, 12):
        rows[place][1] = "odd"
    (problem,) = check_table(frame(rows), rare=4).problems
    assert problem.detail == "1 of 3 classes with fewer than 4 rows: 'odd' 3."
    assert check_table(frame(rows), rare=3).problems == ()


def test_two_rare_classes_are_told_from_the_rarest():
    rows = clean()
    for place, name in ((3, "odd"), (9, "odd"), (12, "even")):
        rows[place][1] = name
    (problem,) = check_table(frame(rows)).problems
    assert problem.detail == "2 of 4 classes with fewer than 10 rows: 'even' 1, 'odd' 2."
    assert problem.rows == (4, 10, 13)


def test_imbalance_is_what_the_majority_gets():
    rows = clean(200)
    for place, row in enumerate(rows):
        row[1] = "sad" if place % 10 == 3 else "merry"
    (problem,) = check_table(frame(rows)).problems
    assert (problem.kind, problem.share) == ("imbalance", 0.9)
    assert "right in 90 % of the rows" in problem.cost


@pytest.mark.parametrize(("changes", "told"), [(1, True), (3, True), (40, False)])
def test_sorted_rows(changes, told):
    rows = clean(400)
    for place, row in enumerate(rows):
        row[1] = ("sad", "merry")[(place * (changes + 1) // 400) % 2]
    assert (kinds(check_table(frame(rows))) == ["sorted_by_label"]) is told


def test_rows_in_turn_are_not_sorted():
    rows = clean(400)
    for place, row in enumerate(rows):
        row[1] = ("sad", "merry")[place % 2]
    assert check_table(frame(rows)).problems == ()


def test_numbers():
    rng = random.Random(3)
    rows = [[text, rng.gauss(3, 1)] for text in sentences(67, 9)]
    check = check_table(frame(rows), label_type="number")
    assert check.problems == ()
    values = [row[1] for row in rows]
    assert check.counts["tables"][0]["numbers"] == pytest.approx(
        {"min": min(values), "mean": np.mean(values), "max": max(values)}
    )
    assert "numbers: min" in str(check)
    rows[5][1], rows[6][1], rows[9][1] = "three", float("inf"), None
    found = {problem.kind: problem.rows for problem in check_table(frame(rows), label_type="number").problems}
    assert found == {"label_not_number": (6, 7), "missing_label": (10,)}


def test_one_number_for_all():
    rows = [[text, 4] for text in sentences(67, 9)]
    (problem,) = check_table(frame(rows), label_type="number").problems
    assert (problem.kind, problem.example) == ("constant_number", "4.0")


def test_numbers_with_many_values_as_names():
    rng = random.Random(3)
    rows = [[text, round(rng.gauss(3, 1), 2)] for text in sentences(97, 9)]
    (problem,) = check_table(frame(rows)).problems
    assert problem.kind == "labels_like_numbers"
    values = {row[1] for row in rows}
    assert problem.detail == f"{len(values)} different numbers in 97 rows, from {min(values):g} to {max(values):g}."


def test_missing_labels_of_pandas():
    table = pd.DataFrame(
        {"text": [row[0] for row in clean()], "label": pd.array([None if row == 9 else row % 2 for row in range(67)], "Int64")}
    )
    (problem,) = check_table(table).problems
    assert (problem.kind, problem.rows) == ("missing_label", (10,))


def test_a_label_in_the_texts_of_other_classes_too_is_no_leak():
    rows = [[text[:-1] + " sad or merry.", label] for text, label in clean()]
    assert check_table(frame(rows)).problems == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_type": "names"}, "label_type must be one of ['name', 'number']. Received: label_type='names'"),
        ({"rare": 0}, "rare must be an integer of at least 1. Received: rare=0"),
        ({"max_length": 3}, "max_length must be an integer of at least 4. Received: max_length=3"),
        (
            {"text": "label"},
            "text, text_pair and label must name different columns. Received: {'text': 'label', 'label': 'label'}",
        ),
        ({"separator": ";;"}, "separator must be one ASCII character"),
        ({"separator": ";"}, "separator is for .csv and .tsv files"),
        ({"sheet": 1}, "sheet is for .xlsx files. Received: sheet=1"),
    ],
)
def test_impossible_arguments(tmp_path, options, message):
    path = tmp_path / ("a.csv" if options.get("separator") != ";" else "a.jsonl")
    path.write_text('{"text": "a", "label": "b"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        check_table(path, **options)
