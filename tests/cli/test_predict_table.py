"""`predict` of a table: part by part the same as in one go, and a run that was ended goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from keras_bert_lab import BatchPredictor, load_task, read_columns, save_task, write_table
from keras_bert_lab.cli import main
from keras_bert_lab.recipes import predict
from keras_bert_lab.recipes.prediction_parts import PredictionParts
from tests.cli.small_runs import contents, table
from tests.cli.test_use import refused, run
from tests.conftest import ROOT
from tests.samples import randomise
from tests.tasks.small_tasks import TEXTS, classifier

ROWS = 22
COMMAND = ["--table", "in.csv", "--output", "out.csv", "--part_rows", "5"]  # 4, 5, 5, 5, 3 rows: the header counts


COLUMNS: dict[str, list[Any]] = {"n": [*range(ROWS)], "review": TEXTS * 2}


@pytest.fixture
def reviews(here: Path) -> Path:
    return Path(table(here / "in.csv", COLUMNS))


@pytest.fixture(scope="module")
def whole(judge: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a run writes that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    output = folder / "whole.csv"
    predict(str(judge), table=Path(table(folder / "in.csv", COLUMNS)), output=output, part_rows=5)
    return output.read_bytes()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each part had that was predicted."""
    predict_text, seen = BatchPredictor.predict_text, []

    def instead(self: BatchPredictor, texts: Any, *rest: Any) -> Any:
        seen.append(len(texts))
        return predict_text(self, texts, *rest)

    monkeypatch.setattr(BatchPredictor, "predict_text", instead)
    return seen


def assembled(model: Any, rows: pd.DataFrame, usable: list[int], probabilities: bool = False) -> pd.DataFrame:
    """The table with its predictions, made in one go."""
    found = model.predict_text([rows["review"].tolist()[row] for row in usable])
    columns = {"predicted_label": found["label"], "predicted_score": found["score"]}
    if probabilities:
        columns |= {f"probability_{label}": found["probabilities"].str[label] for label in model.labels}
    rows = rows.copy()
    for name, values in columns.items():
        rows[name] = pd.Series(list(values), index=usable, dtype=object).reindex(rows.index)
    return rows


