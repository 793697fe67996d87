from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder, FeedForward, SelfAttention
from tests import oracle
from tests.samples import (
    MAX_POSITIONS,
    VARIANTS,
    B,
    D,
    F,
    H,
    L,
    N,
    S,
    V,
    batch,
    config,
    numpy,
    randomise,
    relative_error,
    symbolic,
)


def _real(outputs: Any, mask: np.ndarray) -> np.ndarray:
    """Only the states of real tokens: what a row's padding holds is nobody's promise."""
    return numpy(outputs) * mask[..., None]


@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_formulas(variant: str) -> None:
    encoder, inputs = randomise(Encoder(config(**VARIANTS[variant]))), batch()
    outputs, expected, mask = encoder(inputs), oracle.encoder(encoder, inputs), inputs["input_mask"]
    assert relative_error(_real(outputs["sequence_output"], mask), _real(expected["sequence_output"], mask)) < 1e-5
    assert relative_error(outputs["pooled_output"], expected["pooled_output"]) < 1e-5
    assert len(outputs["encoder_outputs"]) == encoder.config.num_layers
    for ours, formula in zip(outputs["encoder_outputs"], expected["encoder_outputs"], strict=True):
        assert relative_error(_real(ours, mask), _real(formula, mask)) < 1e-5
    for ours, formula in zip(encoder.attention_maps(inputs), expected["attention_maps"], strict=True):
        real = mask[:, None, :, None]
        assert relative_error(numpy(ours) * real, formula * real) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_last_of_the_encoder_outputs_is_the_sequence_output(variant: str) -> None:
    outputs = randomise(Encoder(config(**VARIANTS[variant])))(batch())
    np.testing.assert_array_equal(outputs["encoder_outputs"][-1], outputs["sequence_output"])


def test_textbook_shapes() -> None:
    encoder = Encoder(config())
    outputs = encoder(batch())
    assert sorted(outputs) == ["encoder_outputs", "pooled_output", "sequence_output"]
    assert tuple(outputs["sequence_output"].shape) == (B, S, H)
    assert tuple(outputs["pooled_output"].shape) == (B, H)
    assert [tuple(states.shape) for states in outputs["encoder_outputs"]] == [(B, S, H)] * L
    assert [tuple(weights.shape) for weights in encoder.attention_maps(batch())] == [(B, N, S, S)] * L
    assert tuple(encoder.embedding_table.shape) == (V, H)
    assert tuple(Encoder(config(embedding_size=17)).embedding_table.shape) == (V, 17)
    assert len(encoder.blocks) == L
    assert len(Encoder(config(share_layers=True)).blocks) == 1


@pytest.mark.parametrize("sequence", [S, None])
@pytest.mark.parametrize("packed", [False, True])
def test_symbolic_shapes(sequence: int | None, packed: bool) -> None:
    inputs = {name: keras.Input((sequence,), dtype="int32", name=name) for name in batch()}
    if packed:
        inputs["input_example_ids"] = keras.Input((sequence,), dtype="int32", name="input_example_ids")
        inputs["input_positions"] = keras.Input((sequence,), dtype="int32", name="input_positions")
        inputs["input_example_starts"] = keras.Input((3,), dtype="int32", name="input_example_starts")
    outputs = Encoder(config())(inputs)
    assert outputs["sequence_output"].shape == (None, sequence, H)
    assert outputs["pooled_output"].shape == ((None, 3, H) if packed else (None, H))
    assert [states.shape for states in outputs["encoder_outputs"]] == [(None, sequence, H)] * L


@pytest.mark.parametrize("variant", ["post_norm", "factorised"])
def test_functional_model_gives_the_same_as_a_direct_call(variant: str) -> None:
    encoder, arrays = randomise(Encoder(config(**VARIANTS[variant]))), batch()
    inputs = symbolic(arrays)
    model = keras.Model(inputs, encoder(inputs))
    predicted, called = model.predict(arrays, verbose=0, batch_size=3), encoder(arrays)
    assert relative_error(predicted["sequence_output"], called["sequence_output"]) < 1e-5
    assert relative_error(predicted["pooled_output"], called["pooled_output"]) < 1e-5


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_mask_and_ids_of_other_kinds(dtype: str) -> None:
    encoder, inputs = randomise(Encoder(config())), batch()
    other = dict(inputs, input_mask=inputs["input_mask"].astype(dtype))
    if dtype == "int64":  # numpy's own choice for lists of numbers
        other = {name: array.astype(dtype) for name, array in inputs.items()}
    np.testing.assert_array_equal(encoder(other)["sequence_output"], encoder(inputs)["sequence_output"])


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (EncoderConfig.preset("bert_tiny"), 4_385_920),
        (EncoderConfig.preset("bert_mini"), 11_170_560),
        (EncoderConfig.preset("bert_base"), 109_482_240),
        (EncoderConfig.preset("bert_large"), 335_141_888),
        # AlbertModel of albert-base-v2: 12 times the same block, tables 128 wide
        (EncoderConfig.preset("bert_base", vocab_size=30000, embedding_size=128, share_layers=True), 11_683_584),
        # DistilBertModel of distilbert-base-uncased
        (EncoderConfig.preset("bert_base", num_layers=6, type_vocab_size=0, pooler=False), 66_362_880),
    ],
    ids=["tiny", "mini", "base", "large", "albert", "distilbert"],
)
def test_number_of_parameters_is_that_of_the_released_models(settings: EncoderConfig, count: int) -> None:
    assert Encoder(settings).count_params() == count


