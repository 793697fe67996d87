"""What a check gives back."""

from __future__ import annotations

import dataclasses
import json

import pytest

from keras_bert_lab.data import check_table
from keras_bert_lab.data.table_checks.kinds import KINDS, SEVERITIES
from keras_bert_lab.data.table_checks.table_problem import TableProblem
from tests.data.table_checks.tables import clean, frame, written


def messy():
    rows = clean()
    rows[3][0] = ""
    for place in (4, 5, 6):
        rows[place][0] += " &amp; so on"
    rows[9][0] = "N/A"
    return rows


def test_problems_are_ordered_by_what_they_would_cost():
    problems = check_table(frame(messy()), frame(messy()[:30])).problems
    order = [list(SEVERITIES).index(problem.severity) for problem in problems]
    assert order == sorted(order)
    assert [problem.kind for problem in problems if problem.where == "table"] == ["empty_text", "placeholders", "html_entities"]


def test_more_rows_come_first():
    few, many = (TableProblem(kind="placeholders", where="a", of=50, rows=rows) for rows in ((1,), (2, 3)))
    assert sorted([few, many], key=lambda problem: problem.rank) == [many, few]


def test_as_data(tmp_path):
    check = check_table(written(tmp_path, "csv", messy()), label_type="name")
    data = json.loads(json.dumps(check.to_dict(), allow_nan=False))
    assert data["problems"][0] == {
        "kind": "empty_text",
        "where": str(tmp_path / "reviews.csv"),
        "of": 67,
        "rows": [4],
        "column": "text",
        "example": "",
        "detail": "",
        "other": None,
        "other_rows": [],
        "severity": "stops",
        "title": "empty texts (white space alone counts as empty)",
        "share": 1 / 67,
        "cost": "Training refuses the table; with drop_unusable=True 1.49 % of the rows are left out.",
        "cure": "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable).",
    }
    assert data["counts"]["tables"][0]["rows"] == 67
    assert data["counts"]["tables"][0]["usable"] == 66
    assert data["counts"]["tables"][0]["columns"] == {"text": "text", "label": "label"}


def test_in_words():
    text = str(check_table(frame(messy()), frame(clean(61, seed=2))))
    assert text.startswith(
        "table: 67 rows, 66 of them usable\n    2 classes: sad 34 (50.7%), merry 33 (49.3%)\n    tokens: median "
    )
    assert "\ntest and table: 0 texts in both, 0 more rows almost the same\n\n3 problems: 1 [stops], 2 [costs]\n" in text
    assert "[costs] table, column 'text': placeholders as text\n    1 of 67 rows (1.49 %), row 10\n    e.g. 'N/A'\n" in text


def test_it_is_frozen():
    check = check_table(frame(clean()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        check.problems = ()


def test_nothing_is_changed():
    table = frame(messy())
    before = table.copy(deep=True)
    check_table(table, table)
    assert table.equals(before)


def test_of_kind():
    check = check_table(frame(messy()), frame(messy()))
    assert [problem.where for problem in check.of_kind("placeholders")] == ["test", "table"] or [
        problem.where for problem in check.of_kind("placeholders")
    ] == ["table", "test"]
    assert [problem.where for problem in check.of_kind("placeholders", "test")] == ["test"]
    assert check.of_kind("one_class") == []


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_says_what_it_costs_and_how_it_is_cured(name):
    kind = KINDS[name]
    assert kind.severity in SEVERITIES
    assert kind.cost.endswith(".")
    assert kind.cure.endswith(".")
    assert not kind.title.endswith(".")
    assert 0 < kind.weight <= 1
    assert "{" not in TableProblem(kind=name, where="a", of=3, rows=(2,)).cost


def test_strange_names_of_classes_are_shown_as_they_are():
    rows = clean()
    rows[5][1] = rows[6][1] = "merry\u200b"
    rows[7][1] = "a" * 50
    assert "'merry\\u200b' 2 (3.0%)" in str(check_table(frame(rows)))
    assert f"{'a' * 27}... 1" in str(check_table(frame(rows)))
