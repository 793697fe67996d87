"""One small run of the command, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.recipes.quickstart import QuickstartSettings, _make_folders
from tests.conftest import ROOT

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=False, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the command was run once, and what it printed."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, run([sys.executable, "-m", "keras_bert_lab", "quickstart", "--small", "--seed", "5"], folder)


@pytest.fixture(scope="module")
def figures(quickstart: tuple[Path, str]) -> dict[str, Any]:
    return json.loads((quickstart[0] / "runs" / "quickstart" / "1" / "figures.json").read_text())


def test_everything_is_where_it_says(quickstart: tuple[Path, str]) -> None:
    folder, printed = quickstart
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    run_files = [
        "classifier.keras",
        "language_model.keras",
        "figures.json",
        "fine_tuning.csv",
        "learning_curves.png",
        "confusion_matrix.png",
    ]
    expected = {f"runs/quickstart/1/{name}" for name in run_files}
    expected |= {f"saved_models/{name}/1/saved_model.pb" for name in ("quickstart", "quickstart-tokens")}
    assert expected <= found
    assert sorted(path.name for path in folder.iterdir()) == ["runs", "saved_models"]
    assert all(
        place in printed for place in ("saved_models/quickstart/1 ", "saved_models/quickstart-tokens/1 ", "runs/quickstart/1 ")
    )


def test_each_step_is_announced(quickstart: tuple[Path, str]) -> None:
    titles = re.findall(r"^\[(\d)/7\] (.+)$", quickstart[1], flags=re.MULTILINE)
    assert [number for number, _ in titles] == list("1234567")
    for word, (_, title) in zip(
        ("vocabulary", "Pretraining", "Fine-tuning", "Evaluation", "gaps", "new reviews", "Export"), titles, strict=True
    ):
        assert word in title
    for part in (
        "seed 5",
        "perplexity",
        "tokens/s",
        "BERT, trained here",
        "TF-IDF + logistic regression",
        "95 % interval",
        "same answers",
    ):
        assert part in quickstart[1]


def test_its_figures_are_kept(quickstart: tuple[Path, str], figures: dict[str, Any]) -> None:
    assert figures["seed"] == 5
    assert figures["settings"]["vocab_size"] == QuickstartSettings.small().vocab_size
    for model in ("bert", "tfidf"):
        assert figures[model]["examples"] == 400
        assert figures[model]["majority"] == 0.5
        assert np.sum(figures[model]["confusion"]) == 400
        assert f"accuracy  {figures[model]['accuracy']:.3f}" in quickstart[1]
    assert figures["tfidf"]["accuracy"] > 0.6
    assert 0 <= figures["export_difference"] < 1e-5


def test_the_training_is_logged(quickstart: tuple[Path, str]) -> None:
    log = pd.read_csv(quickstart[0] / "runs" / "quickstart" / "1" / "fine_tuning.csv")
    assert {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"} <= set(log.columns)
    assert log.epoch.tolist() == list(range(len(log)))
    assert log.loss.iloc[-1] < log.loss.iloc[0]


def test_pictures_are_pictures(quickstart: tuple[Path, str]) -> None:
    for name in ("learning_curves.png", "confusion_matrix.png"):
        assert (quickstart[0] / "runs" / "quickstart" / "1" / name).read_bytes().startswith(b"\x89PNG")


def test_the_saved_models_load_and_agree(quickstart: tuple[Path, str]) -> None:
    run_folder = quickstart[0] / "runs" / "quickstart" / "1"
    classifier = keras.models.load_model(run_folder / "classifier.keras")
    language_model = keras.models.load_model(run_folder / "language_model.keras")
    assert classifier.labels == ["neg", "pos"]
    assert classifier.preprocessor.tokenizer.vocabulary.tokens == language_model.preprocessor.tokenizer.vocabulary.tokens
    text = "Dull for an hour, then unforgettable."
    (row,) = classifier.predict_text([text]).itertuples()
    assert f"{row.label} {row.score:.2f}  {text}" in quickstart[1]
    assert len(language_model.fill_mask("The film was [MASK].", top_k=3)) == 3


def test_the_lines_printed_at_the_end_run(quickstart: tuple[Path, str]) -> None:
    folder, printed = quickstart
    lines = [line.strip() for line in printed.split("Use it from Python:")[1].splitlines() if line.strip()]
    assert len(lines) == 5
    shown = run([sys.executable, "-c", "\n".join(lines)], folder)
    assert all(part in shown for part in ("label", "score", "probabilities"))
    assert len(shown.strip().splitlines()) == 3


def test_a_second_run_gets_a_number_of_its_own(tmp_path: Path) -> None:
    run_folder, exported = _make_folders(tmp_path)
    assert (run_folder, exported) == (tmp_path / "runs" / "quickstart" / "1", tmp_path / "saved_models" / "quickstart")
    (run_folder / "figures.json").write_text("first")
    assert _make_folders(tmp_path)[0] == tmp_path / "runs" / "quickstart" / "2"
    (exported / "5").mkdir(parents=True)
    assert _make_folders(tmp_path)[0] == tmp_path / "runs" / "quickstart" / "6"
    (tmp_path / "saved_models" / "quickstart-tokens" / "7").mkdir(parents=True)
    assert _make_folders(tmp_path)[0] == tmp_path / "runs" / "quickstart" / "8"  # the number that the export will get
    assert (run_folder / "figures.json").read_text() == "first"


def test_the_small_run_differs_in_size_alone() -> None:
    small, full = QuickstartSettings.small(), QuickstartSettings()
    assert (small.pretraining_rate, small.fine_tuning_rate) == (full.pretraining_rate, full.fine_tuning_rate)
    assert small.hidden_size < full.hidden_size
    assert small.pretraining_epochs < full.pretraining_epochs
