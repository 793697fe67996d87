"""Frozen weights do not move until their epoch, and move from then on; the optimizer keeps its state."""

import keras
import numpy as np
import pytest

import keras_bert_lab as kbl
from tests.samples import config, randomise

TEXTS = ["good film", "bad film", "good good", "bad bad film", "film good", "bad", "good bad"]
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg", "neg"]
LAYERS = 3
PARTS = {"embeddings": "encoder/embeddings", **{f"block_{n}": f"encoder/block_{n}" for n in range(LAYERS)},
         "pooler": "encoder/pooler", "head": "text_classifier/head"}  # fmt: skip


@pytest.fixture(scope="module")
def preprocessor():
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"])
    return kbl.Preprocessor(tokenizer, max_length=13)


def classifier(preprocessor, optimizer=None, eager=True):
    """Tracing each stage takes most of the time of these tests; two of them do."""
    keras.utils.set_random_seed(5)
    encoder = kbl.Encoder(config(num_layers=LAYERS))
    model = randomise(kbl.TextClassifier(encoder, preprocessor, ["neg", "pos"]))
    model.compile(optimizer or kbl.AdamW(0.01, weight_decay=0.3), run_eagerly=eager)
    return model


def part_of(path):
    return next((name for name, start in PARTS.items() if path.startswith(start + "/")), None)


class Watches(keras.callbacks.Callback):
    """Which parts have moved in each epoch, whole; a part of which some weights move and some do not is an error."""

    def __init__(self):
        super().__init__()
        self.moved = []
        self.slots = []

    def _weights(self):
        return {weight.path: np.array(keras.ops.convert_to_numpy(weight)) for weight in self.model.weights}

    def on_epoch_begin(self, epoch, logs=None):
        self._before = self._weights()

    def on_epoch_end(self, epoch, logs=None):
        found = {}
        for path, value in self._weights().items():
            if not path.endswith(("position/embeddings", "segment/embeddings")):
                found.setdefault(part_of(path), set()).add(not np.array_equal(value, self._before[path]))
        assert all(len(moved) == 1 for moved in found.values()), found
        self.moved.append({part for part, moved in found.items() if moved == {True}})
        optimizer = self.model.optimizer
        self.slots.append([float(np.abs(keras.ops.convert_to_numpy(slot)).max()) for slot in optimizer._velocities])


def trained(model, unfreezing, epochs):
    watches = Watches()
    model.fit(TEXTS, LABELS, batch_size=4, epochs=epochs, verbose=0, callbacks=[watches, unfreezing])
    return watches


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, ["", "block_2", "block_2 block_1", "block_2 block_1 block_0 embeddings"]),
        ({"blocks_per_epoch": 2}, ["", "block_2 block_1", "block_2 block_1 block_0 embeddings"]),
        ({"stages": {2: "all", 0: "last 1", 1: ["block_0"]}}, ["block_2", "block_0", "block_2 block_1 block_0 embeddings"]),
    ],
)
def test_what_moves_in_each_epoch(preprocessor, settings, wanted):
    model = classifier(preprocessor, eager="blocks_per_epoch" not in settings)
    unfreezing = kbl.GradualUnfreezing(**settings)
    found = trained(model, unfreezing, len(wanted) + 1).moved
    for epoch, parts in enumerate([*wanted, wanted[-1]]):
        # With "last n" what follows the blocks is trained too, see `set_trainable`.
        pooler = {"pooler"} if str(unfreezing.stage_of(epoch)).startswith(("last", "all")) else set()
        assert found[epoch] == {"head", *parts.split(), *pooler}, epoch
    assert all(weight.trainable for weight in model.trainable_weights)
    assert len(model.trainable_weights) == len(model.weights)


def test_the_optimizer_keeps_its_state(preprocessor):
    """Slots of frozen weights stay 0; those of others, and the number of steps, go on from epoch to epoch."""
    model = classifier(preprocessor)
    watches = trained(model, kbl.GradualUnfreezing(), 4)
    parts = [part_of(weight.path) for weight in model.optimizer._trainable_variables]
    for epoch, wanted in enumerate([{"head"}, {"head", "block_2", "pooler"}]):
        for part, largest in zip(parts, watches.slots[epoch], strict=True):
            assert (largest > 0) == (part in wanted), part
    assert int(model.optimizer.iterations) == 4 * 2


def test_the_head_alone_trains_as_with_a_frozen_encoder(preprocessor):
    one, other = classifier(preprocessor), classifier(preprocessor)
    kbl.set_trainable(other, "none")
    other.compile(kbl.AdamW(0.01, weight_decay=0.3), run_eagerly=True)
    trained(one, kbl.GradualUnfreezing({0: "none"}), 2)
    other.fit(TEXTS, LABELS, batch_size=4, epochs=2, verbose=0)
    for mine, theirs in zip(one.head.get_weights(), other.head.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_all_from_the_start_is_a_plain_training(preprocessor):
    one, other = classifier(preprocessor), classifier(preprocessor)
    trained(one, kbl.GradualUnfreezing({0: "all"}), 2)
    other.fit(TEXTS, LABELS, batch_size=4, epochs=2, verbose=0)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)