def test_every_weight_has_a_path_of_its_own() -> None:
    paths = [weight.path for weight in Encoder(config(norm_first=True, embedding_size=17)).weights]
    assert len(paths) == len(set(paths)) == 5 + 2 + 12 * L + 2 + 2  # embeddings, projection, blocks, final norm, pooler
    assert all(path.startswith("encoder/") for path in paths)


def test_without_a_pooler_the_first_state_is_the_pooled_output() -> None:
    outputs = randomise(Encoder(config(pooler=False)))(batch())
    np.testing.assert_array_equal(outputs["pooled_output"], outputs["sequence_output"][:, 0])


def test_shared_layers_are_one_block_applied_again() -> None:
    shared, separate = Encoder(config(share_layers=True, num_layers=3)), Encoder(config(num_layers=3))
    randomise(shared)
    separate.embeddings.set_weights(shared.embeddings.get_weights())
    separate.pooler.set_weights(shared.pooler.get_weights())
    for block in separate.blocks:
        block.set_weights(shared.blocks[0].get_weights())
    assert relative_error(shared(batch())["sequence_output"], separate(batch())["sequence_output"]) < 1e-6


# --- parts given by the user


def _custom_config(**changes: object) -> EncoderConfig:
    return config(num_layers=3, **changes)


@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_one_layer_is_copied_for_each_block(part: str) -> None:
    given = {"attention": SelfAttention(5, 3), "feed_forward": FeedForward(17, activation="relu")}[part]
    encoder = Encoder(_custom_config(), **{part: given})
    used = [getattr(block, part) for block in encoder.blocks]
    assert given not in used
    assert [type(layer) for layer in used] == [type(given)] * 3
    if part == "attention":
        assert [(layer.num_heads, layer.key_dim) for layer in used] == [(5, 3)] * 3
    else:
        assert [(layer.intermediate_size, layer.activation) for layer in used] == [(17, "relu")] * 3
    kernels = [np.asarray(layer.output_dense.kernel) for layer in used]
    assert np.abs(kernels[0] - kernels[1]).max() > 0
    assert np.abs(kernels[1] - kernels[2]).max() > 0


def test_a_list_gives_each_block_its_own() -> None:
    attentions = [SelfAttention(heads, 7) for heads in (1, 2, 5)]
    encoder = Encoder(_custom_config(), attention=attentions)
    assert all(block.attention is layer for block, layer in zip(encoder.blocks, attentions, strict=True))
    assert [weights.shape[1] for weights in encoder.attention_maps(batch())] == [1, 2, 5]


def test_sequential_of_dense_and_relu_as_feed_forward() -> None:
    given = keras.Sequential(
        [keras.layers.Dense(F), keras.layers.ReLU(), keras.layers.Dense(17), keras.layers.ReLU(), keras.layers.Dense(H)]
    )
    encoder = randomise(Encoder(_custom_config(), feed_forward=given))
    for block in encoder.blocks:
        assert [type(layer).__name__ for layer in block.feed_forward.layers] == ["Dense", "ReLU", "Dense", "ReLU", "Dense"]
    x = numpy(encoder(batch())["encoder_outputs"][0])
    first, _, second, _, third = encoder.blocks[1].feed_forward.layers
    mask = batch()["input_mask"][:, None, :].astype(bool)
    block = encoder.blocks[1]
    x = oracle.layer_norm(block.attention_norm, x + oracle.self_attention(block.attention, x, x, mask), 1e-5)
    fed = oracle.dense(third, oracle.relu(oracle.dense(second, oracle.relu(oracle.dense(first, x)))))
    expected = oracle.layer_norm(block.output_norm, x + fed, 1e-5)
    mask = batch()["input_mask"]
    assert relative_error(_real(encoder(batch())["encoder_outputs"][1], mask), _real(expected, mask)) < 1e-5


