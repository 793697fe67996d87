"""Which epoch a classifier of the quickstart is judged by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab.recipes.quickstart_models import FineTuned, fine_tune
from keras_bert_lab.recipes.quickstart_settings import QuickstartSettings
from tests.tasks.small_tasks import LABELS, MAX_LENGTH, TEXTS, language_model


def test_the_epoch_that_is_kept_counts() -> None:
    """The first of the best, as EarlyStopping keeps it, with its own loss."""
    history = {"val_accuracy": [0.5, 0.75, 0.75, 0.625], "val_loss": [0.7, 0.9, 0.3, 0.2]}
    model = FineTuned(name="x", language_model=None, classifier=None, history=history, seconds=1.0)  # type: ignore[arg-type]
    assert model.validation == (0.75, -0.9)


def test_a_copy_of_the_encoder_is_trained(tmp_path: Path) -> None:
    model = language_model(compiled=False)
    before = [np.array(weight) for weight in model.get_weights()]
    settings = QuickstartSettings(max_length=MAX_LENGTH, validation_split=0.25)
    train = pd.DataFrame({"text": TEXTS * 4, "label": LABELS * 4})
    found = fine_tune("x", model, train, tmp_path / "x.csv", 1e-2, 2, settings, seed=3)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert not np.array_equal(
        found.classifier.encoder.blocks[0].attention.qkv.kernel, model.encoder.blocks[0].attention.qkv.kernel
    )
    assert found.classifier.encoder.config.dropout == 0.1
    assert found.classifier.preprocessor.row_length == MAX_LENGTH
    assert found.classifier.labels == ["neg", "pos"]
    assert found.validation[0] == pytest.approx(max(found.history["val_accuracy"]))
    assert pd.read_csv(tmp_path / "x.csv").val_loss.tolist() == pytest.approx(found.history["val_loss"])
