from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from keras_bert_lab import DataError, TextClassifier, most_uncertain, top_losses
from tests.samples import randomise
from tests.tasks.small_tasks import LABELS, TEXTS, classifier, language_model

R = len(TEXTS)
NAMES = ["a", "b", "c"]
OF_EACH = [NAMES[row % 3] for row in range(R)]
SEVERAL = [NAMES[: row % 4] for row in range(R)]
LENGTHS = [float(len(text)) for text in TEXTS]
CASES: dict[str, tuple[Any, Any]] = {
    "binary": (["neg", "pos"], LABELS),
    "multi_class": (NAMES, OF_EACH),
    "multi_label": (NAMES, SEVERAL),
    "regression": (None, LENGTHS),
}


def model_of(kind: str, **settings: Any) -> TextClassifier:
    return randomise(classifier(CASES[kind][0], kind=kind, pooling="mean", **settings))


@pytest.mark.parametrize("kind", CASES)
def test_the_highest_losses_come_first(kind: str) -> None:
    labels, model = CASES[kind][1], model_of(kind)
    found = top_losses(model, TEXTS, labels, n=R + 3)
    columns = ["row", "text", "label", "answer", "probability", "loss"]
    assert found.columns.tolist() == [name for name in columns if kind != "regression" or name != "probability"]
    assert sorted(found.row) == list(range(R))
    assert found.loss.is_monotonic_decreasing
    assert found.text.tolist() == [TEXTS[row] for row in found.row]
    assert found.label.tolist() == [labels[row] for row in found.row]
    answers = model.predict_text(TEXTS).label
    if kind != "regression":
        assert found.answer.tolist() == [answers[row] for row in found.row]
    # The mean of the losses is what Keras tells; each of them what it tells of the text alone.
    assert found.loss.mean() == pytest.approx(model.evaluate(TEXTS, labels, verbose=0, return_dict=True)["loss"], rel=1e-4)
    first = found.iloc[0]
    alone = model.evaluate([first.text], [first.label], verbose=0, return_dict=True)["loss"]
    assert first.loss == pytest.approx(alone, rel=1e-4)
    if kind in ("binary", "multi_class"):
        np.testing.assert_allclose(found.probability, np.exp(-found.loss), rtol=1e-5)
        table = model.predict_text(TEXTS)
        expected = [table.probabilities[row][label] for row, label in zip(found.row, found.label, strict=True)]
        np.testing.assert_allclose(found.probability, expected, rtol=1e-5)
    if kind == "multi_label":
        np.testing.assert_allclose(found.probability, np.exp(-3 * found.loss), rtol=1e-5)
    pd.testing.assert_frame_equal(top_losses(model, TEXTS, labels, n=3, batch_size=2), found[:3], atol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "multi_class", "multi_label"])
def test_the_least_sure_come_first(kind: str) -> None:
    model = model_of(kind)
    outputs = model.predict(TEXTS).astype(float)
    by_entropy, by_margin = most_uncertain(model, TEXTS, n=R), most_uncertain(model, TEXTS, n=5, by="margin")
    assert by_entropy.columns.tolist() == ["row", "text", "answer", "probability", "entropy", "margin"]
    if kind == "multi_class":
        entropy = stats.entropy(outputs, axis=1)
        margin = np.array([a - b for a, b, _ in (sorted(row, reverse=True) for row in outputs)])
    else:
        entropy = sum(stats.entropy([column, 1 - column], axis=0) for column in outputs.T)
        margin = np.abs(2 * outputs - 1).min(axis=1)
    np.testing.assert_allclose(by_entropy.entropy, np.sort(entropy)[::-1], rtol=1e-5)
    np.testing.assert_allclose(by_entropy.margin, margin[by_entropy.row], rtol=1e-4)
    np.testing.assert_allclose(by_margin.margin, np.sort(margin)[:5], rtol=1e-4, atol=1e-6)
    table = model.predict_text(TEXTS)
    for found in (by_entropy, by_margin):
        assert found.text.tolist() == [TEXTS[row] for row in found.row]
        assert found.answer.tolist() == [table.label[row] for row in found.row]
        np.testing.assert_allclose(found.probability, table.score[found.row], rtol=1e-5)


def test_pairs_columns_and_thresholds() -> None:
    model = model_of("binary", pairs=True, threshold=0.0)
    table = pd.DataFrame({"first": TEXTS, "second": TEXTS[::-1]}, index=range(7, 7 + R))
    found = top_losses(model, (table["first"], table["second"]), pd.Series(LABELS, index=table.index), n=2)
    assert found.columns.tolist()[:3] == ["row", "text", "text_pair"]
    for row, text, pair in zip(found.row, found.text, found.text_pair, strict=True):
        assert (text, pair) == (TEXTS[row], TEXTS[R - 1 - row])
    assert found.answer.tolist() == ["pos", "pos"]
    assert most_uncertain(model, (TEXTS, TEXTS), n=2).answer.tolist() == ["pos", "pos"]


def test_what_does_not_fit_is_refused() -> None:
    model = model_of("binary")
    with pytest.raises(TypeError, match=re.escape("model must be a TextClassifier. Received: MaskedLanguageModel")):
        top_losses(language_model(), TEXTS, LABELS)
    with pytest.raises(ValueError, match=re.escape("n must be an integer of at least 1. Received: n=0")):
        most_uncertain(model, TEXTS, n=0)
    with pytest.raises(ValueError, match=re.escape("There must be one label for each text. Received: 11 texts, 2 labels")):
        top_losses(model, TEXTS, LABELS[:2])
    with pytest.raises(DataError, match=re.escape("label must be one of ['neg', 'pos']. Received: 'x' in row 0")):
        top_losses(model, TEXTS, ["x"] * R)
    with pytest.raises(ValueError, match=re.escape("by must be 'entropy' or 'margin'. Received: by='loss'")):
        most_uncertain(model, TEXTS, by="loss")
    with pytest.raises(ValueError, match=re.escape("most_uncertain needs probabilities. Received: a model with kind='regr")):
        most_uncertain(model_of("regression"), TEXTS)
