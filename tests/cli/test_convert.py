"""`convert` and `inspect`, and the other commands on models of other formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import load_encoder, load_preprocessor, load_task, save_task
from keras_bert_lab.cli import main
from tests.cli.small_runs import FIT, SHORT, contents, corpus, table
from tests.cli.test_use import refused, run
from tests.tasks.small_tasks import TEXTS, WORDS


@pytest.fixture(scope="module")
def other_bert(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small masked language model as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("others") / "bert"
    assert main(["convert", str(bert), str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def other_judge(judge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small classifier as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("others") / "judge"
    assert main(["convert", str(judge), str(folder)]) == 0
    return folder


def test_a_classifier_gives_the_same_answers(judge: Path, other_judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads((other_judge / "config.json").read_text())["architectures"] == ["BertForSequenceClassification"]
    ours, theirs = (run(capsys, "predict", folder, *TEXTS)["predictions"] for folder in (judge, other_judge))
    assert [each["label"] for each in ours] == [each["label"] for each in theirs]
    assert np.allclose([each["score"] for each in ours], [each["score"] for each in theirs], atol=1e-6)


def test_a_masked_language_model_fills_the_same_gaps(bert: Path, other_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = (run(capsys, "fill-mask", folder, "the [MASK] was good")["candidates"] for folder in (bert, other_bert))
    assert [each["token"] for each in ours] == [each["token"] for each in theirs]
    assert np.allclose([each["score"] for each in ours], [each["score"] for each in theirs], atol=1e-6)


def test_and_back_again(here: Path, judge: Path, other_judge: Path) -> None:
    assert main(["convert", str(other_judge), "back", "--format", "keras_bert_lab"]) == 0
    again, first = load_task("back"), load_task(judge)
    assert again.labels == first.labels
    assert all(map(np.array_equal, again.encoder.get_weights(), first.encoder.get_weights()))


def test_an_encoder_alone_as_a_hub_pair(here: Path, judge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "convert", judge, "pair", "--format", "tfhub", "--encoder_only") == {
        "output": "pair",
        "format": "tfhub",
        "dtype": "float32",
        "model": "Encoder",
    }
    first = load_task(judge)
    inputs = load_preprocessor("pair/preprocessor", sequence_length=13)(TEXTS)
    opened = load_encoder("pair/encoder")(inputs)
    assert np.abs(opened["pooled_output"] - first.encoder(inputs)["pooled_output"]).max() < 1e-5


def test_half_precision(here: Path, bert: Path, other_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "convert", bert, "half", "--dtype", "float16")["dtype"] == "float16"
    assert json.loads(Path("half", "config.json").read_text())["dtype"] == "float16"
    for one, other in zip(load_encoder("half").get_weights(), load_encoder(other_bert).get_weights(), strict=True):
        assert np.array_equal(one, other.astype("float16").astype("float32"))
    assert run(capsys, "convert", bert, "alone", "--dtype", "bfloat16", "--encoder_only")["model"] == "Encoder"
    before = contents(here)
    for wrong in ("tfhub", "keras_bert_lab"):
        shown = refused(capsys, "convert", bert, "x", "--dtype", "float16", "--format", wrong)
        assert f"dtype must be 'float32' for format={wrong!r}. Received: dtype='float16'" in shown
    assert contents(here) == before


def test_a_model_of_ours_learns_fast_in_any_format(here: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its folder tells that this package trained it, and did not only write it."""
    save_task(load_task(bert), "ours", about={"command": "pretrain"}, format="huggingface", dtype="float16")
    arguments = ["train", table(here / "t.csv"), "--encoder", "ours", "--output", "a", *FIT]
    assert run(capsys, *arguments)["learning_rate"] == 5e-4
    figures = run(capsys, "pretrain", corpus(here / "c.txt"), "--start", "ours", "--output", "c", *SHORT)
    assert figures["learning_rate"] == 1e-3


