"""TF-Hub encoders and preprocessors: equal to the originals, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_bert_lab.contract import INPUT_KEYS
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats import tfhub_writer
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.saved_model_graph import SavedModelGraph
from keras_bert_lab.formats.tfhub import read_tfhub, read_tfhub_preprocessor
from keras_bert_lab.formats.tfhub_graph import HubGraph
from keras_bert_lab.formats.tfhub_names import table_for
from keras_bert_lab.formats.tfhub_writer import write_tfhub_encoder, write_tfhub_preprocessor
from keras_bert_lab.heads import MaskedLMHead
from tests.formats.hub_models import TEXTS, TOKENS, batch, encoder_and_head, preprocessor, tensors, write_first_handle
from tests.formats.tf_checkpoints import flip, shorten, tensors_in, write_checkpoint

ENCODER, PREPROCESSOR = "bert_en_uncased_L-2_H-128_A-2", "bert_en_uncased_preprocess"


@pytest.fixture
def originals(shared: Path) -> Path:
    return shared / "fixtures" / "tfhub"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small encoder with a masked LM head, in the same form."""
    folder = tmp_path_factory.mktemp("hub") / "encoder"
    encoder, head = encoder_and_head()
    write_tfhub_encoder(encoder, preprocessor(), folder, head)
    return folder


@pytest.fixture(scope="session")
def small_preprocessor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "preprocessor"
    write_tfhub_preprocessor(preprocessor(), folder)
    return folder


@pytest.fixture
def copied_preprocessor(small_preprocessor: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_preprocessor, tmp_path / "copy")


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small, tmp_path / "copy")


def key_of(name: str, folder: Path) -> str:
    """Under which key the file of the variables has one of them."""
    model = tf.saved_model.load(str(folder))
    for place, variable in enumerate(model.variables):
        if variable.name == f"{name}:0":
            return f"variables/{place}/.ATTRIBUTES/VARIABLE_VALUE"
    raise AssertionError(name)


