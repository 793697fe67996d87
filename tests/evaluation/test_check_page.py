"""The page and the pictures of a look at the data."""

from __future__ import annotations

import base64
import html.parser
import re
from pathlib import Path

import matplotlib.figure
import matplotlib.pyplot
import pytest

from keras_bert_lab.data import check_table
from keras_bert_lab.errors import DataError
from keras_bert_lab.evaluation import plot_class_counts, plot_table_problems, plot_text_lengths, write_check_page
from tests.data.table_checks.tables import clean, frame

PNG = b"\x89PNG"
PLOTS = [plot_class_counts, plot_table_problems, plot_text_lengths]
HOSTILE = "<script>alert('x')</script><img src=x onerror=y> &amp; \u202e$\\frac{$"


def messy():
    rows = clean()
    rows[3][0] = ""
    rows[5][0] = HOSTILE
    for place in (7, 8, 9):
        rows[place][0] += " caf\ufffd"
    for place in range(20, 31):
        rows[place][1] = HOSTILE
    return rows


@pytest.fixture(scope="module")
def check():
    return check_table(frame(messy()), frame(clean(61, seed=2)), validation=frame(clean(59, seed=3)))


@pytest.fixture(scope="module")
def nothing():
    return check_table(frame(clean()))


class _Page(html.parser.HTMLParser):
    """Names of elements and their attributes, and the text; refuses elements that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_shares_of_classes(check):
    ax = plot_class_counts(check)
    assert [label.get_text().replace(r"\$", "$")[:9] for label in ax.get_yticklabels()][:2] == ["merry", "sad"]
    first = ax.containers[0]
    counts = check.counts["tables"][0]["classes"]
    assert [bar.get_width() for bar in first] == [pytest.approx(counts[name] / 67) for name in counts]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training (67)", "validation (59)", "test (61)"]
    assert [text.get_text() for text in ax.texts][:2] == [str(count) for count in list(counts.values())[:2]]


def test_of_many_classes_twenty_are_shown():
    ax = plot_class_counts(check_table(frame(clean(500, labels=tuple(f"kind {chr(97 + place)}" for place in range(23))))))
    assert len(ax.get_yticklabels()) == 20
    assert ax.get_xlabel() == "share of the rows; 3 more classes"


def test_lengths_and_the_limit(check):
    ax = plot_text_lengths(check)
    lengths = check.counts["tables"][2]["lengths"]
    shares = [count / 61 for count in lengths["histogram"]["counts"]]
    assert ax.patches[2].get_data().values.tolist() == pytest.approx(shares)
    assert sum(shares) == pytest.approx(1)
    assert ax.lines[0].get_xdata() == [512, 512]
    assert ax.get_xlabel() == "tokens of a text, guessed from its characters"


def test_problems_in_their_order(check):
    ax = plot_table_problems(check)
    names = {"table": "training", "validation": "validation", "test": "test"}
    expected = [f"{names[problem.where]}: {problem.title}" for problem in check.problems]
    assert [label.get_text() for label in ax.get_yticklabels()] == expected
    assert [bar.get_width() for bar in ax.containers[0]] == [pytest.approx(problem.share) for problem in check.problems]
    assert "3 rows" in [text.get_text() for text in ax.texts]


def test_nothing_to_show(nothing):
    assert [text.get_text() for text in plot_table_problems(nothing).texts] == ["no problem was found"]
    empty = check_table(frame([["", 1.0]]), label=None)
    assert [text.get_text() for text in plot_class_counts(empty).texts] == ["no classes"]
    assert [text.get_text() for text in plot_text_lengths(empty).texts] == ["no texts"]


@pytest.mark.parametrize("plot", PLOTS)
def test_the_axes_that_are_given_are_drawn_on(plot, check, nothing, tmp_path):
    before = matplotlib.pyplot.get_fignums()
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert plot(check, ax=left) is left
    assert plot(nothing, right) is right
    figure.savefig(tmp_path / "both.png")
    assert matplotlib.pyplot.get_fignums() == before


def test_the_page_says_all_and_holds_its_pictures(check, tmp_path):
    path = write_check_page(check, tmp_path / "checks" / "reviews")
    assert path == tmp_path / "checks" / "reviews" / "index.html"
    text = path.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.text.count("cost:") == len(check.problems)
    for problem in check.problems:
        for part in (problem.title, problem.place(), problem.cost, problem.cure, problem.detail, problem.example):
            assert part in page.text
    assert all(severity in page.text for severity in ("stops", "misleads", "costs", "look"))
    pictures = [base64.b64decode(found) for found in re.findall(r"data:image/png;base64,([^\"]+)", text)]
    written = [(path.parent / name).read_bytes() for name in ("problems.png", "classes.png", "lengths.png")]
    assert pictures == written
    assert all(picture.startswith(PNG) for picture in written)
    assert sorted(each.name for each in path.parent.iterdir()) == ["classes.png", "index.html", "lengths.png", "problems.png"]


def test_texts_never_become_part_of_the_page(check, nothing, tmp_path):
    hostile = _Page(write_check_page(check, tmp_path / "hostile").read_text(encoding="utf-8"))
    harmless = _Page(write_check_page(nothing, tmp_path / "harmless").read_text(encoding="utf-8"))
    assert "script" not in hostile.elements
    assert set(hostile.elements) - set(harmless.elements) <= {"article", "h3", "code", "details", "summary", "span", "br"}
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    assert "alert('x')" in hostile.text
    assert "\u202e" not in hostile.text  # it is shown, and does not turn the line round
    assert "\\u202e" in hostile.text


def test_nothing_was_found(nothing, tmp_path):
    text = write_check_page(nothing, tmp_path).read_text(encoding="utf-8")
    assert "Nothing was found that should be changed." in text
    assert "0 problems" in text


def test_a_page_is_not_overwritten_unless_asked(check, nothing, tmp_path):
    write_check_page(check, tmp_path)
    (tmp_path / "mine.txt").write_text("kept", encoding="utf-8")
    message = rf"{re.escape(str(tmp_path))} has index.html and problems.png and classes.png and lengths.png already"
    with pytest.raises(DataError, match=message):
        write_check_page(nothing, tmp_path)
    write_check_page(nothing, tmp_path, overwrite=True)
    assert "0 problems" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "kept"


def test_an_output_that_is_a_file(nothing, tmp_path):
    path = tmp_path / "page"
    path.write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"output must be a folder. Received: {path}, which is a file.")):
        write_check_page(nothing, path)
    with pytest.raises(DataError, match="cannot be made"):
        write_check_page(nothing, path / "below")


def test_the_same_check_gives_the_same_page(check, tmp_path):
    first, second = (write_check_page(check, tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_rows_are_listed_up_to_a_limit(tmp_path):
    rows = clean(907)
    for place in range(3, 900):
        rows[place][0] += "<br/>"
    page = _Page(write_check_page(check_table(frame(rows)), tmp_path).read_text(encoding="utf-8"))
    assert "4, 5, 6, 7" in page.text
    assert "503 and 397 more" in page.text
    assert Path(tmp_path / "index.html").stat().st_size < 300_000
