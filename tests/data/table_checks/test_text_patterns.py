"""Marks of damage in single texts, and texts that only look like them."""

from __future__ import annotations

import pytest

from keras_bert_lab.data.table_checks.scripts import script_of, word_of_two_scripts
from keras_bert_lab.data.table_checks.text_patterns import marks_in, mended


@pytest.mark.parametrize("text", ["é", "ü", "’", "“ja”", "…", "€", "ß", "я", "\u00a0", "\U0001f600"])
def test_utf_8_read_in_another_encoding_is_seen(text):
    assert mended(f"so {text.encode().decode('latin-1')} it is") is not None


@pytest.mark.parametrize(("text", "said"), [("cafÃ©", "'Ã©' was 'é'"), ("itâ€™s", "'â€™' was '’'"), ("5 â‚¬", "'â‚¬' was '€'")])
def test_utf_8_read_as_windows_1252_is_seen(text, said):
    assert mended(text) == said


@pytest.mark.parametrize(
    "text", ["café", "NÃO É", "Ångström", "â propos", "Ñandú", "5 € – «so»", "für Änderungen", "naïve", "Ðe"]
)
def test_words_with_accents_are_none(text):
    assert mended(text) is None
    assert list(marks_in(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > c", "I <3 it", "if x<y then z>w", "AT&T; and R&D", "C:\\new\\table", "50% - 60% of it", "b'quoted",
        "= equals nothing", "=)", "www.example.org is good", "see https://example.org", "3 films", "no", "\U0001f600", "👍🏽",
        "♥", "ते हैं", "می‌خواهم", "👨‍👩‍👧", "tab\tand\nline", "None of it", "na und?", "-5 degrees",
    ],
)  # fmt: skip
def test_harmless_texts(text):
    assert list(marks_in(text)) == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("שלום", "HEBREW"), ("ＡＢＣ", "LATIN"), ("カタカナ", "CJK"), ("한국어", "HANGUL"), ("...", None), ("", None),
        ("a" * 9 + "я" * 10, "CYRILLIC"),
    ],
)  # fmt: skip
def test_scripts(text, script):
    assert script_of(text) == script


@pytest.mark.parametrize("text", ["μm", "α-Teilchen", "Москва Moscow", "αβHomo", "хорошо"])
def test_letters_beside_each_other_are_no_look_alikes(text):
    assert word_of_two_scripts(text) is None


def test_long_runs_take_no_square_of_time():
    assert word_of_two_scripts("я" * 300_000) is None
    assert list(marks_in("<a " * 100_000)) == []
    assert list(marks_in("é" + "\\" * 100_000)) == []
