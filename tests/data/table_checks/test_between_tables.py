"""Tables beside each other: shared texts, contradicting labels, other classes; counted by pandas and by hand."""

from __future__ import annotations

import collections
import random

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from keras_bert_lab.data import check_table
from keras_bert_lab.data.table_checks.fingerprints import candidate_pairs, shared_share, signatures, words_of
from tests.data.table_checks.tables import clean, frame, kinds, sentences, words


def parts():
    return clean(), clean(61, seed=2)


def only(check, kind, where=None):
    (found,) = check.of_kind(kind, where)
    return found


def test_texts_in_both():
    train, test = parts()
    test[3], test[40], test[41] = list(train[50]), list(train[7]), list(train[7])
    train[20] = list(train[7])
    check = check_table(frame(train), frame(test))
    problem = only(check, "shared_texts")
    assert (problem.where, problem.other) == ("test", "table")
    assert (problem.rows, problem.other_rows) == ((4, 41, 42), (51, 8, 8))
    assert problem.cost == f"Up to {100 * 3 / 61:.3g} % of this part measures memory."
    assert check.counts["shared"] == [
        {"where": "test", "other": "table", "texts": 2, "rows": 3, "near_rows": 0, "other_labels": 0}
    ]
    assert kinds(check) == ["duplicate_texts", "duplicate_texts", "shared_texts"]


def test_three_tables_are_compared_two_by_two():
    train, test = parts()
    dev = clean(59, seed=3)
    dev[5], test[6], test[7] = list(train[4]), list(train[4]), list(dev[8])
    check = check_table(frame(train), frame(test), validation=frame(dev))
    found = {(problem.where, problem.other): (problem.rows, problem.other_rows) for problem in check.of_kind("shared_texts")}
    assert found == {
        ("validation", "table"): ((6,), (5,)),
        ("test", "table"): ((7,), (5,)),
        ("test", "validation"): ((7, 8), (6, 9)),
    }


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda text: text.replace(" ", "  \n"), lambda text: f"<p>{text}</p>", lambda text: text.replace(" ", ", ")],
)
def test_almost_the_same_in_both(change):
    train, test = parts()
    test[3] = [change(train[50][0]), train[50][1]]
    check = check_table(frame(train), frame(test))
    problem = only(check, "shared_near_duplicates")
    assert (problem.rows, problem.other_rows) == ((4,), (51,))
    assert problem.detail.startswith("They differ first at ")
    assert check.counts["shared"][0]["near_rows"] == 1


def test_of_several_rows_the_first_is_named():
    train, test = parts()
    long = " ".join(words(3, 40))
    train[33], train[50], train[60] = [long + " one", "sad"], [long + " two", "sad"], [long + " three", "sad"]
    test[3] = [long + " four", "sad"]
    check = check_table(frame(train), frame(test))
    assert only(check, "shared_near_duplicates").other_rows == (34,)
    assert (only(check, "near_duplicates").rows, only(check, "near_duplicates").other_rows) == ((51, 61), (34, 34))


def test_another_label_in_training():
    train, test = parts()
    test[3] = [train[50][0] + "!", {"sad": "merry", "merry": "sad"}[train[50][1]]]
    problem = only(check_table(frame(train), frame(test)), "conflicting_parts")
    assert (problem.rows, problem.other_rows) == ((4,), (51,))


def test_a_text_with_two_labels_in_training_contradicts_neither():
    train, test = parts()
    train[9] = [train[50][0], {"sad": "merry", "merry": "sad"}[train[50][1]]]
    test[3] = list(train[50])
    check = check_table(frame(train), frame(test))
    assert not check.of_kind("conflicting_parts")
    assert only(check, "conflicting_labels").rows == (10, 51)
    assert only(check, "conflicting_labels").other_rows == (51, 10)


def test_labels_that_training_does_not_have():
    train, test = parts()
    test[3][1], test[9][1], test[10][1] = "Merry", "odd", "odd"
    problem = only(check_table(frame(train), frame(test)), "class_only_in_test")
    assert (problem.where, problem.rows) == ("test", (4, 10, 11))
    assert problem.detail == "'odd' (2); 'Merry' (1), nearest 'merry'."


