"""The command `check-data`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_bert_lab.cli import main
from keras_bert_lab.recipes import check_data
from tests.data.table_checks.tables import clean, written


@pytest.fixture
def tables(tmp_path: Path) -> tuple[str, str]:
    train, test = clean(), clean(61, seed=2)
    train[5][0] = "N/A"
    train[6][0] = ""
    test[3] = list(train[9])
    return str(written(tmp_path, "csv", train, "train")), str(written(tmp_path, "xlsx", test, "test"))


def test_what_is_wrong_is_printed(tables: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    train, test = tables
    assert main(["check-data", train, "--test", test]) == 0
    out = capsys.readouterr().out
    assert f"{train}: 67 rows, 66 of them usable" in out
    assert f"{test} and {train}: 1 text in both" in out
    assert "3 problems: 1 [stops], 1 [misleads], 1 [costs]" in out
    assert out.index("empty texts") < out.index("texts that are in training") < out.index("placeholders")


def test_as_json_with_a_page(tables: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = tables
    output = tmp_path / "page"
    assert main(["check-data", train, "--validation", test, "--output", str(output), "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert [(problem["kind"], problem["where"], problem["rows"]) for problem in figures["problems"]] == [
        ("empty_text", train, [7]), ("shared_texts", test, [4]), ("placeholders", train, [6]),
    ]  # fmt: skip
    assert figures["page"] == str(output / "index.html")
    assert figures["counts"]["tables"][1]["part"] == "validation"
    assert "3 problems" in captured.err
    assert (output / "index.html").is_file()
    assert main(["check-data", train, "--output", str(output)]) == 1
    assert "index.html" in capsys.readouterr().err
    assert main(["check-data", train, "--output", str(output), "--overwrite"]) == 0


def test_a_page_that_is_there_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "index.html").write_text("mine", encoding="utf-8")
    assert main(["check-data", "nowhere.csv", "--output", str(tmp_path)]) == 1
    assert "has index.html already. Choose another folder" in capsys.readouterr().err


def test_columns_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[text, place * 0.5] for place, (text, _) in enumerate(clean())]
    rows[4][1] = "high"
    path = written(tmp_path, "jsonl", rows, names=("review", "stars"))
    figures = check_data(path, text="review", label="stars", label_type="number")
    assert [(problem["kind"], problem["rows"]) for problem in figures["problems"]] == [("label_not_number", [5])]
    assert check_data(path, text="review", label=None)["problems"] == []
    capsys.readouterr()
    assert main(["check-data", str(path), "--text", "review", "--label", "null", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["tables"][0]["classes"] == {}


def test_the_tokenizer_of_an_encoder_counts(tables: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-data", tables[0], "--encoder", "sample:encoder", "--max_length", "17", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    lengths = figures["counts"]["tables"][0]["lengths"]
    assert (lengths["guessed"], lengths["limit"]) == (False, 17)
    assert "truncated" in [problem["kind"] for problem in figures["problems"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "There is no file nowhere.csv"),
        (["{train}", "--test", "nowhere.csv"], "There is no file nowhere.csv"),
        (["{train}", "--encoder", "nowhere"], "nowhere"),
        (["{train}", "--rare", "0"], "rare must be an integer of at least 1. Received: rare=0"),
        (["{train}", "--text", "label"], "must name different columns"),
    ],
)
def test_what_cannot_be_done(
    arguments: list[str], said: str, tables: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-data", *(argument.format(train=tables[0]) for argument in arguments)]) == 1
    assert said in capsys.readouterr().err