def test_shared_layers_take_one_part() -> None:
    attention = SelfAttention(N, D)
    encoder = Encoder(_custom_config(share_layers=True), attention=[attention])
    assert [block.attention for block in encoder.blocks] == [attention]


@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_wrong_parts_are_refused(part: str) -> None:
    layers = [FeedForward(F), FeedForward(F)]
    with pytest.raises(ValueError, match=re.escape(f"{part} must hold one layer for each of the 3 blocks. Received: 2 layers")):
        Encoder(_custom_config(), **{part: layers})
    with pytest.raises(TypeError, match=rf"{part} must be a Keras layer.* Received: 'relu'"):
        Encoder(_custom_config(), **{part: "relu"})


# --- dropout


@pytest.mark.parametrize("setting", ["dropout", "attention_dropout"])
def test_each_dropout_acts_in_training_only(setting: str) -> None:
    rates = {"dropout": 0.0, "attention_dropout": 0.0, setting: 0.5}
    encoder, inputs = randomise(Encoder(config(**rates))), batch()
    calm = encoder(inputs)["sequence_output"]
    np.testing.assert_array_equal(encoder(inputs, training=False)["sequence_output"], calm)
    assert relative_error(encoder(inputs, training=True)["sequence_output"], calm) > 0.1


def test_no_dropout_means_training_changes_nothing() -> None:
    encoder, inputs = randomise(Encoder(config(dropout=0.0, attention_dropout=0.0))), batch()
    np.testing.assert_array_equal(encoder(inputs, training=True)["sequence_output"], encoder(inputs)["sequence_output"])


def test_attention_maps_are_without_dropout() -> None:
    encoder = randomise(Encoder(config(attention_dropout=0.5)))
    for first, second in zip(encoder.attention_maps(batch()), encoder.attention_maps(batch()), strict=True):
        np.testing.assert_array_equal(first, second)
        assert numpy(first).sum(-1) == pytest.approx(1, abs=1e-5)


# --- refusals


@pytest.mark.parametrize("wrong", [{"hidden_size": 15}, None, "bert_base"])
def test_config_must_be_a_config(wrong: object) -> None:
    with pytest.raises(TypeError, match=re.escape(f"config must be an EncoderConfig. Received: {wrong!r}")):
        Encoder(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["eager", "symbolic", "attention_maps"])
def test_too_long_sequences_are_refused(call: str) -> None:
    encoder, lengths = Encoder(config()), (5, 3)
    longest, too_long = batch(lengths, MAX_POSITIONS), batch(lengths, 23)
    if call == "symbolic":
        longest, too_long = (
            {name: keras.KerasTensor(array.shape, "int32") for name, array in arrays.items()} for arrays in (longest, too_long)
        )
    run = encoder.attention_maps if call == "attention_maps" else encoder
    assert run(longest) is not None
    with pytest.raises(ValueError, match=re.escape("at most max_positions=19 tokens. Received: 23")):
        run(too_long)


@pytest.mark.parametrize("call", ["eager", "symbolic", "attention_maps"])
def test_inputs_must_be_the_contract_dict(call: str) -> None:
    encoder, inputs = Encoder(config()), batch()
    del inputs["input_mask"]
    if call == "symbolic":
        inputs = {name: keras.KerasTensor(array.shape, "int32") for name, array in inputs.items()}
    run = encoder.attention_maps if call == "attention_maps" else encoder
    with pytest.raises(ValueError, match=re.escape("Received: ['input_type_ids', 'input_word_ids'], without ['input_mask']")):
        run(inputs)
    with pytest.raises(TypeError, match="must be a dict with the keys"):
        run(inputs["input_word_ids"])


def test_a_float_mask_is_refused() -> None:
    inputs = batch()
    inputs["input_mask"] = inputs["input_mask"].astype("float32")
    with pytest.raises(ValueError, match=re.escape("must be bool or integer")) as caught:
        Encoder(config())(inputs)
    assert "dtype=float32" in str(caught.value)


def test_attention_maps_need_our_attention() -> None:
    encoder = Encoder(config(), attention=[SelfAttention(N, D), keras.layers.MultiHeadAttention(N, D)])
    with pytest.raises(TypeError, match=r"needs SelfAttention in every block\. Received: MultiHeadAttention in block_1"):
        encoder.attention_maps(batch())


def test_a_frozen_encoder_stays_frozen_in_its_config() -> None:
    encoder = Encoder(config())
    encoder.trainable = False
    copy = Encoder.from_config(encoder.get_config())
    assert (copy.trainable, copy.trainable_weights) == (False, [])
