from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import MaskedLanguageModel, Preprocessor, TextClassifier, WordTokenizer
from tests.samples import numpy, randomise
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


@pytest.mark.parametrize("make", [lambda: language_model(compiled=False), lambda: classifier(compiled=False)])
def test_added_tokens_are_kept_whole_and_all_else_is_as_before(make: Callable[[], Any], tmp_path: Any) -> None:
    model = randomise(make())
    larger = model.with_added_tokens(["goodfilm", "covid19"], seed=5)
    assert len(larger.preprocessor.tokenizer.vocabulary) == larger.encoder.config.vocab_size == 25
    assert larger.preprocessor.tokenizer.tokenize(["a goodfilm"]).to_list() == [[11, 23]]
    assert model.preprocessor.tokenizer.tokenize(["a goodfilm"]).to_list() == [[11, 1]]
    old, new = numpy(model.encoder.embedding_table), numpy(larger.encoder.embedding_table)
    assert np.array_equal(new[:23], old)
    assert np.abs(new[23:]).max() > 0
    inputs = model.preprocessor(TEXTS)
    assert np.array_equal(numpy(model.encoder(inputs)["sequence_output"]), numpy(larger.encoder(inputs)["sequence_output"]))
    if isinstance(model, MaskedLanguageModel):
        before, after = numpy(model.head.bias), numpy(larger.head.bias)
        assert np.array_equal(after[:23], before)
        assert after[23:] == pytest.approx(before.mean(), rel=1e-5)
    else:
        assert np.array_equal(model.predict(TEXTS), larger.predict(TEXTS))
    larger.save(tmp_path / "larger.keras")
    again = keras.saving.load_model(tmp_path / "larger.keras")
    assert again.preprocessor.tokenizer.tokenize(["a goodfilm"]).to_list() == [[11, 23]]
    assert all(map(np.array_equal, again.get_weights(), larger.get_weights()))


def test_whole_words_are_added_too() -> None:
    words = WordTokenizer(vocabulary=["good", "film"])
    model = TextClassifier(encoder(vocab_size=7), Preprocessor(words, max_length=19), ["neg", "pos"])
    larger = model.with_added_tokens(["more-more"])
    assert larger.encoder.config.vocab_size == 8
    assert larger.preprocessor.tokenizer.tokenize(["good more-more"]).to_list() == [[5, 7]]
