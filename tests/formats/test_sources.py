"""What a user names -> what it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import FormatError, load_encoder, load_preprocessor, save_task
from keras_bert_lab.formats import Checkpoint, TaskFolder, open_source, sources
from keras_bert_lab.formats.manifest import MANIFEST, write_manifest
from tests.formats import huggingface_folders as hf
from tests.samples import randomise
from tests.tasks.small_tasks import TEXTS, WORDS, classifier, preprocessor

FIXTURES = {
    "huggingface/bert_pretraining": ("huggingface", 30),
    "huggingface/roberta": ("huggingface", 30),
    "tf1_bert": ("tf1", 30),
    "tfhub/bert_en_uncased_L-2_H-128_A-2": ("tfhub", 128),
}


@pytest.mark.parametrize("name", FIXTURES)
def test_other_peoples_folders(name: str, shared: Path) -> None:
    opened = open_source(shared / "fixtures" / name)
    assert isinstance(opened, Checkpoint)
    assert (opened.source, opened.config.hidden_size) == FIXTURES[name]
    assert open_source(str(shared / "fixtures" / name)).path == opened.path


def test_a_folder_of_our_own(tmp_path: Path) -> None:
    task = randomise(classifier())
    save_task(task, tmp_path / "x", about={"seed": 3})
    opened = open_source(tmp_path / "x")
    assert isinstance(opened, TaskFolder)
    assert (opened.path, opened.task, opened.about) == (tmp_path / "x", "TextClassifier", {"seed": 3})
    for one, other in zip(load_encoder(tmp_path / "x").get_weights(), task.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    words = load_preprocessor(tmp_path / "x", sequence_length=7)
    expected = preprocessor(sequence_length=7)(TEXTS)
    for key, values in words(TEXTS).items():
        np.testing.assert_array_equal(values, expected[key])


def test_presets_and_what_looks_like_one_go_to_kerashub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(sources, "read_kerashub", lambda *given: asked.append(given))
    monkeypatch.setitem(sources._READERS, "kerashub", lambda *given: asked.append(given))
    open_source("preset:bert_tiny_en_uncased", ["x"])
    (tmp_path / "config.json").write_text('{"class_name": "BertBackbone"}')
    open_source(tmp_path, ["y"])
    assert asked == [("preset:bert_tiny_en_uncased", ["x"]), (tmp_path, ["y"])]


def test_pooler_and_settings_to_ignore(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = hf.write(tmp_path, hf.BERT | {"my_setting": 3})
    with pytest.raises(FormatError, match="not known here"):
        load_encoder(folder)
    assert load_encoder(folder, ignore=["my_setting"]).pooler is not None
    assert load_encoder(folder, pooler=False, ignore=["my_setting"]).pooler is None
    assert caplog.records == []
    masked = hf.BERT | {"architectures": ["BertForMaskedLM"]}
    hf.write(tmp_path, masked, hf.tensors("ForMaskedLM", pooler=False))
    assert load_encoder(folder).pooler is None
    assert load_encoder(folder, pooler=True).pooler is not None
    assert "has no pooler" in caplog.text


def test_a_tokenizer_alone(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    words = load_preprocessor(tmp_path, 13)
    expected = preprocessor(sequence_length=13)(TEXTS)
    for key, values in words(TEXTS).items():
        np.testing.assert_array_equal(values, expected[key])


def test_preprocessors_of_tfhub_and_of_the_original_code(shared: Path) -> None:
    text = ["The quick brown fox."]
    hub = load_preprocessor(shared / "fixtures" / "tfhub" / "bert_en_uncased_preprocess", 11)(text)
    assert numpy_ids(hub)[:6] == [101, 1996, 4248, 2829, 4419, 1012]
    assert hub["input_word_ids"].shape == (1, 11)
    original = load_preprocessor(shared / "fixtures" / "tf1_bert", 7)(text)
    assert original["input_word_ids"].shape == (1, 7)


def numpy_ids(inputs: dict[str, Any]) -> list[int]:
    return np.asarray(inputs["input_word_ids"])[0].tolist()


def _files(*names: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("{}")

    return make


STRANGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (_files(), r"must hold one of .*config.json.*Received: a folder with \[\]"),
    "texts": (_files("a.txt", "b.csv"), r"Received: a folder with \['a.txt', 'b.csv'\]"),
    "half_of_ours": (_files("model.keras"), rf"is not complete: {MANIFEST} is missing"),
    "versions": (
        _files("1/saved_model.pb", "2/saved_model.pb"),
        r"holds SavedModels in \['1', '2'\]. Name one of these folders",
    ),
    "pickled_only": (_files("config.json", "pytorch_model.bin"), r"model_type in .*config.json must be one of"),
    "weights_only": (_files("model.safetensors"), r"Received: a folder with \['model.safetensors'\]"),
    "half_of_tf1": (_files("bert_config.json"), r"bert_config.json"),
    "exported": (_files("saved_model.pb", f"assets.extra/{MANIFEST}"), r"is an exported SavedModel.*Use load_exported"),
    "config_is_a_folder": (_files("config.json/x"), r"must be a file"),
    "config_is_a_pipe": (lambda folder: os.mkfifo(folder / "config.json"), r"must be a file"),
    "config_is_a_list": (lambda folder: (folder / "config.json").write_text("[]"), r"must hold a JSON object"),
    "layout": (lambda folder: write_manifest(folder, "onnx", None, {}), r"layout in .* must be one of .* Received: 'onnx'"),
    "own_encoder": (
        lambda folder: write_manifest(folder, "keras_bert_lab", None, {}),
        r"must be that of a task in our own format",
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_known_is_described(name: str, tmp_path: Path) -> None:
    make, message = STRANGE[name]
    make(tmp_path)
    for load in (open_source, load_encoder):
        with pytest.raises(FormatError, match=f"(?s){message}"):
            load(tmp_path)


@pytest.mark.parametrize("name", ["empty", "texts", "versions", "config_is_a_folder", "config_is_a_pipe"])
def test_preprocessors_of_what_is_not_known(name: str, tmp_path: Path) -> None:
    STRANGE[name][0](tmp_path)
    with pytest.raises(FormatError):
        load_preprocessor(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    for load in (open_source, load_encoder, load_preprocessor):
        with pytest.raises(FormatError, match=r"There is no folder .*nowhere"):
            load(tmp_path / "nowhere")
