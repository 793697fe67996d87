"""`from keras_bert_lab import hub`: the code of tutorials runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab import HubEncoder, HubPreprocessor, hub
from keras_bert_lab.errors import FormatError
from tests.small_hub_models import write_encoder, write_preprocessor, write_tf1_encoder

X = ["my dog is cute", "he likes !", "play", "is he my dog", "cute cute"]
Y = np.array([1, 0, 0, 1, 1])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("hub")
    return write_preprocessor(folder / "preprocessor"), write_encoder(folder / "encoder")


def tutorial(preprocess_handle: str, encoder_handle: str, X: Any, y: Any, epochs: int) -> keras.Model:
    # The listing of many tutorials, with one import changed.
    bert_preprocess = hub.KerasLayer(preprocess_handle)
    bert_encoder = hub.KerasLayer(encoder_handle, trainable=True)
    text_input = tf.keras.layers.Input(shape=(), dtype=tf.string, name="text")
    preprocessed_text = bert_preprocess(text_input)
    outputs = bert_encoder(preprocessed_text)
    l = tf.keras.layers.Dropout(0.1, name="dropout")(outputs["pooled_output"])  # noqa: E741
    l = tf.keras.layers.Dense(1, activation="sigmoid", name="output")(l)  # noqa: E741
    model = tf.keras.Model(inputs=[text_input], outputs=[l])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(kbl.as_text_tensor(X), y, epochs=epochs, verbose=0)
    return model


def test_the_tutorial_runs_on_the_fixture(shared: Path) -> None:
    fixtures = shared / "fixtures/tfhub"
    model = tutorial(
        str(fixtures / "bert_en_uncased_preprocess"), str(fixtures / "bert_en_uncased_L-2_H-128_A-2"), X, Y, epochs=1
    )
    assert len(model.trainable_variables) == 39 + 2
    assert model.predict(kbl.as_text_tensor(X), verbose=0).shape == (5, 1)


def test_the_tutorial_is_exported(folders: tuple[Path, Path], tmp_path: Path) -> None:
    model = tutorial(*map(str, folders), X, Y, epochs=2)
    answers = model.predict(kbl.as_text_tensor(X), verbose=0)[:, 0]
    folder = kbl.export_saved_model(model, tmp_path / "exported")
    np.testing.assert_allclose(kbl.load_exported(folder)(X)["output"][:, 0], answers, atol=1e-5)
    # Behind the preprocessor it takes ids; the export has run that in a process without tensorflow-text.
    serve = tf.saved_model.load(str(tmp_path / "exported-tokens" / "1")).signatures["serving_default"]
    ids = tf.constant([[2, 5, 6, 7, 8, 3, 0, 0, 0]])
    answer = serve(input_word_ids=ids, input_mask=tf.cast(ids > 0, tf.int32), input_type_ids=ids * 0)["output"]
    assert float(answer[0, 0]) == pytest.approx(float(answers[0]), abs=1e-5)


@pytest.mark.slow
def test_a_model_of_pairs_is_exported(folders: tuple[Path, Path], tmp_path: Path) -> None:
    texts = [keras.Input((), dtype="string", name=name) for name in ("first", "second")]
    hidden = hub.KerasLayer(folders[1])(hub.KerasLayer(folders[0], arguments={"seq_length": 7})(texts))
    model = keras.Model(texts, keras.layers.Dense(1, name="score")(hidden["pooled_output"]))
    columns = (["my dog", "he"], ["is cute", "likes"])
    found = kbl.load_exported(kbl.export_saved_model(model, tmp_path / "pairs"))(columns)["score"]
    np.testing.assert_allclose(found, model([kbl.as_text_tensor(column) for column in columns]), atol=1e-5)


def test_the_fitting_layer_is_made(folders: tuple[Path, Path], tmp_path: Path) -> None:
    preprocessor = hub.KerasLayer(str(folders[0]), name="words", dtype=tf.string)
    assert isinstance(preprocessor, HubPreprocessor)
    assert (preprocessor.name, preprocessor.sequence_length) == ("words", None)
    assert hub.KerasLayer(folders[0], arguments={"seq_length": np.int64(6)}).sequence_length == 6
    encoder = hub.KerasLayer(folders[1], trainable=True, name="bert", dtype="mixed_bfloat16")
    assert isinstance(encoder, HubEncoder)
    assert (encoder.name, encoder.trainable, encoder.dtype_policy.name) == ("bert", True, "mixed_bfloat16")
    assert hub.KerasLayer(folders[1]).trainable is False
    assert isinstance(hub.KerasLayer(write_tf1_encoder(tmp_path / "tf1")), HubEncoder)


def test_arguments_that_mean_nothing_may_be_none(folders: tuple[Path, Path]) -> None:
    assert isinstance(hub.KerasLayer(folders[1], False, None, signature=None, output_key=None, tags=None), HubEncoder)


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("signature", "tokens", "finds the right function by itself"),
        ("signature_outputs_as_dict", True, "always are a dict"),
        ("output_key", "pooled_output", r'outputs\["pooled_output"\]'),
        ("output_shape", [128], "follow from the model"),
        ("tags", {"train"}, "finds the right graph"),
        ("load_options", object(), "in whose scope the layer is made"),
        ("input_shape", [], r'keras.Input\(\(\), dtype="string"\)'),
        ("batch_input_shape", [None], r'keras.Input\(\(\), dtype="string"\)'),
    ],
)
def test_arguments_that_cannot_be_honoured_are_refused(folders: tuple[Path, Path], name: str, value: Any, cure: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be set here.*{cure}.*Leave it out"):
        hub.KerasLayer(folders[1], **{name: value})


def test_wrong_arguments_are_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match=r"may hold \{'seq_length': S\} for this model. Received: arguments=\{'a': 1\}"):
        hub.KerasLayer(folders[0], arguments={"a": 1})
    with pytest.raises(ValueError, match="arguments may hold nothing for this model. Received: arguments={'seq_length': 8}"):
        hub.KerasLayer(folders[1], arguments={"seq_length": 8})
    with pytest.raises(TypeError, match="handle must be the folder or address of a model. Received: an opened model"):
        hub.KerasLayer(tf.saved_model.load(str(folders[0])).bert_pack_inputs)
    with pytest.raises(FormatError, match="There is no folder"):
        hub.KerasLayer(folders[0].parent / "nothing")