def test_what_was_frozen_stays_frozen_and_all_flags_come_back(preprocessor):
    model = classifier(preprocessor)
    kbl.set_trainable(model, ["block_*", "pooler"])
    model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    flags = {weight.path: weight.trainable for weight in model.weights}
    layers = [layer.trainable for layer in model._flatten_layers()]
    watches = Watches()
    watches.on_epoch_end = lambda epoch, logs=None: watches.moved.append(
        {part_of(path) for path, value in watches._weights().items() if not np.array_equal(value, watches._before[path])}
    )
    model.fit(TEXTS, LABELS, batch_size=4, epochs=4, verbose=0, callbacks=[watches, kbl.GradualUnfreezing()])
    assert watches.moved[0] == {"head"}
    assert watches.moved[3] == {"head", "pooler", "block_0", "block_1", "block_2"}
    assert {weight.path: weight.trainable for weight in model.weights} == flags
    assert [layer.trainable for layer in model._flatten_layers()] == layers


def test_after_an_error_the_next_fit_begins_anew(preprocessor):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise InterruptedError

    model, unfreezing = classifier(preprocessor), kbl.GradualUnfreezing()
    with pytest.raises(InterruptedError):
        model.fit(TEXTS, LABELS, batch_size=4, epochs=4, verbose=0, callbacks=[unfreezing, Fails()])
    assert trained(model, unfreezing, 4).moved[3] == {*PARTS}


def test_resumable_training_goes_on_in_its_stage(preprocessor, tmp_path, no_waiting_for_the_disk):
    class Dies(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 5:  # in the middle of the third epoch
                raise InterruptedError

    def train(folder, others=()):
        model = classifier(preprocessor)
        training = kbl.ResumableTraining(folder, every=0)
        callbacks = [*others, kbl.GradualUnfreezing(), training]
        model.fit(TEXTS, LABELS, batch_size=4, epochs=4, verbose=0, callbacks=callbacks)
        return model.get_weights()

    with pytest.raises(InterruptedError):
        train(tmp_path / "one", [Dies()])
    for mine, other in zip(train(tmp_path / "one", [keras.callbacks.Callback()]), train(tmp_path / "other"), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("make", [lambda: keras.optimizers.LossScaleOptimizer(kbl.AdamW(0.01)),
                                  lambda: keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)],
                         ids=["loss scale", "accumulation"])  # fmt: skip
def test_other_optimizers(preprocessor, make):
    model = classifier(preprocessor, make())
    before = {weight.path: keras.ops.convert_to_numpy(weight).copy() for weight in model.weights}
    model.fit(TEXTS, LABELS, batch_size=4, epochs=2, verbose=0, callbacks=[kbl.GradualUnfreezing()])
    moved = {part_of(w.path) for w in model.weights if not np.array_equal(keras.ops.convert_to_numpy(w), before[w.path])}
    assert moved == {"head", "block_2", "pooler"}


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", ["last 1", ["none"], {0.0: "none"}, {True: "all"}])
def test_stages_must_be_a_dict(stages):
    with pytest.raises(TypeError, match="stages must be a dict such as .* Received: "):
        kbl.GradualUnfreezing(stages)


@pytest.mark.parametrize(
    ("stages", "received"), [({1: "all"}, r"\[1\]"), ({}, r"\[\]"), ({-1: "none", 0: "all"}, r"\[-1, 0\]")]
)
def test_stages_must_begin_with_the_first_epoch(stages, received):
    with pytest.raises(ValueError, match=f"stages must begin with epoch 0. Received: {received}"):
        kbl.GradualUnfreezing(stages)


def test_impossible_numbers_of_blocks():
    with pytest.raises(ValueError, match="blocks_per_epoch must be an integer of at least 1. Received: blocks_per_epoch=0"):
        kbl.GradualUnfreezing(blocks_per_epoch=0)


def test_what_cannot_be_unfrozen_is_refused(preprocessor, monkeypatch):
    def fit(model):
        model.fit(TEXTS, LABELS, batch_size=4, verbose=0, callbacks=[kbl.GradualUnfreezing()])

    with pytest.raises(ValueError, match="needs an optimizer without use_ema. Received: use_ema=True"):
        fit(classifier(preprocessor, kbl.AdamW(0.01, use_ema=True)))
    model = classifier(preprocessor)
    kbl.set_trainable(model, "none")
    model.optimizer.build(model.trainable_variables)
    kbl.set_trainable(model, "all")
    with pytest.raises(ValueError, match="must know all weights that will be trained. Received: one that was built while some"):
        fit(model)
    bare = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)], name="bare")
    bare.compile("sgd", "mse")
    with pytest.raises(ValueError, match="needs an encoder with blocks, .*Received: 'bare' without any"):
        bare.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0, callbacks=[kbl.GradualUnfreezing()])
    model = classifier(preprocessor)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    callback = kbl.GradualUnfreezing()
    callback.set_model(model)
    with pytest.raises(RuntimeError, match="needs the TensorFlow backend. Received: jax"):
        callback.on_train_begin()
