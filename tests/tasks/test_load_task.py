"""Whole tasks out of other people's folders: texts in, answers out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_lab import (
    Encoder,
    FormatError,
    MaskedLanguageModel,
    Preprocessor,
    TextClassifier,
    WordPieceTokenizer,
    load_encoder,
    load_preprocessor,
    load_task,
    save_task,
)
from keras_bert_lab.formats.huggingface import read_huggingface
from keras_bert_lab.tasks import task_of
from tests import oracle
from tests.formats import huggingface_folders as hf
from tests.formats.written_models import CONFIGS, LABELS, TRANSFORMS, rows, written
from tests.samples import H, numpy

TEXTS = ["w1 w2 w3", "W5", "w25 w7 unknown w9 w9"]
IDS = [[2, 6, 7, 8, 3], [2, 10, 3], [2, 30, 12, 1, 14, 14, 3]]


def folder_of(head: str, path: Path, **changes: Any) -> Path:
    return hf.write(path, hf.BERT | {"architectures": [f"Bert{head}"]} | changes, hf.tensors(head), words=True)


def with_words(path: Path) -> Path:
    """A tokenizer beside what was written."""
    (path / "vocab.txt").write_text("\n".join(hf.WORDS) + "\n")
    (path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    return path


def states_of(folder: Path, ids: list[int]) -> dict[str, np.ndarray]:
    """One text through the encoder alone."""
    row = np.array([ids], "int32")
    hidden = load_encoder(folder)({"input_word_ids": row, "input_mask": row * 0 + 1, "input_type_ids": row * 0})
    return {name: numpy(hidden[name])[0] for name in ("sequence_output", "pooled_output")}


def test_a_text_classifier_with_its_labels(tmp_path: Path) -> None:
    task = load_task(hf.write_classifier(tmp_path / "x", words=True, classifier_dropout=0.25))
    assert type(task) is TextClassifier
    assert (task.kind, task.labels, task.pooling, task.dropout) == ("multi_class", list(hf.LABELS.values()), "cls", 0.25)
    weights, found = hf.tensors("ForSequenceClassification"), task.predict(TEXTS)
    for row, ids in enumerate(IDS):
        pooled = states_of(tmp_path / "x", ids)["pooled_output"]
        expected = oracle.softmax(pooled @ weights["classifier.weight"].T + weights["classifier.bias"])
        assert np.abs(found[row] - expected).max() < 1e-5
    table = task.predict_text(TEXTS)
    assert table.label.tolist() == [task.labels[place] for place in found.argmax(axis=1)]


def test_it_goes_on_learning_and_is_saved_in_our_own_format(tmp_path: Path) -> None:
    task = load_task(hf.write_classifier(tmp_path / "x", words=True))
    before = task.predict(TEXTS)
    save_task(task, tmp_path / "y")
    again = load_task(tmp_path / "y")
    np.testing.assert_allclose(again.predict(TEXTS), before, atol=1e-6)
    task.compile(run_eagerly=True)
    task.fit(TEXTS, ["red", "pink", "red"], verbose=0)
    assert np.abs(task.predict(TEXTS) - before).max() > 1e-6


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_other_kinds(problem: str, tmp_path: Path) -> None:
    weights = hf.tensors("ForSequenceClassification")
    if problem == "regression":
        weights |= {name: weights[name][:1] for name in ("classifier.weight", "classifier.bias")}
    labels = None if problem == "regression" else hf.LABELS
    task = load_task(hf.write(tmp_path, hf.CLASSIFIER | {"problem_type": problem, "id2label": labels}, weights, words=True))
    pooled = states_of(tmp_path, IDS[0])["pooled_output"]
    scores = pooled @ weights["classifier.weight"].T + weights["classifier.bias"]
    expected = scores if problem == "regression" else 1 / (1 + np.exp(-scores))
    assert np.abs(task.predict(TEXTS)[0] - expected).max() < 1e-5


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
def test_what_was_written_answers_the_same(family: str, kind: str, tmp_path: Path) -> None:
    encoder, (head,) = written(family, kind, tmp_path)
    tokenizer = Preprocessor(WordPieceTokenizer(hf.WORDS), max_length=19)
    ours = TextClassifier(encoder, tokenizer, LABELS[kind] or None, kind, transform=TRANSFORMS.get(family))
    ours.head.set_weights(head.get_weights())
    theirs = load_task(with_words(tmp_path))
    expected = ours.predict(TEXTS)
    if kind == "binary":
        expected = np.concatenate([1 - expected, expected], axis=1)
    assert np.abs(theirs.predict(TEXTS) - expected).max() < 1e-5
    assert theirs.transform == TRANSFORMS.get(family)
    assert theirs.encoder.config.dropout == CONFIGS[family].dropout
    if kind != "regression":
        assert theirs.predict_text(TEXTS).label.tolist() == ours.predict_text(TEXTS).label.tolist()


def masked_lm_scores(states: np.ndarray) -> np.ndarray:
    """The masked LM head of the hand-made BERT, in NumPy."""
    weights = hf.tensors("ForPreTraining")
    stem = "cls.predictions.transform"
    states = oracle.gelu(states @ weights[f"{stem}.dense.weight"].T + weights[f"{stem}.dense.bias"])
    states = oracle.normalise(states, 1e-12) * weights[f"{stem}.LayerNorm.weight"] + weights[f"{stem}.LayerNorm.bias"]
    return states @ weights["bert.embeddings.word_embeddings.weight"].T + weights["cls.predictions.bias"]


def test_a_language_model_of_the_original_pretraining(tmp_path: Path) -> None:
    task = load_task(folder_of("ForPreTraining", tmp_path / "x"))
    assert type(task) is MaskedLanguageModel
    assert task.next_sentence
    table = task.fill_mask(["w1 [MASK] w3"], top_k=31)
    scores = oracle.softmax(masked_lm_scores(states_of(tmp_path / "x", [2, 6, 4, 8, 3])["sequence_output"])[2])
    assert table.token.tolist() == [hf.WORDS[place] for place in np.argsort(-scores)]
    assert np.abs(table.score - np.sort(scores)[::-1]).max() < 1e-5

    (follows,) = task.predict_next_sentence([("w1 w2", "w3")])
    row = np.array([[2, 6, 7, 3, 8, 3]], "int32")
    hidden = task.encoder({"input_word_ids": row, "input_mask": row * 0 + 1, "input_type_ids": np.array([[0, 0, 0, 0, 1, 1]])})
    weights = hf.tensors("ForPreTraining")
    logits = numpy(hidden["pooled_output"])[0] @ weights["cls.seq_relationship.weight"].T + weights["cls.seq_relationship.bias"]
    assert follows == pytest.approx(oracle.softmax(logits)[0], abs=1e-5)


@pytest.mark.parametrize("head", ["Model", "ForQuestionAnswering", "ForTokenClassification", "ForNextSentencePrediction"])
def test_heads_without_a_task_are_named(head: str, tmp_path: Path) -> None:
    labels = {"id2label": hf.LABELS} if "Token" in head else {}
    folder = folder_of(head, tmp_path, **labels)
    names = {
        "Model": "an encoder alone",
        "ForQuestionAnswering": r"\['question_answering'\]",
        "ForTokenClassification": r"\['token_classification'\]",
        "ForNextSentencePrediction": r"\['next_sentence'\]",
    }
    with pytest.raises(FormatError, match=rf"must have a masked LM or a classification head. Received: {names[head]}"):
        load_task(folder)
    assert type(load_encoder(folder)) is Encoder


def test_settings_to_ignore(tmp_path: Path) -> None:
    hf.write_classifier(tmp_path, words=True, my_setting=3)
    with pytest.raises(FormatError, match="not known here"):
        load_task(tmp_path)
    for task in (
        load_task(tmp_path, ignore=["my_setting"]),
        TextClassifier.from_pretrained(tmp_path, ["a", "b"], ignore=["my_setting"]),
    ):
        assert task.encoder.config.hidden_size == hf.H


@pytest.mark.parametrize("more", [1, 7, 100, 5000, -31])
def test_a_vocabulary_of_another_size_is_refused(more: int, tmp_path: Path) -> None:
    folder = hf.write_classifier(tmp_path, words=True)
    words = [*hf.WORDS, *(f"more{place}" for place in range(more))][: hf.V + more]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    for load in (load_task, load_preprocessor, lambda source: TextClassifier.from_pretrained(source, ["a", "b"])):
        with pytest.raises(FormatError, match=r"token|vocabulary|empty"):
            load(folder)


def test_a_new_classifier_on_a_pretrained_encoder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = folder_of("Model", tmp_path)
    task = TextClassifier.from_pretrained(
        folder, ["no", "yes"], dropout=0.25, max_length=7, truncate="head_tail", name="mine", dtype="mixed_bfloat16"
    )
    assert (task.kind, task.labels, task.dropout, task.transform, task.name) == ("binary", ["no", "yes"], 0.25, None, "mine")
    assert (task.preprocessor.row_length, task.preprocessor.truncate) == (7, "head_tail")
    assert task.dtype_policy.name == task.encoder.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(task.encoder.embedding_table, hf.tensors()["embeddings.word_embeddings.weight"])
    assert caplog.records == []


def test_the_head_is_that_of_the_family(tmp_path: Path) -> None:
    written("distilbert", "encoder", tmp_path)
    task = TextClassifier.from_pretrained(with_words(tmp_path), ["no", "yes"])
    assert (task.transform, task.encoder.pooler) == ("relu", None)
    assert TextClassifier.from_pretrained(tmp_path, ["no", "yes"], pooling="mean").transform is None


def test_a_new_pooler_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = hf.tensors("ForMaskedLM", pooler=False)
    folder = hf.write(tmp_path, hf.BERT | {"architectures": ["BertForMaskedLM"]}, weights, words=True)
    task = TextClassifier.from_pretrained(folder, ["no", "yes"])
    assert task.encoder.pooler is not None
    assert "has no pooler: the encoder gets a new one, which is not trained yet" in caplog.text
    caplog.clear()
    assert TextClassifier.from_pretrained(folder, ["no", "yes"], pooling="mean").encoder.pooler is None
    assert caplog.records == []


def test_from_a_task_of_our_own(tmp_path: Path) -> None:
    first = load_task(hf.write_classifier(tmp_path / "x", words=True))
    save_task(first, tmp_path / "y")
    task = TextClassifier.from_pretrained(tmp_path / "y", ["no", "yes"], pooling="max")
    np.testing.assert_array_equal(task.encoder.embedding_table, first.encoder.embedding_table)
    assert (task.labels, task.pooling) == (["no", "yes"], "max")


def test_a_pooler_that_the_class_does_not_use_is_left_out(tmp_path: Path) -> None:
    """The file of roberta-large-mnli holds one."""
    encoder, (head,) = written("roberta", "multi_class", tmp_path)
    path = tmp_path / "model.safetensors"
    extra = {"roberta.pooler.dense.weight": np.ones((H, H), "float32"), "roberta.pooler.dense.bias": np.ones(H, "float32")}
    save_file(load_file(path) | extra, path)
    checkpoint = read_huggingface(tmp_path)
    assert checkpoint.config.pooler
    words = Preprocessor(WordPieceTokenizer(hf.WORDS), max_length=17)
    task = task_of(dataclasses.replace(checkpoint, preprocessor=lambda length: words))
    assert (task.encoder.pooler, task.transform) == (None, "tanh")
    inputs = rows("roberta")
    assert np.abs(numpy(task(inputs)) - numpy(head(encoder(inputs)))).max() < 1e-6
