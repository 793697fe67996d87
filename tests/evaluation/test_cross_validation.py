"""Folds, figures and predictions of models whose answers are known beforehand, and once of a small real one."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, StratifiedKFold

from keras_bert_lab import CrossValidation, TextClassifier, cross_validate
from tests.evaluation.refitted import LABELS, TEXTS, AllLabels, Means, WordVotes
from tests.tasks import small_tasks

R = len(TEXTS)


@pytest.fixture
def fits() -> list[dict[str, Any]]:
    WordVotes.fits.clear()
    return WordVotes.fits


def test_folds_are_those_of_scikit_learn(fits: list[dict[str, Any]]) -> None:
    cross_validate(WordVotes, pd.Series(TEXTS, index=range(R, 0, -1)), np.array(LABELS), folds=4, seed=7)
    parts = StratifiedKFold(4, shuffle=True, random_state=7).split(np.zeros(R), LABELS)
    assert [fit["texts"] for fit in fits] == [[TEXTS[row] for row in learned] for learned, _ in parts]
    assert all(fit["labels"] == [LABELS[TEXTS.index(text)] for text in fit["texts"]] for fit in fits)
    assert [fit["seed"] for fit in fits] == [8, 9, 10, 11]


def test_figures_by_hand() -> None:
    """All texts are answered by their first word, so only number 12 is wrong."""
    result = cross_validate(WordVotes, TEXTS, LABELS, folds=4, seed=7)
    assert isinstance(result, CrossValidation)
    assert result.kind == "binary"
    columns = ["fold", "learned", "judged", "accuracy", "macro_f1", "fit_seconds", "predict_seconds"]
    assert result.folds.columns.tolist() == columns
    assert result.folds.fold.tolist() == [1, 2, 3, 4]
    assert result.folds.judged.sum() == R
    assert (result.folds.learned + result.folds.judged).tolist() == [R] * 4
    wrong = result.predictions.fold[12]
    accuracies = [1 - (fold == wrong) / judged for fold, judged in zip(result.folds.fold, result.folds.judged, strict=True)]
    assert result.folds.accuracy.tolist() == pytest.approx(accuracies)
    assert result.mean["accuracy"] == pytest.approx(np.mean(accuracies))
    deviation = np.sqrt(((np.array(accuracies) - np.mean(accuracies)) ** 2).sum() / 3)
    assert result.standard_deviation["accuracy"] == pytest.approx(deviation)
    assert result.standard_error["accuracy"] == pytest.approx(deviation / 2)
    in_fold = result.predictions[result.predictions.fold == wrong]
    wanted = f1_score(in_fold.true, in_fold.label, average="macro")
    assert result.folds.macro_f1[wrong - 1] == pytest.approx(wanted)


def test_predictions_are_in_the_order_of_the_texts_and_from_models_that_had_not_seen_them(fits: list[dict[str, Any]]) -> None:
    predictions = cross_validate(WordVotes, TEXTS, LABELS, folds=4, seed=7).predictions
    assert predictions.index.tolist() == list(range(R))
    assert predictions.true.tolist() == LABELS
    assert predictions.label.tolist() == ["pos" if "good" in text else "neg" for text in TEXTS]
    assert predictions.columns.tolist() == ["label", "score", "true", "fold"]
    for row, fold in enumerate(predictions.fold):
        assert TEXTS[row] not in fits[fold - 1]["texts"]


def test_it_is_a_pure_function_of_the_seed(fits: list[dict[str, Any]]) -> None:
    for seed in (7, 7, 8, 2**33):
        np.random.seed(len(fits))
        cross_validate(WordVotes, TEXTS, LABELS, folds=3, seed=seed)
    first, again, other, large = (fits[start : start + 3] for start in (0, 3, 6, 9))
    assert first == again
    assert all(one["texts"] != another["texts"] for one, another in zip(first, other, strict=True))
    assert len({fit["first"] for fit in first}) == 3  # each fold has first weights of its own
    assert len(large) == 3


def test_settings_reach_fit(fits: list[dict[str, Any]]) -> None:
    cross_validate(WordVotes, TEXTS, LABELS, folds=2, epochs=3, verbose=0)
    assert [(fit["epochs"], fit["verbose"]) for fit in fits] == [(3, 0)] * 2


def test_pairs_and_labels_that_are_numbers(fits: list[dict[str, Any]]) -> None:
    numbers = [int(label == "pos") for label in LABELS]
    others = [text.upper() for text in TEXTS]
    result = cross_validate(WordVotes, list(zip(TEXTS, others, strict=True)), numbers, folds=3)
    first, second = fits[0]["texts"]
    assert second == [text.upper() for text in first]
    assert result.predictions.label.tolist() == ["1" if "good" in text else "0" for text in TEXTS]
    assert result.predictions.true.tolist() == numbers
    assert result.mean["accuracy"] > 0.9


def test_a_regression() -> None:
    targets = [float(number) for number in range(7)]
    result = cross_validate(Means, TEXTS[:7], targets, folds=7, seed=3)
    errors = [abs(target - (21 - target) / 6) for target in targets]
    assert result.mean["mae"] == pytest.approx(np.mean(errors))
    assert result.folds.rmse.tolist() == pytest.approx(result.folds.mae.tolist())
    folds = [judged.tolist() for _, judged in KFold(7, shuffle=True, random_state=3).split(targets)]
    assert [[row] for row in np.argsort(result.predictions.fold.to_numpy())] == folds


def test_any_of_several_labels() -> None:
    labels = [["a", "b"] if number % 4 else ["a"] for number in range(20)]
    result = cross_validate(AllLabels, TEXTS[:20], labels, folds=4)
    matrix = np.array([[1, len(names) - 1, 0] for names in labels])
    for fold, part in result.predictions.groupby("fold"):
        true = matrix[part.index]
        wanted = f1_score(true, np.tile([1, 1, 0], (len(true), 1)), average="micro")
        assert result.folds.micro_f1[fold - 1] == pytest.approx(wanted)
        assert result.folds.exact_match[fold - 1] == pytest.approx(true[:, 1].mean())
    assert result.predictions.true.tolist() == labels


def test_it_reads_as_a_text_and_is_plain_data() -> None:
    folds = pd.DataFrame({"fold": [1, 2], "accuracy": [0.5, 0.75], "macro_f1": [0.25, 0.25]})
    result = CrossValidation(kind="binary", folds=folds, predictions=pd.DataFrame({"label": ["a"] * 8}))
    assert str(result).splitlines() == [
        "8 texts in 2 folds",
        "accuracy     0.625  (standard error 0.125; from fold to fold 0.177)",
        "macro_f1     0.250  (standard error 0.000; from fold to fold 0.000)",
    ]
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["mean"] == {"accuracy": 0.625, "macro_f1": 0.25}
    assert plain["folds"][1] == {"fold": 2, "accuracy": 0.75, "macro_f1": 0.25}


def test_a_small_classifier() -> None:
    """Its first fold is done again by hand."""

    def make_model() -> TextClassifier:
        model = TextClassifier(small_tasks.encoder(), small_tasks.preprocessor(), ["neg", "pos"], pooling="mean")
        model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
        return model

    texts, labels = small_tasks.TEXTS, small_tasks.LABELS
    result = cross_validate(make_model, texts, labels, folds=2, seed=5, epochs=2, batch_size=3, verbose=0)
    assert result.kind == "binary"
    assert result.predictions.columns.tolist() == ["label", "score", "probabilities", "true", "fold"]
    right = (result.predictions.label == result.predictions.true).groupby(result.predictions.fold).mean()
    assert result.folds.accuracy.tolist() == pytest.approx(right.tolist())
    learned, judged = next(StratifiedKFold(2, shuffle=True, random_state=5).split(texts, labels))
    keras.utils.set_random_seed(6)
    model = make_model()
    model.fit([texts[row] for row in learned], [labels[row] for row in learned], 3, 2, seed=6, verbose=0)
    wanted = model.predict_text([texts[row] for row in judged])
    found = result.predictions[result.predictions.fold == 1]
    assert found.label.tolist() == wanted.label.tolist()
    np.testing.assert_allclose(found.score, wanted.score, rtol=1e-6)


@pytest.mark.parametrize("folds", [1, 0, 42, 2.0, "5"])
def test_impossible_numbers_of_folds_are_refused(folds: Any) -> None:
    with pytest.raises(
        ValueError, match=f"folds must be an integer from 2 to the number of texts, 41. Received: folds={folds!r}"
    ):
        cross_validate(WordVotes, TEXTS, LABELS, folds=folds)


def test_other_numbers_of_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="There must be one label for each text. Received: 41 texts, 40 labels"):
        cross_validate(WordVotes, TEXTS, LABELS[1:])


@pytest.mark.parametrize(
    ("make_model", "message"),
    [
        (WordVotes(), "make_model must be a function that gives a new model each time. Received: <.*WordVotes"),
        (dict, r"make_model must give a model with fit\(texts, labels\) and predict_text\(texts\).*Received: \{\}"),
    ],
)
def test_what_makes_no_model_is_refused(make_model: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        cross_validate(make_model, TEXTS, LABELS)
