"""Lengths in tokens, what is cut off, and unknown tokens."""

from __future__ import annotations

import re

import numpy as np
import pytest

from keras_bert_lab.data import check_table, read_table
from keras_bert_lab.text import Preprocessor, WordPieceTokenizer
from tests.data.table_checks.tables import clean, frame, kinds, sentences, words

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "."]


@pytest.fixture(scope="module")
def preprocessor():
    return Preprocessor(WordPieceTokenizer([*SPECIAL, *words()]), max_length=29)


def test_lengths_are_those_of_the_preprocessor(preprocessor):
    rows = clean()
    check = check_table(frame(rows), preprocessor=preprocessor)
    expected = np.array([len(row[0].split()) + 3 for row in rows])  # words, full stop, [CLS], [SEP]
    lengths = check.counts["tables"][0]["lengths"]
    assert (lengths["min"], lengths["max"]) == (expected.min(), expected.max())
    assert lengths["median"] == int(np.median(expected))
    assert (lengths["truncated"], lengths["limit"], lengths["guessed"]) == ((expected > 29).sum(), 29, False)
    assert sum(lengths["histogram"]["counts"]) == 67
    assert check.counts["tables"][0]["unknown_share"] == 0
    (problem,) = check.problems
    assert problem.kind == "truncated"
    assert problem.rows == tuple((np.flatnonzero(expected > 29) + 1).tolist())
    lost = (expected - 29)[expected > 29].sum() / expected.sum()
    assert (
        problem.detail
        == f"The model reads 29 tokens (the longest text has {expected.max()}); {lost:.1%} of all tokens are cut off."
    )


def test_max_length_goes_before_the_preprocessor_s(preprocessor):
    assert check_table(frame(clean()), preprocessor=preprocessor, max_length=99).problems == ()
    assert kinds(check_table(frame(clean()), max_length=60)) == ["truncated"]


def test_pairs_have_one_special_token_more(preprocessor):
    rows = [[text, other, label] for (text, label), other in zip(clean(), sentences(67, 8), strict=True)]
    check = check_table(frame(rows, ("text", "other", "label")), text_pair="other", preprocessor=preprocessor, max_length=99)
    expected = max(len(row[0].split()) + len(row[1].split()) + 2 + 3 for row in rows)
    assert check.counts["tables"][0]["lengths"]["max"] == expected


def test_unknown_tokens(preprocessor):
    rows = clean()
    rows[5][0] = "Xylophones zigzag quickly " + rows[5][0]
    rows[6][0] = "Xylophones " + rows[6][0]  # a name is no reason
    check = check_table(frame(rows), preprocessor=preprocessor, max_length=99)
    (problem,) = check.problems
    assert (problem.kind, problem.rows) == ("unknown_tokens", (6,))
    total = sum(len(row[0].split()) + 3 for row in rows)
    assert check.counts["tables"][0]["unknown_share"] == pytest.approx(4 / total)
    assert f"{4 / total:.2%} of them unknown" in str(check)


def test_without_a_preprocessor_lengths_are_guessed_from_the_characters():
    rows = [["abcde " * 43, "sad"], ["映画" * 50, "merry"]]  # 258 characters / 4.3 = 60; one token for each of 100
    lengths = check_table(frame(rows)).counts["tables"][0]["lengths"]
    assert (lengths["min"], lengths["max"], lengths["limit"], lengths["guessed"]) == (62, 102, 512, True)


@pytest.mark.parametrize("given", ["bert", object()])
def test_a_preprocessor_without_tokenizer_is_refused(given):
    message = f"preprocessor must be a Preprocessor, whose tokenizer counts tokens. Received: {type(given).__name__}"
    with pytest.raises(TypeError, match=re.escape(message)):
        check_table(frame(clean()), preprocessor=given)


def test_the_guess_is_near_the_tokens_of_bert(shared):
    vocabulary = (shared / "data/vocab/bert-base-uncased/vocab.txt").read_text(encoding="utf-8").splitlines()
    table = read_table(shared / "data/imdb/small_test.xlsx", text="Reviews", label="Sentiment").iloc[:200]
    counted = check_table(table, preprocessor=Preprocessor(WordPieceTokenizer(vocabulary)), near_duplicates=False)
    guessed = check_table(table, near_duplicates=False)
    ours, theirs = (check.counts["tables"][0]["lengths"]["median"] for check in (guessed, counted))
    assert ours == pytest.approx(theirs, rel=0.1)
