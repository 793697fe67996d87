"""HubPreprocessor: what the original gives, in all the forms in which people hold texts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import DataError, HubPreprocessor
from keras_bert_lab.errors import FormatError
from tests.conftest import ROOT
from tests.small_hub_models import KEYS, write_encoder, write_preprocessor, write_tf1_encoder

PREPROCESSOR = "fixtures/tfhub/bert_en_uncased_preprocess"
LENGTH = 9
# "my dog is cute" and "he", by hand from TOKENS: [CLS] 2, [SEP] 3, [UNK] 1
IDS = [[2, 5, 6, 7, 8, 3, 0, 0, 0], [2, 9, 3, 0, 0, 0, 0, 0, 0]]
TEXTS = ["my dog is cute", "He"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_preprocessor(tmp_path_factory.mktemp("hub") / "preprocessor", LENGTH)


@pytest.fixture(scope="module")
def layer(folder: Path) -> HubPreprocessor:
    return HubPreprocessor(folder)


def test_outputs_are_those_of_the_fixture(shared: Path) -> None:
    expected = np.load(shared / "fixtures/tfhub/expected.npz")
    preprocessor = HubPreprocessor(shared / PREPROCESSOR)
    outputs = preprocessor(expected["texts"])
    assert set(outputs) == set(KEYS)
    for key in KEYS:
        assert outputs[key].dtype == tf.int32
        np.testing.assert_array_equal(outputs[key], expected[key])
    assert preprocessor.special_tokens == {
        "vocab_size": 30522, "padding_id": 0, "start_of_sequence_id": 101, "end_of_segment_id": 102, "mask_id": 103,
    }  # fmt: skip
    assert preprocessor((["a"], ["b"]))["input_word_ids"].shape == (1, 128)
    assert preprocessor.tokenize(["unaffable"]).shape.rank == 3  # words, pieces


def test_pairs_and_another_length_of_the_fixture(shared: Path) -> None:
    preprocessor = HubPreprocessor(shared / PREPROCESSOR, sequence_length=12)
    outputs = preprocessor((["my dog is cute"], ["he likes playing a lot with me"]))
    # [CLS] my dog is cute [SEP] he likes playing a lot [SEP]: a token in turn, 9 of them
    row = [101, 2026, 3899, 2003, 10140, 102, 2002, 7777, 2652, 1037, 2843, 102]
    assert outputs["input_word_ids"].numpy().tolist() == [row]
    assert outputs["input_type_ids"].numpy().tolist() == [[0] * 6 + [1] * 6]
    expected = np.load(shared / "fixtures/tfhub/expected.npz")
    cut = [0, 0, 0, 0]
    for place, row in enumerate(preprocessor(expected["texts"])["input_word_ids"].numpy().tolist()):
        real = [value for value in expected["input_word_ids"][place].tolist() if value]
        cut[place] = len(real) > 12
        assert row == ([*real[:11], 102] if len(real) > 12 else [*real, *[0] * (12 - len(real))])
    assert 0 < sum(cut) < 4


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS),
        tf.constant(TEXTS),
        tf.constant(TEXTS)[:, None],
    ],
    ids=["list", "unicode", "objects", "series", "tensor", "column"],
)
def test_texts_in_all_forms(layer: HubPreprocessor, texts: object) -> None:
    outputs = layer(texts)
    assert outputs["input_word_ids"].numpy().tolist() == IDS
    assert outputs["input_mask"].numpy().tolist() == [[int(value > 0) for value in row] for row in IDS]
    assert not outputs["input_type_ids"].numpy().any()
    assert all(value.dtype == tf.int32 and value.shape == (2, LENGTH) for value in outputs.values())


def test_one_text_and_none(layer: HubPreprocessor) -> None:
    assert layer("my dog")["input_word_ids"].numpy().tolist() == [[2, 5, 6, 3, 0, 0, 0, 0, 0]]
    assert layer(tf.constant([], tf.string))["input_mask"].shape == (0, LENGTH)


@pytest.mark.parametrize(
    "pairs",
    [
        (["my dog", "he"], ["is cute", "likes"]),
        [["my dog", "he"], ["is cute", "likes"]],
        [("my dog", "is cute"), ("he", "likes")],
        (pd.Series(["my dog", "he"]), np.array(["is cute", "likes"])),
    ],
    ids=["columns", "list of columns", "list of pairs", "mixed"],
)
def test_pairs_in_all_forms(layer: HubPreprocessor, pairs: object) -> None:
    outputs = layer(pairs)
    assert outputs["input_word_ids"].numpy().tolist() == [[2, 5, 6, 3, 7, 8, 3, 0, 0], [2, 9, 3, 10, 3, 0, 0, 0, 0]]
    assert outputs["input_type_ids"].numpy().tolist() == [[0, 0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0, 0, 0, 0]]


def test_another_length(folder: Path) -> None:
    layer = HubPreprocessor(folder, sequence_length=5, name="short")
    assert layer.row_length == 5
    assert layer(TEXTS)["input_word_ids"].numpy().tolist() == [[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]]
    assert layer((["my dog is"], ["he likes"]))["input_word_ids"].numpy().tolist() == [[2, 5, 3, 9, 3]]


def test_tokens(layer: HubPreprocessor) -> None:
    assert layer.tokenize(TEXTS).to_list() == [[5, 6, 7, 8], [9]]
    assert layer.special_tokens["mask_id"] == 4
    with pytest.raises(ValueError, match="tokenize takes one column of texts. Received: pairs"):
        layer.tokenize((["a"], ["b"]))


@pytest.mark.parametrize(("length", "expected"), [(None, LENGTH), (5, 5)])
def test_symbolic_inputs(folder: Path, length: int | None, expected: int) -> None:
    layer = HubPreprocessor(folder, sequence_length=length)
    text, other = keras.Input((), dtype="string", name="text"), keras.Input((), dtype="string", name="other")
    for inputs in (text, [text, other], (text, other)):
        outputs = layer(inputs)
        assert {key: (tensor.shape, tensor.dtype) for key, tensor in outputs.items()} == dict.fromkeys(
            KEYS, ((None, expected), "int32")
        )
    model = keras.Model([text, other], layer([text, other]))
    found = model.predict([tf.constant(["my dog"]), tf.constant(["he"])], verbose=0)
    assert found["input_word_ids"].tolist() == [[2, 5, 6, 3, 9, 3, 0, 0, 0][:expected] if length is None else [2, 5, 3, 9, 3]]


def test_files_hold_all_that_is_needed(folder: Path, tmp_path: Path) -> None:
    """Also the vocabulary, which an older SavedModel reads from a file."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    text = keras.Input((), dtype="string", name="text")
    model = keras.Model(text, HubPreprocessor(copy, sequence_length=7, name="words")(text))
    shutil.rmtree(copy)
    model.save(tmp_path / "model.keras")
    script = (
        "import keras, keras_bert_lab, tensorflow as tf\n"
        f"model = keras.saving.load_model({str(tmp_path / 'model.keras')!r}, safe_mode=True)\n"
        "print(model(tf.constant(['my dog is cute', 'he']))['input_word_ids'].numpy().tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == str([row[:7] for row in IDS])


def test_config_survives(folder: Path) -> None:
    layer = HubPreprocessor(folder, sequence_length=6, name="words")
    copy = HubPreprocessor.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.name, copy.sequence_length, copy.handle) == ("words", 6, str(folder))
    np.testing.assert_array_equal(copy(TEXTS)["input_word_ids"], layer(TEXTS)["input_word_ids"])