@pytest.mark.parametrize("form", ["csv", "csv.gz", "tsv", "jsonl", "json", "xlsx", "parquet"])
def test_every_form_is_as_if_written_in_one_go(form: str, here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows 3 to 6 have no text: the second part has no prediction at all."""
    texts = [*TEXTS[:2], *[None] * 4, *TEXTS]
    write_table(pd.DataFrame({"review": texts, "stars": [None, *range(16)]}), f"in.{form}")
    rows = read_columns(f"in.{form}")
    usable = [row for row, text in enumerate(texts) if text]
    names = [f"in.{form}", f"out.{form}"]
    settings = ["--drop_unusable", "--probabilities", "--part_rows", "2"]
    figures = run(capsys, "predict", judge, "--table", names[0], "--output", names[1], *settings)
    assert figures == {"rows": 17, "predictions": 13, "output": names[1]}
    write_table(assembled(load_task(judge), rows, usable, probabilities=True), f"whole.{form}")
    found, expected = read_columns(names[1]), read_columns(f"whole.{form}")
    assert list(found.columns) == list(expected.columns)
    for name in found.columns:
        if name.startswith(("predicted_score", "probability")):
            pair = (pd.to_numeric(column[name]).astype(float) for column in (found, expected))
            pd.testing.assert_series_equal(*pair, rtol=1e-5)
        else:
            pd.testing.assert_series_equal(found[name], expected[name])
    assert sorted(path.name for path in here.iterdir()) == sorted([*names, f"whole.{form}"])


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("multi_class", "jsonl"),
        ("multi_label", "csv"),
        ("multi_label", "parquet"),
        ("regression", "csv"),
        ("regression", "parquet"),
    ],
)
def test_every_kind_of_model(kind: str, form: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = None if kind == "regression" else ("a", "b", "c")
    model = randomise(classifier(labels=labels, kind=kind, compiled=False, pairs=False))
    save_task(model, here / "m")
    write_table(pd.DataFrame({"review": [None, *TEXTS]}), f"in.{form}")
    rows = read_columns(f"in.{form}")
    words = ["--table", f"in.{form}", "--output", f"out.{form}", "--text", "review", "--drop_unusable", "--part_rows", "1"]
    run(capsys, "predict", "m", *words)
    write_table(assembled(model, rows, list(range(1, 12))), f"whole.{form}")
    found, expected = read_columns(f"out.{form}"), read_columns(f"whole.{form}")
    for name in ["predicted_label"] if kind != "regression" else []:
        assert [str(cell) for cell in found[name]] == [str(cell) for cell in expected[name]]
    scores = (pd.to_numeric(each["predicted_score"]).astype(float) for each in (found, expected))
    pd.testing.assert_series_equal(*scores, rtol=1e-5)


def test_the_parts_need_no_more_padding_and_tell_it(reviews: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(judge), "--table", "in.csv", "--output", "out.csv", "--batch_size", "7"]) == 0
    shown = capsys.readouterr().out
    # 10 texts of up to 16 tokens and one of 19, twice: two batches of 7 of 16 tokens, and the 8 others with the long ones
    lengths = load_task(judge).preprocessor.rows(TEXTS * 2)[0].row_lengths().numpy()
    share = 1 - lengths.sum() / (14 * 16 + 8 * 19)
    assert f"{share:.1%} of the computed tokens were padding" in shown
    assert "22 rows written to out.csv" in shown
    assert "22/22" in shown  # the bar


class _Ended(BaseException):
    """The end of a process, as far as one process can play it."""


@pytest.mark.parametrize(
    ("number", "place"), [(0, "before"), (0, "after"), (1, "after"), (2, "after"), (3, "after"), (4, "before"), (4, "after")]
)
def test_a_run_that_ends_at_any_part_goes_on_with_the_next(
    place: str,
    number: int,
    reviews: Path,
    judge: Path,
    whole: bytes,
    asked: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = reviews.parent
    write = PredictionParts.write

    def instead(self: PredictionParts, this: int, part: Any) -> None:
        if this == number and place == "before":
            raise _Ended
        write(self, this, part)
        if this == number:
            raise _Ended

    with monkeypatch.context() as patched:
        patched.setattr(PredictionParts, "write", instead)
        with pytest.raises(_Ended):
            main(["predict", str(judge), *COMMAND])
    kept = number + (place == "after")
    assert (here / "out.csv.unfinished").is_dir() == (kept > 0)
    assert not (here / "out.csv").exists()
    assert ("What was predicted is kept in" in capsys.readouterr().out) == (kept > 0)
    asked.clear()
    assert main(["predict", str(judge), *COMMAND]) == 0
    assert asked == [4, 5, 5, 5, 3][kept:]
    rows = sum([4, 5, 5, 5, 3][:kept])
    assert (f"Going on: {rows} of 22 rows are predicted already" in capsys.readouterr().out) == (kept > 0)
    assert (here / "out.csv").read_bytes() == whole
    assert not (here / "out.csv.unfinished").exists()


@pytest.fixture
def unfinished(reviews: Path, judge: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that got as far as three parts."""
    write = PredictionParts.write

    def instead(self: PredictionParts, number: int, part: Any) -> None:
        if number == 3:
            raise KeyboardInterrupt
        write(self, number, part)

    with monkeypatch.context() as patched:
        patched.setattr(PredictionParts, "write", instead)
        assert main(["predict", str(judge), *COMMAND]) == 130
    folder = reviews.with_name("out.csv.unfinished")
    assert sorted(path.name for path in folder.iterdir()) == [
        "lock", "made_from.json", "part-00000000.json", "part-00000001.json", "part-00000002.json",
    ]  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--batch_size", "3"], "batch_size: 64 before, 3 now"),
        (["--part_rows", "6"], "part_rows: 5 before, 6 now"),
        (["--probabilities"], "probabilities: false before, true now"),
        (["--drop_unusable"], "drop_unusable: false before, true now"),
        (["--text", "n"], 'text: "review" before, "n" now'),
        (["--encoding", "latin-1"], 'encoding: "utf-8" before, "latin-1" now'),
    ],
)
def test_other_settings_are_not_mixed_with_it(
    more: list[str], named: str, unfinished: Path, judge: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(unfinished)
    message = refused(capsys, "predict", judge, *COMMAND, *more)
    assert f"made from something else. Received: {named}. Give the model, table and settings of before" in message
    assert contents(unfinished) == before


def test_another_table_or_model_is_not_mixed_with_it(
    unfinished: Path, judge: Path, here: Path, asked: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    save_task(
        randomise(classifier(seed=5, compiled=False, pairs=False)), here / "other", about={"settings": {"text": "review"}}
    )
    message = refused(capsys, "predict", "other", *COMMAND)
    assert "Received: model: " in message
    assert "table" not in message.split("Received: ")[1].split(" Give")[0]
    text = Path("in.csv").read_text()
    Path("in.csv").write_text(text.replace("film", "play", 1))
    message = refused(capsys, "predict", judge, *COMMAND)
    assert "table.sha256: " in message
    assert "model" not in message.split("Received: ")[1].split(" Give")[0]
    assert asked == []
    assert main(["predict", str(judge), *COMMAND, "--overwrite"]) == 0
    assert "Given up: the unfinished predictions in" in capsys.readouterr().out
    assert asked == [4, 5, 5, 5, 3]
    assert read_columns("out.csv").review.tolist()[0] == "a good play"
    assert not unfinished.exists()


def test_overwrite_with_all_as_before_goes_on(unfinished: Path, judge: Path, here: Path, asked: list[int]) -> None:
    (here / "out.csv").write_text("of yesterday")
    assert main(["predict", str(judge), *COMMAND]) == 1
    assert asked == []
    assert unfinished.exists()
    assert main(["predict", str(judge), *COMMAND, "--overwrite"]) == 0
    assert asked == [5, 3]
    assert len(read_columns("out.csv")) == ROWS


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "empty"])
def test_a_part_that_the_disk_damaged_is_made_anew(
    damage: str, unfinished: Path, judge: Path, whole: bytes, here: Path, asked: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    part = unfinished / "part-00000001.json"
    content = part.read_bytes()
    match damage:
        case "flipped":
            part.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
        case "cut":
            part.write_bytes(content[:-9])
        case "gone":
            part.unlink()
        case "empty":
            part.write_bytes(b"")
    run(capsys, "predict", judge, *COMMAND)
    assert asked == [5, 5, 3]
    assert (here / "out.csv").read_bytes() == whole


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_keeps_what_was_predicted(
    step: str, unfinished: Path, judge: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(unfinished)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(step, full)
        assert "No space left on device. What was predicted before is there" in refused(capsys, "predict", judge, *COMMAND)
    assert contents(unfinished) == before
    run(capsys, "predict", judge, *COMMAND)


def test_an_output_that_cannot_be_written_costs_no_prediction(
    reviews: Path, judge: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("keras_bert_lab.data.part_writing.write_delimited", full)
        assert "No space left on device" in refused(capsys, "predict", judge, *COMMAND)
    assert sorted(path.name for path in reviews.parent.iterdir()) == ["in.csv", "out.csv.unfinished"]
    asked.clear()
    assert run(capsys, "predict", judge, *COMMAND)["rows"] == ROWS
    assert asked == []


def test_a_table_that_is_changed_meanwhile(
    reviews: Path, judge: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = PredictionParts.write

    def instead(self: PredictionParts, number: int, part: Any) -> None:
        write(self, number, part)
        with reviews.open("a") as file:
            file.write("23,good\n")

    monkeypatch.setattr(PredictionParts, "write", instead)
    assert "in.csv was changed while its rows were predicted" in refused(capsys, "predict", judge, *COMMAND)
    assert not (reviews.parent / "out.csv").exists()


def test_only_one_process_predicts_into_a_file(
    unfinished: Path, judge: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    program = """
        import fcntl, sys
        lock = open(sys.argv[1])
        fcntl.flock(lock, fcntl.LOCK_EX)
        print("locked", flush=True)
        sys.stdin.read()
    """
    words = [sys.executable, "-c", textwrap.dedent(program), str(unfinished / "lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        assert "Another process predicts into" in refused(capsys, "predict", judge, *COMMAND)
        assert len(list(unfinished.iterdir())) == 5


def test_problems_of_late_rows_are_told_before_any_work(
    here: Path, judge: Path, no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    table(here / "in.csv", {"review": [*TEXTS, ""], "n": [*range(12)]})
    assert "1 of 12 rows cannot be used" in refused(capsys, "predict", judge, *COMMAND)
    (here / "in.csv").write_text("review,n\n" + "good,1\n" * 9 + "so, so,1\n")
    assert "line 11 has 3 fields, the header has 2" in refused(capsys, "predict", judge, *COMMAND)
    (here / "in.jsonl").write_text('{"review": "good", "n": 1}\n' * 9 + '{"review": "good", "n": "one"}\n')
    words = ["--table", "in.jsonl", "--output", "out.parquet", "--part_rows", "5"]
    assert "Parquet needs one type for each column" in refused(capsys, "predict", judge, *words)
    assert "part_rows must be an integer of at least 1" in refused(capsys, "predict", judge, *words, "--part_rows", "0")
    assert sorted(path.name for path in here.iterdir()) == ["in.csv", "in.jsonl"]


def test_what_a_part_holds(unfinished: Path, judge: Path) -> None:
    made_from = json.loads((unfinished / "made_from.json").read_text())
    assert made_from["table"]["bytes"] == Path("in.csv").stat().st_size
    assert {"model", "text", "batch_size", "part_rows", "versions"} <= set(made_from)
    part = json.loads((unfinished / "part-00000000.json").read_bytes().split(b"\n", 1)[1])
    found = load_task(judge).predict_text(TEXTS[:4])
    assert (part["rows"], part["label"]) == (4, found.label.tolist())
    assert part["score"] == pytest.approx(found.score.tolist(), rel=1e-5)


# Where a process kills itself, in words of Python that run before the command.
KILLS = {
    "before part 1 has its name": """
        replace = pathlib.Path.replace
        def instead(self, target):
            if target.name == "part-00000001.json":
                kill()
            return replace(self, target)
        pathlib.Path.replace = instead
    """,
    "when part 3 is there": """
        write = PredictionParts.write
        def instead(self, number, part):
            write(self, number, part)
            if number == 3:
                kill()
        PredictionParts.write = instead
    """,
    "in the middle of the output": """
        import keras_bert_lab.data.part_writing as module
        write, calls = module.write_delimited, []
        def instead(*given, **named):
            calls.append(1)
            if len(calls) == 3:
                kill()
            write(*given, **named)
        module.write_delimited = instead
    """,
    "when the output is there": """
        import shutil
        shutil.rmtree = lambda *given, **named: kill()
    """,
}
PROGRAM = """
import os, pathlib, signal, sys
from keras_bert_lab.cli import main
from keras_bert_lab.recipes import predict
from keras_bert_lab.recipes.prediction_parts import PredictionParts
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _processes(judge: Path, here: Path) -> Iterator[tuple[str, int]]:
    """One process after the other, each killed where the dict says, on the same table."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for place, program in KILLS.items():
        words = [sys.executable, "-c", f"{PROGRAM}{textwrap.dedent(program)}\nsys.exit(main(sys.argv[1:]))"]
        done = subprocess.run(
            [*words, "predict", str(judge), *COMMAND], cwd=here, env=environment, capture_output=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-3000:]
        yield place, len(list((here / "out.csv.unfinished").glob("part-*")))


@pytest.mark.slow
def test_a_process_that_is_killed_anywhere(
    reviews: Path, judge: Path, whole: bytes, asked: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    here = reviews.parent
    there = {}
    for place, parts in _processes(judge, here):
        there[place] = (parts, (here / "out.csv").exists())
        if not (here / "out.csv").exists():
            continue
        # All is done but for the tidying up: the output is whole, and a new run has nothing to predict.
        assert (here / "out.csv").read_bytes() == whole
    assert list(there.values()) == [(1, False), (4, False), (5, False), (5, True)]
    asked.clear()
    assert "exists already" in refused(capsys, "predict", judge, *COMMAND)
    run(capsys, "predict", judge, *COMMAND, "--overwrite")
    assert asked == []
    assert (here / "out.csv").read_bytes() == whole
    assert not (here / "out.csv.unfinished").exists()
    assert sorted(path.name for path in here.iterdir() if not path.name.endswith(".part")) == ["in.csv", "out.csv"]
