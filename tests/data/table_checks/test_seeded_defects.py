"""Each kind of defect, put into an otherwise clean table, is named with file and rows, in each form; nothing else is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keras_bert_lab.data import check_table
from tests.data.table_checks.tables import clean, frame, kinds, sentences, written

FORMS = ("csv", "xlsx", "jsonl")
Rows = list[list[Any]]
# What a defect gives: kind of problem -> rows that it must name, 1 = the first; () = the whole file.
Expected = dict[str, tuple[int, ...]]


def text_at(*places: int, text: Any) -> Callable[[Rows], None]:
    """Another text in some rows."""

    def change(rows: Rows) -> None:
        for place in places:
            rows[place][0] = text if not callable(text) else text(rows[place][0])

    return change


def label_at(*places: int, label: Any) -> Callable[[Rows], None]:
    """Another label in some rows."""

    def change(rows: Rows) -> None:
        for place in places:
            rows[place][1] = label

    return change


def _copied(source: int, target: int, change: Callable[[str], str] = str, label: bool = True) -> Callable[[Rows], None]:
    def copy(rows: Rows) -> None:
        rows[target][0] = change(rows[source][0])
        rows[target][1] = rows[source][1] if label else {"sad": "merry", "merry": "sad"}[rows[source][1]]

    return copy


def _longest(rows: Rows) -> int:
    return max(range(20), key=lambda row: len(rows[row][0]))


def _one_word_changed(rows: Rows) -> None:
    rows[3][0] = " ".join(sentences(1, 77)[0].split()[:1] * 1 + sentences(2, 78, longest=9)[0].split() * 1 + _twenty())
    rows[44] = [rows[3][0].replace(rows[3][0].split()[12], "another"), rows[3][1]]


def _twenty() -> list[str]:
    return [f"word{chr(97 + number)}" for number in range(20)]


def _sorted(rows: Rows) -> None:
    rows.sort(key=lambda row: row[1])


def _all_labels(name: Callable[[int], Any]) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for place, row in enumerate(rows):
            row[1] = name(place)

    return change


def _swap(rows: Rows) -> None:
    for row in rows:
        row.reverse()


def _leak(rows: Rows) -> None:
    for row in rows:
        if row[1] == "merry":
            row[0] = f"{row[0][:-1]} so merry."


def _cut(rows: Rows) -> None:
    for place in (2, 9, 15, 31, 40, 41, 66):
        rows[place][0] = (rows[place][0][:-1] + " " + " ".join(sentences(9, place)))[:400].replace(".", "x")


def _swallowed(rows: Rows) -> None:
    rows[8][0] += f'"\n"{rows[9][0]}",{rows[9][1]}\n"so it goes'


def _imbalance(rows: Rows) -> None:
    for place, row in enumerate(rows):
        row[1] = "sad" if place % 11 == 5 else "merry"


def _numbers(first: Any, second: Any, other: Any) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for place, row in enumerate(rows):
            row[1] = first if row[1] == "sad" else second
            if place in (20, 50):
                rows[place][1] = other

    return change


def _shuffled(count: int, form: str, seed: int = 3) -> Callable[[int], str]:
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return lambda place: form.format(order[place % count])


ALL = FORMS
# name: (forms, change, what must be found)
DEFECTS: dict[str, tuple[tuple[str, ...], Callable[[Rows], None], Expected]] = {
    "empty": (("csv", "jsonl"), text_at(17, 30, text=""), {"empty_text": (18, 31)}),
    "empty cell": (("xlsx",), text_at(17, 30, text=None), {"missing_text": (18, 31)}),
    "blanks": (ALL, text_at(17, text="  \t "), {"empty_text": (18,)}),
    "null": (("jsonl",), text_at(4, text=None), {"missing_text": (5,)}),
    "number": (("xlsx", "jsonl"), text_at(4, 5, text=4.5), {"text_not_text": (5, 6)}),
    "list": (("jsonl",), text_at(4, text=["a", "b"]), {"text_not_text": (5,)}),
    "N/A": (ALL, text_at(1, text="N/A"), {"placeholders": (2,)}),
    "null as text": (ALL, text_at(1, text=" NULL"), {"placeholders": (2,)}),
    "dash": (ALL, text_at(66, text="-"), {"placeholders": (67,)}),
    "#REF!": (ALL, text_at(1, text="#REF!"), {"placeholders": (2,)}),
    "formula": (ALL, text_at(12, text="=SUM(A1:A9)"), {"formula_texts": (13,)}),
    "reference": (ALL, text_at(12, text="=$B$7"), {"formula_texts": (13,)}),
    "address": (ALL, text_at(12, text="https://example.org/a?b=1 www.example.com"), {"only_url": (13,)}),
    "numbers": (ALL, text_at(12, text=" 12.5, 7 (3 %) "), {"only_number": (13,)}),
    "punctuation": (ALL, text_at(12, text="?!.. -"), {"only_punctuation": (13,)}),
    "HTML": (ALL, text_at(7, 8, text=lambda text: text + "<br /><I class='x'>yes</i>"), {"html_tags": (8, 9)}),
    "entities": (ALL, text_at(7, text=lambda text: "Rock &amp; roll&#33; " + text), {"html_entities": (8,)}),
    "mojibake": (ALL, text_at(7, text=lambda text: "Le cafÃ© " + text), {"mojibake": (8,)}),
    "mojibake of quotes": (ALL, text_at(7, text=lambda text: "itâ€™s " + text), {"mojibake": (8,)}),
    "Windows dash": (ALL, text_at(7, text=lambda text: "yes \x96 " + text), {"windows_characters": (8,)}),
    "replacement character": (ALL, text_at(7, text=lambda text: "caf\ufffd " + text), {"replacement_characters": (8,)}),
    "bell": (("csv", "jsonl"), text_at(7, text=lambda text: "yes\x07 " + text), {"control_characters": (8,)}),
    "NUL": (("csv", "jsonl"), text_at(7, text=lambda text: "yes\x00 " + text), {"control_characters": (8,)}),
    "zero-width space": (ALL, text_at(7, text=lambda text: "wo\u200brd " + text), {"invisible_characters": (8,)}),
    "direction override": (ALL, text_at(7, text=lambda text: "\u202eword " + text), {"invisible_characters": (8,)}),
    "escapes": (ALL, text_at(7, text=lambda text: "one\\n two caf\\u00e9 " + text), {"escaped_characters": (8,)}),
    "bytes": (ALL, text_at(7, text=lambda text: f"b'{text}'"), {"bytes_as_text": (8,)}),
    "half a character": (("jsonl",), text_at(7, text=lambda text: "\ud83d " + text), {"invalid_unicode": (8,)}),
    "other script": (ALL, text_at(7, text="Это был очень хороший фильм, смотрел с удовольствием."), {"other_script": (8,)}),
    "look-alikes": (ALL, text_at(7, text=lambda text: "a gооd film " + text), {"mixed_letters": (8,)}),
    "long word": (ALL, text_at(7, text=lambda text: "x" * 101 + " " + text), {"long_words": (8,)}),
    "very long": (ALL, text_at(7, text=" ".join(sentences(40, 9))), {"truncated": (8,), "very_long": (8,)}),
    "header again": (ALL, lambda rows: rows.insert(30, ["text", "label"]), {"header_repeated": (31,)}),
    "twice": (ALL, _copied(2, 50), {"duplicate_texts": (51,)}),
    "other case": (ALL, _copied(2, 50, lambda text: text.upper().replace(" ", " - ")), {"near_duplicates": (51,)}),
    "one word changed": (ALL, _one_word_changed, {"near_duplicates": (45,)}),
    "contradiction": (ALL, _copied(2, 50, label=False), {"duplicate_texts": (51,), "conflicting_labels": (3, 51)}),
    "contradiction in other words": (
        ALL, _copied(2, 50, lambda text: text[:-1] + " !", label=False),
        {"near_duplicates": (51,), "conflicting_labels": (3, 51)},
    ),
    "no label": (("csv", "jsonl"), label_at(11, 60, label=""), {"missing_label": (12, 61)}),
    "no label cell": (("xlsx", "jsonl"), label_at(11, 60, label=None), {"missing_label": (12, 61)}),
    "label of two": (("jsonl",), label_at(11, label=["sad", "merry"]), {"label_not_single": (12,)}),
    "label #N/A": (ALL, label_at(11, label="#N/A"), {"label_placeholders": (12,), "rare_classes": (12,)}),
    "other case of a label": (ALL, label_at(11, label="Sad"), {"label_variants": (12,)}),
    "blank after a label": (("csv", "jsonl", "xlsx"), label_at(11, 13, label="merry "), {"label_variants": (12, 14)}),
    "misspelt label": (ALL, label_at(11, label="mery"), {"label_typos": (12,)}),
    "rare class": (ALL, label_at(11, 22, 33, label="curious"), {"rare_classes": (12, 23, 34)}),
    "1 and 1.0": (("csv", "jsonl"), _numbers("0", "1", "1.0"), {"label_numbers": (21, 51)}),
    "number and text": (("jsonl", "xlsx"), _numbers("0", "1", 1), {"label_types": (21, 51)}),
    "truth value and number": (("jsonl", "xlsx"), _numbers(0, 1, True), {"label_types": (21, 51), "rare_classes": (21, 51)}),
    "one class": (ALL, _all_labels(lambda place: "sad"), {"one_class": ()}),
    "imbalance": (ALL, _imbalance, {"imbalance": tuple(row for row in range(1, 68) if (row - 1) % 11 != 5), "rare_classes":
                                    tuple(row for row in range(1, 68) if (row - 1) % 11 == 5)}),
    "sorted": (ALL, _sorted, {"sorted_by_label": ()}),
    "measurements": (ALL, _all_labels(_shuffled(67, "{}.25")), {"labels_like_numbers": ()}),
    "names of rows": (ALL, _all_labels(_shuffled(67, "id-{}")), {"labels_nearly_unique": ()}),
    "swapped columns": (ALL, _swap, {"columns_swapped": ()}),
    "answer in the text": (ALL, _leak, {"label_leak": ...}),
    "cut off": (ALL, _cut, {"cut_texts": (3, 10, 16, 32, 41, 42, 67)}),
    "swallowed rows": (("csv",), _swallowed, {"swallowed_rows": (9,)}),
}  # fmt: skip
CASES = [(name, form) for name, (forms, _, _) in DEFECTS.items() for form in forms]


@pytest.mark.parametrize("form", [*FORMS, "tsv", "json", "parquet", "csv.gz"])
def test_the_clean_table_has_no_problem(form: str, tmp_path: Path) -> None:
    path = written(tmp_path, form, clean())
    check = check_table(path)
    assert check.problems == ()
    assert "Nothing was found that should be changed." in str(check)
    assert check_table(path, written(tmp_path, form, clean(seed=2), name="test")).problems == ()


def test_the_clean_table_as_a_frame_has_no_problem() -> None:
    assert check_table(frame(clean()), frame(clean(seed=2)), validation=frame(clean(seed=3))).problems == ()


def test_there_are_enough_kinds() -> None:
    assert len(DEFECTS) >= 40
    assert len({kind for _, _, expected in DEFECTS.values() for kind in expected}) >= 40


@pytest.mark.parametrize(("name", "form"), CASES)
def test_defect_is_named_with_file_and_rows(name: str, form: str, tmp_path: Path) -> None:
    _, change, expected = DEFECTS[name]
    rows = clean()
    change(rows)
    path = written(tmp_path, form, rows)
    check = check_table(path)
    assert kinds(check) == sorted(expected), str(check)
    for problem in check.problems:
        assert problem.where == str(path)
        assert problem.of == len(rows)
        if expected[problem.kind] is not ...:
            assert problem.rows == expected[problem.kind], str(problem)
        assert problem.cost
        assert problem.cure
        assert "{" not in problem.cost
        assert str(problem) in str(check)


@pytest.mark.parametrize("name", [name for name, (forms, _, _) in DEFECTS.items() if "jsonl" in forms])
def test_defect_is_found_in_a_frame(name: str) -> None:
    _, change, expected = DEFECTS[name]
    rows = clean()
    change(rows)
    check = check_table(frame(rows))
    assert kinds(check) == sorted(expected), str(check)
    assert {problem.where for problem in check.problems} == {"table"}
