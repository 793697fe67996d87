from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import Encoder, FormatError, MaskedLanguageModel, TextClassifier, load_task, save_task
from keras_bert_lab.encoder import FeedForward
from keras_bert_lab.formats import MANIFEST
from keras_bert_lab.formats.manifest import write_manifest
from keras_bert_lab.formats.task_folder import read_task_folder
from tests.samples import D, N, config, randomise
from tests.tasks.small_tasks import DOCUMENTS, LABELS, TEXTS, WORDS, classifier, language_model, preprocessor


@keras.saving.register_keras_serializable(package="tests_of_formats")
class Doubled(FeedForward):
    """A layer of somebody's own."""

    def call(self, states: Any) -> Any:
        return 2 * super().call(states)


def own_blocks() -> Encoder:
    return Encoder(
        config(vocab_size=len(WORDS), num_layers=1),
        attention=keras.layers.MultiHeadAttention(N, D),
        feed_forward=Doubled(13),
    )


MODELS = {
    "classifier": classifier,
    "regression": lambda: classifier(labels=None, kind="regression"),
    "multi_label": lambda: classifier(labels=("a", "b", "c"), kind="multi_label", pooling="mean"),
    "own_blocks": lambda: classifier(encoder=own_blocks()),
    "half": lambda: TextClassifier(Encoder(config(vocab_size=23), dtype="mixed_bfloat16"), preprocessor(), ["a", "b"]),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_classifier_comes_back(name: str, tmp_path: Path) -> None:
    model = randomise(MODELS[name]())
    assert save_task(model, tmp_path / "x") == tmp_path / "x"
    again = load_task(tmp_path / "x")
    assert type(again) is TextClassifier
    assert again.get_config()["encoder"]["config"]["config"] == model.get_config()["encoder"]["config"]["config"]
    assert (again.labels, again.kind, again.pooling, again.pairs) == (model.labels, model.kind, model.pooling, model.pairs)
    assert again.dtype_policy == model.dtype_policy
    found, expected = again.predict_text(TEXTS), model.predict_text(TEXTS)
    if model.kind != "regression":  # there the label is the number
        assert found.label.tolist() == expected.label.tolist()
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
    assert not again.compiled


def test_a_language_model_comes_back(tmp_path: Path) -> None:
    model = randomise(language_model())
    save_task(model, tmp_path / "x")
    again = load_task(str(tmp_path / "x"))
    assert type(again) is MaskedLanguageModel
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.head._encoder is again.encoder  # still tied
    texts = ["a [MASK] film"]
    assert again.fill_mask(texts).equals(model.fill_mask(texts))


def test_saving_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    """It stays compiled, with the state of its optimizer, which is not saved."""
    model = language_model()
    model.fit(DOCUMENTS, batch_size=3, sequence_length=13, verbose=0)
    steps, weights = int(model.optimizer.iterations), model.get_weights()
    save_task(model, tmp_path / "x")
    assert model.compiled
    assert int(model.optimizer.iterations) == steps > 0
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_frozen_encoder_comes_back_frozen_and_in_order(tmp_path: Path) -> None:
    model = randomise(classifier())
    model.encoder.trainable = False
    save_task(model, tmp_path / "x")
    again = load_task(tmp_path / "x")
    assert not again.encoder.trainable
    np.testing.assert_allclose(again.predict(TEXTS), model.predict(TEXTS), rtol=1e-5)


def test_the_manifest(tmp_path: Path) -> None:
    about = {"settings": {"seed": 3}, "figures": {"größe": [0.5, None]}}
    save_task(classifier(), tmp_path / "x", about=about)
    manifest = json.loads((tmp_path / "x" / MANIFEST).read_text(encoding="utf-8"))
    assert (manifest["layout"], manifest["task"], manifest["about"]) == ("keras_bert_lab", "TextClassifier", about)
    assert manifest["files"]["model.keras"]["bytes"] == (tmp_path / "x" / "model.keras").stat().st_size
    assert (tmp_path / "x" / "vocab.txt").read_text().splitlines() == WORDS
    folder = read_task_folder(tmp_path / "x")
    assert (folder.path, folder.task, folder.about) == (tmp_path / "x", "TextClassifier", about)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    save_task(classifier(), tmp_path / "x")
    before = (tmp_path / "x" / "model.keras").read_bytes()
    with pytest.raises(FormatError, match="output is there already"):
        save_task(language_model(), tmp_path / "x")
    assert (tmp_path / "x" / "model.keras").read_bytes() == before
    save_task(language_model(), tmp_path / "x", overwrite=True)
    assert type(load_task(tmp_path / "x")) is MaskedLanguageModel


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="JSON"):
        save_task(classifier(), tmp_path / "x", about={"settings": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_is_not_registered_is_named(tmp_path: Path) -> None:
    save_task(classifier(encoder=own_blocks()), tmp_path / "x")
    name = "tests_of_formats>Doubled"
    layer = keras.saving.get_custom_objects().pop(name)
    try:
        with pytest.raises(FormatError, match=r"(?s)model.keras cannot be loaded: .*import the module that registers"):
            load_task(tmp_path / "x")
    finally:
        keras.saving.get_custom_objects()[name] = layer


def test_a_task_goes_on_learning(tmp_path: Path) -> None:
    save_task(classifier(), tmp_path / "x")
    again = load_task(tmp_path / "x")
    again.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    assert np.isfinite(again.fit(TEXTS, LABELS, verbose=0).history["loss"][0])


def test_only_our_own_layout_of_a_task_is_read(tmp_path: Path) -> None:
    save_task(classifier(), tmp_path / "x")
    for layout, task in (("huggingface", "TextClassifier"), ("keras_bert_lab", None)):
        write_manifest(tmp_path / "x", layout, task, {})
        with pytest.raises(FormatError, match=rf"must be that of a task in our own format. Received: '{layout}'"):
            read_task_folder(tmp_path / "x")


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content[:-1] + b"x", lambda content: b""])
def test_a_damaged_model_is_refused_before_it_is_loaded(change: Any, tmp_path: Path) -> None:
    save_task(classifier(), tmp_path / "x")
    path = tmp_path / "x" / "model.keras"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FormatError, match=r"model.keras is damaged: its size or hash is not that of keras_bert_lab.json"):
        read_task_folder(tmp_path / "x")
    path.unlink()
    with pytest.raises(FormatError, match=r"is not complete: model.keras is missing"):
        read_task_folder(tmp_path / "x")


def test_a_misspelt_folder_is_found(tmp_path: Path) -> None:
    save_task(classifier(), tmp_path / "my-model")
    with pytest.raises(FormatError, match=r"There is no folder .*my-modle'. Did you mean .*/my-model\?"):
        load_task(tmp_path / "my-modle")
    shutil.copytree(tmp_path / "my-model", tmp_path / "copy")
    assert load_task(tmp_path / "copy")
