"""SavedModels in the form of TF-Hub's: they do what the originals do, in processes that know nothing of this package."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder import Encoder, FeedForward, SelfAttention
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.tfhub import read_tfhub
from keras_bert_lab.formats.tfhub_writer import write_tfhub_encoder, write_tfhub_preprocessor
from keras_bert_lab.heads import MaskedLMHead
from keras_bert_lab.text import Preprocessor, WordPieceTokenizer
from tests.formats.hub_models import SEQUENCE, TEXTS, TOKENS, batch, config, encoder_and_head, preprocessor, tensors

POSITIONS = np.array([[0, 16, 3, 5], [8, 1, 1, 2], [0, 1, 0, 4]], np.int32)
VARIANTS: dict[str, dict[str, Any]] = {
    "bert": {},
    "albert": {
        "share_layers": True,
        "embedding_size": 14,
        "activation": "relu",
        "layer_norm_eps": 1e-3,
        "attention_dropout": 0.0,
    },
    "electra": {"embedding_size": 14, "pooler": False, "activation": "gelu", "layer_norm_eps": 1e-5, "dropout": 0.0},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`encoder` with a masked LM head, and `preprocessor`."""
    folder = tmp_path_factory.mktemp("written")
    encoder, head = encoder_and_head()
    write_tfhub_encoder(encoder, preprocessor(), folder / "encoder", head)
    write_tfhub_preprocessor(preprocessor(), folder / "preprocessor")
    return folder


@pytest.fixture(scope="module")
def hub_encoder(folders: Path) -> Any:
    return tf.saved_model.load(str(folders / "encoder"))


@pytest.fixture(scope="module")
def hub_preprocessor(folders: Path) -> Any:
    return tf.saved_model.load(str(folders / "preprocessor"))


