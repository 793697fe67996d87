"""Presets of KerasHub: equal to KerasHub's own models, and what is refused."""

from __future__ import annotations

import functools
import io
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import keras_hub
import numpy as np
import pytest
from keras_hub import models

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats import kerashub
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.kerashub import read_kerashub
from keras_bert_lab.formats.kerashub_tokenizer import read_preprocessor
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead
from tests.formats.tf_checkpoints import flip, shorten

V, H, SEQUENCE, CLASSES = 67, 30, 17, 4
SIZES = {"num_layers": 3, "num_heads": 5, "hidden_dim": H, "intermediate_dim": 37, "max_sequence_length": 41, "dropout": 0.2}
BACKBONES: dict[str, Any] = {
    "Bert": lambda: models.BertBackbone(vocabulary_size=V, num_segments=3, **SIZES),
    "Roberta": lambda: models.RobertaBackbone(vocabulary_size=V, **SIZES),
    "Albert": lambda: models.AlbertBackbone(vocabulary_size=V, embedding_dim=14, num_segments=3, **SIZES),
    "DistilBert": lambda: models.DistilBertBackbone(vocabulary_size=V, **SIZES),
    "Electra": lambda: models.ElectraBackbone(vocab_size=V, embedding_dim=14, **SIZES),
    "ElectraOfOneWidth": lambda: models.ElectraBackbone(vocab_size=V, embedding_dim=H, **SIZES),
}
LETTERS = [*"abcdefghijklmnopqrstuvwxyzé", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyzé")]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, "the", ".", ",", "!", "中", "A", "café"]
TEXTS = ["The cat, a dog!", "Café 中a the A", "", "x" * 99, "a\tb  c.d"]


def randomise(layer: Any, seed: int = 5) -> None:
    """Weights that show every mistake: large, and none equal to its start."""
    random = np.random.default_rng(seed)
    for variable in layer.variables:
        if "seed" not in variable.path:
            variable.assign(random.normal(1.0 if "gamma" in variable.path else 0.0, 0.3, variable.shape))


@functools.cache
def backbone(name: str) -> Any:
    made = BACKBONES[name]()
    randomise(made)
    return made


def batch() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {
        "input_word_ids": random.integers(0, V, (3, SEQUENCE)).astype(np.int32),
        "input_mask": (np.arange(SEQUENCE) < np.array([[17], [9], [2]])).astype(np.int32),
        "input_type_ids": random.integers(0, 2, (3, SEQUENCE)).astype(np.int32),
    }


def theirs(model: Any, **more: Any) -> Any:
    ours = batch()
    names = {"token_ids": "input_word_ids", "padding_mask": "input_mask", "segment_ids": "input_type_ids"}
    inputs = {name: ours[contract_name] for name, contract_name in names.items()} | more
    return model({name: inputs[name] for name in model.input})


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT backbone with its tokenizer, and a masked LM head."""
    folder = tmp_path_factory.mktemp("presets") / "bert"
    tokenizer = models.BertTokenizer(WORDS, lowercase=True)
    model = models.BertMaskedLM(backbone("Bert"), models.BertMaskedLMPreprocessor(tokenizer, sequence_length=SEQUENCE))
    model.save_to_preset(str(folder))
    return folder


@pytest.fixture
def copy(preset: Path, tmp_path: Path) -> Path:
    return shutil.copytree(preset, tmp_path / "copy")


def change_json(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text())
    content["config"] |= changes
    content["config"] = {name: value for name, value in content["config"].items() if value != "gone"}
    path.write_text(json.dumps(content))


def change_dataset(folder: Path, name: str, values: Any, **settings: Any) -> None:
    with h5py.File(folder / "model.weights.h5", "a") as file:
        del file[name]
        if values is not None:
            file.create_dataset(name, data=values, **settings)


class TestOutputs:
    @pytest.mark.parametrize("name", BACKBONES)
    def test_they_are_those_of_kerashub(self, name: str, tmp_path: Path) -> None:
        backbone(name).save_to_preset(str(tmp_path / "preset"))
        expected = theirs(backbone(name))
        found = read_kerashub(tmp_path / "preset").encoder()(batch())
        real = batch()["input_mask"].astype(bool)
        states = expected["sequence_output"] if isinstance(expected, dict) else expected
        np.testing.assert_allclose(np.asarray(found["sequence_output"])[real], np.asarray(states)[real], atol=1e-5)
        if isinstance(expected, dict):
            np.testing.assert_allclose(found["pooled_output"], expected["pooled_output"], atol=1e-5)

    @pytest.mark.parametrize("name", ["Bert", "Roberta", "Albert", "DistilBert"])
    def test_classifiers_bring_their_head(self, name: str, tmp_path: Path) -> None:
        model = getattr(models, f"{name}TextClassifier")(backbone(name), num_classes=CLASSES)
        for layer in (model.output_dense, getattr(model, "pooled_dense", None)):
            if layer is not None:
                randomise(layer, 7)
        model.save_to_preset(str(tmp_path / "preset"))
        checkpoint = read_kerashub(tmp_path / "preset")
        head = checkpoint.head("classification")
        assert (head.kind, head.labels) == ("multi_class", ("0", "1", "2", "3"))
        layer = ClassificationHead(CLASSES, transform=head.table.transform)
        layer.build({"sequence_output": (None, None, H), "pooled_output": (None, H)})
        checkpoint.fill_head(head.table, head_slots(layer))
        hidden = checkpoint.encoder()(batch())
        np.testing.assert_allclose(layer.logits(hidden, batch()["input_mask"]), theirs(model), atol=1e-5)

    def test_the_masked_lm_head_of_roberta_is_read(self, tmp_path: Path) -> None:
        model = models.RobertaMaskedLM(backbone("Roberta"))
        for part in (model.masked_lm_head._intermediate_dense, model.masked_lm_head._intermediate_layer_norm):
            randomise(part, 11)
        model.masked_lm_head._bias.assign(np.random.default_rng(2).normal(size=V))
        model.save_to_preset(str(tmp_path / "preset"))
        checkpoint = read_kerashub(tmp_path / "preset")
        encoder = checkpoint.encoder()
        head = MaskedLMHead(encoder)
        checkpoint.fill_head(checkpoint.head("masked_lm").table, head_slots(head))
        positions = np.array([[0, 16, 3], [8, 1, 1], [0, 1, 0]], np.int32)
        logits = head(encoder(batch())["sequence_output"], positions)
        np.testing.assert_allclose(logits, theirs(model, mask_positions=positions), atol=1e-5)

    def test_a_masked_lm_head_with_another_activation_is_left_out(self, preset: Path, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "keras_bert_lab"):
            checkpoint = read_kerashub(preset)
        assert checkpoint.heads == ()
        assert "it has the activation gelu and the epsilon 1e-05, the encoder has gelu_tanh and 1e-12" in caplog.text

    def test_weights_in_several_files_are_read(self, tmp_path: Path) -> None:
        backbone("Bert").save_to_preset(str(tmp_path / "preset"), max_shard_size=0.00003)
        assert len(list((tmp_path / "preset").glob("model_*.weights.h5"))) > 2
        for ours, single in zip(read_kerashub(tmp_path / "preset").encoder().weights, reference().weights, strict=True):
            np.testing.assert_array_equal(ours, single)

    def test_bfloat16_is_read(self, tmp_path: Path) -> None:
        model = models.BertBackbone(vocabulary_size=V, num_segments=3, dtype="bfloat16", **SIZES)
        randomise(model)
        model.save_to_preset(str(tmp_path / "preset"))
        table = np.asarray(model.token_embedding.embeddings).astype(np.float32)
        np.testing.assert_array_equal(read_kerashub(tmp_path / "preset").encoder().embedding_table, table)

    def test_names_of_older_files_are_read(self, copy: Path) -> None:
        with h5py.File(copy / "model.weights.h5", "a") as file:
            for layer in ("transformer_encoder", "transformer_encoder_2"):
                attention = file[f"layers/{layer}/_self_attention_layer"]
                for part in ("query", "key", "value", "output"):
                    attention.move(f"{part}_dense", f"_{part}_dense")
        for ours, single in zip(read_kerashub(copy).encoder().weights, reference().weights, strict=True):
            np.testing.assert_array_equal(ours, single)


@functools.cache
def reference() -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        backbone("Bert").save_to_preset(folder)
        return read_kerashub(folder).encoder()


class TestHeadsThatAreLeftOut:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"num_classes": 1}, "num_classes=1"),
            ({"num_classes": "4"}, "num_classes='4'"),
            ({"activation": "relu"}, "activation='relu'"),
            ({"activation": {"class_name": "mine"}}, "activation={"),
            ({"hidden_dim": 7}, "hidden_dim=7"),
        ],
    )
    def test_classifiers_that_ours_cannot_be(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], message: str
    ) -> None:
        models.BertTextClassifier(backbone("Bert"), num_classes=CLASSES).save_to_preset(str(tmp_path / "preset"))
        change_json(tmp_path / "preset" / "task.json", **changes)
        with caplog.at_level(logging.WARNING, "keras_bert_lab"):
            assert read_kerashub(tmp_path / "preset").heads == ()
        assert message in caplog.text

    def test_heads_that_are_not_known(self, copy: Path, caplog: pytest.LogCaptureFixture) -> None:
        content = json.loads((copy / "task.json").read_text()) | {"class_name": "BertTextEmbedder"}
        (copy / "task.json").write_text(json.dumps(content))
        with caplog.at_level(logging.WARNING, "keras_bert_lab"):
            assert read_kerashub(copy).heads == ()
        assert "BertTextEmbedder is not known here" in caplog.text


def config_of(vocab_size: int) -> EncoderConfig:
    return EncoderConfig.preset("bert_tiny", vocab_size=vocab_size)


class TestTokenizers:
    @pytest.mark.parametrize("lowercase", [True, False])
    def test_wordpieces_are_those_of_kerashub(self, preset: Path, copy: Path, lowercase: bool) -> None:
        tokenizer = models.BertTokenizer(WORDS, lowercase=lowercase)
        change_json(copy / "tokenizer.json", lowercase=lowercase)
        ours = read_kerashub(copy).preprocessor(SEQUENCE)
        assert (ours.tokenizer.lowercase, ours.tokenizer.strip_accents) == (lowercase, False)
        packed = models.BertTextClassifierPreprocessor(tokenizer, sequence_length=SEQUENCE)
        for texts in (TEXTS, (TEXTS, TEXTS[::-1])):
            rows, expected = ours(texts), packed(x=texts)
            np.testing.assert_array_equal(rows["input_word_ids"], expected["token_ids"])
            np.testing.assert_array_equal(rows["input_mask"], expected["padding_mask"])
            np.testing.assert_array_equal(rows["input_type_ids"], expected["segment_ids"])

    def test_byte_pairs_are_those_of_kerashub(self, tmp_path: Path) -> None:
        tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefgh.!Ġ", "Ġa", "ab", "Ġab", "cd"]
        tokenizer = models.RobertaTokenizer(
            vocabulary={token: place for place, token in enumerate(tokens)}, merges=["Ġ a", "a b", "Ġ ab", "c d"]
        )
        model = models.RobertaTextClassifier(
            backbone("Roberta"), CLASSES, models.RobertaTextClassifierPreprocessor(tokenizer, sequence_length=SEQUENCE)
        )
        model.save_to_preset(str(tmp_path / "preset"))
        ours = read_kerashub(tmp_path / "preset").preprocessor(SEQUENCE)
        texts = ["ab a cd!", "abcd  ab", "", "a.b" * 9]
        for given in (texts, (texts, texts[::-1])):
            rows, expected = ours(given), model.preprocessor(x=given)
            np.testing.assert_array_equal(rows["input_word_ids"], expected["token_ids"])
            np.testing.assert_array_equal(rows["input_mask"], expected["padding_mask"])
            assert not np.any(rows["input_type_ids"])
        path = tmp_path / "preset" / "assets" / "tokenizer" / "vocabulary.json"
        path.write_text(json.dumps({"<s>": 0, "a": 2}))
        with pytest.raises(FormatError, match="the numbers 0, 1, ..., at most 67 of them. Received: 2 tokens"):
            read_kerashub(tmp_path / "preset").preprocessor(None)
        path.write_text(json.dumps({"<s>": 0, "a": 1}))
        with pytest.raises(FormatError, match="holds no tokenizer of a RoBERTa"):
            read_kerashub(tmp_path / "preset").preprocessor(None)

    def test_sentence_pieces_are_those_of_kerashub(self, tmp_path: Path) -> None:
        sentencepiece = pytest.importorskip("sentencepiece")
        content = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["the cat sat on the mat, and a dog ran at the cat!"] * 9),
            model_writer=content, vocab_size=40, hard_vocab_limit=False, model_type="unigram", minloglevel=2,
            pad_id=0, unk_id=1, bos_id=2, eos_id=3,
            pad_piece="<pad>", unk_piece="<unk>", bos_piece="[CLS]", eos_piece="[SEP]", user_defined_symbols=["[MASK]"],
        )  # fmt: skip
        tokenizer = models.AlbertTokenizer(content.getvalue())
        packed = models.AlbertTextClassifierPreprocessor(tokenizer, sequence_length=SEQUENCE)
        models.AlbertTextClassifier(backbone("Albert"), CLASSES, packed).save_to_preset(str(tmp_path / "preset"))
        ours = read_kerashub(tmp_path / "preset").preprocessor(SEQUENCE)
        texts = ["the cat and  a dog!", "The mat", "", "cat " * 30]
        for given in (texts, (texts, texts[::-1])):
            rows, expected = ours(given), packed(x=given)
            np.testing.assert_array_equal(rows["input_word_ids"], expected["token_ids"])
            np.testing.assert_array_equal(rows["input_mask"], expected["padding_mask"])
            np.testing.assert_array_equal(rows["input_type_ids"], expected["segment_ids"])
        (tmp_path / "preset" / "assets" / "tokenizer" / "vocabulary.spm").write_bytes(b"nothing")
        with pytest.raises(FormatError, match="holds no tokenizer of an ALBERT"):
            read_preprocessor(tmp_path / "preset", config_of(V), None)
        (tmp_path / "preset" / "assets" / "tokenizer" / "vocabulary.spm").write_bytes(content.getvalue())
        with pytest.raises(FormatError, match="must have at most 11 tokens. Received: .. tokens"):
            read_preprocessor(tmp_path / "preset", config_of(11), None)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"split": False}, "split in .* must be True. Received: False"),
            ({"suffix_indicator": "@@"}, "suffix_indicator in .* must be '##'. Received: '@@'"),
            ({"special_tokens_in_strings": True}, "special_tokens_in_strings in .* must be False"),
            ({"lowercase": "yes"}, "lowercase in .* must be true or false. Received: 'yes'"),
            ({"shuffle": True}, "settings that are not known here: .'shuffle'."),
        ],
    )
    def test_settings_that_ours_lack_are_refused(self, copy: Path, changes: dict[str, Any], message: str) -> None:
        change_json(copy / "tokenizer.json", **changes)
        with pytest.raises(FormatError, match=message):
            read_kerashub(copy).preprocessor(None)

    def test_other_tokenizers_are_refused(self, copy: Path) -> None:
        content = json.loads((copy / "tokenizer.json").read_text()) | {"class_name": "GemmaTokenizer"}
        (copy / "tokenizer.json").write_text(json.dumps(content))
        with pytest.raises(FormatError, match="class_name in .* Received: 'GemmaTokenizer'"):
            read_kerashub(copy).preprocessor(None)

    def test_a_vocabulary_of_another_model_is_refused(self, copy: Path) -> None:
        with (copy / "assets" / "tokenizer" / "vocabulary.txt").open("a") as file:
            file.write("\n".join(f"word{number}" for number in range(9)))
        with pytest.raises(FormatError, match="at most as many tokens as the encoder's table has rows, 67"):
            read_kerashub(copy).preprocessor(None)


class TestConfig:
    CASES = (
        ({"hidden_dim": 10**12}, "asks for"),
        ({"num_layers": 10**12}, "1000000000000 layers for"),
        ({"num_layers": 2}, "Left over: .*transformer_encoder_2"),
        ({"num_layers": 4}, "Missing: .*transformer_encoder_3"),
        ({"num_heads": 3}, "query_dense/vars/0 has .30, 5, 6., the config asks for .30, 3, 10."),
        ({"num_heads": 7}, "hidden_size must be divisible by num_heads"),
        ({"hidden_dim": "gone"}, "must have the settings .'hidden_dim'."),
        ({"hidden_dim": None}, "must have the settings .'hidden_dim'."),
        ({"hidden_dim": "30"}, "impossible model"),
        ({"vocabulary_size": -1}, "vocab_size must be an integer of at least 1"),
        ({"rotary": True}, "settings that are not known here: .'rotary'."),
    )

    @pytest.mark.parametrize(("changes", "message"), CASES)
    def test_what_cannot_be_is_refused(self, copy: Path, changes: dict[str, Any], message: str) -> None:
        change_json(copy / "config.json", **changes)
        with pytest.raises(FormatError, match=message):
            read_kerashub(copy)

    def test_settings_that_the_user_knows_are_ignored(self, copy: Path) -> None:
        change_json(copy / "config.json", rotary=True)
        assert read_kerashub(copy, ignore=["rotary"]).config.num_heads == 5

    @pytest.mark.parametrize("changes", [{"num_groups": 3}, {"num_inner_repetitions": 2}])
    def test_alberts_with_several_groups_are_refused(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        backbone("Albert").save_to_preset(str(tmp_path / "preset"))
        change_json(tmp_path / "preset" / "config.json", **changes)
        ((name, value),) = changes.items()
        with pytest.raises(FormatError, match=f"{name} in .* must be 1. Received: {value}"):
            read_kerashub(tmp_path / "preset")

    def test_an_albert_of_one_width_is_refused(self, tmp_path: Path) -> None:
        models.AlbertBackbone(vocabulary_size=V, embedding_dim=H, **SIZES).save_to_preset(str(tmp_path / "preset"))
        with pytest.raises(FormatError, match="has a projection even where they are equal.* Received: 30 for both"):
            read_kerashub(tmp_path / "preset")

    @pytest.mark.parametrize("content", ["{}", '{"class_name": 3, "config": {}}', '{"class_name": "BertBackbone"}'])
    def test_a_config_of_something_else_is_refused(self, copy: Path, content: str) -> None:
        (copy / "config.json").write_text(content)
        with pytest.raises(FormatError, match="must have class_name and config"):
            read_kerashub(copy)

    def test_other_families_are_refused_by_name(self, copy: Path) -> None:
        (copy / "config.json").write_text('{"class_name": "GemmaBackbone", "config": {}}')
        with pytest.raises(FormatError, match="class_name in .* must be one of .*'BertBackbone'.* Received: 'GemmaBackbone'"):
            read_kerashub(copy)


class TestWeights:
    NAME = "layers/dense/vars/1"

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
    def test_truncated_files_are_refused(self, copy: Path, share: float) -> None:
        shorten(copy / "model.weights.h5", share)
        with pytest.raises(FormatError, match="is damaged"):
            read_kerashub(copy).encoder()

    def test_a_damaged_header_is_refused(self, copy: Path) -> None:
        flip(copy / "model.weights.h5", 0.0)
        with pytest.raises(FormatError, match="model.weights.h5.* is damaged"):
            read_kerashub(copy)

    def test_no_weights_are_refused(self, copy: Path) -> None:
        (copy / "model.weights.h5").unlink()
        with pytest.raises(FormatError, match="model.weights.h5.* cannot be read"):
            read_kerashub(copy)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (None, "Missing: .*layers/dense/vars/1"),
            (np.ones(31, np.float32), "layers/dense/vars/1 has .31,., the config asks for .30,."),
            (np.ones((H, 1), np.float32), "has .30, 1., the config asks for .30,."),
            (np.ones(H, np.int32), "floating-point numbers. Received: others in .'layers/dense/vars/1'."),
        ],
    )
    def test_tensors_that_do_not_fit_are_refused(self, copy: Path, values: Any, message: str) -> None:
        change_dataset(copy, self.NAME, values)
        with pytest.raises(FormatError, match=message):
            read_kerashub(copy)

    def test_tensors_that_are_left_over_are_refused(self, copy: Path) -> None:
        with h5py.File(copy / "model.weights.h5", "a") as file:
            file.create_dataset("layers/dense_9/vars/0", data=np.ones(3, np.float32))
        with pytest.raises(FormatError, match="Left over: .*layers/dense_9/vars/0"):
            read_kerashub(copy)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_weights_that_are_no_numbers_are_refused(self, copy: Path, value: float) -> None:
        change_dataset(copy, self.NAME, np.full(H, value, np.float32))
        with pytest.raises(FormatError, match="Weights must be finite numbers. Received: 30 that are not"):
            read_kerashub(copy).encoder()

    def test_sizes_without_numbers_are_refused(self, copy: Path) -> None:
        """A file of some kilobytes can say that it has 4 TB."""
        with h5py.File(copy / "model.weights.h5", "a") as file:
            file.create_dataset("layers/huge/vars/0", shape=(10**6, 10**6), dtype=np.float32)
        with pytest.raises(FormatError, match="/layers/huge/vars/0 with 4000000000000 bytes by its shape and 0 in the file"):
            read_kerashub(copy)

    def test_compressed_numbers_are_refused(self, copy: Path) -> None:
        change_dataset(copy, self.NAME, np.zeros(H, np.float32), compression="gzip")
        with pytest.raises(FormatError, match="must hold its numbers as Keras writes them"):
            read_kerashub(copy)

    def test_numbers_in_other_files_are_refused(self, copy: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(bytes(4 * H))
        change_dataset(copy, self.NAME, None)
        with h5py.File(copy / "model.weights.h5", "a") as file:
            file.create_dataset(self.NAME, (H,), np.float32, external=[(str(tmp_path / "secret"), 0, 4 * H)])
        with pytest.raises(FormatError, match="must hold its numbers as Keras writes them"):
            read_kerashub(copy)

    def test_links_to_other_files_are_not_followed(self, copy: Path) -> None:
        shutil.copy(copy / "model.weights.h5", copy / "other.h5")
        change_dataset(copy, self.NAME, None)
        with h5py.File(copy / "model.weights.h5", "a") as file:
            file[self.NAME] = h5py.ExternalLink("other.h5", self.NAME)
        with pytest.raises(FormatError, match="Missing: .*layers/dense/vars/1"):
            read_kerashub(copy)

    @pytest.mark.parametrize("name", ["../model.weights.h5", "/etc/passwd", "a\\b.weights.h5", 3])
    def test_an_index_that_leads_elsewhere_is_refused(self, copy: Path, name: Any) -> None:
        (copy / "model.weights.h5").unlink()
        (copy / "model.weights.json").write_text(json.dumps({"weight_map": {"/layers/dense/vars": name}}))
        with pytest.raises(FormatError, match=re.escape(f"must name .weights.h5 files beside itself. Received: {name!r}")):
            read_kerashub(copy)

    @pytest.mark.parametrize("content", ["{}", '{"weight_map": []}', '{"weight_map": {}}'])
    def test_an_index_without_names_is_refused(self, copy: Path, content: str) -> None:
        (copy / "model.weights.h5").unlink()
        (copy / "model.weights.json").write_text(content)
        with pytest.raises(FormatError, match="must hold a weight_map"):
            read_kerashub(copy)

    def test_a_tensor_that_comes_twice_is_refused(self, copy: Path) -> None:
        shutil.move(copy / "model.weights.h5", copy / "a.weights.h5")
        shutil.copy(copy / "a.weights.h5", copy / "b.weights.h5")
        (copy / "model.weights.json").write_text(json.dumps({"weight_map": {"x": ["a.weights.h5", "b.weights.h5"]}}))
        with pytest.raises(FormatError, match="must not hold a tensor once more"):
            read_kerashub(copy)


class TestPresets:
    def test_one_of_kerashub_is_downloaded_and_read(self, preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def download(handle: str) -> str:
            asked.append(handle)
            return str(preset)

        monkeypatch.setattr(kerashub.kagglehub, "model_download", download, raising=False)
        assert read_kerashub("preset:bert_tiny_en_uncased").config.hidden_size == H
        handle = keras_hub.models.Backbone.presets["bert_tiny_en_uncased"]["kaggle_handle"]
        assert asked == [handle.removeprefix("kaggle://")]

    def test_without_a_network_the_error_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(handle: str) -> str:
            raise ConnectionError("no network")

        monkeypatch.setattr(kerashub.kagglehub, "model_download", fail, raising=False)
        message = (
            r"could not be downloaded \(ConnectionError: no network\). Download https://www.kaggle.com/models/keras/bert/keras/"
        )
        with pytest.raises(FormatError, match=message):
            read_kerashub("preset:bert_tiny_en_uncased")

    def test_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(FormatError, match="no preset 'bert_tiny_en_uncase'. Did you mean preset:bert_tiny_en_uncased?"):
            read_kerashub("preset:bert_tiny_en_uncase")