def test_no_weights_and_no_xla(layer: HubPreprocessor) -> None:
    assert layer.weights == []
    assert layer.supports_jit is False


def test_texts_that_are_none_are_refused(layer: HubPreprocessor) -> None:
    with pytest.raises(DataError, match="row 1: None"):
        layer(["my dog", None])
    with pytest.raises(ValueError, match="Both texts of a pair"):
        layer((["a", "b"], ["c"]))


@pytest.mark.parametrize("length", [3, 0, -1, 4.5, "8"])
def test_wrong_lengths_are_refused(folder: Path, length: object) -> None:
    with pytest.raises(ValueError, match=f"an integer of at least 4.*Received: sequence_length={length!r}"):
        HubPreprocessor(folder, sequence_length=length)


def test_a_preprocessor_of_single_texts_alone(tmp_path: Path) -> None:
    folder = write_preprocessor(tmp_path / "simple", LENGTH, parts=False)
    layer = HubPreprocessor(folder)
    assert layer(TEXTS)["input_word_ids"].numpy().tolist() == IDS
    for ask, missing in (
        (lambda: layer((["a"], ["b"])), "no tokenize and no bert_pack_inputs"),
        (lambda: HubPreprocessor(folder, sequence_length=6), "no tokenize and no bert_pack_inputs"),
        (lambda: layer.tokenize(["a"]), "no tokenize, "),
        (lambda: layer.special_tokens, "no tokenize, "),
    ):
        with pytest.raises(FormatError, match=f"simple has {missing}.*its own length of {9}"):
            ask()


def test_other_models_are_refused(tmp_path: Path) -> None:
    for write in (write_encoder, write_tf1_encoder):
        with pytest.raises(FormatError, match="is no preprocessor: it cannot be called on texts.*use HubEncoder"):
            HubPreprocessor(write(tmp_path / write.__name__))
    module = tf.Module()
    module.__call__ = tf.function(tf.strings.length, input_signature=[tf.TensorSpec((None,), tf.string)])
    tf.saved_model.save(module, str(tmp_path / "lengths"))
    with pytest.raises(FormatError, match=r"lengths is no preprocessor of BERT: it gives TensorSpec.*not \['input_word_ids'"):
        HubPreprocessor(tmp_path / "lengths")


def test_without_the_special_tokens(tmp_path: Path) -> None:
    root = tf.train.Checkpoint()
    signature = [tf.TensorSpec((None,), tf.string)]
    root.tokenize = tf.train.Checkpoint()
    root.tokenize.__call__ = tf.function(tf.strings.length, input_signature=signature)
    root.__call__ = tf.function(lambda texts: {key: tf.zeros((1, 4), tf.int32) for key in KEYS}, input_signature=signature)
    tf.saved_model.save(root, str(tmp_path / "model"))
    with pytest.raises(FormatError, match="does not say which its special tokens are"):
        HubPreprocessor(tmp_path / "model").special_tokens  # noqa: B018
