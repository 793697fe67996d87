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

import keras_bert_lab as kbl
from keras_bert_lab.recipes import QuickstartSettings
from keras_bert_lab.recipes.quickstart import _make_folders
from tests.conftest import ROOT

TEXTS = [
    "A warm, funny film with a wonderful cast. I loved every minute.",
    "Dreadful. The plot made no sense and I was bored within ten minutes.",
    "Dull for an hour, then unforgettable.",
]
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
        "from_scratch.keras",
        "sample_encoder.keras",
        "language_model.keras",
        "figures.json",
        "from_scratch.csv",
        "sample_encoder.csv",
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
        "from scratch: 1 layers, 64 wide",
        "sample encoder: 4 layers, 256 wide",
        "TF-IDF + logistic regression",
        "95 % interval",
        "two standard errors",
        "same answers",
    ):
        assert part in quickstart[1]


def test_its_figures_are_kept(quickstart: tuple[Path, str], figures: dict[str, Any]) -> None:
    assert figures["seed"] == 5
    assert figures["settings"]["vocab_size"] == QuickstartSettings.small().vocab_size
    names = {"from_scratch": "from scratch", "sample_encoder": "sample encoder", "tfidf": "TF-IDF + logistic regression"}
    for model, name in names.items():
        assert figures[model]["examples"] == 400
        assert figures[model]["majority"] == 0.5
        assert np.sum(figures[model]["confusion"]) == 400
        (line,) = re.findall(rf"^{re.escape(name)} .* to .*$", quickstart[1], flags=re.MULTILINE)
        assert f"  {figures[model]['accuracy']:.3f}  " in line
        assert figures[model]["seconds"] > 0
    assert figures["tfidf"]["accuracy"] > 0.6
    assert figures["tfidf"]["validation_accuracy"] is None
    assert figures["from_scratch"]["pretraining_seconds"] > 0
    assert figures["sample_encoder"]["pretraining_seconds"] is None
    assert 0 <= figures["export_difference"] < 1e-5


def test_the_trainings_are_logged(quickstart: tuple[Path, str], figures: dict[str, Any]) -> None:
    for name in ("from_scratch", "sample_encoder"):
        log = pd.read_csv(quickstart[0] / "runs" / "quickstart" / "1" / f"{name}.csv")
        assert {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"} <= set(log.columns)
        assert log.epoch.tolist() == list(range(len(log)))
        assert figures[name]["validation_accuracy"] == pytest.approx(log.val_accuracy.max())
        if name == "from_scratch":
            assert log.loss.iloc[-1] < log.loss.iloc[0]


def test_the_one_that_is_better_on_the_validation_share_is_exported(
    quickstart: tuple[Path, str], figures: dict[str, Any]
) -> None:
    other = {"from_scratch": "sample_encoder", "sample_encoder": "from_scratch"}[figures["exported"]]
    assert figures[figures["exported"]]["validation_accuracy"] >= figures[other]["validation_accuracy"]
    assert f"{figures['exported'].replace('_', ' ')}: better on the 180 training reviews held out" in quickstart[1]
    exported = kbl.load_exported(quickstart[0] / figures["saved_model"]).predict_text(TEXTS)
    run_folder = quickstart[0] / "runs" / "quickstart" / "1"
    kept = keras.models.load_model(run_folder / f"{figures['exported']}.keras").predict_text(TEXTS)
    assert exported.label.tolist() == kept.label.tolist()
    np.testing.assert_allclose(exported.score, kept.score, atol=1e-5)


def test_pictures_are_pictures(quickstart: tuple[Path, str]) -> None:
    for name in ("learning_curves.png", "confusion_matrix.png"):
        assert (quickstart[0] / "runs" / "quickstart" / "1" / name).read_bytes().startswith(b"\x89PNG")


def test_the_saved_models_load_and_agree(quickstart: tuple[Path, str]) -> None:
    run_folder = quickstart[0] / "runs" / "quickstart" / "1"
    language_model = keras.models.load_model(run_folder / "language_model.keras")
    answers = quickstart[1].split("[6/7]")[1].split("[7/7]")[0]
    for name in ("from scratch", "sample encoder"):
        classifier = keras.models.load_model(run_folder / f"{name.replace(' ', '_')}.keras")
        assert classifier.labels == ["neg", "pos"]
        for text, row in zip(TEXTS, classifier.predict_text(TEXTS).itertuples(), strict=True):
            assert re.search(
                rf"^{re.escape(text)}\n(    .*\n)*?    {name} +{row.label} {row.score:.2f}$", answers, flags=re.MULTILINE
            )
        of_sample = (
            classifier.preprocessor.tokenizer.vocabulary.tokens != language_model.preprocessor.tokenizer.vocabulary.tokens
        )
        assert of_sample == (name == "sample encoder")
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
    for rate in ("pretraining_rate", "fine_tuning_rate", "sample_rate", "validation_split"):
        assert getattr(small, rate) == getattr(full, rate)
    assert small.hidden_size < full.hidden_size
    assert small.pretraining_epochs < full.pretraining_epochs