def test_training_from_it_and_pretraining_on(
    here: Path, bert: Path, other_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = table(here / "t.csv")
    arguments = ["train", data, "--encoder", other_bert, "--output", "a", *FIT, "--trainable", "last 1"]
    figures = run(capsys, *arguments)
    assert figures["learning_rate"] == 5e-5  # an encoder of other people's
    assert load_task("a").labels == ["neg", "pos"]
    before, after = load_task(bert).encoder, load_task("a").encoder
    assert np.array_equal(before.embedding_table, after.embedding_table)
    assert not np.array_equal(before.blocks[0].attention.qkv.kernel, after.blocks[0].attention.qkv.kernel)
    assert run(capsys, "train", data, "--encoder", bert, "--output", "b", *FIT)["learning_rate"] == 5e-4
    figures = run(capsys, "pretrain", corpus(here / "c.txt"), "--start", other_bert, "--output", "c", *SHORT)
    assert figures["learning_rate"] == 5e-5
    assert load_task("c").encoder.config.vocab_size == before.config.vocab_size


def told(capsys: pytest.CaptureFixture[str], source: Any) -> tuple[dict[str, Any], str]:
    figures = run(capsys, "inspect", source)
    assert main(["inspect", str(source)]) == 0
    return figures, capsys.readouterr().out


def test_inspect_knows_the_sample_encoder(capsys: pytest.CaptureFixture[str]) -> None:
    figures, printed = told(capsys, "sample:encoder")
    assert (figures["heads"], figures["missing"], figures["config"]["hidden_size"]) == (["masked_lm"], ["pooler"], 256)
    assert printed.startswith("sample:encoder is a Hugging Face checkpoint of the family bert.\n")


def test_inspect_tells_what_it_is(judge: Path, other_judge: Path, other_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, printed = told(capsys, other_judge)
    encoder = load_task(judge).encoder
    assert figures["kind"] == "a Hugging Face checkpoint of the family bert"
    assert figures["encoder_weights"] == encoder.count_params()
    assert figures["config"] == encoder.config.to_dict()
    assert (figures["heads"], figures["labels"], figures["missing"]) == (["classification"], ["neg", "pos"], [])
    assert figures["tokenizer"] == {"kind": "WordPieceTokenizer", "tokens": 23, "lowercase": True, "longest_text": 19}
    assert f"{encoder.count_params():,} weights" in printed
    assert "labels ['neg', 'pos']" in printed

    figures, printed = told(capsys, other_bert)
    assert (figures["heads"], figures["missing"]) == (["masked_lm"], ["pooler"])
    assert "missing    pooler" in printed

    figures, _ = told(capsys, judge)
    assert figures["kind"] == "a TextClassifier of this package"
    assert figures["heads"] == ["ClassificationHead"]


def test_what_cannot_be_converted_is_refused(
    here: Path, judge: Path, other_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(judge), "encoder", "--encoder_only"]) == 0
    assert "Our own format holds models with a head" in refused(capsys, "convert", "encoder", "x", "--format", "keras_bert_lab")
    before = contents(here)
    assert f"output is there already: {here / 'encoder'}" in refused(capsys, "convert", judge, "encoder")
    assert contents(here) == before
    assert "There is no folder" in refused(capsys, "convert", "nothing", "x")
    assert "There is no folder" in refused(capsys, "inspect", "nothing")
    assert "A TextClassifier was expected" in refused(capsys, "predict", other_bert, "good")
    assert "A MaskedLanguageModel was expected" in refused(capsys, "fill-mask", judge, "a [MASK]")
    assert "an encoder alone" in refused(capsys, "export", "encoder", "x")
    assert contents(here) == before


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("tf1_bert", "a checkpoint of the original BERT code of the family bert"),
        ("tfhub/bert_en_uncased_L-2_H-128_A-2", "a TF-Hub encoder of the family bert"),
    ],
)
def test_train_takes_encoders_of_other_libraries(
    place: str, kind: str, here: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "fixtures" / place
    assert run(capsys, "inspect", source)["kind"] == kind
    arguments = ["--encoder", source, "--output", "a", *FIT, "--trainable", "none", "--max_length", "13"]
    figures = run(capsys, "train", table(here / "t.csv"), *arguments)
    assert figures["labels"] == ["neg", "pos"]
    model = load_task("a")
    assert all(map(np.array_equal, model.encoder.get_weights(), load_encoder(source).get_weights()))
    assert model.preprocessor.row_length == 13


def test_train_takes_a_preset_of_kerashub(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = pytest.importorskip("keras_nlp.models")
    words = [*WORDS, *(f"word{number}" for number in range(7))]
    backbone = models.BertBackbone(
        vocabulary_size=len(words), num_layers=1, num_heads=3, hidden_dim=15, intermediate_dim=7, max_sequence_length=17
    )
    backbone.save_to_preset("preset")
    models.BertTokenizer(words, lowercase=True).save_to_preset("preset")
    assert run(capsys, "inspect", "preset")["kind"] == "a KerasHub preset of the family bert"
    arguments = ["--encoder", "preset", "--output", "a", *FIT, "--trainable", "none"]
    assert run(capsys, "train", table(here / "t.csv"), *arguments)["labels"] == ["neg", "pos"]
    assert all(map(np.array_equal, load_task("a").encoder.get_weights(), load_encoder("preset").get_weights()))
