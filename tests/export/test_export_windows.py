"""A classifier that reads windows answers as before when it is exported, to texts and to token ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import TextClassifier, export_saved_model, load_exported
from keras_bert_lab.export import saved_model
from tests.export.test_export_saved_model import _here
from tests.samples import numpy, randomise
from tests.tasks.small_tasks import encoder, preprocessor

TEXTS = ["a very good film", "", "walking " * 31, "the play was bad . " * 2, "good"]


def _model(**settings: object) -> TextClassifier:
    cut = preprocessor(max_length=7, **settings)
    return randomise(TextClassifier(encoder(), cut, ("a", "b", "c"), windows=3, stride=4, window_pooling="max"))


@pytest.mark.parametrize("length", [pytest.param(None, marks=pytest.mark.slow), 7])
def test_texts_and_tokens(length: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", _here)
    model = _model(sequence_length=length)
    served = load_exported(export_saved_model(model, tmp_path / "sorter"))
    expected = model.predict(TEXTS)
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(served(TEXTS)["probabilities"], expected, atol=1e-5)
    assert served.predict_text(TEXTS).label.tolist() == model.predict_text(TEXTS).label.tolist()
    tokens = {key: numpy(ids).astype("int32") for key, ids in model.inputs_of(tf.constant(TEXTS)).items()}
    assert tokens["input_word_ids"].shape == (5, 3, 7)
    answers = _here(tmp_path / "sorter-tokens" / "1", tokens, needs_text_ops=False)
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-5)


@pytest.mark.slow
def test_in_fresh_processes(tmp_path: Path) -> None:
    model = _model()
    served = load_exported(export_saved_model(model, tmp_path / "sorter"))
    np.testing.assert_allclose(served(TEXTS)["probabilities"], model.predict(TEXTS), atol=1e-5)
