"""Checkpoints of the original BERT code: equal outputs, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab.contract import INPUT_KEYS
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.tf1 import config_of_original, read_tf1
from keras_bert_lab.formats.tf_checkpoint import TensorFlowCheckpoint
from keras_bert_lab.formats.wordpiece_files import case_of_names, is_lowercase
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead
from tests.formats.tf_checkpoints import copy_of, flip, shorten, tensors_in, write_checkpoint

PREFIX = "bert_model.ckpt"
HIDDEN = 30


@pytest.fixture
def original(shared: Path) -> Path:
    return shared / "fixtures" / "tf1_bert"


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return copy_of(original, tmp_path / "model")


def change_tensors(folder: Path, **changes: Any) -> None:
    """Other tensors in a checkpoint; None takes one away. In the names "__" stands for "/"."""
    tensors = tensors_in(folder / PREFIX)
    for name, tensor in changes.items():
        tensors.pop(name.replace("__", "/"), None)
        if tensor is not None:
            tensors[name.replace("__", "/")] = np.asarray(tensor)
    write_checkpoint(folder / PREFIX, tensors)


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "bert_config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in config.items() if value != "gone"}))


class TestOutputs:
    def test_they_are_those_of_the_original_code(self, original: Path) -> None:
        expected = np.load(original / "expected.npz")
        checkpoint = read_tf1(original)
        encoder = checkpoint.encoder()
        outputs = encoder({name: expected[name] for name in INPUT_KEYS})
        head, next_sentence = MaskedLMHead(encoder), NextSentenceHead()
        next_sentence.build((None, HIDDEN))
        for layer in (head, next_sentence):
            task = "masked_lm" if layer is head else "next_sentence"
            checkpoint.fill_head(checkpoint.head(task).table, head_slots(layer))
        positions = np.tile(np.arange(17), (3, 1))
        found = {
            "sequence_output": outputs["sequence_output"],
            "pooled_output": outputs["pooled_output"],
            "mlm_logits": head(outputs["sequence_output"], positions),
            "nsp_logits": next_sentence(outputs["pooled_output"]),
        }
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name], atol=1e-5, err_msg=name)

    def test_the_config_is_that_of_the_original_code(self, original: Path) -> None:
        config = read_tf1(original).config
        assert (config.activation, config.layer_norm_eps, config.pad_id) == ("gelu_tanh", 1e-12, 0)
        assert (config.num_layers, config.num_heads, config.max_positions, config.intermediate_size) == (3, 5, 41, 37)
        assert (config.initializer_range, config.pooler) == (0.2, True)

    def test_a_checkpoint_without_pooler_gives_an_encoder_without_one(self, copy: Path) -> None:
        change_tensors(copy, bert__pooler__dense__kernel=None, bert__pooler__dense__bias=None)
        assert read_tf1(copy).encoder().pooler is None

    def test_a_classifier_brings_its_head(self, copy: Path) -> None:
        weights = np.random.default_rng(3).normal(size=(4, HIDDEN)).astype(np.float32)
        change_tensors(copy, output_weights=weights, output_bias=np.arange(4, dtype=np.float32))
        checkpoint = read_tf1(copy)
        head = checkpoint.head("classification")
        assert (head.kind, head.labels, head.dropout) == ("multi_class", ("0", "1", "2", "3"), 0.1)
        layer = ClassificationHead(4)
        layer.build({"sequence_output": (None, None, HIDDEN), "pooled_output": (None, HIDDEN)})
        checkpoint.fill_head(head.table, head_slots(layer))
        np.testing.assert_array_equal(layer.classes.kernel, weights.T)
        np.testing.assert_array_equal(layer.classes.bias, np.arange(4))

    def test_one_output_is_a_regression(self, copy: Path) -> None:
        change_tensors(copy, output_weights=np.ones((1, HIDDEN), np.float32), output_bias=np.ones(1, np.float32))
        head = read_tf1(copy).head("classification")
        assert (head.kind, head.labels) == ("regression", ())

    def test_the_head_of_a_squad_model_is_known(self, copy: Path) -> None:
        weights, bias = np.ones((2, HIDDEN), np.float32), np.ones(2, np.float32)
        change_tensors(copy, cls__squad__output_weights=weights, cls__squad__output_bias=bias)
        assert read_tf1(copy).head("question_answering") is not None

    def test_slots_of_other_optimizers_are_left_out(self, copy: Path) -> None:
        slot = np.ones((HIDDEN, HIDDEN), np.float32)
        name = "bert__pooler__dense__kernel"
        before = read_tf1(copy).encoder().get_weights()
        change_tensors(copy, **{f"{name}__lamb_m": slot, f"{name}__Adam_1": slot}, beta1_power=np.float32(0.9))
        assert all(map(np.array_equal, read_tf1(copy).encoder().get_weights(), before))

    def test_half_precision_is_read(self, copy: Path) -> None:
        kernel = tensors_in(copy / PREFIX)["bert/pooler/dense/kernel"]
        change_tensors(copy, bert__pooler__dense__kernel=kernel.astype(np.float16))
        np.testing.assert_array_equal(read_tf1(copy).encoder().pooler.kernel, kernel.astype(np.float16).astype(np.float32))


class TestFiles:
    def test_the_only_checkpoint_needs_no_name(self, copy: Path) -> None:
        write_checkpoint(copy / "model.ckpt-123", tensors_in(copy / PREFIX))
        for path in copy.glob(f"{PREFIX}.*"):
            path.unlink()
        assert read_tf1(copy).tensors.where.name == "model.ckpt-123"

    @pytest.mark.parametrize("path", ["model.ckpt-7", "/home/someone/out/model.ckpt-7", "C:\\\\out\\\\model.ckpt-7"])
    def test_of_several_the_file_checkpoint_names_one(self, copy: Path, path: str) -> None:
        write_checkpoint(copy / "model.ckpt-7", tensors_in(copy / PREFIX))
        (copy / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\nall_model_checkpoint_paths: "{PREFIX}"\n')
        assert read_tf1(copy).tensors.where.name == "model.ckpt-7"

    @pytest.mark.parametrize("listed", [None, "", 'model_checkpoint_path: "gone"', "\x00\xff"])
    def test_several_without_a_name_are_refused(self, copy: Path, listed: str | None) -> None:
        write_checkpoint(copy / "model.ckpt-7", tensors_in(copy / PREFIX))
        if listed is not None:
            (copy / "checkpoint").write_text(listed)
        with pytest.raises(FormatError, match=re.escape("one of them. Received: ['bert_model.ckpt', 'model.ckpt-7']")):
            read_tf1(copy)

    def test_no_checkpoint_is_refused(self, copy: Path) -> None:
        (copy / f"{PREFIX}.index").unlink()
        with pytest.raises(FormatError, match=re.escape("bert_model.ckpt.index, or one other file *.index. Received: none")):
            read_tf1(copy)

    @pytest.mark.parametrize("name", ["bert_config.json", f"{PREFIX}.data-00000-of-00001"])
    def test_missing_files_are_refused(self, copy: Path, name: str) -> None:
        (copy / name).unlink()
        with pytest.raises(FormatError, match=f"{re.escape(name)}.* cannot be read"):
            read_tf1(copy)

    def test_a_missing_part_is_refused(self, copy: Path) -> None:
        data = copy / f"{PREFIX}.data-00000-of-00001"
        data.rename(copy / f"{PREFIX}.data-00001-of-00002")
        with pytest.raises(FormatError, match="data-00000-of-00002.* cannot be read"):
            read_tf1(copy)

    def test_parts_with_odd_names_are_refused(self, copy: Path) -> None:
        (copy / f"{PREFIX}.data-00000-of-00001").rename(copy / f"{PREFIX}.data-0-of-x")
        with pytest.raises(FormatError, match="must be named like bert_model.ckpt.data-00000-of-00001"):
            read_tf1(copy)

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.95, 0.999])
    @pytest.mark.parametrize("name", [f"{PREFIX}.index", f"{PREFIX}.data-00000-of-00001"])
    def test_truncated_files_are_refused(self, copy: Path, name: str, share: float) -> None:
        shorten(copy / name, share)
        with pytest.raises(FormatError, match="is damaged"):
            read_tf1(copy)

    @pytest.mark.parametrize("place", [0.05, 0.3, 0.5, 0.7, 0.9])
    def test_a_damaged_index_is_refused(self, copy: Path, place: float) -> None:
        flip(copy / f"{PREFIX}.index", place)
        with pytest.raises(FormatError, match=re.escape("ckpt.index is damaged")):
            read_tf1(copy)

    def test_damaged_numbers_are_refused(self, copy: Path) -> None:
        name = "bert/embeddings/word_embeddings"
        data = copy / f"{PREFIX}.data-00000-of-00001"
        content = bytearray(data.read_bytes())
        place = content.index(tensors_in(copy / PREFIX)[name].tobytes())
        content[place] ^= 1
        data.write_bytes(bytes(content))
        with pytest.raises(FormatError, match=f"{name} in .* cannot be read: .*hecksum"):
            read_tf1(copy).encoder()

    def test_an_index_that_lies_about_sizes_is_refused(self, copy: Path) -> None:
        """The same index beside data of another, smaller checkpoint."""
        index = (copy / f"{PREFIX}.index").read_bytes()
        write_checkpoint(copy / PREFIX, {"a": np.ones(3, np.float32)})
        (copy / f"{PREFIX}.index").write_bytes(index)
        with pytest.raises(FormatError, match="its index names 13.* bytes, its data holds 12"):
            read_tf1(copy)


class TestTensors:
    CASES = (
        ({"bert__embeddings__word_embeddings": None}, "Missing: .*word_embeddings"),
        ({"bert__encoder__layer_1__output__dense__kernel": None}, "Missing: .*layer_1/output/dense/kernel"),
        ({"bert__pooler__dense__bias": None}, "Missing: .*pooler/dense/bias"),
        ({"cls__predictions__output_bias": None}, "Missing: .*cls/predictions/output_bias"),
        ({"cls__seq_relationship__output_bias": None}, "Missing: .*cls/seq_relationship/output_bias"),
        ({"output_weights": np.ones((3, HIDDEN), np.float32)}, "Missing: .*output_bias"),
        ({"bert__encoder__layer_3__output__dense__bias": np.ones(HIDDEN, np.float32)}, "Left over: .*layer_3/output/dense"),
        ({"my__layer": np.ones(3, np.float32)}, "Left over: .*my/layer"),
        ({"nothing__adam_m": np.ones(3, np.float32)}, "Left over: .*nothing/adam_m"),
        ({"bert__embeddings__LayerNorm__gamma": np.ones(31, np.float32)}, "gamma has .31,., the config asks for .30,."),
        ({"bert__encoder__layer_0__intermediate__dense__kernel": np.ones((37, 30), np.float32)}, "has .37, 30., the config"),
        ({"cls__seq_relationship__output_weights": np.ones((HIDDEN, 2), np.float32)}, "asks for .2, 30."),
        ({"output_bias": np.float32(3), "output_weights": np.ones((1, HIDDEN), np.float32)}, "output_bias has .., the config"),
        ({"bert__pooler__dense__bias": np.ones(HIDDEN, np.int32)}, "Received: others in .*pooler/dense/bias"),
        ({"some__counter": np.int64(3)}, "Received: others in .*some/counter"),
        ({"some__words": np.array([b"text"])}, "Received: others in .*some/words"),
    )

    @pytest.mark.parametrize(("changes", "message"), CASES)
    def test_what_does_not_fit_is_refused(self, copy: Path, changes: dict[str, Any], message: str) -> None:
        change_tensors(copy, **changes)
        with pytest.raises(FormatError, match=message):
            read_tf1(copy)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_weights_that_are_no_numbers_are_refused(self, copy: Path, value: float) -> None:
        change_tensors(copy, bert__pooler__dense__bias=np.full(HIDDEN, value, np.float32))
        with pytest.raises(FormatError, match="Weights must be finite numbers. Received: 30 that are not"):
            read_tf1(copy).encoder()


class TestConfig:
    CASES = (
        ({"hidden_size": 10**12}, "impossible model|does not fit"),
        ({"num_hidden_layers": 10**12}, "1000000000000 layers for"),
        ({"hidden_size": 29}, "hidden_size must be divisible by num_heads"),
        ({"hidden_size": "30"}, "impossible model"),
        ({"hidden_size": -30}, "hidden_size must be an integer of at least 1"),
        ({"vocab_size": 102}, "asks for .102, 30."),
        ({"num_hidden_layers": 2}, "Left over: .*layer_2"),
        ({"num_hidden_layers": 4}, "Missing: .*layer_3"),
        ({"type_vocab_size": "gone"}, "must have the setting 'type_vocab_size'"),
        ({"hidden_act": "swish"}, "hidden_act in .* must be one of .'gelu', 'relu'.. Received: 'swish'"),
        ({"hidden_act": ["gelu"]}, "hidden_act in .* Received: .'gelu'."),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps in .* must be 1e-12, as in the original code. Received: 1e-05"),
        ({"rotary": True}, "settings that are not known here: .'rotary'."),
        ({"hidden_dropout_prob": 7}, "dropout must be a number of at least 0 and below 1"),
    )

    @pytest.mark.parametrize(("changes", "message"), CASES)
    def test_what_cannot_be_is_refused(self, copy: Path, changes: dict[str, Any], message: str) -> None:
        change_config(copy, **changes)
        with pytest.raises(FormatError, match=message):
            read_tf1(copy)

    def test_settings_that_the_user_knows_are_ignored(self, copy: Path) -> None:
        change_config(copy, rotary=True, layer_norm_eps=1e-5)
        assert read_tf1(copy, ignore=["rotary", "layer_norm_eps"]).config.layer_norm_eps == 1e-12

    def test_settings_without_effect_may_be_there_or_not(self, copy: Path) -> None:
        change_config(copy, directionality="bidi", pooler_type="first_token_transform", initializer_range="gone")
        assert read_tf1(copy).config.initializer_range == 0.02

    def test_relu_is_read(self) -> None:
        sizes = {"num_hidden_layers": 2, "num_attention_heads": 3, "hidden_size": 15, "intermediate_size": 7, "vocab_size": 11}
        sizes |= {"max_position_embeddings": 13, "type_vocab_size": 2, "hidden_act": "relu"}
        assert config_of_original(sizes, "bert_config.json").activation == "relu"


class TestCase:
    UPPER = ("[PAD]", *"abcABC", "##s")
    LOWER = ("[PAD]", "[UNK]", *"abc", "##s")
    ALL = ("[PAD]", *(chr(code) for code in range(ord("A"), ord("Z") + 1)), "a")

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (["uncased_L-12_H-768_A-12", "bert_model.ckpt"], True),
            (["cased_L-12_H-768_A-12"], False),
            (["multi_cased_L-12_H-768_A-12"], False),
            (["multilingual_L-12_H-768_A-12"], True),
            (["chinese_L-12_H-768_A-12"], True),
            (["My.Uncased.Model"], True),
            (["broadcasted", "showcased"], None),
            (["cased_and_uncased"], None),
        ],
    )
    def test_names_may_say_it(self, names: list[str], expected: bool | None) -> None:
        assert case_of_names(names) is expected

    @pytest.mark.parametrize(
        ("tokens", "names", "expected"),
        [(LOWER, ["model"], True), (UPPER, ["model"], False), (UPPER, ["uncased"], True), (UPPER, ["cased"], False)],
    )
    def test_name_and_vocabulary_decide(self, tokens: tuple[str, ...], names: list[str], expected: bool) -> None:
        assert is_lowercase(tokens, names, Path("vocab.txt")) is expected

    def test_a_cased_name_for_a_lower_case_vocabulary_is_refused(self) -> None:
        with pytest.raises(FormatError, match="no token with an upper-case letter.* Received: .'cased_L-2'."):
            is_lowercase(self.LOWER, ["cased_L-2"], Path("vocab.txt"))

    def test_an_uncased_name_for_a_vocabulary_with_all_capitals_is_refused(self) -> None:
        with pytest.raises(FormatError, match="all upper-case letters, but the name says uncased. Received: .'uncased_L-2'."):
            is_lowercase(self.ALL, ["uncased_L-2"], Path("vocab.txt"))

    def test_accents_without_capitals_are_refused(self) -> None:
        with pytest.raises(FormatError, match="does not show whether accents are taken away"):
            is_lowercase((*self.LOWER, "é"), ["model"], Path("vocab.txt"))

    def test_the_real_uncased_vocabulary_is_lower_case(self, shared: Path) -> None:
        path = shared / "fixtures" / "tfhub" / "bert_en_uncased_preprocess" / "assets" / "vocab.txt"
        tokens = path.read_text(encoding="utf-8").splitlines()
        assert len(tokens) == 30522
        assert is_lowercase(tokens, ["model"], path)


class TestPreprocessor:
    def test_its_rows_are_those_of_the_vocabulary(self, copy: Path) -> None:
        rows = read_tf1(copy).preprocessor(7)(["The cat"])
        tokens = (copy / "vocab.txt").read_text().splitlines()
        expected = ["[CLS]", "the", "c", "##a", "##t", "[SEP]", "[PAD]"]
        assert [tokens[index] for index in rows["input_word_ids"].numpy()[0]] == expected

    def test_the_folder_says_that_a_model_is_cased(self, original: Path, tmp_path: Path) -> None:
        folder = copy_of(original, tmp_path / "cased_model")
        with (folder / "vocab.txt").open("a") as file:
            file.write("A\n")
        change_config(folder, vocab_size=102)
        assert read_preprocessor_of(folder).tokenizer.lowercase is False

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "is empty"),
            ("[PAD]\n[UNK]\n", "no vocabulary of a BERT"),
            ("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n", "each token once"),
            ("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + "\n".join(f"w{number}" for number in range(97)), "Received: 102 tokens"),
        ],
    )
    def test_a_vocabulary_that_does_not_fit_is_refused(self, copy: Path, content: str, message: str) -> None:
        (copy / "vocab.txt").write_text(content)
        with pytest.raises(FormatError, match=message):
            read_tf1(copy).preprocessor(None)

    def test_text_of_another_kind_is_refused(self, copy: Path) -> None:
        (copy / "vocab.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(FormatError, match="not UTF-8"):
            read_tf1(copy).preprocessor(None)

    def test_no_vocabulary_is_refused(self, copy: Path) -> None:
        (copy / "vocab.txt").unlink()
        with pytest.raises(FormatError, match="vocab.txt.* cannot be read"):
            read_tf1(copy).preprocessor(None)

    def test_a_huge_vocabulary_is_refused(self, copy: Path) -> None:
        with (copy / "vocab.txt").open("wb") as file:
            file.truncate(2**30)
        with pytest.raises(FormatError, match="must be at most 67108864 bytes long. Received: 1073741824"):
            read_tf1(copy).preprocessor(None)


def read_preprocessor_of(folder: Path) -> Any:
    checkpoint = TensorFlowCheckpoint.open(folder / PREFIX)
    tensors = {name: checkpoint.tensors.read(name) for name in checkpoint.tensors.shapes} | {"global_step": np.int64(1)}
    table, bias = "bert/embeddings/word_embeddings", "cls/predictions/output_bias"
    tensors = {name: values for name, values in tensors.items() if not name.startswith(f"{table}/")}
    tensors[table] = np.ones((102, HIDDEN), np.float32)
    tensors[bias] = np.ones(102, np.float32)
    write_checkpoint(folder / PREFIX, tensors)
    return read_tf1(folder).preprocessor(None)
