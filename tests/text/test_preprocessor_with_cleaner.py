"""A preprocessor that cleans: the same ids as without it on texts that are clean already, wherever it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import (
    FormatError,
    MaskedLanguageModel,
    Preprocessor,
    TextClassifier,
    TextCleaner,
    export_saved_model,
    load_exported,
    load_task,
    save_encoder,
    save_task,
)
from keras_bert_lab.export import saved_model
from keras_bert_lab.tasks.pretraining_inputs import _corpus_of
from tests.samples import randomise
from tests.tasks.small_tasks import LABELS, TEXTS, encoder, preprocessor, tokenizer

STEPS = ["html", "urls", ("so+", "very"), "whitespace"]
DIRTY = [text.replace(" ", "<br />").replace("very", "soooo") + " http://x.org/?q=1" for text in TEXTS]


def cleaning(**settings: Any) -> Preprocessor:
    return preprocessor(cleaner=TextCleaner(STEPS), **settings)


def classifier(**settings: Any) -> TextClassifier:
    keras.utils.set_random_seed(3)
    model = TextClassifier(encoder(), cleaning(), ["neg", "pos"], dropout=0.0, **settings)
    return randomise(model)


def same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    for key, values in theirs.items():
        np.testing.assert_array_equal(ours[key], values)


def test_nothing_is_cleaned_unasked() -> None:
    assert preprocessor().cleaner is None
    assert not np.array_equal(*(preprocessor(sequence_length=19)(texts)["input_word_ids"] for texts in (TEXTS, DIRTY)))


def test_texts_and_pairs_are_cleaned_before_they_become_tokens() -> None:
    same(cleaning()(DIRTY), preprocessor()(TEXTS))
    same(cleaning()((DIRTY, DIRTY[::-1])), preprocessor()((TEXTS, TEXTS[::-1])))
    for ours, theirs in zip(cleaning().rows(DIRTY), preprocessor().rows(TEXTS), strict=True):
        assert ours.to_list() == theirs.to_list()
    assert cleaning()(["a [MASK]"], special_tokens=True)["input_word_ids"].numpy().tolist() == [[2, 11, 4, 3]]


def test_in_a_functional_model_and_its_file(tmp_path: Path) -> None:
    text = keras.Input((), dtype="string")
    keras.Model(text, cleaning(sequence_length=19)(text)).save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    same(again(tf.constant(DIRTY)), preprocessor(sequence_length=19)(TEXTS))


def test_a_preprocessor_gets_another_cleaner_or_none() -> None:
    bare = preprocessor(max_length=13, truncate="head_tail")
    dirty = bare.with_cleaner(TextCleaner(STEPS))
    same(dirty(DIRTY), bare(TEXTS))
    assert (dirty.max_length, dirty.truncate) == (13, "head_tail")
    assert dirty.with_cleaner(None).get_config() == bare.get_config()
    assert bare.cleaner is None


def test_config_round_trip_and_configs_of_earlier_versions() -> None:
    config = cleaning().get_config()
    again = Preprocessor.from_config(config)
    assert again.cleaner.steps == ["html", "urls", ["so+", "very"], "whitespace"]
    assert again.get_config() == config
    assert preprocessor().get_config()["cleaner"] is None
    del config["cleaner"]
    assert Preprocessor.from_config(config).cleaner is None


@pytest.mark.parametrize("cleaner", ["html", ["html"], tf.strings.lower], ids=["name", "list", "function"])
def test_what_is_no_cleaner_is_refused(cleaner: Any) -> None:
    with pytest.raises(TypeError, match=r"cleaner must be a TextCleaner, or None\. Received: (\[?'html'\]?|<function)"):
        Preprocessor(tokenizer(), cleaner=cleaner)


def test_a_task_cleans_in_fit_predict_and_after_it_is_saved(tmp_path: Path) -> None:
    model = classifier()
    bare = TextClassifier(model.encoder, preprocessor(), ["neg", "pos"], dropout=0.0)
    bare.set_weights(model.get_weights())
    wanted = bare.predict(TEXTS)
    assert np.ptp(wanted) > 0.01
    np.testing.assert_array_equal(model.predict(DIRTY), wanted)
    np.testing.assert_array_equal(model.batches(DIRTY, LABELS).rows.ids, bare.batches(TEXTS, LABELS).rows.ids)
    np.testing.assert_array_equal(model(tf.constant(DIRTY)), bare(tf.constant(TEXTS)))
    save_task(model, tmp_path / "task")
    again = load_task(tmp_path / "task")
    assert again.preprocessor.cleaner.steps == model.preprocessor.cleaner.steps
    np.testing.assert_allclose(again.predict(DIRTY), wanted, atol=1e-6)
    larger = model.with_added_tokens(["zzz"])
    np.testing.assert_allclose(larger.predict(DIRTY), wanted, atol=1e-6)
    new = TextClassifier.from_pretrained(tmp_path / "task", ["a", "b"], max_length=13)
    assert (new.preprocessor.cleaner.steps, new.preprocessor.max_length) == (model.preprocessor.cleaner.steps, 13)


def test_a_language_model_learns_from_cleaned_texts() -> None:
    wanted = _corpus_of(["it was good", "a film"], preprocessor(), sentences=False)
    found = _corpus_of(["it<br>was&#32;good", "a film www.x.org"], cleaning(), sentences=False)
    assert found.content_hash == wanted.content_hash
    assert _corpus_of(["it was good"], cleaning(), sentences=False).content_hash != wanted.content_hash


def _here(folder: Path, inputs: dict[str, np.ndarray], needs_text_ops: bool) -> dict[str, np.ndarray]:
    """`answers_of_fresh_process` without the process."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return {name: value.numpy() for name, value in serve(**{key: tf.constant(array) for key, array in inputs.items()}).items()}


def _exported_answers_as_the_model(folder: Path) -> None:
    model = classifier()
    answers = load_exported(export_saved_model(model, folder / "sorter"))(DIRTY)
    np.testing.assert_allclose(answers["probabilities"][:, 1], model.predict(DIRTY)[:, 0], atol=1e-5)


def test_an_exported_model_cleans_raw_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", _here)
    _exported_answers_as_the_model(tmp_path)


@pytest.mark.slow
def test_an_exported_model_cleans_raw_texts_in_a_fresh_process(tmp_path: Path) -> None:
    _exported_answers_as_the_model(tmp_path)


@pytest.mark.parametrize("form", ["huggingface", "tfhub"])
def test_formats_without_a_place_for_it_are_refused(form: str, tmp_path: Path) -> None:
    message = rf"no cleaner for format='{form}'.*Received: a cleaner of the steps \['html', 'urls', \['so\+', 'very'\], "
    model = classifier()
    with pytest.raises(FormatError, match=message):
        save_task(model, tmp_path / "x", format=form)
    with pytest.raises(FormatError, match=message):
        save_encoder(model.encoder, tmp_path / "x", format=form, preprocessor=model.preprocessor)
    with pytest.raises(FormatError, match=message):
        save_task(MaskedLanguageModel(encoder(), cleaning()), tmp_path / "x", format=form)
    assert list(tmp_path.iterdir()) == []
    save_encoder(model.encoder, tmp_path / "x")