def test_a_class_that_is_not_tested():
    train = clean(90, labels=("sad", "merry", "calm"))
    check = check_table(frame(train), frame([row for row in clean(61, seed=2) if row[1] != "sad"] + clean(31, seed=4)))
    assert only(check, "class_missing_in_test").detail == "None of its rows has 'calm'."
    assert only(check, "class_missing_in_test").severity == "misleads"


def test_other_shares_of_classes():
    train, test = clean(400), clean(400, seed=2)
    for place, row in enumerate(test):
        row[1] = "sad" if place % 4 == random.Random(place // 4).randrange(4) else "merry"
    problem = only(check_table(frame(train), frame(test)), "other_balance")
    assert "'merry' 75.0% here, 50.0% in training" in problem.detail
    assert "'sad' 25.0% here, 50.0% in training" in problem.detail


def test_duplicates_as_pandas_counts_them():
    rng = random.Random(11)
    rows = clean(203)
    for row in rows:
        if rng.random() < 0.4:
            row[0] = rows[rng.randrange(203)][0]
    table = frame(rows)
    check = check_table(table)
    expected = np.flatnonzero(table["text"].duplicated()) + 1
    assert only(check, "duplicate_texts").rows == tuple(expected.tolist())
    several = table.groupby("text")["label"].transform("nunique") > 1
    assert only(check, "conflicting_labels").rows == tuple((np.flatnonzero(several) + 1).tolist())


def test_pairs_are_the_same_if_both_texts_are():
    firsts, seconds = sentences(61, 5), sentences(61, 6)
    rows = [[a, b, label] for a, b, (_, label) in zip(firsts, seconds, clean(61), strict=True)]
    rows[30] = [rows[4][0], rows[30][1], rows[4][2]]  # the first text alone
    rows[31] = [*rows[5][:2], rows[5][2]]
    rows[32] = [rows[6][0].upper(), rows[6][1], rows[6][2]]
    rows[33][1] = rows[33][0]
    check = check_table(frame(rows, ("first", "second", "label")), text="first", text_pair="second")
    assert {problem.kind: problem.rows for problem in check.problems} == {
        "duplicate_texts": (32,), "near_duplicates": (33,), "same_in_both": (34,),
    }  # fmt: skip


def test_pairs_with_a_hypothesis_that_is_almost_the_same_alone_are_different():
    long = " ".join(words(3, 60))
    rows = [
        [long, f"he said {word} to all of them there", label] for word, (_, label) in zip(words(4, 60), clean(60), strict=True)
    ]
    check = check_table(frame(rows, ("text", "hypothesis", "label")), text_pair="hypothesis")
    assert check.problems == ()


def test_several_labels_for_each_text():
    rows = [[text, ["odd"] if place % 3 else [label, "odd"]] for place, (text, label) in enumerate(clean())]
    rows[9] = [rows[8][0], list(reversed(rows[8][1]))]
    rows[19] = [rows[18][0], ["merry"]]
    check = check_table(frame(rows))
    assert kinds(check) == ["conflicting_labels", "duplicate_texts"]
    assert only(check, "conflicting_labels").rows == (19, 20)
    assert check.counts["tables"][0]["classes"] == dict(
        collections.Counter(name for _, names in rows for name in names).most_common()
    )


def test_without_labels():
    rows = clean()
    rows[9][0] = rows[3][0]
    check = check_table(frame(rows), label=None)
    assert kinds(check) == ["duplicate_texts"]
    assert check.counts["tables"][0]["classes"] == {}
    assert check.counts["tables"][0]["usable"] == len(rows)


@pytest.mark.parametrize("near", [True, False])
def test_near_duplicates_can_be_left_out(near):
    rows = clean()
    place = max(range(30), key=lambda row: len(rows[row][0].split()))
    parts_of = rows[place][0].split()
    rows[44] = [" ".join([*parts_of[:-1], "otherwise"]), rows[place][1]]
    assert kinds(check_table(frame(rows), near_duplicates=near)) == (["near_duplicates"] if near else [])


def test_similarity_is_that_of_scikit_learn():
    """Jaccard similarity of word pairs: its own counting of bigrams."""
    rng = random.Random(4)
    known = words(5, 12)
    texts = [" ".join(rng.choices(known, k=rng.randint(2, 25))) for _ in range(60)]
    counted = CountVectorizer(ngram_range=(2, 2), token_pattern=r"\w+", binary=True).fit_transform(texts).toarray().astype(bool)
    ids = {word: place for place, word in enumerate(known)}
    rows = [np.array([ids[word] for word in words_of(text)]) for text in texts]
    for first in range(60):
        for second in range(first):
            expected = (counted[first] & counted[second]).sum() / (counted[first] | counted[second]).sum()
            assert shared_share(rows[first], rows[second]) == pytest.approx(expected)


def test_all_pairs_above_the_threshold_are_found():
    """Against comparing each text with each other: what is similar is among the candidates, and they are few."""
    rng = np.random.Generator(np.random.PCG64(6))
    base = [rng.integers(0, 5000, rng.integers(12, 80)) for _ in range(400)]
    rows = list(base)
    for _ in range(2):  # two further copies with single words changed
        for row in base:
            copy = row.copy()
            changed = rng.choice(len(row), max(1, len(row) // 25), replace=False)
            copy[changed] = rng.integers(5000, 9000, len(changed))
            rows.append(copy)
    alike = {
        (first, second)
        for first in range(len(rows))
        for second in range(first + 1, len(rows))
        if (first - second) % 400 == 0 and shared_share(rows[first], rows[second]) >= 0.8
    }
    found = {tuple(pair) for pair in candidate_pairs(signatures([row.astype(np.int32) for row in rows]), 0.6).tolist()}
    assert len(alike) > 500
    assert len(alike & found) >= 0.99 * len(alike)
    assert all((first - second) % 400 == 0 for first, second in found)


def test_signatures_estimate_the_similarity():
    rng = np.random.Generator(np.random.PCG64(7))
    errors = []
    for _ in range(200):
        first = rng.integers(0, 9000, 100)
        second = np.r_[first[: rng.integers(20, 100)], rng.integers(9000, 20000, 40)]
        signs = signatures([first, second])
        errors.append((signs[0] == signs[1]).mean() - shared_share(first, second))
    assert abs(np.mean(errors)) < 0.015  # no bias; standard error 0.005
    assert np.std(errors) < 0.09  # sqrt(p (1 - p) / 48) is 0.072 at most


def test_the_same_text_hundreds_of_times_is_no_work_for_a_square():
    rows = [[sentences(1, 5)[0] + "!" * place, "sad" if place % 2 else "merry"] for place in range(300)]
    check = check_table(frame(rows))
    assert len(only(check, "near_duplicates").rows) == 299


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Isn't it 5%?", ["isn", "t", "it", "5"]),
        ("Straße ÉTÉ", ["strasse", "été"]),
        ("我喜欢 film", ["我", "喜", "欢", "film"]),
        ("snake_case", ["snake", "case"]),
        ("été_bon", ["été", "bon"]),
        ("\U0001f600!", []),
    ],
)
def test_words(text, expected):
    assert words_of(text) == expected


def test_texts_without_words_are_compared_as_they_are():
    rows = clean()
    rows[3][0], rows[9][0], rows[20][0] = "\U0001f600\U0001f600", "\U0001f622", "\U0001f600\U0001f600"
    assert only(check_table(frame(rows)), "duplicate_texts").rows == (21,)


def test_a_frame_with_an_index_of_its_own():
    rows = clean()
    rows[9][0] = ""
    table = frame(rows).set_index(pd.Index(range(500, 500 + len(rows))))
    assert only(check_table(table), "empty_text").rows == (10,)
