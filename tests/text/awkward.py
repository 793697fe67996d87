"""Texts on which tokenizers part ways, for the tests that compare them."""

import gzip
import random

CHARACTERS = (
    "abABÉé'strdvml 09½²ñ\u0301\n\t\r\u00a0\u3000\u2003\x85.,!?<>@你가각😀६\u200b\u200d\u061d\u1c80\U0001e030  ''``▁(\"-£ﬁΣİßΩÅ"
    "\x00\x02が\u0378\u0379\ufdfa\ufffdĠ"
)
FIXED = [
    "", " ", "  ", "a", "'", "''", "'''", "``a''", "▁", "▁▁a", "a▁", "a" * 3001, "ab" * 307, " " * 101 + "x", "x" + " " * 101,
    "'s", "''s", "'s's't", "'re'll've", "'r", "'l e", "a's b 's\n's", "\r\n", "!!!!! ***", "Ġthe ĠĠ",
]  # fmt: skip


def awkward_texts(count, seed=7):
    """Random texts of awkward characters, and some fixed ones."""
    random_ = random.Random(seed)
    return ["".join(random_.choices(CHARACTERS, k=random_.randrange(31))) for _ in range(count)] + FIXED


def book_lines(shared, count):
    """Paragraphs of classic books."""
    with gzip.open(shared / "data/books/books_small.txt.gz", "rt", encoding="utf-8") as lines:
        paragraphs = [line.rstrip("\n") for line in lines if line.strip()]
    return paragraphs[:: len(paragraphs) // count][:count]
