"""set_trainable: which weights are trained, counted by hand, and that files remember it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import Encoder, FeedForward, HubEncoder, set_trainable
from keras_bert_lab.encoder.frozen_weights import freeze_weights, frozen_weights, train_whole, weight_names
from keras_bert_lab.encoder.set_trainable import TrainableCounts
from tests.samples import MAX_POSITIONS, B, F, H, L, V, batch, config, numpy, symbolic
from tests.small_hub_models import packed_encoder
from tests.tasks.small_tasks import LABELS, TEXTS, classifier

BLOCK = (3 * H * H + 3 * H) + (H * H + H) + (H * F + F) + (F * H + H) + 4 * H
POOLER = H * H + H
EMBEDDINGS = V * H + MAX_POSITIONS * H + 2 * H + 2 * H
HUB_BLOCK = H * H + H
HUB_EMBEDDINGS = V * H + MAX_POSITIONS * H + 2 * H


def hub_encoder(**settings: Any) -> HubEncoder:
    return HubEncoder("a small encoder", sealed=packed_encoder(), **settings)


def model_of(encoder: Any) -> keras.Model:
    inputs = symbolic(batch())
    return keras.Model(inputs, keras.layers.Dense(1, name="head")(encoder(inputs)["pooled_output"]))


def trained(layer: Any) -> list[str]:
    return [name for name, weight in zip(weight_names(layer), layer.weights, strict=True) if weight.trainable]


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ("all", EMBEDDINGS + L * BLOCK + POOLER),
        ("none", 0),
        ("last 2", 2 * BLOCK + POOLER),
        ("last 1", BLOCK + POOLER),
        ("pooler", POOLER),
        ("pooler*", POOLER),
        ("*/qkv/bias", L * 3 * H),
        ("block_1/attention", 4 * H * H + 4 * H),
        ("block_[01]/*_norm", L * 4 * H),
        (["embeddings/token", "pooler/bias"], V * H + H),
        ("*", EMBEDDINGS + L * BLOCK + POOLER),
    ],
    ids=str,
)
@pytest.mark.parametrize("before", ["all", "none", "last 1"])
def test_our_encoder(what: Any, count: int, before: str) -> None:
    encoder = Encoder(config())
    set_trainable(encoder, before)
    counts = set_trainable(encoder, what)
    assert counts.trainable == count
    assert counts.trainable + counts.frozen == encoder.count_params()
    assert counts.trainable_weights == len(encoder.trainable_weights)
    assert counts.frozen_weights == len(encoder.non_trainable_weights)
    model = model_of(encoder)  # a model around it sees the same
    assert len(model.trainable_variables) == counts.trainable_weights + 2


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ("all", HUB_EMBEDDINGS + L * HUB_BLOCK + POOLER),
        ("none", 0),
        ("last 2", 2 * HUB_BLOCK + POOLER),
        ("last 1", HUB_BLOCK + POOLER),
        ("transformer/layer_1", HUB_BLOCK),
        ("*/output/kernel", L * H * H),
        ("pooler_transform", POOLER),
        ("*embedding*", HUB_EMBEDDINGS),
    ],
    ids=str,
)
@pytest.mark.parametrize("before", ["all", "none", "last 1"])
def test_hub_encoder(what: Any, count: int, before: str) -> None:
    encoder = hub_encoder(trainable=before != "none")
    set_trainable(encoder, before)
    counts = set_trainable(encoder, what)
    assert counts.trainable == count
    assert counts.trainable + counts.frozen == encoder.count_params()
    assert len(model_of(encoder).trainable_variables) == counts.trainable_weights + 2


def test_the_fixture_of_model_garden(shared: Path) -> None:
    encoder = HubEncoder(shared / "fixtures/tfhub/bert_en_uncased_L-2_H-128_A-2")
    counts = set_trainable(encoder, "last 1")
    assert str(counts) == "214,784 of 4,385,920 parameters are trained (18 of 39 weights)"
    assert {name.split("/")[1] if "/layer_" in name else name.split("/")[0] for name in trained(encoder)} == {
        "layer_1",
        "pooler_transform",
    }
    assert set_trainable(encoder, "*/query").trainable_weights == 4


def test_the_last_normalisation_counts_as_after_the_blocks() -> None:
    encoder = Encoder(config(norm_first=True))
    set_trainable(encoder, "last 1")
    assert {name.split("/")[0] for name in trained(encoder)} == {"block_1", "final_norm", "pooler"}


def test_only_what_is_trained_changes() -> None:
    for encoder, what in ((Encoder(config()), "last 1"), (hub_encoder(), "transformer/layer_0")):
        encoder.set_weights([np.random.default_rng(0).normal(0, 0.3, weight.shape) for weight in encoder.weights])
        model = model_of(encoder)
        set_trainable(model, what)
        before = encoder.get_weights()
        model.compile("adam", "mse", run_eagerly=True)
        model.fit(batch(), np.linspace(-1, 1, B), verbose=0)
        changed = [np.abs(new - old).max() > 0 for new, old in zip(encoder.get_weights(), before, strict=True)]
        assert [name for name, is_changed in zip(weight_names(encoder), changed, strict=True) if is_changed] == trained(encoder)
        assert 0 < sum(changed) < len(changed)


def test_heads_are_left_alone_and_counted() -> None:
    model = model_of(Encoder(config()))
    model.get_layer("head").trainable = False
    assert set_trainable(model, "none") == TrainableCounts(
        trainable=0, frozen=model.count_params(), trainable_weights=0, frozen_weights=len(model.weights)
    )
    model.get_layer("head").trainable = True
    assert set_trainable(model, "none").trainable == H + 1


@pytest.mark.parametrize("make", [lambda: Encoder(config()), hub_encoder], ids=["ours", "hub"])
@pytest.mark.parametrize("what", ["none", "last 1", "*/bias"])
def test_files_remember_it_and_training_goes_on(make: Any, what: str, tmp_path: Path) -> None:
    encoder = make()
    encoder.set_weights([np.random.default_rng(0).normal(0, 0.3, weight.shape) for weight in encoder.weights])
    model = model_of(encoder)
    set_trainable(model, what)
    dropout_off = {"training": False}
    model.compile("adam", "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    before = model.optimizer.variables[-1]
    before.assign(before + 1.5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inner = again.get_layer(encoder.name)
    assert inner.trainable is encoder.trainable
    assert trained(inner) == trained(encoder)
    assert [weight.path for weight in again.trainable_variables] == [weight.path for weight in model.trainable_variables]
    assert [inside.trainable for inside in inner._flatten_layers()] == [
        inside.trainable for inside in encoder._flatten_layers()
    ]
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))
    np.testing.assert_array_equal(numpy(again(batch(), **dropout_off)), numpy(model(batch(), **dropout_off)))


def test_single_layers_frozen_by_hand_are_remembered_too() -> None:
    encoder = Encoder(config(), feed_forward=[FeedForward(F), keras.Sequential([keras.layers.Dense(F), keras.layers.Dense(H)])])
    encoder.embeddings.trainable = False
    encoder.blocks[1].feed_forward.layers[0].trainable = False
    for copy in (Encoder.from_config(encoder.get_config()), encoder.copy(), encoder.copy(dropout=0.0)):
        assert frozen_weights(copy) == frozen_weights(encoder)
        assert len(copy.trainable_weights) == len(encoder.weights) - 5 - 2
        assert copy.embeddings.trainable is False
        assert copy.blocks[1].feed_forward.layers[0].trainable is False
        assert copy.blocks[0].trainable is copy.trainable is True


def test_a_frozen_encoder_stays_frozen_inside_models() -> None:
    encoder = Encoder(config())
    encoder.trainable = False
    for copy in (Encoder.from_config(encoder.get_config()), encoder.copy()):
        assert copy.trainable is False
        assert len(model_of(copy).trainable_variables) == 2


def test_files_of_older_versions_load() -> None:
    settings = Encoder(config()).get_config()
    del settings["frozen"]
    assert len(Encoder.from_config(settings).trainable_weights) == len(Encoder(config()).weights)


def test_tasks(tmp_path: Path) -> None:
    """The pooler is not trained by tasks that do not use it, whatever is chosen; the head always is."""
    for pooling, uses_pooler in (("cls", True), ("mean", False)):
        task = classifier(pooling=pooling)
        counts = set_trainable(task, "last 1")
        paths = [weight.path for weight in task.trainable_variables]
        assert len(paths) == counts.trainable_weights == 12 + 2 + 2 * uses_pooler
        assert any("pooler" in path for path in paths) is uses_pooler
        assert {id(weight) for weight in task.trainable_variables + task.non_trainable_variables} == {
            id(w) for w in task.variables
        }
        task.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
        task.fit(TEXTS, LABELS, batch_size=4, epochs=1, verbose=0)
        task.save(tmp_path / "task.keras")
        again = keras.saving.load_model(tmp_path / "task.keras")
        assert [weight.path for weight in again.trainable_variables] == paths
        for ours, theirs in zip(again.optimizer.variables, task.optimizer.variables, strict=True):
            np.testing.assert_array_equal(numpy(ours), numpy(theirs))


def test_patterns_that_match_nothing_list_names() -> None:
    with pytest.raises(ValueError, match=r"'blok_1', which matches none of embeddings/token/embeddings, .* and \d+ more"):
        set_trainable(Encoder(config()), "blok_1")
    with pytest.raises(ValueError, match=r"Received: 'x', which matches none of word_embeddings/embeddings"):
        set_trainable(hub_encoder(), ["pooler*", "x"])
    with pytest.raises(ValueError, match="'Pooler'"):
        set_trainable(Encoder(config()), "Pooler")  # case matters


def test_a_refused_choice_changes_nothing() -> None:
    encoder = hub_encoder(trainable=True)
    set_trainable(encoder, "last 1")
    before = trained(encoder)
    for wrong in ("x", "last 7"):
        with pytest.raises(ValueError, match="what"):
            set_trainable(encoder, wrong)
    assert trained(encoder) == before


@pytest.mark.parametrize("what", ["last 3", "last 0", "last -1"])
@pytest.mark.parametrize("make", [lambda: Encoder(config()), hub_encoder], ids=["ours", "hub"])
def test_more_blocks_than_there_are(make: Any, what: str) -> None:
    with pytest.raises(ValueError, match=rf'what="last n" needs n from 1 to the number of blocks, 2. Received: .{what}'):
        set_trainable(make(), what)


def test_blocks_that_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="needs blocks with weights of their own.*all blocks share theirs"):
        set_trainable(Encoder(config(share_layers=True)), "last 1")
    encoder = hub_encoder(name="hub")
    for weight in encoder.weights:
        weight._path = weight.path.replace("layer_0", "layer_7")
    with pytest.raises(ValueError, match=r"numbered like .layer_0.. Received: 'hub', where the numbers \[1, 7\] were found"):
        set_trainable(encoder, "last 1")


@pytest.mark.parametrize("what", [None, 2, [], [2], {"all"}])
def test_choices_that_are_no_text(what: Any) -> None:
    with pytest.raises(TypeError, match='what must be "all", "none", "last n", a pattern or a list of patterns. Received'):
        set_trainable(Encoder(config()), what)


def test_layers_without_or_with_several_encoders() -> None:
    with pytest.raises(ValueError, match="layer must be an Encoder.*with none"):
        set_trainable(keras.layers.Dense(2), "all")
    inputs = symbolic(batch())
    both = keras.Model(inputs, [Encoder(config(), name=name)(inputs)["pooled_output"] for name in ("first", "second")])
    with pytest.raises(ValueError, match=r"with \['first', 'second'\]. Pass the encoder that you mean"):
        set_trainable(both, "none")


def test_names_of_weights() -> None:
    assert weight_names(hub_encoder(name="layer_0"))[3:5] == [
        "transformer/layer_0/output/kernel",
        "transformer/layer_0/output/bias",
    ]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="b")])
    model.layers[1].kernel._path = model.layers[0].kernel.path
    assert weight_names(model) == ["a/kernel", "a/bias", "a/kernel#2", "b/bias"]


def test_places_that_no_weight_has() -> None:
    dense = keras.layers.Dense(2, name="dense")
    dense.build((None, 3))
    with pytest.raises(ValueError, match=r"frozen must hold places among the 2 weights of 'dense'. Received: \[2\]"):
        freeze_weights(dense, [0, 2])


def test_train_whole_reaches_everything() -> None:
    """Keras ignores `trainable = True` on a layer that is trainable, also if what is inside is not."""
    encoder = Encoder(config())
    encoder.blocks[0].trainable = False
    encoder.trainable = True
    assert len(encoder.trainable_weights) < len(encoder.weights)
    train_whole(encoder, True)
    assert len(encoder.trainable_weights) == len(encoder.weights)
    train_whole(encoder, False)
    assert encoder.trainable_weights == []
    assert not any(weight.trainable for weight in encoder.weights)


def test_an_encoder_that_is_made_frozen_is_frozen_in_every_model() -> None:
    assert len(model_of(Encoder(config(), trainable=False)).trainable_weights) == 2
