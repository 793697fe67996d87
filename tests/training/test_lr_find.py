"""A search finds a rate that trains, and leaves the model as it was, to the last bit."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab.batches.numbered_batches import numbered_batches
from tests.samples import config
from tests.training.small_training import Twice, arrays

TEXTS = ["good film", "bad film", "good good", "bad bad film", "film good", "bad"] * 5
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg"] * 5


@pytest.fixture(scope="module")
def preprocessor():
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"])
    return kbl.Preprocessor(tokenizer, max_length=13)


class Counted(keras.layers.Layer):
    """Counts how often it is traced, or called eagerly."""

    calls = 0

    def call(self, inputs):
        type(self).calls += 1
        return inputs


def network(optimizer=None, built=True, **settings):
    keras.utils.set_random_seed(13)
    layers = [keras.Input((5,))] if built else []
    layers += [
        keras.layers.Dense(7, "relu"),
        keras.layers.Dropout(0.3),
        keras.layers.BatchNormalization(),
        Twice(),
        Counted(),
        keras.layers.Dense(3, "softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer or keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], **settings)
    return model


def keras_seed():
    """None where Keras has made none so far: then it will be drawn from Python's generator."""
    found = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    return None if found is None else keras.ops.convert_to_numpy(found.state).tolist()