def change_tensor(folder: Path, name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
    prefix = folder / "variables" / "variables"
    values = tensors_in(prefix)
    key = key_of(name, folder) if "/.ATTRIBUTES" not in name else name
    changed = change(values.pop(key))
    if changed is not None:
        values[key] = changed
    write_checkpoint(prefix, values)


def change_graph(folder: Path, change: Callable[[Any], None]) -> None:
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((folder / "saved_model.pb").read_bytes())
    change(content)
    (folder / "saved_model.pb").write_bytes(content.SerializeToString())


class TestOriginals:
    def test_the_outputs_are_those_that_were_recorded(self, originals: Path) -> None:
        expected = np.load(originals / "expected.npz")
        outputs = read_tfhub(originals / ENCODER).encoder()({name: expected[name] for name in INPUT_KEYS})
        for name in ("sequence_output", "pooled_output"):
            np.testing.assert_allclose(outputs[name], expected[name], atol=1e-5)
        for place, states in enumerate(outputs["encoder_outputs"]):
            np.testing.assert_allclose(states, expected[f"encoder_outputs.{place}"], atol=1e-5)

    def test_on_random_rows_encoder_and_masked_lm_head_are_equal(self, originals: Path) -> None:
        random = np.random.default_rng(1)
        inputs = batch(23) | {"input_word_ids": random.integers(0, 30522, (3, 23)).astype(np.int32)}
        inputs["input_type_ids"] %= 2
        positions = random.integers(0, 23, (3, 5)).astype(np.int32)
        expected = tf.saved_model.load(str(originals / ENCODER)).mlm(
            tensors(inputs | {"masked_lm_positions": positions}), training=False
        )
        checkpoint = read_tfhub(originals / ENCODER)
        encoder = checkpoint.encoder()
        head = MaskedLMHead(encoder)
        checkpoint.fill_head(checkpoint.head("masked_lm").table, head_slots(head))
        outputs = encoder(inputs)
        for ours, theirs in zip(outputs["encoder_outputs"], expected["encoder_outputs"], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
        np.testing.assert_allclose(outputs["pooled_output"], expected["pooled_output"], atol=1e-5)
        np.testing.assert_allclose(head(outputs["sequence_output"], positions), expected["mlm_logits"], atol=1e-5)

    def test_the_graph_says_what_the_variables_do_not(self, originals: Path) -> None:
        config = read_tfhub(originals / ENCODER).config
        assert (config.activation, config.layer_norm_eps) == ("gelu_tanh", 1e-12)
        assert (config.dropout, config.attention_dropout) == (0.1, 0.1)
        assert (config.num_layers, config.num_heads, config.max_positions, config.type_vocab_size) == (2, 2, 512, 2)

    def test_looking_does_not_run_the_graph(self, originals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError("loaded")

        monkeypatch.setattr(tf.saved_model, "load", run)
        read_tfhub(originals / ENCODER).preprocessor(7)
        with pytest.raises(FormatError, match="cannot be run: loaded"):
            read_tfhub(originals / ENCODER).encoder()

    @pytest.mark.parametrize("folder", [ENCODER, PREPROCESSOR])
    def test_the_rows_are_those_that_were_recorded(self, originals: Path, folder: str) -> None:
        expected = np.load(originals / "expected.npz")
        found = read_tfhub_preprocessor(originals / folder, 128)(list(expected["texts"]))
        for name in INPUT_KEYS:
            np.testing.assert_array_equal(found[name], expected[name])

    def test_a_preprocessor_has_its_own_length_and_an_encoder_none(self, originals: Path) -> None:
        lengths = [read_tfhub_preprocessor(originals / folder).sequence_length for folder in (PREPROCESSOR, ENCODER)]
        assert lengths == [128, None]


class TestFirstHandles:
    def test_they_are_read(self, tmp_path: Path) -> None:
        encoder, _ = encoder_and_head(activation="gelu")
        write_first_handle(encoder, tmp_path)
        checkpoint = read_tfhub(tmp_path)
        assert checkpoint.prefix == "bert_model/"
        np.testing.assert_allclose(
            checkpoint.encoder()(batch())["sequence_output"], encoder(batch())["sequence_output"], atol=1e-6
        )
        with pytest.raises(FormatError, match="must have vocab_file and do_lower_case. Received: .'__call__'"):
            checkpoint.preprocessor(None)

    def test_names_of_other_models_belong_to_no_family(self) -> None:
        assert table_for(["dense/kernel"]) is None
        assert table_for(["a/word_embeddings/embeddings", "b/word_embeddings/embeddings"]) is None


class TestProof:
    """The files fit, but the graph computes something else."""

    @staticmethod
    def written(graph: type[HubGraph], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(tfhub_writer, "HubGraph", graph)
        encoder, head = encoder_and_head()
        write_tfhub_encoder(encoder, preprocessor(), folder, head)
        return folder

    def test_other_states_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Other(HubGraph):
            def _embed(self, inputs: Any, training: bool) -> Any:
                return super()._embed(inputs, training) * 1.001

        checkpoint = read_tfhub(self.written(Other, tmp_path, monkeypatch))
        with pytest.raises(FormatError, match="something else than an encoder with its weights: sequence_output differs by"):
            checkpoint.encoder()

    def test_another_masked_lm_head_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Other(HubGraph):
            def masked_lm_outputs(self, inputs: Any, training: bool = False) -> Any:
                outputs = super().masked_lm_outputs(inputs, training)
                return outputs | {"mlm_logits": outputs["mlm_logits"] + 0.01}

        checkpoint = read_tfhub(self.written(Other, tmp_path, monkeypatch))
        with pytest.raises(FormatError, match="something else .*: mlm_logits differs by 0.01"):
            checkpoint.encoder()

    def test_another_pooler_is_refused_where_one_is_wanted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Other(HubGraph):
            def outputs(self, inputs: Any, training: bool = False) -> Any:
                outputs = super().outputs(inputs, training)
                return outputs | {"pooled_output": -outputs["pooled_output"]}

        checkpoint = read_tfhub(self.written(Other, tmp_path, monkeypatch))
        assert checkpoint.encoder(pooler=False).pooler is None
        with pytest.raises(FormatError, match="something else .*: pooled_output differs by"):
            checkpoint.encoder()

    def test_several_epsilons_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Other(HubGraph):
            def _norm(self, name: str, states: Any) -> Any:
                self.config = self.config.replace(layer_norm_eps=1e-6 if "output" in name else 1e-12)
                return super()._norm(name, states)

        with pytest.raises(FormatError, match="one epsilon of layer normalisation throughout. Received: .1e-12, 1e-06."):
            read_tfhub(self.written(Other, tmp_path, monkeypatch))

    def test_in_half_precision_it_is_less_strict(self, small: Path) -> None:
        assert read_tfhub(small).encoder(dtype="mixed_bfloat16").compute_dtype == "bfloat16"


class TestVariables:
    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("pooler_transform/bias", lambda _: None, "Missing: .*pooler_transform/bias"),
            ("transformer/layer_1/output/kernel", lambda _: None, "Missing: .*layer_1/output/kernel"),
            ("word_embeddings/embeddings", lambda _: None, "must have the variables of a BERT"),
            ("position_embedding/embeddings", lambda _: None, "hold position_embedding/embeddings with 2 axes. Received: None"),
            ("type_embeddings/embeddings", lambda old: old[0], r"type_embeddings/embeddings with 2 axes. Received: \(30,\)"),
            ("pooler_transform/bias", lambda old: old[:29], r"pooler_transform/bias has \(29,\), the config asks for \(30,\)"),
            ("transformer/layer_2/self_attention/query/bias", lambda old: old.T, r"has \(6, 5\), the config asks"),
            ("embeddings/layer_norm/beta", lambda old: old.astype(np.int32), "Missing: .*embeddings/layer_norm/beta"),
            ("transformer/layer_0/self_attention/query/kernel", lambda old: old.reshape(30, 30), "with 3 axes. Received"),
            ("transformer/layer_0/self_attention/query/kernel", lambda old: old[:, :, :5], "divisible|asks for"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, copy: Path, name: str, change: Any, message: str) -> None:
        change_tensor(copy, name, change)
        with pytest.raises(FormatError, match=message):
            read_tfhub(copy)

    @pytest.mark.parametrize("place", range(5))
    def test_a_head_that_is_not_whole_is_refused(self, copy: Path, place: int) -> None:
        keys = sorted(key for key in tensors_in(copy / "variables" / "variables") if key.startswith("mlm/variables"))
        change_tensor(copy, keys[place], lambda _: None)
        with pytest.raises(FormatError, match="Missing: .*bert/cls/predictions"):
            read_tfhub(copy)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_weights_that_are_no_numbers_are_refused(self, copy: Path, value: float) -> None:
        change_tensor(copy, "pooler_transform/bias", lambda old: np.full_like(old, value))
        with pytest.raises(FormatError, match="finite numbers. Received: 30 that are not"):
            read_tfhub(copy).encoder()

    def test_weights_without_a_name_are_refused(self, copy: Path) -> None:
        prefix = copy / "variables" / "variables"
        write_checkpoint(prefix, tensors_in(prefix) | {"more/.ATTRIBUTES/VARIABLE_VALUE": np.ones(3, np.float32)})
        with pytest.raises(FormatError, match="must say what each weight is called. Received: nothing about .'more/"):
            read_tfhub(copy)

    def test_other_numbers_are_refused(self, copy: Path) -> None:
        prefix = copy / "variables" / "variables"
        write_checkpoint(prefix, tensors_in(prefix) | {"more/.ATTRIBUTES/VARIABLE_VALUE": np.ones(3, np.int64)})
        with pytest.raises(FormatError, match="floating-point numbers. Received: others in .'more/"):
            read_tfhub(copy)

    @pytest.mark.parametrize(
        ("content", "message"), [(None, "does not say what its weights are called"), (b"\xff" * 9, "is damaged")]
    )
    def test_names_that_are_missing_or_damaged_are_refused(self, copy: Path, content: bytes | None, message: str) -> None:
        prefix = copy / "variables" / "variables"
        values = tensors_in(prefix)
        del values["_CHECKPOINTABLE_OBJECT_GRAPH"]
        more = {} if content is None else {"_CHECKPOINTABLE_OBJECT_GRAPH": np.array(content, dtype=object)}
        write_checkpoint(prefix, values | more)
        with pytest.raises(FormatError, match=message):
            read_tfhub(copy)

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 0.99])
    @pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
    def test_truncated_files_are_refused(self, copy: Path, name: str, share: float) -> None:
        shorten(copy / name, share)
        with pytest.raises(FormatError):
            read_tfhub(copy).encoder()

    @pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
    def test_missing_files_are_refused(self, copy: Path, name: str) -> None:
        (copy / name).unlink()
        with pytest.raises(FormatError, match="cannot be read"):
            read_tfhub(copy)

    def test_a_damaged_index_is_refused(self, copy: Path) -> None:
        flip(copy / "variables" / "variables.index", 0.5)
        with pytest.raises(FormatError, match="is damaged"):
            read_tfhub(copy)


class TestGraph:
    def test_a_model_of_tensorflow_1_is_refused(self, copy: Path) -> None:
        change_graph(copy, lambda content: content.meta_graphs[0].ClearField("object_graph_def"))
        with pytest.raises(FormatError, match="must be a SavedModel of TensorFlow 2"):
            read_tfhub(copy)

    def test_an_empty_model_is_refused(self, copy: Path) -> None:
        (copy / "saved_model.pb").write_bytes(b"")
        with pytest.raises(FormatError, match="must be a SavedModel of TensorFlow 2"):
            read_tfhub(copy)

    def test_a_graph_without_an_activation_is_refused(self, copy: Path) -> None:
        change_graph(copy, lambda content: content.meta_graphs[0].graph_def.library.ClearField("function"))
        with pytest.raises(FormatError, match="must use one activation throughout. Received: .."):
            read_tfhub(copy)

    @pytest.mark.parametrize("name", ["../vocab.txt", "/etc/passwd", "a/../../b", "..", "a\\b"])
    def test_files_that_lead_elsewhere_are_refused(self, copy: Path, name: str) -> None:
        def rename(content: Any) -> None:
            content.meta_graphs[0].asset_file_def[0].filename = name

        change_graph(copy, rename)
        with pytest.raises(FormatError, match="must name files in its assets"):
            read_tfhub(copy).preprocessor(None)

    def test_a_graph_that_cannot_be_run_is_refused(self, copy: Path) -> None:
        def break_it(content: Any) -> None:
            for function in content.meta_graphs[0].graph_def.library.function:
                for node in function.node_def:
                    if node.op == "Einsum":
                        node.op = "NoSuchOp"

        change_graph(copy, break_it)
        with pytest.raises(FormatError, match="cannot be run"):
            read_tfhub(copy).encoder()

    def test_shared_layers_are_counted_by_the_outputs(self, tmp_path: Path) -> None:
        encoder, _ = encoder_and_head(share_layers=True, embedding_size=14)
        write_tfhub_encoder(encoder, preprocessor(), tmp_path)
        assert read_tfhub(tmp_path).config == encoder.config
        change_graph(tmp_path, lambda content: content.meta_graphs[0].object_graph_def.concrete_functions.clear())
        with pytest.raises(FormatError, match="must show its number of layers"):
            read_tfhub(tmp_path)

    def test_several_dropouts_in_one_place_are_not_guessed(self, originals: Path) -> None:
        graph = SavedModelGraph(originals / ENCODER)
        graph._dropouts[False].add(0.4)
        assert (graph.dropout(attention=False), graph.dropout(attention=True)) == (0.1, 0.1)
        graph._dropouts[False].clear()
        assert graph.dropout(attention=False) == 0.0


class TestPreprocessors:
    @pytest.mark.parametrize("settings", [{"lowercase": False}, {"strip_accents": False}])
    @pytest.mark.slow
    def test_case_and_accents_are_found_out(self, tmp_path: Path, settings: dict[str, Any]) -> None:
        original = preprocessor(**settings)
        write_tfhub_preprocessor(original, tmp_path)
        found = read_tfhub_preprocessor(tmp_path)
        for name, values in original(TEXTS).items():
            np.testing.assert_array_equal(found(TEXTS)[name], values)

    @pytest.mark.parametrize(("given", "expected"), [(None, 17), (9, 9)])
    def test_the_length_can_be_chosen(self, small_preprocessor: Path, given: int | None, expected: int) -> None:
        found = read_tfhub_preprocessor(small_preprocessor, given)
        assert found.sequence_length == expected
        for name, values in preprocessor(expected)(TEXTS).items():
            np.testing.assert_array_equal(found(TEXTS)[name], values)

    def test_one_without_a_vocabulary_file_is_refused(self, copied_preprocessor: Path) -> None:
        change_graph(copied_preprocessor, lambda content: content.meta_graphs[0].ClearField("asset_file_def"))
        with pytest.raises(FormatError, match="a preprocessor with one vocabulary file. Received: None"):
            read_tfhub_preprocessor(copied_preprocessor)

    def test_one_with_other_tokens_is_refused(self, copied_preprocessor: Path) -> None:
        (copied_preprocessor / "assets" / "vocab.txt").write_text("\n".join(TOKENS[:5] + TOKENS[:4:-1]))
        with pytest.raises(FormatError, match="gives other rows than a WordPieceTokenizer with its vocabulary"):
            read_tfhub_preprocessor(copied_preprocessor)

    def test_one_that_gives_something_else_is_refused(self, copy: Path) -> None:
        def forget(content: Any) -> None:
            children = content.meta_graphs[0].object_graph_def.nodes[0].children
            for child in list(children):
                if child.local_name == "do_lower_case":
                    child.local_name = "something_else"

        change_graph(copy, forget)
        with pytest.raises(FormatError, match="must hold a preprocessor, from texts to"):
            read_tfhub_preprocessor(copy)

    def test_one_that_cannot_be_run_is_refused(self, copied_preprocessor: Path) -> None:
        content = (copied_preprocessor / "saved_model.pb").read_bytes()
        (copied_preprocessor / "saved_model.pb").write_bytes(content.replace(b"RaggedTensorToTensor", b"RaggedTensorToNobody"))
        with pytest.raises(FormatError, match="cannot be run"):
            read_tfhub_preprocessor(copied_preprocessor)

    def test_a_vocabulary_of_another_model_is_refused(self, copy: Path) -> None:
        with (copy / "assets" / "vocab.txt").open("a") as file:
            file.write("more\ntokens\n")
        with pytest.raises(FormatError, match="at most as many tokens as the encoder's table has rows"):
            read_tfhub(copy).preprocessor(None)

    def test_the_encoder_of_a_sentencepiece_model_is_refused(self, copy: Path) -> None:
        def rename(content: Any) -> None:
            for child in content.meta_graphs[0].object_graph_def.nodes[0].children:
                if child.local_name == "vocab_file":
                    child.local_name = "sp_model_file"

        change_graph(copy, rename)
        with pytest.raises(FormatError, match="Received: a SentencePiece model, which cannot be read from TF-Hub"):
            read_tfhub_preprocessor(copy)
