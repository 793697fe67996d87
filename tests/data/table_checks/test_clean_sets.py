"""Public data sets: their known defects are found, counted as pandas does it, and nothing else that stops or misleads."""

from __future__ import annotations

import pandas as pd
import pytest

from keras_bert_lab.data import check_table

# Looked at one by one; "kind where" -> number of rows.
KNOWN = {
    "trec": {
        "shared_texts test": 10,
        "shared_near_duplicates test": 1,  # "the twin cities" and "the Twin Cities", which have different labels
        "conflicting_parts test": 1,
        "duplicate_texts train": 71,
        "near_duplicates train": 6,
    },
    "sst2": {
        "shared_texts test": 2,
        "shared_near_duplicates dev": 1,  # "cool ?" and "cool"
        "duplicate_texts train": 9,
    },
    "rte": {
        "mojibake train": 3,
        "mojibake dev": 1,
        "duplicate_texts train": 2,
        "near_duplicates train": 1,
    },
    "imdb": {
        "shared_texts test": 123,
        "shared_near_duplicates test": 1,
        "html_tags train": 14666,
        "html_tags test": 14535,
        "html_entities train": 5,
        "html_entities test": 2,
        "control_characters train": 2,
        "invisible_characters train": 1,
        "invisible_characters test": 1,
        "windows_characters train": 811,
        "windows_characters test": 760,
        "duplicate_texts train": 96,
        "duplicate_texts test": 199,
        "near_duplicates train": 21,
        "near_duplicates test": 16,
        "truncated train": 3637,
        "truncated test": 3432,
    },
}
OPTIONS = {"rte": {"text": "premise", "text_pair": "hypothesis"}}
FILES = {
    "trec": ("train.csv", None, "test.csv"),
    "sst2": ("train.csv", "dev.csv", "test.csv"),
    "rte": ("train.csv", "dev.csv", None),
    "imdb": ("train.csv.gz", None, "test.csv.gz"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name == "imdb" else ()) for name in KNOWN])
def test_known_defects_and_no_others(name, shared):
    folder = shared / "data" / name
    train, dev, test = (None if file is None else folder / file for file in FILES[name])
    check = check_table(train, test, validation=dev, **OPTIONS.get(name, {}))
    parts = {str(path): part for part, path in (("train", train), ("dev", dev), ("test", test))}
    assert {f"{problem.kind} {parts[problem.where]}": len(problem.rows) for problem in check.problems} == KNOWN[name]
    assert not [problem for problem in check.problems if problem.severity == "stops"]
    columns = [OPTIONS.get(name, {}).get(role) for role in ("text", "text_pair")]
    columns = [column for column in columns if column] or ["text"]
    tables = {
        str(path): pd.read_csv(path, keep_default_na=False)[columns].apply(tuple, axis=1)
        for path in (train, dev, test)
        if path is not None
    }
    for problem in check.of_kind("duplicate_texts"):
        assert [row - 1 for row in problem.rows] == tables[problem.where][tables[problem.where].duplicated()].index.tolist()
    for problem in check.of_kind("shared_texts"):
        ours, theirs = tables[problem.where], tables[problem.other]
        assert [row - 1 for row in problem.rows] == ours[ours.isin(set(theirs))].index.tolist()
        assert all(ours[row - 1] == theirs[other - 1] for row, other in zip(problem.rows, problem.other_rows, strict=True))
