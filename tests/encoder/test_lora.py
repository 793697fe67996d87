"""Low-rank adaptation of whole encoders: counted by hand, compared with merged weights made in NumPy."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import Encoder, FeedForward, HubEncoder, add_adapters, add_lora, merge_lora, set_trainable
from keras_bert_lab.encoder.frozen_weights import weight_names
from keras_bert_lab.encoder.lora import merged_lora
from tests import oracle
from tests.samples import VARIANTS, B, F, H, L, N, batch, config, numpy, randomise, relative_error, symbolic
from tests.small_hub_models import packed_encoder

NAMES = [
    *("attention/query", "attention/key", "attention/value", "attention/output_dense"),
    *("feed_forward/intermediate", "feed_forward/output_dense"),
]
SIZES = dict(zip(NAMES, [2 * H] * 4 + [H + F] * 2, strict=True))  # in + out of each product


def outputs(encoder: Any) -> list[np.ndarray]:
    found = encoder(batch())
    return [numpy(found["sequence_output"]), numpy(found["pooled_output"])]


def randomised(encoder: Any, seed: int = 5, spread: float = 0.3) -> Any:
    """Other values for what is trained alone."""
    rng = np.random.default_rng(seed)
    for weight in encoder.trainable_weights:
        weight.assign(rng.normal(0, spread, weight.shape))
    return encoder


def adapted(dtype: str | None = None, **changes: Any) -> Encoder:
    encoder = randomise(Encoder(config(**changes), dtype=dtype))
    add_lora(encoder, rank=3, alpha=1.5, targets="all")
    return randomised(encoder)


def trained(layer: Any) -> list[str]:
    return [name for name, weight in zip(weight_names(layer), layer.weights, strict=True) if weight.trainable]


def product(update: Any) -> np.ndarray:
    """(alpha / rank) A B with the alpha and rank of `adapted`."""
    return 1.5 / 3 * numpy(update.a) @ numpy(update.b)


def model_of(encoder: Any) -> keras.Model:
    inputs = symbolic(batch())
    return keras.Model(inputs, keras.layers.Dense(1, name="head")(encoder(inputs)["pooled_output"]))


@pytest.mark.parametrize(
    ("targets", "blocks", "chosen"),
    [
        ("query, value", L, [0, 2]),
        ("query", L, [0]),
        ("attention", L, [0, 1, 2, 3]),
        ("feed_forward", L, [4, 5]),
        ("all", L, [0, 1, 2, 3, 4, 5]),
        ("output_dense", L, [3, 5]),
        ("feed_forward/output_dense,key", L, [1, 5]),
        (["block_1/attention", "block_1/*/intermediate"], 1, [0, 1, 2, 3, 4]),
        ("block_1", 1, [0, 1, 2, 3, 4, 5]),
        (("*/[kv]*",), L, [1, 2]),
    ],
    ids=str,
)
@pytest.mark.parametrize("rank", [1, 3])
def test_what_is_trained(targets: Any, blocks: int, chosen: list[int], rank: int) -> None:
    encoder = randomise(Encoder(config()))
    model = model_of(encoder)
    before = outputs(encoder)
    own = encoder.count_params()
    counts = add_lora(model, rank=rank, targets=targets)
    added = blocks * rank * sum(SIZES[NAMES[place]] for place in chosen)
    assert (counts.trainable, counts.frozen) == (added + H + 1, own)
    matrices = 2 * blocks * len(chosen)
    assert (counts.trainable_weights, counts.frozen_weights) == (matrices + 2, len(encoder.weights) - matrices)
    expected = [
        f"block_{block}/{NAMES[place].removesuffix('_dense')}_lora/{matrix}"
        for block in range(L - blocks, L)
        for place in chosen
        for matrix in "ab"
    ]
    assert sorted(trained(encoder)) == sorted(expected)
    for ours, theirs in zip(outputs(encoder), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)  # nothing changes before the first step


def test_a_frozen_encoder_is_trained_too() -> None:
    encoder = Encoder(config(), trainable=False)
    assert add_lora(encoder, rank=2).trainable_weights == 2 * 2 * L
    assert encoder.trainable is True


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_those_of_weights_merged_by_hand(variant: str) -> None:
    """W + (alpha / rank) A B in NumPy, in an encoder without updates, computed by the NumPy oracle."""
    encoder = adapted(**VARIANTS[variant], dtype="float64")
    plain = Encoder(config(**VARIANTS[variant]), dtype="float64")
    plain.set_weights([numpy(w) for n, w in zip(weight_names(encoder), encoder.weights, strict=True) if "_lora" not in n])
    for ours, theirs in zip(plain.blocks, encoder.blocks, strict=True):
        attention, feed_forward = theirs.attention, theirs.feed_forward
        thirds = [product(attention.query_lora), product(attention.key_lora), product(attention.value_lora)]
        by_hand = {
            ours.attention.qkv: np.concatenate(thirds, axis=1),
            ours.attention.output_dense: product(attention.output_lora),
            ours.feed_forward.intermediate: product(feed_forward.intermediate_lora),
            ours.feed_forward.output_dense: product(feed_forward.output_lora),
        }
        for dense, update in by_hand.items():
            assert np.abs(update).max() > 0.1
            dense.kernel.assign(numpy(dense.kernel) + update)
    expected = oracle.encoder(plain, batch())
    real = batch()["input_mask"][..., None]
    found = encoder(batch())
    # Keras has the constants of GELU in float32; the same code on the merged weights has them too.
    assert relative_error(numpy(found["sequence_output"]) * real, expected["sequence_output"] * real) < 1e-7
    assert relative_error(found["pooled_output"], expected["pooled_output"]) < 1e-7
    assert relative_error(found["sequence_output"], plain(batch())["sequence_output"]) < 1e-12
    merge_lora(encoder)
    for ours, theirs in zip(encoder.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=1e-15)
    assert relative_error(encoder(batch())["sequence_output"], found["sequence_output"]) < 1e-12


def test_cross_attention_is_updated_like_self_attention() -> None:
    """Keys and values from another tensor: thirds of two products."""
    encoder = adapted(dtype="float64")
    attention = encoder.blocks[0].attention
    query, value = (np.random.default_rng(seed).normal(size=(B, 3 + seed, H)) for seed in (1, 2))
    found = numpy(attention(query, value))
    merge_lora(encoder)
    np.testing.assert_allclose(found, oracle.self_attention(attention, query, value, None), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_merged_is_unmerged_in_float32(seed: int) -> None:
    encoder = Encoder(config(), name="bert")
    add_lora(encoder, rank=4, targets="all")
    randomised(encoder, seed, spread=0.1)  # updates as large as the weights
    maps, before = [numpy(it) for it in encoder.attention_maps(batch())], outputs(encoder)
    paths = [weight.path for weight in Encoder(config(), name="bert").weights]
    counts = merge_lora(encoder)
    assert [weight.path for weight in encoder.weights] == paths
    assert counts.trainable == 0
    for ours, theirs in zip([*outputs(encoder), *encoder.attention_maps(batch())], [*before, *maps], strict=True):
        assert relative_error(ours, theirs) < 1e-6
    assert "lora" not in encoder.get_config()
    assert add_lora(encoder, rank=2).trainable_weights == 2 * 2 * L  # and it can begin anew


def test_gradients_equal_finite_differences() -> None:
    encoder = adapted(dtype="float64")
    add_adapters(encoder, size=4, norms=False)
    randomised(encoder)
    inputs = batch((5, 3), 7)
    rng = np.random.default_rng(4)
    weighting = rng.normal(size=(2, 7, H)) * inputs["input_mask"][..., None]

    @tf.function
    def value() -> Any:
        return tf.reduce_sum(encoder(inputs)["sequence_output"] * weighting)

    weights = encoder.trainable_weights
    assert len(weights) == L * (2 * 6 + 2 * 4)
    with tf.GradientTape() as tape:
        result = value()
    gradients = [numpy(gradient) for gradient in tape.gradient(result, [weight.value for weight in weights])]
    largest = max(np.linalg.norm(gradient) for gradient in gradients)
    for weight, gradient in zip(weights, gradients, strict=True):
        direction = rng.normal(size=gradient.shape)
        direction = direction / np.linalg.norm(direction) + gradient / np.linalg.norm(gradient)
        direction /= np.linalg.norm(direction)
        original, slope = numpy(weight), 0.0
        for steps, share in (
            (1, 8 / 12),
            (-1, -8 / 12),
            (2, -1 / 12),
            (-2, 1 / 12),
        ):  # the error falls with the step's 4th power
            weight.assign(original + steps * 3e-4 * direction)
            slope += float(value()) * share / 3e-4
        weight.assign(original)
        assert slope == pytest.approx((gradient * direction).sum(), abs=1e-7 * largest), weight.path


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lion"])
def test_only_the_matrices_and_the_head_change(dtype: str, optimizer: str) -> None:
    encoder = randomise(Encoder(config(), dtype=dtype))
    model = model_of(encoder)
    add_lora(model, rank=3, targets="all")
    model.compile(keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": 0.01}}), "mse", run_eagerly=True)
    before = model.get_weights()
    model.fit(batch(), np.linspace(-1, 1, B), epochs=2, verbose=0)  # A moves when B has moved
    names = weight_names(model)
    changed = {name for name, new, old in zip(names, model.get_weights(), before, strict=True) if not np.array_equal(new, old)}
    assert changed == {name for name in names if "_lora/" in name or "head/" in name}
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights} == {"float32"}


def test_set_trainable_afterwards() -> None:
    encoder = adapted()
    total, added = len(encoder.weights), 2 * 6 * L
    own = len(Encoder(config()).weights)
    assert set_trainable(encoder, "all").trainable_weights == total == own + added
    assert set_trainable(encoder, "none").trainable_weights == 0
    assert set_trainable(encoder, "*_lora").trainable_weights == added
    assert set_trainable(encoder, ["*_lora", "pooler", "*_norm"]).trainable_weights == added + 2 + 4 * L
    assert set_trainable(encoder, "last 1").trainable_weights == (own - 5 - 2) // L + 2 * 6 + 2
    assert set_trainable(encoder, "block_1/attention/value_lora").trainable == 3 * 2 * H
    merge_lora(encoder)
    assert set_trainable(encoder, "all").trainable_weights == own


# --- files and copies -------------------------------------------------------------------------------------------------------


def test_files_and_copies_keep_the_matrices(tmp_path: Path) -> None:
    encoder = adapted()
    set_trainable(encoder, "*/value_lora")
    model = model_of(encoder)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inner = again.get_layer(encoder.name)
    wider = encoder.resize_token_embeddings(37)
    for copy in (inner, encoder.copy(), encoder.copy(dropout=0.3), wider):
        assert weight_names(copy) == weight_names(encoder)
        assert trained(copy) == trained(encoder)
        assert copy.get_config()["lora"] == encoder.get_config()["lora"]
        for ours, theirs in zip(outputs(copy), outputs(encoder), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert [weight.path for weight in again.optimizer.variables] == [weight.path for weight in model.optimizer.variables]
    merge_lora(again)
    again.save(tmp_path / "merged.keras")
    merged = keras.saving.load_model(tmp_path / "merged.keras")
    assert len(merged.weights) == len(Encoder(config()).weights) + 2
    np.testing.assert_array_equal(numpy(merged(batch())), numpy(again(batch())))
    assert "lora" not in merged.get_layer(encoder.name).get_config()


def test_a_config_without_additions_is_as_it_was() -> None:
    assert not {"lora", "adapters"} & set(Encoder(config()).get_config())


def test_merged_for_a_moment() -> None:
    encoder = adapted()
    weights, names, before = encoder.get_weights(), weight_names(encoder), outputs(encoder)
    kept = list(encoder.weights)
    with contextlib.suppress(KeyboardInterrupt), merged_lora(model_of(encoder)):
        assert not any("_lora" in name for name in weight_names(encoder))
        assert relative_error(outputs(encoder)[0], before[0]) < 1e-5
        raise KeyboardInterrupt  # whatever ends it
    assert weight_names(encoder) == names
    assert all(
        ours is theirs for ours, theirs in zip(encoder.weights, kept, strict=True)
    )  # an optimizer knows them by identity
    for ours, theirs in zip([*encoder.get_weights(), *outputs(encoder)], [*weights, *before], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with merged_lora(keras.layers.Dense(3)):  # nothing to do
        pass


# --- graphs that are there already --------------------------------------------------------------------------------------------


def test_a_model_that_has_predicted_is_traced_anew() -> None:
    model = model_of(randomise(Encoder(config())))
    model.jit_compile = False  # it is not compiled, which would trace it anew, too
    plain = model.predict(batch(), verbose=0)
    add_lora(model, rank=2, targets="all")
    randomised(model)
    updated = model.predict(batch(), verbose=0)
    assert relative_error(updated, plain) > 0.1
    np.testing.assert_allclose(updated, model(batch()), rtol=1e-5, atol=1e-5)
    merge_lora(model)
    assert relative_error(model.predict(batch(), verbose=0), updated) < 1e-5


def test_a_compiled_model_is_compiled_again() -> None:
    model = model_of(randomise(Encoder(config())))
    targets = np.linspace(-1, 1, B)
    model.compile(keras.optimizers.Adam(0.02, beta_1=0.8), "mse", metrics=["mae"], run_eagerly=True)
    for change, count in ((lambda: add_lora(model, rank=2), 2 * 2 * L + 2), (lambda: merge_lora(model), 2)):
        model.fit(batch(), targets, verbose=0)
        model.optimizer.learning_rate = 0.01
        change()
        assert int(model.optimizer.iterations) == 0
        assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
        assert model.optimizer.beta_1 == 0.8
        assert len(model.optimizer.variables) == 2 + 2 * count  # steps and rate; two moments for each weight
        before = model.evaluate(batch(), targets, verbose=0)
        model.fit(batch(), targets, epochs=2, verbose=0)
        assert sorted(model.history.history) == ["loss", "mae"]
        assert model.evaluate(batch(), targets, verbose=0)[0] < before[0]
    model.compile("adam", "mse")  # not trained yet: nothing to begin anew
    add_lora(model)
    assert not model.optimizer.built


def test_an_optimizer_that_cannot_say_its_settings() -> None:
    class Falling(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.01 / (1.0 + step)

    model = model_of(Encoder(config()))
    model.compile(keras.optimizers.Adam(Falling()), "mse")
    add_lora(model)
    with pytest.raises(ValueError, match="must call `compile"):
        model.fit(batch(), np.linspace(-1, 1, B), verbose=0)


def test_a_graph_of_before_the_merge_does_not_add_the_updates_twice() -> None:
    encoder = adapted()
    traced = tf.function(lambda: encoder(batch())["sequence_output"])
    before = numpy(traced())
    merge_lora(encoder)
    assert relative_error(traced(), before) < 1e-5


# --- what is refused ----------------------------------------------------------------------------------------------------------


def test_targets_that_name_nothing() -> None:
    with pytest.raises(ValueError, match="'qery', which names none. Those of the first block are block_0/attention/query, "):
        add_lora(Encoder(config()), targets="value, qery")
    with pytest.raises(ValueError, match="Received: 'block_2'"):
        add_lora(Encoder(config()), targets=["block_2"])
    own = Encoder(config(), keras.layers.MultiHeadAttention(N, 5), keras.Sequential([keras.layers.Dense(H)]))
    with pytest.raises(ValueError, match=r"Received: '\*', which names none.*none: its layers are your own"):
        add_lora(own, targets="all")


def test_layers_of_ones_own_have_no_updates() -> None:
    encoder = Encoder(config(), attention=keras.layers.MultiHeadAttention(N, 5), feed_forward=[FeedForward(F), FeedForward(17)])
    assert add_lora(encoder, rank=2, targets="all").trainable == 2 * 2 * (2 * H + F + 17)
    assert len(Encoder.from_config(encoder.get_config()).trainable_weights) == 8


@pytest.mark.parametrize("wrong", [None, 3, [], ["query", 3], {"query"}])
def test_targets_that_are_no_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="targets must be names separated by commas, or a list of names. Received: targets="):
        add_lora(Encoder(config()), targets=wrong)


def test_impossible_settings() -> None:
    encoder = Encoder(config())
    with pytest.raises(ValueError, match="rank must be an integer of at least 1. Received: rank=0"):
        add_lora(encoder, rank=0)
    with pytest.raises(ValueError, match="alpha must be a finite number above 0.*Received: alpha=-2"):
        add_lora(encoder, alpha=-2)
    assert len(encoder.trainable_weights) == len(encoder.weights)  # a refused choice changes nothing


def test_updates_twice_or_never() -> None:
    with pytest.raises(ValueError, match="layer must have low-rank updates. Received: 'encoder' without. Use add_lora"):
        merge_lora(Encoder(config()))
    encoder = adapted()
    with pytest.raises(
        ValueError, match="no low-rank updates yet. Received: 'encoder' with those of block_0/attention/query, "
    ):
        add_lora(encoder)


def test_encoders_that_cannot_have_them() -> None:
    sealed = HubEncoder("a small encoder", sealed=packed_encoder(), name="hub")
    for change in (add_lora, merge_lora, add_adapters):
        with pytest.raises(TypeError, match=r"a HubEncoder is sealed. Received: 'hub'. Open it with load_encoder"):
            change(sealed)
        with pytest.raises(ValueError, match="layer must be an Encoder.*with none"):
            change(keras.layers.Dense(3))


def test_quantised_encoders() -> None:
    encoder = Encoder(config())
    encoder.blocks[1].attention.qkv.quantize("int8")
    with pytest.raises(ValueError, match=r"block_1/attention/query is quantised \(int8\)"):
        add_lora(encoder)
    encoder = Encoder(config())
    encoder.blocks[0].feed_forward.intermediate.enable_lora(2)
    with pytest.raises(ValueError, match="block_0/feed_forward/intermediate has one that Keras made"):
        add_lora(encoder, targets="all")
    assert add_lora(encoder).trainable_weights == 2 * 2 * L  # query and value are free


def test_quantised_with_its_updates() -> None:
    encoder = adapted()
    exact = outputs(encoder)[0]
    encoder.blocks[0].feed_forward.intermediate.quantize("int8")
    assert 0 < relative_error(outputs(encoder)[0], exact) < 0.1  # the update itself stays as exact as it was
    for change in (lambda: merge_lora(encoder), lambda: merged_lora(encoder).__enter__()):
        with pytest.raises(ValueError, match=r"Received: block_0/feed_forward/intermediate, which is quantised \(int8\)"):
            change()
