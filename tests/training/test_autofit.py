"""autofit stops by itself, brings the best weights back, and says why."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab.batches.numbered_batches import numbered_batches
from tests.samples import config

TEXTS = ["good film", "bad film", "good good", "bad bad film", "film good", "bad"] * 5
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg"] * 5


@pytest.fixture(scope="module")
def preprocessor():
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"])
    return kbl.Preprocessor(tokenizer, max_length=13)


def task(rows=211, width=7, noise=0.3, seed=3):
    """Which of two halves of a space; some labels are wrong, so a large network learns them by heart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, width)).astype("float32")
    y = (x.sum(axis=1) + width**0.5 * noise * 3 * rng.normal(size=rows) > 0).astype("float32")[:, None]
    return x, y


def network(optimizer=None, **settings):
    keras.utils.set_random_seed(13)
    layers = [keras.Input((7,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(optimizer or keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"], **settings)
    return model


def test_it_stops_and_has_the_best_weights():
    x, y = task()
    held_out = task(97, seed=5)
    model = network()
    found = kbl.autofit(model, x, y, validation=held_out, rate=0.05, batch_size=16, max_epochs=30, verbose=0)
    losses = found.history["val_loss"]
    best = int(np.argmin(losses))
    assert found.best_epoch == best + 1 == len(losses) - 3 < 27
    assert model.evaluate(*held_out, verbose=0, return_dict=True)["loss"] == pytest.approx(losses[best], rel=1e-5)
    assert (
        found.reason
        == f"val_loss was no better in 3 epochs; the weights of epoch {best + 1} are back (val_loss: {losses[best]:.4g})"
    )
    assert (found.rate, found.search) == (0.05, None)
    # Halved after each epoch that brought nothing.
    rates, lowest, rate = [], np.inf, 0.05
    for loss in losses:
        rates.append(rate)
        rate = rate / 2 if loss >= lowest else rate
        lowest = min(loss, lowest)
    np.testing.assert_allclose(found.history["learning_rate"], rates, rtol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)  # as compiled


def test_the_rate_is_searched_for_where_none_is_given():
    x, y = task()
    model = network()
    found = kbl.autofit(model, x, y, batch_size=16, max_epochs=9, verbose=0)
    assert found.rate == found.search.suggestion
    assert 1e-4 < found.rate < 0.3
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.7
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["search"]["suggestion"] == plain["rate"] == found.rate
    assert plain["reason"] == str(found)


def test_without_a_rate_that_can_be_found_it_takes_the_compiled_one():
    x, _ = task(67)
    y = np.random.default_rng(7).integers(0, 2, (67, 1)).astype("float32")
    model = network(keras.optimizers.SGD(0.0625, global_clipnorm=1e-9))
    found = kbl.autofit(model, x, y, max_epochs=1, verbose=0, seed=1)  # of 1,000 seeds 3 give a rate in spite of it
    assert found.search.suggestion is None
    assert found.rate == 0.0625


@pytest.mark.parametrize("make", [lambda: kbl.AdamW(kbl.OneCycle(0.02, 50))])
def test_the_same_seed_gives_the_same_training(make):
    x, y = task()
    results = []
    for seed in (3, 3, 4):
        model = network(make(), run_eagerly=True)
        held = model.optimizer._learning_rate
        results.append(kbl.autofit(model, x, y, batch_size=64, max_epochs=2, seed=seed, verbose=0).history)
        assert model.optimizer._learning_rate is held
        assert [variable.path for variable in model.optimizer.variables].count("learning_rate") == 0
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_the_warm_up_by_hand():
    """10 batches in an epoch: up in 3 steps."""

    class Rates(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(float(self.model.optimizer.learning_rate))

    x, y = task(50)
    rates = Rates()
    kbl.autofit(network(), x, y, validation=(x, y), rate=0.3, batch_size=5, max_epochs=2, verbose=0, callbacks=[rates])
    np.testing.assert_allclose(rates.seen, [0.1, 0.2, *[0.3] * 18], rtol=1e-6)


def test_the_rows_held_out_are_not_trained_on():
    seen = []

    class Seen(keras.layers.Layer):
        def call(self, inputs, training=False):
            if tf.executing_eagerly():  # not when Keras builds the model
                seen.append((bool(training), keras.ops.convert_to_numpy(inputs)[:, 0].tolist()))
            return inputs

    x = np.arange(20.0, dtype="float32")[:, None]
    model = keras.Sequential([keras.Input((1,)), Seen(), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse", run_eagerly=True)
    seen.clear()
    kbl.autofit(model, x, np.zeros((20, 1)), validation=0.25, batch_size=4, max_epochs=2, verbose=0, seed=5)
    trained = {row for training, rows in seen if training for row in rows}
    held_out = {row for training, rows in seen if not training for row in rows}
    assert (len(trained), len(held_out)) == (15, 5)
    assert trained | held_out == set(range(20))


def test_texts(preprocessor):
    keras.utils.set_random_seed(5)
    encoder = kbl.Encoder(config(dropout=0.0, attention_dropout=0.0, initializer_range=0.3))
    model = kbl.TextClassifier(encoder, preprocessor, ["neg", "pos"])
    model.compile(run_eagerly=True)
    found = kbl.autofit(model, TEXTS, LABELS, validation=0.3, rate=0.01, batch_size=7, max_epochs=4, verbose=0)
    assert found.reason.startswith(("max_epochs=4 were trained; the weights of epoch", "val_loss was no better"))
    assert (model.predict_text(["good", "bad bad"]).label == ["pos", "neg"]).all()
    again = kbl.autofit(model, TEXTS, LABELS, validation=(TEXTS[:6], LABELS[:6]), rate=1e-3, max_epochs=1, verbose=0)
    assert again.reason.startswith("max_epochs=1 were trained; the weights of epoch 1 are back (val_loss: ")


def test_other_kinds_of_data():
    x, y = task(67)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    model = network(run_eagerly=True)
    for data, validation in ((dataset, dataset), (dataset, (x, y)), (tf.constant(x), 0.2)):
        targets = None if data is dataset else tf.constant(y)
        found = kbl.autofit(model, data, targets, validation=validation, rate=0.02, max_epochs=1, verbose=0)
        assert found.best_epoch == 1


def test_another_callback_may_end_it():
    class Ends(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    x, y = task(67)
    found = kbl.autofit(network(), x, y, rate=0.02, verbose=0, callbacks=[Ends()])
    assert found.reason.startswith("another callback ended the training after 1 epochs; the weights of epoch 1 are back")


class Poison(keras.callbacks.Callback):
    """The loss becomes NaN in an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.set_weights([weight * np.nan for weight in self.model.get_weights()])


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_training_that_diverges_has_the_weights_from_before(epoch):
    x, y = task(67)
    model = network()
    before = model.get_weights()
    found = kbl.autofit(model, x, y, rate=0.02, verbose=0, callbacks=[Poison(epoch)])
    assert found.reason.startswith(f"the training diverged in epoch {epoch + 1}")
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    if epoch == 0:
        assert found.best_epoch == 0
        assert found.reason.endswith("the weights are as before. Pass a lower rate")
        assert all(np.array_equal(one, other) for one, other in zip(model.get_weights(), before, strict=True))
    else:
        assert found.best_epoch in (1, 2)


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 0.0}, "rate must be a finite number above 0. Received: rate=0.0"),
        ({"max_epochs": 0}, "max_epochs must be an integer of at least 1. Received: max_epochs=0"),
        ({"batch_size": 0}, "batch_size must be .* Received: batch_size=0"),
        ({"patience": 0}, "patience must be .* Received: patience=0"),
        ({"validation": 1.5}, "validation must be a number of at least 0 and below 1. Received: validation=1.5"),
        ({"validation": None}, "validation must be .* Received: validation=None"),
        ({"validation": 0.001}, "validation must leave rows on both sides. Received: validation=0.001 of 67 rows"),
        (
            {"monitor": "val_f1"},
            r"monitor must be one of \['accuracy', 'loss', 'val_accuracy', 'val_loss'\]. Received: monitor='val_f1'",
        ),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kbl.autofit(network(), *task(67), **{"rate": 0.02, "max_epochs": 1, "verbose": 0, **arguments})


def test_a_share_of_what_cannot_be_divided_is_refused():
    x, y = task(67)
    batches = numbered_batches(x, y)
    with pytest.raises(ValueError, match="validation must be data where x is a _ArrayBatches. Received: validation=0.1"):
        kbl.autofit(network(), batches)
    with pytest.raises(TypeError, match="model must be a keras.Model. Received: a str"):
        kbl.autofit("model", x, y)
