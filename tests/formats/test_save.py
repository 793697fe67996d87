"""Models into new folders of each format, and out of them again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import (
    Encoder,
    FormatError,
    MaskedLanguageModel,
    TextClassifier,
    load_encoder,
    load_preprocessor,
    load_task,
    save_encoder,
    save_task,
)
from keras_bert_lab.formats import MANIFEST
from keras_bert_lab.formats.manifest import check_file, read_manifest
from tests.samples import config, numpy, randomise
from tests.tasks.small_tasks import TEXTS, WORDS, classifier, encoder, preprocessor

PAIRS = [("the film was good", "it was not bad"), ("a dull play", "walking")]


def same_weights(one: Any, other: Any) -> None:
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_encoder_with_its_tokenizer(tmp_path: Path) -> None:
    ours, words = randomise(encoder()), preprocessor()
    assert save_encoder(ours, tmp_path / "x", preprocessor=words) == tmp_path / "x"
    names = {entry.name for entry in (tmp_path / "x").iterdir()}
    assert {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", MANIFEST} <= names
    again = load_encoder(tmp_path / "x")
    assert again.config == ours.config
    same_weights(ours, again)
    theirs = load_preprocessor(tmp_path / "x")
    assert theirs.row_length == words.row_length
    for key, values in words(TEXTS).items():
        np.testing.assert_array_equal(theirs(TEXTS)[key], values)


def test_an_encoder_alone(tmp_path: Path) -> None:
    ours = randomise(encoder())
    save_encoder(ours, str(tmp_path / "x"))
    assert sorted(entry.name for entry in (tmp_path / "x").iterdir()) == ["config.json", MANIFEST, "model.safetensors"]
    same_weights(ours, load_encoder(tmp_path / "x"))
    with pytest.raises(FormatError, match="tokenizer.json or vocab.txt"):
        load_preprocessor(tmp_path / "x")


def test_the_manifest_names_the_layout_and_every_file(tmp_path: Path) -> None:
    save_task(classifier(), tmp_path / "x", format="huggingface", about={"settings": {"seed": 5}})
    manifest = read_manifest(tmp_path / "x")
    assert (manifest.layout, manifest.task, manifest.about) == ("huggingface", "TextClassifier", {"settings": {"seed": 5}})
    assert {*manifest.files, MANIFEST} == {entry.name for entry in (tmp_path / "x").iterdir()}
    for name in manifest.files:
        check_file(tmp_path / "x", manifest, name)


@pytest.mark.parametrize("kind", ["binary", "multi_class", "multi_label", "regression"])
def test_a_classifier_as_huggingface(kind: str, tmp_path: Path) -> None:
    labels = {"binary": ["neg", "pos"], "regression": None}.get(kind, ["a", "b", "c"])
    ours = randomise(classifier(labels=labels, kind=kind, dropout=0.25))
    save_task(ours, tmp_path / "x", format="huggingface")
    again = load_task(tmp_path / "x")
    assert type(again) is TextClassifier
    assert (again.labels, again.dropout) == (labels or [], 0.25)
    expected = ours.predict(TEXTS)
    if kind == "binary":
        expected = np.concatenate([1 - expected, expected], axis=1)
    np.testing.assert_allclose(again.predict(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("next_sentence", [False, True])
def test_a_language_model_as_huggingface(next_sentence: bool, tmp_path: Path) -> None:
    ours = randomise(MaskedLanguageModel(encoder(), preprocessor(), next_sentence=next_sentence))
    save_task(ours, tmp_path / "x", format="huggingface")
    again = load_task(tmp_path / "x")
    assert type(again) is MaskedLanguageModel
    texts = ["a [MASK] film", "[MASK] [MASK]"]
    found, expected = again.fill_mask(texts), ours.fill_mask(texts)
    assert found.token.tolist() == expected.token.tolist()
    np.testing.assert_allclose(found.score, expected.score, atol=1e-6)
    assert again.next_sentence == next_sentence
    if next_sentence:
        np.testing.assert_allclose(again.predict_next_sentence(PAIRS), ours.predict_next_sentence(PAIRS), atol=1e-6)


@pytest.mark.slow
def test_a_language_model_as_tfhub(tmp_path: Path) -> None:
    """Two SavedModels; the encoder holds the masked LM head too."""
    ours = randomise(MaskedLanguageModel(encoder(), preprocessor()))
    save_task(ours, tmp_path / "x", format="tfhub")
    assert sorted(entry.name for entry in (tmp_path / "x").iterdir()) == ["encoder", MANIFEST, "preprocessor"]
    assert read_manifest(tmp_path / "x").layout == "tfhub"
    again, words = load_encoder(tmp_path / "x"), load_preprocessor(tmp_path / "x", 13)
    inputs = ours.preprocessor(TEXTS)
    ours_out, theirs_out = ours.encoder(inputs)["sequence_output"], again(inputs)["sequence_output"]
    assert np.abs(numpy(ours_out) - numpy(theirs_out)).max() < 1e-5
    expected = preprocessor(sequence_length=13)(TEXTS)
    for key, values in words(TEXTS).items():
        np.testing.assert_array_equal(values, expected[key])


def test_half_the_size_in_half_precision(tmp_path: Path) -> None:
    ours = randomise(MaskedLanguageModel(encoder(), preprocessor()))
    save_task(ours, tmp_path / "task", format="huggingface", dtype="bfloat16")
    save_encoder(ours.encoder, tmp_path / "encoder", preprocessor=preprocessor(), dtype="float16")
    dtypes = [json.loads((tmp_path / name / "config.json").read_text())["dtype"] for name in ("task", "encoder")]
    assert dtypes == ["bfloat16", "float16"]
    again = load_task(tmp_path / "task")
    texts = ["a [MASK] film", "[MASK] [MASK]"]
    one, other = (model.fill_mask(texts, top_k=23).sort_values(["row", "mask", "token"]) for model in (ours, again))
    assert one.token.tolist() == other.token.tolist()
    np.testing.assert_allclose(one.score, other.score, atol=0.05)
    assert np.abs(one.score.to_numpy() - other.score.to_numpy()).max() > 1e-6
    for mine, theirs in zip(ours.encoder.get_weights(), load_encoder(tmp_path / "encoder").get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, mine.astype("float16").astype("float32"))


def test_a_weight_too_large_for_half_precision_leaves_nothing(tmp_path: Path) -> None:
    ours = randomise(encoder())
    ours.embeddings.norm.beta.assign([1e5] * ours.config.hidden_size)
    with pytest.raises(FormatError, match=r"^embeddings.LayerNorm.bias must hold numbers of at most 65504.* 15 larger ones"):
        save_encoder(ours, tmp_path / "x", dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_results_are_replaced_only_on_demand(tmp_path: Path) -> None:
    one, other = randomise(encoder(), 1), randomise(encoder(), 2)
    save_encoder(one, tmp_path / "x")
    with pytest.raises(FormatError, match="output is there already"):
        save_encoder(other, tmp_path / "x")
    same_weights(one, load_encoder(tmp_path / "x"))
    save_encoder(other, tmp_path / "x", overwrite=True)
    same_weights(other, load_encoder(tmp_path / "x"))
    save_task(classifier(), tmp_path / "x", overwrite=True)  # of another format: nothing of the earlier one stays
    assert not (tmp_path / "x" / "model.safetensors").exists()
    assert type(load_task(tmp_path / "x")) is TextClassifier


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.txt").write_text("years of work")
    with pytest.raises(FormatError, match=r"must be a new folder, or one of earlier results"):
        save_encoder(encoder(), tmp_path / "x", overwrite=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: classifier(pooling="mean"), r"pooling must be 'cls' for transformers"),
        (lambda: classifier(encoder=Encoder(config(vocab_size=len(WORDS), norm_first=True))), r"norm_first=True has no place"),
        (lambda: classifier(transform="tanh"), r"transform of the head must be None"),
        (lambda: classifier(encoder=Encoder(config(vocab_size=len(WORDS), pooler=False))), r"pooler must be True"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        save_task(model(), tmp_path / "x", format="huggingface")
    assert list(tmp_path.iterdir()) == []


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"format must be one of \['huggingface', 'tfhub'\]. Received: format='keras'"):
        save_encoder(encoder(), tmp_path / "x", format="keras")
    with pytest.raises(
        ValueError, match=r"format must be one of \['keras_bert_lab', 'huggingface', 'tfhub'\]. Received: format=''"
    ):
        save_task(classifier(), tmp_path / "x", format="")
    with pytest.raises(TypeError, match=r"encoder must be an Encoder. Received: <TextClassifier"):
        save_encoder(classifier(), tmp_path / "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"preprocessor must be given for format=.tfhub.*Received: preprocessor=None"):
        save_encoder(encoder(), tmp_path / "x", format="tfhub")
    for dtype in ("half", "float64", None):
        with pytest.raises(
            ValueError, match=rf"dtype must be one of \['float32', 'float16', 'bfloat16'\]. Received: dtype={dtype!r}"
        ):
            save_encoder(encoder(), tmp_path / "x", dtype=dtype)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"dtype must be 'float32' for format='tfhub'. Received: dtype='float16'. Only format='hug"
    ):
        save_encoder(encoder(), tmp_path / "x", "tfhub", preprocessor(), dtype="float16")
    with pytest.raises(ValueError, match=r"dtype must be 'float32' for format='keras_bert_lab'. Received: dtype='bfloat16'"):
        save_task(classifier(), tmp_path / "x", dtype="bfloat16")
    assert list(tmp_path.iterdir()) == []


def test_the_config_is_that_of_the_class(tmp_path: Path) -> None:
    save_task(classifier(labels=["a", "b", "c"]), tmp_path / "x", format="huggingface")
    theirs = json.loads((tmp_path / "x" / "config.json").read_text(encoding="utf-8"))
    assert (theirs["model_type"], theirs["architectures"]) == ("bert", ["BertForSequenceClassification"])
    assert theirs["vocab_size"] == len(WORDS)
