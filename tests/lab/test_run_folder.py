from __future__ import annotations

import json
import pathlib

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab import FormatError, Lab, compare_runs, load_task, save_task
from tests.lab.small_lab import lab, table


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, pathlib.Path]:
    made = lab()
    made.lr_find(steps=20)
    made.fit(2e-2, epochs=2, verbose=0)
    return made, made.keep(tmp_path_factory.mktemp("runs") / "first", test=table()[:13])


def test_the_folder_holds_the_model_and_what_was_done(kept: tuple[Lab, pathlib.Path]) -> None:
    made, folder = kept
    loaded = load_task(folder)
    np.testing.assert_allclose(loaded.predict(table().text), made.model.predict(table().text), atol=1e-6)
    about = json.loads((folder / "keras_bert_lab.json").read_text())["about"]
    assert about["settings"]["steps"] == made.steps
    assert about["figures"]["test"]["accuracy"] == made.report(table()[:13]).accuracy
    assert about["figures"]["data"]["train"] == {
        "rows": 18,
        "characters": {"median": float(made.train.text.str.len().median()), "longest": int(made.train.text.str.len().max())},
        "labels": {"neg": 12, "pos": 6},
    }
    history = pd.read_csv(folder / "history.csv", index_col="epoch")
    assert history.index.tolist() == [1, 2]
    np.testing.assert_allclose(history["val_loss"], made.history["val_loss"])
    pictures = {"calibration", "confusion_matrix", "learning_curves", "loss", "lr_find"}
    assert {path.stem for path in folder.glob("*.png")} == pictures


def test_the_card_tells_data_steps_figures_and_limits(kept: tuple[Lab, pathlib.Path]) -> None:
    made, folder = kept
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: keras_bert_lab\n")
    for part in (
        "# first",
        "gives one of two labels: neg, pos.",
        'model = kbl.load_task("first")',
        "| train | 18 |",
        "| test | 13 |",
        "neg 12, pos 6",
        "2. fit: lr 0.02, epochs 2, schedule linear",
        str(made.report(table()[:13])),
        "![confusion_matrix](confusion_matrix.png)",
        "Of each text 19 tokens are read at most.",
        "learned from 18 texts",
    ):
        assert part in card, part
    assert "It was measured on no texts but those" not in card


def test_a_run_without_a_test_says_so(tmp_path: pathlib.Path) -> None:
    made = lab()
    made.fit(1e-3, verbose=0)
    card = (made.keep(tmp_path / "second") / "README.md").read_text()
    assert "It was measured on no texts but those by which it was chosen" in card
    with pytest.raises(FormatError, match="output is there already"):
        made.keep(tmp_path / "second")
    made.keep(tmp_path / "second", overwrite=True)


def test_runs_are_compared_by_what_they_reached_and_where_they_differ(
    kept: tuple[Lab, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    made, folder = kept
    worse = lab(batch_size=7)
    worse.keep(tmp_path / "untrained", test=table()[:13])
    found = compare_runs([tmp_path / "untrained", folder])
    assert sorted(found.run) == ["first", "untrained"]
    assert found.test_accuracy.is_monotonic_decreasing
    first = found.set_index("run").loc["first"]
    assert first.test_accuracy == made.report(table()[:13]).accuracy
    assert first.batch_size == 5
    assert "seed" not in found
    assert first.steps.endswith("fit lr=0.02 epochs=2 schedule=linear")
    assert first.seconds == pytest.approx(sum(step["seconds"] for step in made.steps))


def test_what_is_no_run_is_refused(kept: tuple[Lab, pathlib.Path], tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="at least one run. Received: none"):
        compare_runs([])
    with pytest.raises(FormatError, match="must be the folder of a run. Received: one without keras_bert_lab.json"):
        compare_runs([tmp_path])
    save_task(kept[0].model, tmp_path / "bare")
    with pytest.raises(FormatError, match="Received: a model without figures"):
        compare_runs([tmp_path / "bare"])
