"""`keras-bert-lab train` on small tables."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from keras_bert_lab import TextClassifier, load_task, read_columns, read_table
from keras_bert_lab.cli import main
from keras_bert_lab.evaluation import baselines
from tests.cli.small_runs import FIT, manifest, refused, table
from tests.tasks.small_tasks import LABELS, NUMBERS, TEXTS


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The figures of a command that succeeds."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def test_two_labels(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "t.csv", {"review": TEXTS * 2, "mood": LABELS * 2})
    figures = run(
        capsys, "train", "t.csv", "--text", "review", "--label", "mood", "--encoder", str(bert), "--output", "a",
        *FIT, "--baseline", "--epochs", "2", "--pooling", "max", "--seed", "3",
    )  # fmt: skip
    assert (figures["kind"], figures["labels"], figures["texts"]) == ("binary", ["neg", "pos"], 15)  # 22 less 30 %
    assert figures["validation"]["examples"] == figures["validation_tfidf"]["examples"] == 7
    assert figures["interrupted_by"] is None
    assert len(figures["history"]["loss"]) == len(pd.read_csv(here / "a" / "history.csv")) == 2
    written = manifest(here / "a")
    pictures = {"calibration.png", "confusion_matrix.png", "learning_curves.png", "loss.png"}
    assert set(written["files"]) == {"README.md", "config.yaml", "history.csv", "model.keras", "vocab.txt"} | pictures
    card = (here / "a" / "README.md").read_text()
    assert "| train | 15 |" in card
    assert f"accuracy  {figures['validation']['accuracy']:.3f}" in card
    assert (written["task"], written["about"]["command"], written["about"]["figures"]) == ("TextClassifier", "train", figures)
    assert written["about"]["settings"] == yaml.safe_load((here / "a" / "config.yaml").read_text())
    assert (here / "a" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    model = load_task(here / "a")
    assert (model.pooling, model.pairs, model.preprocessor.row_length) == ("max", False, 19)
    assert model.encoder.trainable


def test_the_same_seed_gives_the_same_weights_and_another_does_not(here: Path, bert: Path) -> None:
    arguments = ["train", table(here / "t.csv"), "--encoder", str(bert), *FIT]
    for output, seed in (("a", "3"), ("b", "3"), ("c", "5")):
        assert main([*arguments, "--output", output, "--seed", seed]) == 0
    first, same, other = (load_task(here / name).get_weights() for name in "abc")
    assert difference(first, same) == 0
    assert difference(first, other) > 1e-4


def test_three_labels_and_a_table_to_validate_on(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [*TEXTS, "so so"]
    table(here / "t.csv", {"text": texts, "label": [*"abc" * 4]})
    table(here / "v.csv", {"text": TEXTS[:5], "label": [*"cabca"]})
    figures = run(capsys, "train", "t.csv", "--validation", "v.csv", "--encoder", str(bert), "--output", "a", *FIT)
    assert (figures["kind"], figures["labels"], figures["texts"]) == ("multi_class", ["a", "b", "c"], 12)
    assert figures["validation"]["examples"] == 5
    answers = load_task(here / "a").predict_text(TEXTS[:5]).label
    assert figures["validation"]["accuracy"] == pytest.approx(np.mean(answers == np.array([*"cabca"])))


def test_pairs(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "t.csv", {"premise": TEXTS * 2, "hypothesis": TEXTS[::-1] * 2, "label": LABELS * 2})
    columns = ["--text", "premise", "--text_pair", "hypothesis"]
    figures = run(capsys, "train", "t.csv", *columns, "--encoder", str(bert), "--output", "a", *FIT, "--baseline")
    assert "validation_tfidf" not in figures  # it knows no pairs
    assert load_task(here / "a").pairs is True
    # evaluate knows the names of the columns from the training
    assert run(capsys, "evaluate", "a", "t.csv")["examples"] == 22


def test_numbers(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "t.csv", {"text": TEXTS * 2, "stars": [f"{number}.5" for number in NUMBERS * 2]})
    arguments = ["t.csv", "--label", "stars", "--kind", "regression", "--encoder", str(bert), "--output", "a", *FIT]
    figures = run(capsys, "train", *arguments)
    assert (figures["kind"], figures["labels"]) == ("regression", [])
    assert {"mae", "mae_of_the_mean", "rmse", "r2"} < set(figures["validation"])
    answers = load_task(here / "a").predict_text(TEXTS * 2).label
    expected = np.abs(answers - [number + 0.5 for number in NUMBERS * 2]).mean()
    found = run(capsys, "evaluate", "a", "t.csv")
    assert (found["examples"], found["mae"]) == (22, pytest.approx(expected, rel=1e-5))


def test_a_frozen_encoder_stays_as_it_was(here: Path, bert: Path) -> None:
    arguments = ["train", table(here / "t.csv"), "--encoder", str(bert), *FIT, "--optimizer.learning_rate", "0.1"]
    assert main([*arguments, "--output", "a", "--trainable", "none"]) == 0
    before = load_task(bert).encoder.get_weights()
    assert difference(load_task(here / "a").encoder.get_weights(), before) == 0
    # a classifier serves as encoder too, and is trained whole again
    assert main([*arguments, "--output", "b", "--encoder", "a"]) == 0
    assert difference(load_task(here / "b").encoder.get_weights(), before) > 1e-3


def test_without_validation_the_last_epoch_stays(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [table(here / "t.csv"), "--encoder", str(bert), "--output", "a", *FIT]
    figures = run(capsys, "train", *arguments, "--validation_split", "0")
    assert figures["texts"] == 22
    assert "validation" not in figures
    assert not any(name.startswith("val_") for name in figures["history"])


def test_half_precision_and_length(here: Path, bert: Path) -> None:
    arguments = ["train", table(here / "t.csv"), "--encoder", str(bert), "--output", "a", *FIT]
    arguments += ["--precision", "mixed_bfloat16", "--max_length", "7", "--truncate", "head_tail", "--dropout", "0.3"]
    assert main(arguments) == 0
    model = load_task(here / "a")
    assert model.dtype_policy.name == model.encoder.dtype_policy.name == "mixed_bfloat16"
    assert (model.preprocessor.row_length, model.preprocessor.truncate) == (7, "head_tail")
    assert (model.dropout, model.encoder.config.dropout) == (0.3, 0.3)
    assert model.encoder.config.attention_dropout == 0.3
    assert load_task(bert).encoder.dtype_policy.name == "float32"


def test_the_weights_of_the_best_epoch_are_kept(here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accuracies of three epochs are made up; the second is the best."""
    fit = TextClassifier.fit
    kept: list[list[np.ndarray]] = []

    class MadeUp(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            logs["val_accuracy"] = (0.1, 0.9, 0.5)[epoch]
            kept.append(self.model.get_weights())

    def instead(self: TextClassifier, *data: Any, callbacks: list[Any], **settings: Any) -> Any:
        return fit(self, *data, callbacks=[MadeUp(), *callbacks], **settings)

    monkeypatch.setattr(TextClassifier, "fit", instead)
    assert main(["train", table(here / "t.csv"), "--encoder", str(bert), "--output", "a", *FIT, "--epochs", "3"]) == 0
    found = load_task(here / "a").get_weights()
    assert len(kept) == 3
    assert [difference(found, weights) == 0 for weights in kept] == [False, True, False]


def test_unusable_rows_are_left_out_and_told(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "t.csv", {"text": [*TEXTS, "", "so so"], "label": [*LABELS, "pos", ""]})
    arguments = ["t.csv", "--encoder", str(bert), "--output", "a", *FIT, "--drop_unusable", "--validation_split", "0"]
    assert main(["train", *arguments]) == 0
    shown = capsys.readouterr().out
    assert "left out 1 rows: text: empty, first [12]" in shown
    assert "left out 1 rows: label: missing, first [13]" in shown
    assert "11 texts to learn from" in shown


@pytest.mark.parametrize("reason", ["empty vocabulary; perhaps the documents only contain stop words", "one class only"])
def test_a_baseline_that_fails_does_not_cost_the_model(
    reason: str, here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(reason)

    monkeypatch.setattr(sys.modules["keras_bert_lab.recipes.train"], "tfidf_baseline", fail)
    arguments = ["train", table(here / "t.csv"), "--encoder", str(bert), "--output", "a", *FIT, "--baseline"]
    assert main(arguments) == 0
    assert reason in capsys.readouterr().out
    assert "validation" in manifest(here / "a")["about"]["figures"]


def test_texts_without_words_make_the_baseline_fail() -> None:
    """So the test above is no invention."""
    with pytest.raises(ValueError, match="empty vocabulary"):
        baselines.tfidf_baseline(["\U0001f600", "\U0001f622"], ["pos", "neg"], ["\U0001f600"])


def test_labels_that_are_meant_to_be_different(here: Path, bert: Path) -> None:
    table(here / "t.csv", {"text": TEXTS, "label": [*("pos", "Pos ") * 5, "pos"]})
    arguments = ["train", "t.csv", "--encoder", str(bert), "--output", "a", *FIT]
    assert main(arguments) == 1
    assert main([*arguments, "--keep_similar_labels"]) == 0
    assert load_task(here / "a").labels == ["Pos ", "pos"]


def test_the_folder_may_be_moved(here: Path, judge: Path) -> None:
    shutil.copytree(judge, here / "elsewhere")
    assert difference(load_task(here / "elsewhere").get_weights(), load_task(judge).get_weights()) == 0


SPREAD = ["--validation_split", "0.3", "--epochs", "1", "--batch_size", "5", "--no-baseline"]


def _reviews(here: Path) -> str:
    columns = {"price": [str(number) for number in range(22)], "brand": ["x", "y"] * 11}
    return str(table(here / "t.csv", {"text": TEXTS * 2, "label": LABELS * 2, **columns}))


@pytest.mark.parametrize("what", ["gradual", "lora 3", "adapters 5", "last 1"])
def test_what_is_trained(what: str, here: Path, bert: Path) -> None:
    words = [*SPREAD, "--epochs", "2", "--validation_split", "0", "--encoder", str(bert), "--output", "a"]  # the last one stays
    assert main(["train", _reviews(here), *words, "--trainable", what]) == 0
    before, after = load_task(bert).encoder, load_task(here / "a").encoder
    same = (np.array_equal(*pair) for pair in zip(before.get_weights(), after.get_weights(), strict=False))
    assert (what == "adapters 5") == (len(after.weights) > len(before.weights))  # low-rank updates are merged
    assert not all(same) or what == "adapters 5"


def test_loss_weights_schedule_and_cleaning(here: Path, bert: Path) -> None:
    words = ["--loss", "focal", "--label_smoothing", "0.1", "--class_weight", "balanced", "--clean", "html, urls"]
    words += ["--optimizer.schedule", "one_cycle", "--optimizer.layer_decay", "0.9", "--optimizer.learning_rate", "1e-3"]
    assert main(["train", _reviews(here), *SPREAD, "--encoder", str(bert), "--output", "a", *words]) == 0
    assert load_task(here / "a").preprocessor.cleaner.steps == ["html", "urls"]


def test_windows_and_columns(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--windows", "3", "--max_length", "7", "--columns", "price:number, brand:category"]
    run(capsys, "train", _reviews(here), *SPREAD, "--encoder", str(bert), "--output", "a", *words)
    model = load_task(here / "a")
    assert (model.windows, model.columns.kinds) == (3, {"price": "number", "brand": "category"})
    assert run(capsys, "evaluate", "a", "t.csv")["examples"] == 22
    run(capsys, "predict", "a", "--table", "t.csv", "--output", "out.csv")
    given = read_table("t.csv", columns=model.columns.kinds)
    answers = model.predict_text(given)
    found = read_columns("out.csv")
    assert found.predicted_label.tolist() == answers.label.tolist()
    np.testing.assert_allclose(found.predicted_score.astype(float), answers.score, atol=1e-6)
    table(here / "less.csv", {"text": TEXTS, "price": NUMBERS})
    assert "without ['brand']" in refused(capsys, "predict", "a", "--table", "less.csv", "--output", "more.csv")


def test_several_labels(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["good|seen" if label == "pos" else "bad" for label in LABELS * 2]
    table(here / "t.csv", {"text": TEXTS * 2, "label": labels})
    words = [*SPREAD, "--encoder", str(bert), "--output", "a", "--label_separator", "|", "--threshold", "f1"]
    figures = run(capsys, "train", "t.csv", *words)
    assert (figures["kind"], figures["labels"]) == ("multi_label", ["bad", "good", "seen"])
    assert len(figures["threshold"]) == 3
    assert run(capsys, "evaluate", "a", "t.csv")["examples"] == 22  # it knows the separator


def test_calibration_and_threshold(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*SPREAD, "--encoder", str(bert), "--output", "a", "--calibrate", "--threshold", "accuracy"]
    figures = run(capsys, "train", _reviews(here), *words)
    assert figures["calibration"]["loss_after"] <= figures["calibration"]["loss_before"]
    assert load_task(here / "a").threshold == figures["threshold"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "multi_label"], "Received: kind='multi_label', label_separator=None"),
        (["--kind", "binary", "--label_separator", "|"], "Received: kind='binary', label_separator='|'"),
        (["--kind", "regression", "--label", "price", "--loss", "focal"], "Received: kind='regression', loss='focal'"),
        (["--columns", "price"], "Received: columns='price'"),
        (["--columns", "price:money"], "Received: columns='price:money'"),
        (["--clean", "dirt"], "Received: step='dirt'"),
        (["--calibrate", "--validation_split", "0"], "Received: validation_split=0"),
        (["--kind", "regression", "--label", "price", "--calibrate"], "calibrate needs probabilities"),
        (["--kind", "multi_class", "--threshold", "f1"], "Received: threshold='f1', kind='multi_class'"),
    ],
)
def test_settings_that_contradict_are_refused(
    words: list[str], message: str, here: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, "train", _reviews(here), *SPREAD, "--encoder", str(bert), "--output", "a", *words)
    assert not (here / "a").exists()
