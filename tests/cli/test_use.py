"""`evaluate`, `predict`, `fill-mask` and `export` of small models with random weights."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab import load_exported, load_task, read_columns, save_task, write_table
from keras_bert_lab.cli import main
from tests.cli.small_runs import contents, refused, table
from tests.samples import randomise
from tests.tasks.small_tasks import LABELS, TEXTS, classifier

PROBABILITIES = ["probability_neg", "probability_pos"]


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Any:
    """The figures of a command that succeeds; all else that it prints is on standard error."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_evaluate_remembers_the_columns_and_counts_as_we_do(
    here: Path, judge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(here / "t.csv", {"mood": LABELS, "other": TEXTS[::-1], "review": TEXTS})
    answers = load_task(judge).predict_text(TEXTS).label
    figures = run(capsys, "evaluate", judge, "t.csv")
    assert figures["examples"] == 11
    assert figures["accuracy"] == pytest.approx(np.mean(answers == np.array(LABELS)))
    assert np.sum(figures["confusion"]) == 11
    # other columns by name, and other batches
    answers = load_task(judge).predict_text(TEXTS[::-1]).label
    figures = run(capsys, "evaluate", judge, "t.csv", "--text", "other", "--batch_size", "3")
    assert figures["accuracy"] == pytest.approx(np.mean(answers == np.array(LABELS)))
    assert main(["evaluate", str(judge), "t.csv"]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_evaluate_refuses_labels_that_the_model_does_not_know(
    here: Path, judge: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    table(here / "t.csv", {"review": TEXTS[:3], "mood": ["neg", "Pos", "good"]})
    assert "Received 2 other labels: 'Pos' in 1 row, row 2" in refused(capsys, "evaluate", judge, "t.csv")


def test_predict_texts(judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = load_task(judge).predict_text(TEXTS[:3])
    figures = run(capsys, "predict", judge, *TEXTS[:3])
    assert [each["text"] for each in figures["predictions"]] == TEXTS[:3]
    assert [each["label"] for each in figures["predictions"]] == found.label.tolist()
    for each, row in zip(figures["predictions"], found.itertuples(), strict=True):
        assert each["score"] == pytest.approx(row.score, rel=1e-5)
        assert each["probabilities"] == pytest.approx(row.probabilities, rel=1e-5)
    assert main(["predict", str(judge), *TEXTS[:3]]) == 0
    lines = [f"{row.label}  {row.score:.3f}  {text}" for text, row in zip(TEXTS, found.itertuples(), strict=False)]
    assert capsys.readouterr().out.splitlines() == lines


def test_predict_a_table_keeps_it_as_it_is(here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {
        "id": ["007", "NA", "1e3", ""],
        "review": ["a good film", 'it was "bad" , very\nbad', "  good ", "größe, \u4f60\u597d"],
        "a,b": [";", "null", "x", "y"],
    }
    table(here / "in.csv", columns)
    before = contents(here)["in.csv"]
    figures = run(capsys, "predict", judge, "--table", "in.csv", "--output", "out.csv", "--probabilities")
    assert figures == {"rows": 4, "predictions": 4, "output": "out.csv"}
    with (here / "out.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    added = ["predicted_label", "predicted_score", *PROBABILITIES]
    assert header == [*columns, *added]
    assert [row[:3] for row in rows] == [list(row) for row in zip(*columns.values(), strict=True)]
    found = load_task(judge).predict_text(columns["review"])
    assert [row[3] for row in rows] == found.label.tolist()
    assert [float(row[4]) for row in rows] == pytest.approx(found.score.tolist(), rel=1e-5)
    assert [float(row[5]) + float(row[6]) for row in rows] == pytest.approx([1] * 4)
    assert contents(here)["in.csv"] == before
    again = ["predict", judge, "--table", "in.csv", "--output", "out.csv"]
    assert "exists already" in refused(capsys, *again)
    assert run(capsys, *again, "--overwrite")["rows"] == 4
    assert list(pd.read_csv(here / "out.csv").columns) == [*columns, *added[:2]]


@pytest.mark.parametrize("ending", [".xlsx", ".jsonl", ".json", ".parquet", ".tsv", ".csv.gz"])
def test_predict_other_forms_of_tables(ending: str, here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.DataFrame({"review": [*TEXTS[:3], None], "stars": [1, 2, 3, 4]})
    write_table(rows, f"in{ending}")
    figures = run(capsys, "predict", judge, "--table", f"in{ending}", "--output", f"out{ending}", "--drop_unusable")
    assert (figures["rows"], figures["predictions"]) == (4, 3)
    found = read_columns(f"out{ending}")
    assert list(found.columns) == ["review", "stars", "predicted_label", "predicted_score"]
    assert [int(value) for value in found.stars] == [1, 2, 3, 4]
    assert found.predicted_label.tolist()[:3] == load_task(judge).predict_text(TEXTS[:3]).label.tolist()
    assert pd.isna(found.predicted_label.iloc[3]) or found.predicted_label.iloc[3] == ""
    assert pd.isna(found.predicted_score.iloc[3]) or found.predicted_score.iloc[3] == ""


def test_rows_without_a_text_get_no_prediction(here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "in.csv", {"review": ["", "good", " ", "bad"], "stars": [*"1234"]})
    arguments = ["predict", judge, "--table", "in.csv", "--output", "out.csv"]
    assert "rows 1, 3" in refused(capsys, *arguments)
    assert not (here / "out.csv").exists()
    run(capsys, *arguments, "--drop_unusable")
    found = read_columns("out.csv")
    labels = load_task(judge).predict_text(["good", "bad"]).label.tolist()
    assert found.predicted_label.tolist() == ["", labels[0], "", labels[1]]
    assert found.review.tolist() == ["", "good", " ", "bad"]


def test_pairs(here: Path, pair_judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "in.csv", {"second": TEXTS[::-1], "first": TEXTS, "label": [*("no", "perhaps", "yes") * 3, "no", "yes"]})
    found = load_task(pair_judge).predict_text((TEXTS, TEXTS[::-1]))
    run(capsys, "predict", pair_judge, "--table", "in.csv", "--output", "out.csv")
    assert read_columns("out.csv").predicted_label.tolist() == found.label.tolist()
    (one,) = run(capsys, "predict", pair_judge, TEXTS[0], TEXTS[-1])["predictions"]
    assert (one["label"], one["score"]) == (found.label[0], pytest.approx(found.score[0], rel=1e-5))
    assert run(capsys, "evaluate", pair_judge, "in.csv")["examples"] == 11
    assert "two texts. Received: 1 text(s)" in refused(capsys, "predict", pair_judge, "good")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_single_texts_and_pairs_are_told_apart(
    command: str, here: Path, judge: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    table(here / "in.csv", {"review": TEXTS, "second": TEXTS, "mood": LABELS})
    rest = ["in.csv"] if command == "evaluate" else ["--table", "in.csv", "--output", "out.csv"]
    message = refused(capsys, command, judge, *rest, "--text_pair", "second")
    assert "text_pair must be left out" in message
    assert str(judge) in message


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_model_of_pairs_that_does_not_know_its_columns_asks(
    command: str, here: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    save_task(classifier(compiled=False, pairs=True), here / "pairs")
    table(here / "in.csv", {"text": TEXTS, "label": LABELS})
    rest = ["in.csv"] if command == "evaluate" else ["--table", "in.csv", "--output", "out.csv"]
    assert "text_pair must name the column" in refused(capsys, command, "pairs", *rest)


def test_a_model_of_several_labels_predicts_and_is_evaluated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = randomise(classifier(labels=("a", "b", "c"), kind="multi_label", compiled=False, pairs=False))
    save_task(model, here / "many")
    assert main(["predict", "many", *TEXTS[:2]]) == 0
    assert TEXTS[1] in capsys.readouterr().out
    table(here / "in.csv", {"text": TEXTS[:2], "label": ["a", "b | c"]})
    assert "label_separator must be given" in refused(capsys, "evaluate", "many", "in.csv")
    found = run(capsys, "evaluate", "many", "in.csv", "--label_separator", "|")
    truth = [["a"], ["b", "c"]]
    answers = model.predict_text(TEXTS[:2]).label.tolist()
    assert found["subset_accuracy"] == np.mean([set(one) == set(other) for one, other in zip(truth, answers, strict=True)])
    run(capsys, "predict", "many", "--table", "in.csv", "--output", "out.jsonl")
    assert read_columns("out.jsonl").predicted_label.tolist() == model.predict_text(TEXTS[:2]).label.tolist()


def test_a_model_of_numbers_predicts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = randomise(classifier(labels=None, kind="regression", compiled=False, pairs=False))
    save_task(model, here / "stars")
    (one,) = run(capsys, "predict", "stars", "good")["predictions"]
    assert one["label"] == pytest.approx(model.predict_text(["good"]).label[0], rel=1e-5)
    assert one["probabilities"] == {}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "texts or a table"),
        (["good", "--table", "in.csv", "--output", "out.csv"], "texts or a table"),
        (["--table", "in.csv"], "output belongs to a table"),
        (["good", "--output", "out.csv"], "output belongs to a table"),
        (["--table", "in.csv", "--output", "out.doc"], "out.doc"),
        (["--table", "in.csv", "--output", "nowhere/out.csv"], "nowhere"),
        (["--table", "in.csv", "--output", "in.csv"], "exists already"),
        (["--table", "taken.csv", "--output", "out.csv"], "predicted_label"),
        (["--table", "in.csv", "--output", "out.csv", "--text", "txt"], "txt"),
        (["good", "--batch_size", "0"], "batch_size must be an integer of at least 1"),
    ],
)
def test_predict_refuses(
    arguments: list[str], named: str, here: Path, judge: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    table(here / "in.csv", {"review": TEXTS})
    table(here / "taken.csv", {"review": TEXTS, "predicted_label": LABELS})
    before = contents(here)
    assert named in refused(capsys, "predict", judge, *arguments)
    assert contents(here) == before


def test_a_table_may_replace_itself(here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "in.csv", {"review": TEXTS})
    run(capsys, "predict", judge, "--table", "in.csv", "--output", "in.csv", "--overwrite")
    assert read_columns("in.csv").review.tolist() == TEXTS


def test_fill_mask(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["a [MASK] film", "[MASK] was [MASK]"]
    found = load_task(bert).fill_mask(texts, top_k=3)
    candidates = run(capsys, "fill-mask", bert, *texts, "--top_k", "3")["candidates"]
    assert [each["token"] for each in candidates] == found.token.tolist()
    assert [each["score"] for each in candidates] == pytest.approx(found.score.tolist(), rel=1e-5)
    assert main(["fill-mask", str(bert), *texts]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in texts)
    assert found.token[0] in shown


@pytest.mark.parametrize(
    ("arguments", "named"), [(["a good film"], "[MASK]"), (["a [MASK]", "--top_k", "0"], "top_k"), (["[MASK] " * 30], "[MASK]")]
)
def test_fill_mask_refuses(arguments: list[str], named: str, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert named in refused(capsys, "fill-mask", bert, *arguments)


def test_export_refuses_a_file_before_any_work(
    here: Path, judge: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "out").write_text("mine")
    monkeypatch.setattr("keras_bert_lab.export.saved_model._write", lambda *_: pytest.fail("the long work has begun"))
    assert "out" in refused(capsys, "export", judge, "out")
    assert contents(here) == {"out": b"mine"}


@pytest.mark.slow
def test_export_gives_the_same_labels(here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = run(capsys, "export", judge, "models/judge")
    assert figures == {"text": "models/judge/1", "tokens": "models/judge-tokens/1"}
    found, expected = load_exported("models/judge").predict_text(TEXTS), load_task(judge).predict_text(TEXTS)
    assert found.label.tolist() == expected.label.tolist()
    assert found.score.tolist() == pytest.approx(expected.score.tolist(), rel=1e-4)
    assert "an exported SavedModel" in refused(capsys, "predict", "models/judge", "good")
    assert "an exported SavedModel" in refused(capsys, "predict", "models/judge/1", "good")
