"""Where sentences end: cases by hand, and books."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_bert_lab.data import read_corpus
from keras_bert_lab.text.sentences import split_sentences

# "|" stands where the text is to be cut.
CASES = [
    "He came.| He saw!| Did he win?| Yes… | Perhaps.",
    "One.|\n\tTwo.|  Three.",
    "No end",
    '"Stop!" she cried.| “No.”| He left.| (He did.)| [So did she.]| *So* it was._| Then',
    "“What?” he asked.| ‘Why not?’ she said.",
    "Mr. Smith, Mrs. Jones and Dr. No met St. Paul vs. Prof. Moriarty.| They ate.",
    "J. R. R. Tolkien wrote it.| So did I.| We saw E. M. Forster.",
    "It is in the U.S. Army, i.e. at D.C. and e.g. Paris.| Well, z.B. Berlin.| End.",
    "It cost 3.50 at www.example.org today.| It is v2.0.| Fine.",
    "See No. 5 and p. 7, fig. 3 or vol. 2.| No.| Never.| On Jan. 5 it froze.",
    "1. First things.| 2. Second things.| IV. Fourth.| A. Letters.| In 1805.| Then war.",
    "He paused . . . and went.| Wait...| What?!| Yes!!!| Good.",
    "He paused . . .| Then he went on … and on.| Done.",
    "--- * ---. ... Then| He said it.".replace("| ", " "),
    "他来了。|你呢？|“我不知道！”|好。",
    "そうです。|「はい。」|と言った。| 終わり",
    "नमस्ते।| कैसे हो?| अच्छा॥| ठीक",
    "مرحبا؟| نعم.| لا",
    "Она сказала: «Да.»| Потом он ушёл.| Всё.",
    "¿Qué?| ¡No!| Sí.| «Vale.»| –Dime.",
    "Café.| Élan.| Ñu.| Öl",
    "etc. and so on, etc.| The end.",
]


def parts(case: str) -> tuple[str, list[str]]:
    return case.replace("|", ""), case.split("|")


@pytest.mark.parametrize("case", CASES)
def test_cases(case):
    text, expected = parts(case)
    # The white space behind a mark belongs to what follows.
    expected = [piece for piece in expected if piece]
    found = split_sentences(text)
    assert [piece.strip() for piece in found] == [piece.strip() for piece in expected]
    assert "".join(found) == text


@pytest.mark.parametrize(
    ("text", "with_lines", "without"),
    [
        ("a\nb", ["a", "\nb"], ["a\nb"]),
        ("One two\nthree. Four", ["One two", "\nthree.", " Four"], ["One two\nthree.", " Four"]),
        ("He said.\nand left", ["He said.", "\nand left"], ["He said.\nand left"]),
        ("He said.\nShe left", ["He said.", "\nShe left"], ["He said.", "\nShe left"]),
        ("\n\n a \n\n\n b \n", ["\n\n a ", "\n\n\n b \n"], ["\n\n a \n\n\n b \n"]),
        ("Mr.\nSmith", ["Mr.", "\nSmith"], ["Mr.\nSmith"]),
        ("", [], []),
        (" \n ", [" \n "], [" \n "]),
        ("...", ["..."], ["..."]),
        ("。", ["。"], ["。"]),
    ],
)
def test_line_ends(text, with_lines, without):
    assert split_sentences(text) == with_lines
    assert split_sentences(text, line_ends=False) == without


@given(st.text(st.sampled_from('aB1.!?。…"”) \n\u00a0«ßé-'), max_size=60), st.booleans())
def test_nothing_is_lost_and_no_sentence_is_empty(text, line_ends):
    found = split_sentences(text, line_ends)
    assert "".join(found) == text
    assert all(sentence.strip() for sentence in found) or found == [text]
    for before, after in itertools.pairwise(found):
        assert after[0].isspace() or "。" in before


def test_books(shared):
    documents = read_corpus(shared / "data/books/books_small.txt.gz")
    found = [sentence.strip() for document in documents for sentence in split_sentences(document)]
    assert "".join(found).replace(" ", "")[:50] == documents[0].replace("\n", "").replace(" ", "")[:50]
    assert 35_000 < len(found) < 40_000
    lengths = sorted(len(sentence.split()) for sentence in found)
    assert 8 <= lengths[len(lengths) // 2] <= 16
    # Cuts after an abbreviation or inside a quotation would show as sentences that begin with a lower-case letter.
    assert sum(sentence[0].islower() for sentence in found) < 0.005 * len(found)
    assert not any(sentence.endswith((" Mr.", " Mrs.", " Dr.", " St.")) for sentence in found)