def run(program: str, *arguments: Any) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class TestEncoder:
    @pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
    def test_read_back_it_is_the_same(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        encoder, head = encoder_and_head(**changes)
        write_tfhub_encoder(encoder, preprocessor(), tmp_path, head)
        checkpoint = read_tfhub(tmp_path)
        assert checkpoint.config == encoder.config
        again = checkpoint.encoder()
        for ours, original in zip(again.weights, encoder.weights, strict=True):
            np.testing.assert_array_equal(ours, original)
        head_again = MaskedLMHead(again)
        checkpoint.fill_head(checkpoint.head("masked_lm").table, head_slots(head_again))
        for ours, original in zip(head_again.weights, head.weights, strict=True):
            np.testing.assert_array_equal(ours, original)

        loaded = tf.saved_model.load(str(tmp_path))
        outputs, expected = loaded(tensors(batch()), training=False), encoder(batch())
        for name in ("sequence_output", "pooled_output"):
            np.testing.assert_allclose(outputs[name], expected[name], atol=1e-5)
        for ours, original in zip(outputs["encoder_outputs"], expected["encoder_outputs"], strict=True):
            np.testing.assert_allclose(ours, original, atol=1e-5)
        logits = loaded.mlm(tensors(batch() | {"masked_lm_positions": POSITIONS}), training=False)["mlm_logits"]
        np.testing.assert_allclose(logits, head(expected["sequence_output"], POSITIONS), atol=2e-5)

    def test_it_has_what_the_originals_have(self, hub_encoder: Any, shared: Path) -> None:
        ours = hub_encoder
        original = tf.saved_model.load(str(shared / "fixtures" / "tfhub" / "bert_en_uncased_L-2_H-128_A-2"))
        short = 4 + 1 + 2 + 2 * 16  # tables and norm, pooler, two blocks: those that both have
        names = [[variable.name for variable in model.trainable_variables] for model in (ours, original)]
        assert set(names[1]) <= set(names[0])
        assert len(names[1]) == short
        ranks = {variable.name: len(variable.shape) for variable in ours.trainable_variables}
        assert ranks == ranks | {variable.name: len(variable.shape) for variable in original.trainable_variables}
        assert len(ours.variables) == len(ours.trainable_variables) + 1
        for model in (ours, original):
            assert list(model.regularization_losses) == []
            assert model.do_lower_case.numpy()
            assert not model.do_lower_case.trainable
            assert set(model(tensors(batch(7)), training=False)) == {
                "default", "pooled_output", "sequence_output", "encoder_outputs",
            }  # fmt: skip
            signature = model.signatures["serving_default"]
            assert set(signature.structured_input_signature[1]) == {"input_word_ids", "input_mask", "input_type_ids"}
            assert len(model.__call__.concrete_functions) == 2
        assert Path(ours.vocab_file.asset_path.numpy().decode()).read_text(encoding="utf-8").splitlines() == TOKENS
        mlm_names = {variable.name for variable in ours.mlm.trainable_variables} - set(names[0])
        assert mlm_names == {variable.name for variable in original.mlm.trainable_variables} - set(names[1])

    def test_dropout_is_on_in_training_only(self, hub_encoder: Any) -> None:
        model = hub_encoder
        still = [model(tensors(batch()), training=False)["pooled_output"] for _ in range(2)]
        still.append(model(tensors(batch()))["pooled_output"])
        np.testing.assert_array_equal(still[0], still[1])
        np.testing.assert_array_equal(still[0], still[2])
        moving = [model(tensors(batch()), training=True)["pooled_output"] for _ in range(2)]
        assert np.abs(moving[0] - moving[1]).max() > 0.01
        assert np.abs(moving[0] - still[0]).max() > 0.01

    def test_every_weight_has_a_gradient(self, hub_encoder: Any) -> None:
        model = hub_encoder.mlm
        with tf.GradientTape() as tape:
            outputs = model(tensors(batch() | {"masked_lm_positions": POSITIONS}), training=True)
            scores = tf.nn.log_softmax(outputs["mlm_logits"])[:, :, 3]
            loss = tf.reduce_sum(outputs["pooled_output"] ** 2) + tf.reduce_sum(scores)
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            assert gradient is not None, variable.name
            assert np.any(tf.convert_to_tensor(gradient)), variable.name

    def test_without_a_head_there_is_no_mlm(self, tmp_path: Path) -> None:
        encoder, _ = encoder_and_head(num_layers=1)
        write_tfhub_encoder(encoder, preprocessor(lowercase=False), tmp_path)
        model = tf.saved_model.load(str(tmp_path))
        assert not hasattr(model, "mlm")
        assert not model.do_lower_case.numpy()
        assert read_tfhub(tmp_path).heads == ()
        assert read_tfhub(tmp_path).preprocessor(None).tokenizer.lowercase is False

    @pytest.mark.slow
    def test_our_own_layer_trains_it(self, folders: Path) -> None:
        from keras_bert_lab.encoder.hub_encoder import HubEncoder

        layer = HubEncoder(str(folders / "encoder"), trainable=True)
        inputs = {name: keras.Input((SEQUENCE,), dtype="int32", name=name) for name in batch()}
        model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)["pooled_output"]))
        model.compile("adam", "mse")
        before = [weight.numpy() for weight in layer.trainable_weights]
        model.fit(batch(), np.ones(3), verbose=0)
        assert len(before) == 5 + 3 * 16 + 2
        assert all(np.any(weight.numpy() != old) for weight, old in zip(layer.trainable_weights, before, strict=True))


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"norm_first": True}, "cannot have {'norm_first': True}"),
            ({"position_offset": 2}, "cannot have {'position_offset': 2}"),
            ({"type_vocab_size": 0}, "cannot have {'type_vocab_size': 0}"),
        ],
    )
    def test_encoders_that_have_no_place_there(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(FormatError, match=message):
            write_tfhub_encoder(Encoder(config(**changes)), preprocessor(), tmp_path)

    def test_blocks_of_the_users_own(self, tmp_path: Path) -> None:
        @keras.saving.register_keras_serializable(package="test_tfhub_writer")
        class Mine(FeedForward):
            pass

        encoder = Encoder(config(), attention=SelfAttention(5, 6), feed_forward=Mine(37))
        with pytest.raises(FormatError, match="encoder must be made of SelfAttention and FeedForward"):
            write_tfhub_encoder(encoder, preprocessor(), tmp_path)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"strip_accents": False}, "lowercase=True, strip_accents=False, split_cjk=True"),
            ({"lowercase": False, "strip_accents": True}, "lowercase=False, strip_accents=True"),
            ({"split_cjk": False}, "split_cjk=False"),
            ({"added_tokens": ["<new>"]}, "a WordPieceTokenizer without added tokens"),
        ],
    )
    def test_tokenizers_that_have_no_place_there(self, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(FormatError, match=message):
            write_tfhub_encoder(Encoder(config()), preprocessor(**settings), tmp_path)

    def test_other_tokenizers(self, tmp_path: Path) -> None:
        from keras_bert_lab.text import WordTokenizer

        words = Preprocessor(WordTokenizer(["a"]))
        with pytest.raises(FormatError, match="Received: WordTokenizer"):
            write_tfhub_encoder(Encoder(config()), words, tmp_path)

    def test_a_head_of_another_encoder(self, tmp_path: Path) -> None:
        (encoder, _), (_, head) = encoder_and_head(num_layers=1), encoder_and_head(num_layers=1)
        with pytest.raises(ValueError, match="masked_lm_head must share the token table of encoder"):
            write_tfhub_encoder(encoder, preprocessor(), tmp_path, head)


class TestPreprocessor:
    def test_the_rows_are_ours(self, hub_preprocessor: Any) -> None:
        model, ours = hub_preprocessor, preprocessor()
        for name, values in ours(TEXTS).items():
            assert model(tf.constant(TEXTS))[name].dtype == tf.int32
            np.testing.assert_array_equal(model(tf.constant(TEXTS))[name], values)

    def test_tokens_come_by_words(self, hub_preprocessor: Any) -> None:
        tokens = hub_preprocessor.tokenize(tf.constant(["the cats!", "", " ", "中the", "##a"]))
        spelled = [[[TOKENS[piece] for piece in word] for word in row] for row in tokens.to_list()]
        assert spelled == [
            [["the"], ["cat", "##s"], ["!"]],
            [],
            [],
            [["中"], ["the"]],
            [["[UNK]"], ["[UNK]"], ["a"]],
        ]

    @pytest.mark.parametrize("length", [9, 5, 24])
    @pytest.mark.parametrize("by_words", [True, False])
    def test_pieces_are_packed_as_ours_are(self, hub_preprocessor: Any, length: int, by_words: bool) -> None:
        model = hub_preprocessor
        first, second = model.tokenize(tf.constant(TEXTS)), model.tokenize(tf.constant(TEXTS[::-1]))
        if not by_words:
            first, second = first.merge_dims(1, 2), second.merge_dims(1, 2)
        ours = preprocessor(length)
        for pieces, texts in (([first], TEXTS), ([first, second], (TEXTS, TEXTS[::-1]))):
            for given in (length, tf.constant(length)):
                rows = model.bert_pack_inputs(pieces, seq_length=given)
                for name, values in ours(texts).items():
                    np.testing.assert_array_equal(rows[name], values)

    def test_special_tokens_are_named(self, hub_preprocessor: Any) -> None:
        found = hub_preprocessor.tokenize.get_special_tokens_dict()
        assert {name: int(value) for name, value in found.items()} == {
            "vocab_size": len(TOKENS), "padding_id": 0, "start_of_sequence_id": 2, "end_of_segment_id": 3, "mask_id": 4,
        }  # fmt: skip

    def test_without_a_length_rows_have_that_of_the_longest(self, tmp_path: Path) -> None:
        tokens = ["<p>", "<u>", "<c>", "<s>", "<m>", "a"]
        spelling = dict(zip(("pad", "unk", "cls", "sep", "mask"), tokens, strict=False))
        write_tfhub_preprocessor(Preprocessor(WordPieceTokenizer(tokens, special_tokens=spelling), max_length=6), tmp_path)
        model = tf.saved_model.load(str(tmp_path))
        assert model(tf.constant(["a b", ""]))["input_word_ids"].numpy().tolist() == [[2, 5, 1, 3], [2, 3, 0, 0]]
        assert model(tf.constant(["a b " * 9]))["input_word_ids"].numpy().tolist() == [[2, 5, 1, 5, 1, 3]]


PLAIN = """
import sys
import numpy as np
import tensorflow as tf
folder, arrays = sys.argv[1:]
encoder = tf.saved_model.load(folder + "/encoder")
assert "tensorflow_text" not in sys.modules
import tensorflow_text
preprocess = tf.saved_model.load(folder + "/preprocessor")
inputs = preprocess(tf.constant(["The cat!", "", "a b c"]))
optimizer = tf.keras.optimizers.SGD(0.01)
outputs = encoder(inputs, training=False)
packed = preprocess.bert_pack_inputs([preprocess.tokenize(tf.constant(["The cat!", "", "a b c"]))], seq_length=17)
assert all((packed[name].numpy() == inputs[name].numpy()).all() for name in inputs)
served = encoder.signatures["serving_default"](**inputs)
assert np.allclose(served["pooled_output"], outputs["default"], atol=1e-6)
np.savez(arrays, **{name: outputs[name].numpy() for name in ("pooled_output", "sequence_output")})
assert "keras_bert_lab" not in sys.modules
"""

KERAS_2 = """
import os
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import sys
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
import tensorflow_text
import tf_keras
folder, = sys.argv[1:]
text = tf_keras.layers.Input(shape=(), dtype=tf.string, name="text")
preprocessor = hub.KerasLayer(folder + "/preprocessor", name="preprocessing")
encoder = hub.KerasLayer(folder + "/encoder", trainable=True, name="BERT_encoder")
outputs = encoder(preprocessor(text))
net = tf_keras.layers.Dropout(0.1)(outputs["pooled_output"])
model = tf_keras.Model(text, tf_keras.layers.Dense(1, activation="sigmoid")(net))
model.compile("adam", "binary_crossentropy")
before = [weight.numpy() for weight in encoder.trainable_weights]
model.fit(tf.constant(["The cat!", "a b c", "the , !", "x y"]), np.array([0.0, 1.0, 1.0, 0.0]), batch_size=2, verbose=0)
changed = sum(bool((weight.numpy() != old).any()) for weight, old in zip(encoder.trainable_weights, before))
print(len(before), changed, len(encoder.non_trainable_weights))

loaded = hub.load(folder + "/preprocessor")
segments = [tf_keras.layers.Input(shape=(), dtype=tf.string) for _ in range(2)]
tokenize = hub.KerasLayer(loaded.tokenize)
packer = hub.KerasLayer(loaded.bert_pack_inputs, arguments=dict(seq_length=9))
pairs = tf_keras.Model(segments, packer([tokenize(segment) for segment in segments]))
print(pairs([tf.constant(["the"]), tf.constant(["cat !"])])["input_type_ids"].numpy().tolist())
"""


class TestOtherProcesses:
    def test_plain_tensorflow_can_use_both(self, folders: Path, tmp_path: Path) -> None:
        run(PLAIN, folders, tmp_path / "found.npz")
        found = np.load(tmp_path / "found.npz")
        expected = encoder_and_head()[0](preprocessor()(["The cat!", "", "a b c"]))
        for name in found.files:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)

    @pytest.mark.slow
    def test_code_for_keras_2_fine_tunes_it(self, folders: Path) -> None:
        lacking = [name for name in ("tf_keras", "tensorflow_hub", "pkg_resources") if importlib.util.find_spec(name) is None]
        if lacking:
            pytest.skip(f"needs {lacking}")
        count = 5 + 3 * 16 + 2
        assert run(KERAS_2, folders).splitlines()[-2:] == [f"{count} {count} 1", "[[0, 0, 0, 1, 1, 1, 0, 0, 0]]"]
