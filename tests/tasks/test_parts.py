from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from keras_bert_lab import MaskedLanguageModel, TextClassifier
from tests.tasks.small_tasks import LABELS, TEXTS, classifier, encoder, language_model, preprocessor

TASKS: list[Callable[..., Any]] = [MaskedLanguageModel, lambda *parts: TextClassifier(*parts, ["neg", "pos"])]


@pytest.mark.parametrize("task", TASKS, ids=["language_model", "classifier"])
def test_parts_of_another_type_are_refused(task: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=re.escape("encoder must be an Encoder. Received: 'bert'")):
        task("bert", preprocessor())
    with pytest.raises(TypeError, match=re.escape("preprocessor must be a Preprocessor. Received: 'words'")):
        task(encoder(), "words")


@pytest.mark.parametrize("task", TASKS, ids=["language_model", "classifier"])
def test_a_preprocessor_that_does_not_fit_is_refused(task: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="Received: vocab_size=17, 23 tokens"):
        task(encoder(vocab_size=17), preprocessor())
    with pytest.raises(ValueError, match="Received: rows of up to 19 tokens, max_positions=17"):
        task(encoder(max_positions=17), preprocessor())
    with pytest.raises(ValueError, match="Received: rows of up to 23 tokens, max_positions=19"):
        task(encoder(), preprocessor(sequence_length=23))


def test_only_the_pooler_is_left_out() -> None:
    for model in (
        MaskedLanguageModel(encoder(), preprocessor()),
        TextClassifier(encoder(), preprocessor(), ["neg", "pos"], pooling="mean"),
    ):
        left_out = ["encoder/pooler/kernel", "encoder/pooler/bias"]
        assert [variable.path for variable in model.non_trainable_weights] == left_out
        assert len(model.trainable_weights) == len(model.weights) - 2
        assert model.trainable_variables == model.trainable_weights
    with_pooler = TextClassifier(encoder(), preprocessor(), ["neg", "pos"], pooling="cls")
    assert with_pooler.non_trainable_weights == []
    without = MaskedLanguageModel(encoder(pooler=False), preprocessor())
    assert without.non_trainable_weights == []


def test_a_frozen_encoder_leaves_the_head() -> None:
    model = TextClassifier(encoder(), preprocessor(), ["neg", "pos"], pooling="mean")
    model.encoder.trainable = False
    assert [variable.path for variable in model.trainable_weights] == [variable.path for variable in model.head.weights]
    assert len(model.non_trainable_weights) == len(model.encoder.weights)


@pytest.mark.parametrize("setting", [{"shuffle": False}, {"steps_per_epoch": 5}])
def test_settings_that_follow_from_the_texts_are_refused(setting: dict[str, Any]) -> None:
    (name,) = setting
    message = f"{name} follows from the texts, batch_size and seed. Received: {name}={setting[name]}"
    with pytest.raises(ValueError, match=message):
        classifier().fit(TEXTS, LABELS, verbose=0, **setting)
    with pytest.raises(ValueError, match=message):
        language_model().fit(TEXTS, verbose=0, **setting)
