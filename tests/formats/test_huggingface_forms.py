"""The forms that checkpoints of different years and libraries have: the same numbers must come out of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from keras_bert_lab import FormatError
from keras_bert_lab.formats.encoder_weights import encoder_slots
from keras_bert_lab.formats.huggingface import read_huggingface
from tests.formats import huggingface_folders as hf

MASKED = hf.BERT | {"architectures": ["BertForMaskedLM"]}
DECODER = "cls.predictions.decoder"
WORDS = "bert.embeddings.word_embeddings.weight"


def loaded(folder: Path) -> dict[str, np.ndarray]:
    return {name: slot.read() for name, slot in encoder_slots(read_huggingface(folder).encoder()).items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return loaded(hf.write(tmp_path_factory.mktemp("plain")))


def test_each_tensor_arrives_at_its_place(plain: dict[str, np.ndarray]) -> None:
    theirs = hf.tensors()
    np.testing.assert_array_equal(plain["token.table"], theirs["embeddings.word_embeddings.weight"])
    np.testing.assert_array_equal(plain["segment.table"], theirs["embeddings.token_type_embeddings.weight"])
    np.testing.assert_array_equal(plain["block.1.value.kernel"], theirs["encoder.layer.1.attention.self.value.weight"].T)
    np.testing.assert_array_equal(plain["block.1.key.bias"], theirs["encoder.layer.1.attention.self.key.bias"])
    np.testing.assert_array_equal(plain["block.0.intermediate.kernel"], theirs["encoder.layer.0.intermediate.dense.weight"].T)
    np.testing.assert_array_equal(plain["block.0.output_norm.gamma"], theirs["encoder.layer.0.output.LayerNorm.weight"])
    np.testing.assert_array_equal(plain["pooler.kernel"], theirs["pooler.dense.weight"].T)
    assert len(plain) == len(theirs)


def _old_name(name: str) -> str:
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


FORMS: dict[str, Any] = {
    "prefix": lambda weights: {f"bert.{name}": values for name, values in weights.items()},
    "old_names": lambda weights: {_old_name(name): values for name, values in weights.items()},
    "position_ids": lambda weights: weights | {"embeddings.position_ids": np.arange(19)[None]},
    "prefixed_position_ids": lambda weights: (
        {f"bert.{name}": values for name, values in weights.items()} | {"bert.embeddings.position_ids": np.arange(19)[None]}
    ),
    "position_ids_as_numbers": lambda weights: weights | {"embeddings.position_ids": np.arange(19.0)[None]},
    "float64": lambda weights: {name: values.astype("float64") for name, values in weights.items()},
    "other_order": lambda weights: dict(reversed(weights.items())),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_encoder(form: str, plain: dict[str, np.ndarray], tmp_path: Path) -> None:
    same(loaded(hf.write(tmp_path, None, FORMS[form](hf.tensors()))), plain)


def test_several_files(plain: dict[str, np.ndarray], tmp_path: Path) -> None:
    hf.shard(hf.write(tmp_path))
    assert len(list(tmp_path.glob("model-*.safetensors"))) == 3
    same(loaded(tmp_path), plain)


def test_links_to_files_elsewhere(plain: dict[str, np.ndarray], tmp_path: Path) -> None:
    """As in the cache of huggingface_hub."""
    elsewhere = hf.write(tmp_path / "blobs")
    (tmp_path / "snapshot").mkdir()
    for name in ("config.json", "model.safetensors"):
        (elsewhere / name).rename(elsewhere / f"{name}-1")
        (tmp_path / "snapshot" / name).symlink_to(Path("..", "blobs", f"{name}-1"))
    same(loaded(tmp_path / "snapshot"), plain)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_becomes_float32_exactly(kind: str, tmp_path: Path) -> None:
    dtype = np.float16 if kind == "float16" else ml_dtypes.bfloat16
    halves = {name: values.astype(dtype) for name, values in hf.tensors().items()}
    found = loaded(hf.write(tmp_path, hf.BERT | {"torch_dtype": kind}, halves))
    same(found, loaded(hf.write(tmp_path / "x", None, {name: values.astype("float32") for name, values in halves.items()})))
    assert found["token.table"].dtype == np.float32
    assert np.abs(found["token.table"] - hf.tensors()["embeddings.word_embeddings.weight"]).max() > 1e-6


HEADS: dict[str, list[str]] = {
    "Model": [],
    "ForMaskedLM": ["masked_lm"],
    "ForPreTraining": ["masked_lm", "next_sentence"],
    "ForNextSentencePrediction": ["next_sentence"],
    "ForQuestionAnswering": ["question_answering"],
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_the_class_follows_from_the_weights_where_it_is_not_named(head: str, named: bool, tmp_path: Path) -> None:
    config = hf.BERT | {"architectures": [f"Bert{head}"] if named else None}
    checkpoint = read_huggingface(hf.write(tmp_path, config, hf.tensors(head)))
    assert [each.table.task for each in checkpoint.heads] == HEADS[head]
    assert checkpoint.head("next_sentence") in (None, checkpoint.heads[-1:] and checkpoint.heads[-1])
    assert checkpoint.config.pooler


@pytest.mark.parametrize("named", ["ForMaskedLM", "ForNextSentencePrediction", "Model"])
def test_files_of_pretraining_may_name_one_of_their_heads(named: str, tmp_path: Path) -> None:
    """The file of bert-base-uncased names BertForMaskedLM and holds both heads and the pooler."""
    checkpoint = read_huggingface(
        hf.write(tmp_path, hf.BERT | {"architectures": [f"Bert{named}"]}, hf.tensors("ForPreTraining"))
    )
    assert [each.table.task for each in checkpoint.heads] == ["masked_lm", "next_sentence"]


def test_a_pooler_in_a_file_of_a_masked_language_model_is_kept(tmp_path: Path) -> None:
    assert read_huggingface(hf.write(tmp_path, MASKED, hf.tensors("ForMaskedLM"))).config.pooler
    assert not read_huggingface(hf.write(tmp_path, MASKED, hf.tensors("ForMaskedLM", pooler=False))).config.pooler


COPIES: dict[str, dict[str, Any]] = {
    "none": {},
    "weight": {f"{DECODER}.weight": WORDS},
    "bias": {f"{DECODER}.bias": "cls.predictions.bias"},
    "both": {f"{DECODER}.weight": WORDS, f"{DECODER}.bias": "cls.predictions.bias"},
}


@pytest.mark.parametrize("copies", COPIES)
def test_copies_of_tied_weights(copies: str, tmp_path: Path) -> None:
    weights = hf.tensors("ForMaskedLM", pooler=False)
    whole = weights | {name: weights[original].copy() for name, original in COPIES[copies].items()}
    assert read_huggingface(hf.write(tmp_path, MASKED, whole)).head("masked_lm") is not None
    for name in COPIES[copies]:
        other = whole | {name: whole[name] + np.float32(0.001)}
        with pytest.raises(FormatError, match=rf"{name} in .* must be equal to .*Received: other numbers"):
            read_huggingface(hf.write(tmp_path, MASKED, other))


def test_weights_that_are_not_tied_but_equal(tmp_path: Path) -> None:
    weights, config = hf.tensors("ForMaskedLM", pooler=False), MASKED | {"tie_word_embeddings": False}
    assert read_huggingface(hf.write(tmp_path, config, weights | {f"{DECODER}.weight": weights[WORDS]})).heads
    with pytest.raises(FormatError, match=r"must hold cls.predictions.decoder.weight, as tie_word_embeddings is false"):
        read_huggingface(hf.write(tmp_path, config, weights))
    assert read_huggingface(hf.write(tmp_path, hf.BERT | {"tie_word_embeddings": False}, hf.tensors())).heads == ()


KINDS = {
    (5, None): ("multi_class", tuple(hf.LABELS.values())),
    (5, "single_label_classification"): ("multi_class", tuple(hf.LABELS.values())),
    (5, "multi_label_classification"): ("multi_label", tuple(hf.LABELS.values())),
    (1, None): ("regression", ()),
    (1, "regression"): ("regression", ()),
    (1, "multi_label_classification"): ("multi_label", ("LABEL_0",)),
    (3, None): ("multi_class", ("LABEL_0", "LABEL_1", "LABEL_2")),
}


@pytest.mark.parametrize(("count", "problem"), KINDS)
def test_kinds_and_labels(count: int, problem: str | None, tmp_path: Path) -> None:
    weights = hf.tensors("ForSequenceClassification")
    weights = weights | {name: weights[name][:count] for name in ("classifier.weight", "classifier.bias")}
    config = hf.CLASSIFIER | {"problem_type": problem, "classifier_dropout": 0.25}
    if count != hf.C:
        del config["id2label"]
    (head,) = read_huggingface(hf.write(tmp_path, config, weights)).heads
    assert (head.kind, head.labels) == KINDS[count, problem]
    assert head.dropout == 0.25


def test_dropout_of_the_head_follows_the_encoder_where_it_is_not_said(tmp_path: Path) -> None:
    (head,) = read_huggingface(hf.write_classifier(tmp_path, hidden_dropout_prob=0.375)).heads
    assert head.dropout == 0.375
    (head,) = read_huggingface(hf.write_classifier(tmp_path, classifier_dropout=0)).heads
    assert head.dropout == 0.0


def test_the_table_of_tasks_is_added_by_hand_too(plain: dict[str, np.ndarray], tmp_path: Path) -> None:
    """ERNIE adds the row of its task, 0, to the states of every token; so does a segment table with this row added."""
    config = hf.BERT | {"model_type": "ernie", "architectures": ["ErnieModel"], "use_task_id": True, "task_type_vocab_size": 3}
    tasks = np.random.default_rng(1).normal(size=(3, hf.H)).astype("float32")
    found = loaded(hf.write(tmp_path, config, hf.tensors() | {"embeddings.task_type_embeddings.weight": tasks}))
    np.testing.assert_array_equal(found.pop("segment.table"), plain["segment.table"] + tasks[0])
    same(found, {name: values for name, values in plain.items() if name != "segment.table"})


def test_settings_to_ignore_reach_the_reader(tmp_path: Path) -> None:
    hf.write(tmp_path, hf.BERT | {"my_setting": 3})
    with pytest.raises(FormatError, match=r"not known here: \['my_setting'\]"):
        read_huggingface(tmp_path)
    assert read_huggingface(tmp_path, ignore=["my_setting"]).config.hidden_size == hf.H


def test_a_file_is_read_only_when_it_is_asked_for(tmp_path: Path) -> None:
    """Looking at a checkpoint reads no weights: numbers that are not finite are found when the encoder is made."""
    weights = hf.tensors()
    weights["pooler.dense.bias"][3] = np.nan
    checkpoint = read_huggingface(hf.write(tmp_path, None, weights))
    with pytest.raises(FormatError, match=r"finite numbers. Received: 1 that are not, in \['pooler.bias'\]"):
        checkpoint.encoder()