def everything(model):
    """All that a training changes, and that the next one depends on."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {
        "variables": {id(variable): keras.ops.convert_to_numpy(variable).copy() for variable in variables},
        "rate": model.optimizer._learning_rate,
        "history": getattr(model, "history", None),
        "stop": model.stop_training,
        "steps": model.steps_per_execution,
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "keras": keras_seed(),
    }


def assert_same(found, expected):
    for name in expected:
        if name == "variables":
            for key, value in expected[name].items():  # the first step makes those of the metrics
                np.testing.assert_array_equal(found[name][key], value)
        elif name in ("rate", "history"):
            assert found[name] is expected[name]
        else:
            assert found[name] == expected[name], name


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "schedule": lambda: kbl.AdamW(kbl.LinearWarmupDecay(0.01, 50, 3)),
    "function": lambda: keras.optimizers.RMSprop(lambda: 0.01),
    "accumulating": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "averaging": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    "scaled_schedule": lambda: keras.optimizers.LossScaleOptimizer(kbl.AdamW(kbl.OneCycle(0.01, 50))),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_all_is_as_it_was_and_the_next_fit_the_same(make):
    """A search in the middle of a training, and one before it, against a training without any."""
    x, y = arrays()
    models = [network(make(), run_eagerly=True) for _ in range(2)]
    for number, model in enumerate(models):
        keras.utils.set_random_seed(17)
        for epochs in (1, 2):
            if number:
                if not model.optimizer.built:
                    model.optimizer.build(model.trainable_variables)
                before = everything(model)
                found = kbl.lr_find(model, x, y, steps=11, batch_size=5)
                assert len(found.losses) > 3
                assert_same(everything(model), before)
            history = model.fit(x, y, batch_size=5, epochs=epochs, verbose=0)
    assert history.history == models[0].history.history
    one, other = (everything(model) for model in models)
    for mine, theirs in zip(one["variables"].values(), other["variables"].values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert all(one[name] == other[name] for name in ("random", "numpy", "keras"))


def test_a_model_without_weights_gets_those_of_its_first_step():
    x, y = arrays()
    models = [network(built=False, run_eagerly=True) for _ in range(2)]
    for number, model in enumerate(models):
        keras.utils.set_random_seed(17)
        if number:
            kbl.lr_find(model, x, y, steps=5)
        model.fit(x, y, batch_size=5, verbose=0)
    for one, other in zip(*(everything(model)["variables"].values() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


class Failing(keras.layers.Layer):
    """Raises in its n-th call."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.calls = 0

    def call(self, inputs, training=False):
        self.calls += bool(training)
        if self.calls > 4:
            raise self.error
        return inputs


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("rate", [0.01, kbl.OneCycle(0.01, 50)], ids=["number", "schedule"])
def test_all_is_as_it_was_after_an_error_in_the_middle(error, rate):
    x, y = arrays()
    failing = Failing(error)
    model = keras.Sequential([keras.Input((5,)), keras.layers.BatchNormalization(), failing, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(rate), "mse", metrics=["mae"], run_eagerly=True)
    model.optimizer.build(model.trainable_variables)
    before = everything(model)
    with pytest.raises(error):
        kbl.lr_find(model, x, y, steps=11, batch_size=5)
    assert failing.calls == 5
    assert_same(everything(model), before)


def test_the_next_fit_uses_what_was_traced():
    x, y = arrays()
    model = network()
    Counted.calls = 0
    kbl.lr_find(model, x, y, steps=11, batch_size=5)
    traced = Counted.calls
    model.fit(x, y, batch_size=5, verbose=0)
    kbl.lr_find(model, x, y, steps=11, batch_size=5)
    model.fit(x, y, batch_size=5, verbose=0)
    assert 0 < traced == Counted.calls


def test_with_a_schedule_what_was_traced_before_stays():
    x, y = arrays()
    model = network(kbl.AdamW(kbl.OneCycle(0.01, 50)))
    model.fit(x, y, batch_size=5, verbose=0)
    traced, calls = model.train_function, Counted.calls
    kbl.lr_find(model, x, y, steps=11, batch_size=5)
    searched = Counted.calls
    model.fit(x, y, batch_size=5, verbose=0)
    assert model.train_function is traced
    assert searched > calls
    assert Counted.calls == searched


def test_several_steps_per_execution_are_made_one_by_one():
    x, y = arrays()
    model = network(steps_per_execution=3)
    model.fit(x, y, batch_size=5, verbose=0)
    traced = model.train_function
    found = kbl.lr_find(model, x, y, steps=11, batch_size=5)
    wanted = kbl.lr_find(network(), x, y, steps=11, batch_size=5)
    assert len(found.rates) == len(wanted.rates) == 11
    assert model.steps_per_execution == 3
    assert model.train_function is traced


def test_rates_and_losses_by_hand():
    """One weight w = 2, loss w^2, so w -> w (1 - 2 rate), and the loss is that of before the step."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.set_weights([np.array([[2.0]])])
    found = kbl.lr_find(model, np.ones((3, 1)), np.zeros((3, 1)), start=0.01, stop=0.16, steps=5, batch_size=3)
    np.testing.assert_allclose(found.rates, [0.01, 0.02, 0.04, 0.08, 0.16], rtol=1e-12)
    w, losses = 2.0, []
    for rate in found.rates:
        losses.append(w**2)
        w *= 1 - 2 * rate
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)
    assert found.ended == "end"
    assert float(model.optimizer.learning_rate) == 0.5


def test_it_stops_when_the_loss_diverges_or_is_not_finite():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.set_weights([np.array([[2.0]])])
    x, y = np.ones((3, 1)), np.zeros((3, 1))
    found = kbl.lr_find(model, x, y, start=1e-3, stop=1e3, steps=61, batch_size=3)
    assert found.ended == "diverged"
    assert found.losses[-1] > 4.0 > found.losses[-3]
    assert len(found.rates) == len(found.losses) < 61
    assert 1e-2 < found.suggestion < 0.5
    patient = kbl.lr_find(model, x, y, start=1e-3, stop=1e3, steps=61, batch_size=3, stop_factor=1e30)
    assert len(patient.losses) > len(found.losses)
    never = kbl.lr_find(model, x * np.nan, y, steps=11, batch_size=3)
    assert (never.ended, never.losses, never.suggestion) == ("not finite", (), None)
    assert model.get_weights()[0] == 2.0


def test_accumulated_gradients_have_one_rate():
    """Each step takes three batches; its loss is their mean."""
    x, y = arrays()
    model = network(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), run_eagerly=True)
    counted = []
    model.optimizer.update_step = lambda gradient, variable, rate: counted.append(float(rate))
    found = kbl.lr_find(model, x, y, start=1e-3, stop=1e-1, steps=7, batch_size=5)
    per_step = len(model.trainable_variables)
    assert [round(rate, 9) for rate in counted[::per_step]] == [round(float(np.float32(rate)), 9) for rate in found.rates]
    assert len(found.losses) == 7


def test_the_same_seed_gives_the_same_search():
    x, y = arrays()
    model = network()
    one, other, third = (kbl.lr_find(model, x, y, steps=7, batch_size=5, seed=seed) for seed in (3, 3, 4))
    assert one == other
    assert one.losses != third.losses


# Data -----------------------------------------------------------------------------------------------------------------


def test_texts_for_a_model_that_takes_them(preprocessor):
    model = kbl.TextClassifier(kbl.Encoder(config(dropout=0.0, attention_dropout=0.0)), preprocessor, ["neg", "pos"])
    model.compile(kbl.AdamW(5e-5))
    model.optimizer.build(model.trainable_variables)
    before = everything(model)
    found = kbl.lr_find(model, TEXTS, LABELS, steps=61, start=1e-5, batch_size=30, class_weight={"pos": 2.0})
    assert found.suggestion, found.reason
    assert 1e-4 < found.suggestion < 0.5
    assert_same(everything(model), before)
    assert model.pairs is None  # found out by the first `fit`
    numbered = model.batches(TEXTS, LABELS, 30, seed=0, class_weight={"pos": 2.0})
    assert kbl.lr_find(model, numbered, steps=61, start=1e-5) == found


def test_all_kinds_of_data_of_keras():
    x, y = arrays()
    model = network(run_eagerly=True)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return x[index * 5 : index * 5 + 5], y[index * 5 : index * 5 + 5]

    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(5)
    kinds = {
        "tf.data": (dataset, None),
        "endless": (dataset.repeat(), None),
        "PyDataset": (Batches(), None),
        "tensors": (tf.constant(x), tf.constant(y)),
        "few rows": (x[:3], y[:3]),
    }
    for name, (data, targets) in kinds.items():
        before = everything(model)
        found = kbl.lr_find(model, data, targets, steps=7, batch_size=5, start=1e-5, stop=1e-2)
        assert len(found.losses) == 7, name
        assert_same(everything(model), before)


def test_the_losses_are_those_of_whole_batches_of_the_data():
    """With a rate of almost 0 each batch has the loss that the model has on it."""
    x = np.arange(1.0, 8.0)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    found = kbl.lr_find(model, x, x, start=1e-12, stop=1e-11, steps=12, batch_size=1)
    for epoch in (found.losses[:6], found.losses[7:12]):
        assert len(set(np.round(epoch, 3))) == len(epoch)  # each row once in an epoch
    assert set(np.round(found.losses, 2)) <= {1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0}
    weights = kbl.lr_find(model, x, x, start=1e-12, stop=1e-11, steps=3, batch_size=1, sample_weight=np.full(7, 2.0))
    np.testing.assert_allclose(weights.losses, 2 * np.array(found.losses[:3]), rtol=1e-5)


def test_texts_for_any_model_that_takes_strings():
    words = keras.layers.TextVectorization(output_mode="multi_hot", vocabulary=["good", "bad", "film"])
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(words(inputs)))
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    found = kbl.lr_find(model, TEXTS, np.array([label == "pos" for label in LABELS], "float32"), steps=11, batch_size=7)
    assert len(found.losses) == 11


def test_a_train_step_of_its_own():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.gives = "loss"

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            return {self.gives: super().train_step(data)["loss"]}

    model = Own()
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
    x = np.ones((7, 3), "float32")
    assert len(kbl.lr_find(model, x, x[:, :1], steps=5).losses) == 5
    model.gives = "cost"
    with pytest.raises(ValueError, match=r"must give its .loss.\. Received: \['cost'\]"):
        kbl.lr_find(model, x, x[:, :1], steps=5)


# What is refused ------------------------------------------------------------------------------------------------------


def test_models_without_one_learning_rate_are_refused():
    x, y = arrays()
    with pytest.raises(TypeError, match="model must be a keras.Model. Received: a Dense"):
        kbl.lr_find(keras.layers.Dense(3), x, y)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)], name="bare")
    with pytest.raises(ValueError, match="model must be compiled. Received: 'bare' without an optimizer"):
        kbl.lr_find(model, x, y)
    model.compile(keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1))), "mse")
    with pytest.raises(
        ValueError, match="must have one learning rate. Received: an optimizer made of several, a MultiOptimizer"
    ):
        kbl.lr_find(model, x, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 0.0}, "start must be a finite number above 0. Received: start=0.0"),
        ({"start": 1.0, "stop": 0.5}, "stop must be a finite number above 1. Received: stop=0.5"),
        ({"steps": 1}, "steps must be an integer of at least 2. Received: steps=1"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1. Received: batch_size=0"),
        ({"stop_factor": 1.0}, "stop_factor must be a finite number above 1. Received: stop_factor=1.0"),
        ({"y": arrays()[1][:7]}, r"must have the same number of rows, at least 1. Received: \[7, 23\]"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    x, y = arrays()
    with pytest.raises(ValueError, match=message):
        kbl.lr_find(network(), x, **{"y": y, **arguments})


def test_data_of_other_kinds_are_refused():
    x, y = arrays()
    model = network()
    with pytest.raises(TypeError, match="x must be data that can be read more than once. Received: a generator"):
        kbl.lr_find(model, ((x, y) for _ in range(3)))
    with pytest.raises(TypeError, match="x and y must be arrays or tensors with a row for each example.*Received: a float"):
        kbl.lr_find(model, [0.5, 0.7], y)
    with pytest.raises(ValueError, match="holds its own targets. Received: y or sample_weight beside it"):
        kbl.lr_find(model, tf.data.Dataset.from_tensor_slices((x, y)).batch(5), y)
    with pytest.raises(ValueError, match="A _ArrayBatches holds its own targets"):
        kbl.lr_find(model, numbered_batches(x, y), y)
