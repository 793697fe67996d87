"""Layer-wise decay of the learning rate: factors by hand, steps as torch's AdamW with parameter groups and as in NumPy."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab.training.layer_rates import layer_factors
from tests.samples import F, H, L, config, randomise
from tests.training.test_adamw import small_batches

# Paths, shapes and factors with a decay of 0.5.
VARIABLES = {
    "encoder/embeddings/token/embeddings": ((5, 3), 0.125),
    "encoder/block_0/dense/kernel": ((3, 3), 0.25),
    "encoder/block_1/dense/kernel": ((3, 2), 0.5),
    "encoder/block_1/dense/bias": ((2,), 0.5),
    "head/kernel": ((2, 1), 1.0),
}

# torch 2.13: torch.optim.AdamW with a group for each of VARIABLES, lr = 0.1 * factor, weight_decay = 0.2 (0 for the bias),
# betas = (0.7, 0.95), eps = 1e-12; after 3 steps from `start()` with `gradients()`.
TORCH = [
    [2.030917, -2.555337, 0.4401708, -0.5786396, -0.4447741, -0.1843204, -2.041915, -0.2454313, -0.8644489, 3.313069, 0.2320194,
     -0.3182511, -0.3097166, -0.6998972, -1.064768],
    [-0.4597677, 0.4685474, -0.1613271, 0.9444985, -0.196772, 0.01786996, 1.580934, 0.5105057, -0.4424915],
    [-0.3141382, 0.3842376, 1.973467, -0.2618105, -0.1788388, 0.8704849],
    [-0.811322, -0.1872706],
    [0.6406476, 0.2899249],
]  # fmt: skip
SETTINGS = {"weight_decay": 0.2, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-12, "global_clipnorm": None}


def numbers():
    """Where the weights start, then their gradients in each of 3 steps."""
    rng = np.random.default_rng(3)
    draws = [[rng.normal(size=shape).astype("float32") for shape, _ in VARIABLES.values()] for _ in range(4)]
    return draws[0], draws[1:]


def variables(values):
    made = []
    for path, value in zip(VARIABLES, values, strict=True):
        *layers, name = path.split("/")
        with contextlib.ExitStack() as scopes:
            for layer in layers:
                scopes.enter_context(keras.name_scope(layer))
            made.append(keras.Variable(value, name=name))
    assert [each.path for each in made] == list(VARIABLES)
    return made


def trained(optimizer, steps=None):
    start, gradients = numbers()
    weights = variables(start)
    optimizer.build(weights)
    for found in gradients[:steps]:
        optimizer.apply([tf.constant(gradient) for gradient in found], weights)
    return [np.asarray(weight) for weight in weights]


def test_equals_torch_with_parameter_groups():
    for mine, other in zip(trained(kbl.AdamW(0.1, layer_decay=0.5, **SETTINGS)), TORCH, strict=True):
        np.testing.assert_allclose(mine.ravel(), other, rtol=2e-5, atol=2e-6)


def test_the_step_of_keras_has_the_same_rates():
    """`amsgrad` takes it, as other backends do; in the first step it makes no difference."""
    found = trained(kbl.AdamW(0.1, layer_decay=0.5, **SETTINGS, amsgrad=True), 1)
    for mine, other in zip(found, trained(kbl.AdamW(0.1, layer_decay=0.5, **SETTINGS), 1), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_equals_the_formula():
    """Algorithm 2 of Loshchilov and Hutter in float64, each variable with a rate of its own, also in its decay."""
    weights, gradients = numbers()
    weights = [weight.astype(np.float64) for weight in weights]
    m, v = [0 * weight for weight in weights], [0 * weight for weight in weights]
    for t, found in enumerate(gradients, start=1):
        norm = np.sqrt(sum((gradient.astype(np.float64) ** 2).sum() for gradient in found))
        for place, (path, (_, factor)) in enumerate(VARIABLES.items()):
            gradient = found[place] * min(1, 0.5 / norm)  # the limit knows nothing of the factors
            m[place] = 0.7 * m[place] + 0.3 * gradient
            v[place] = 0.95 * v[place] + 0.05 * gradient**2
            rate = 0.1 * factor
            decay = 0.0 if path.endswith("bias") else 0.2
            step = m[place] / (1 - 0.7**t) / np.sqrt(v[place] / (1 - 0.95**t))
            weights[place] = weights[place] - rate * decay * weights[place] - rate * step
    found = trained(kbl.AdamW(0.1, layer_decay=0.5, **{**SETTINGS, "global_clipnorm": 0.5}))
    for mine, other in zip(found, weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("extra", [{}, {"gradient_accumulation_steps": 3}, {"amsgrad": True}])
def test_a_decay_of_1_is_none(extra):
    settings = SETTINGS | {"global_clipnorm": 0.5} | extra
    for mine, other in zip(
        trained(kbl.AdamW(0.1, layer_decay=1.0, **settings)), trained(kbl.AdamW(0.1, **settings)), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)


def test_the_rate_of_a_schedule_is_multiplied_too():
    found = trained(kbl.AdamW(kbl.Triangular(0.2, 4, divide=2.0), layer_decay=0.5, **SETTINGS), 1)
    wanted = trained(kbl.AdamW(0.1, layer_decay=0.5, **SETTINGS), 1)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)


# Factors --------------------------------------------------------------------------------------------------------------


def factors_of(model, decay=0.5):
    paths = [variable.path for variable in model.trainable_variables]
    return dict(zip(paths, layer_factors(paths, decay), strict=True))


@pytest.fixture(scope="module")
def preprocessor():
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"])
    return kbl.Preprocessor(tokenizer, max_length=13)


@pytest.mark.parametrize("changes", [{}, {"norm_first": True, "embedding_size": 17}])
def test_factors_of_a_text_classifier(preprocessor, changes):
    """In 2 blocks: the embeddings 0.5^3, the blocks 0.5^2 and 0.5, all after them 1."""
    model = kbl.TextClassifier(kbl.Encoder(config(**changes)), preprocessor, ["neg", "pos"])
    wanted = {"embeddings": 0.125, "block_0": 0.25, "block_1": 0.5, "pooler": 1.0, "final_norm": 1.0, "head": 1.0}
    found = factors_of(model)
    assert len(found) > 30
    for path, factor in found.items():
        assert factor == wanted[path.split("/")[1]], path


def test_factors_of_a_shared_block():
    found = factors_of(kbl.Encoder(config(share_layers=True, num_layers=3)))
    assert {path.split("/")[1]: factor for path, factor in found.items()} == {"embeddings": 0.25, "block_0": 0.5, "pooler": 1.0}


def test_factors_of_other_names_and_of_two_encoders():
    paths = [
        "hub/word_embeddings/embeddings",
        "hub/transformer/layer_0/output/kernel",
        "hub/transformer/layer_2/output/kernel",
        "small/my_block_0/kernel",
        "small/Embed/table",
        "country_embedding/embeddings",  # of another column: it stands beside the encoders
        "layer_normalization_1/gamma",
        "kernel",
    ]
    assert layer_factors(paths, 0.5) == [0.5**4, 0.5**3, 0.5, 0.5, 0.25, 1.0, 1.0, 1.0]


def test_frozen_blocks_are_not_counted_anew(preprocessor):
    """What is trained of the last block is still the last block."""
    model = kbl.TextClassifier(kbl.Encoder(config()), preprocessor, ["neg", "pos"])
    kbl.set_trainable(model, "last 1")
    assert {path.split("/")[1]: factor for path, factor in factors_of(model).items()} == {
        "block_1": 0.5,
        "pooler": 1.0,
        "head": 1.0,
    }


def test_a_model_without_blocks_is_refused():
    dense = keras.layers.Dense(3, name="dense")
    dense.build((None, 2))
    with pytest.raises(ValueError, match=r'"block_0" or "layer_0".*Received: dense/kernel, dense/bias\. Leave layer_decay out'):
        kbl.AdamW(0.1, layer_decay=0.5).build(dense.trainable_variables)


@pytest.mark.parametrize("decay", [0, -0.5, 1.5, float("nan")])
def test_impossible_decays_are_refused(decay):
    with pytest.raises(
        ValueError, match=rf"layer_decay must be above 0 and at most 1, or None\. Received: layer_decay={decay}"
    ):
        kbl.AdamW(0.1, layer_decay=decay)


# In use ---------------------------------------------------------------------------------------------------------------


def blocks_model():
    """An embedding and two dense layers that are called blocks."""
    inputs = keras.Input((7,), dtype="int32")
    x = keras.layers.Flatten()(keras.layers.Embedding(31, 5, name="embed")(inputs))
    x = keras.layers.Dense(3, activation="tanh", name="block_0")(x)
    x = keras.layers.Dense(3, activation="tanh", name="block_1")(x)
    return randomise(keras.Model(inputs, keras.layers.Dense(1, name="head")(x)))


def test_saved_and_loaded_training_goes_on_as_if_never_interrupted(tmp_path):
    steps = small_batches(5)
    straight, interrupted = blocks_model(), blocks_model()
    for model in (straight, interrupted):
        model.compile(kbl.AdamW(kbl.LinearWarmupDecay(0.03, 11, 3), weight_decay=0.3, layer_decay=0.7), loss="mse")
        for x, y in steps[:3]:
            model.train_on_batch(x, y)
    interrupted.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config()["layer_decay"] == 0.7
    for x, y in steps[3:]:
        straight.train_on_batch(x, y)
        loaded.train_on_batch(x, y)
    for mine, other in zip(loaded.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))


def test_trainings_from_before_there_was_a_decay_go_on():
    """What identifies a training has not changed where it is not used."""
    assert "layer_decay" not in kbl.AdamW(0.1).get_config()


def test_resumable_training_goes_on_exactly(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 3:
                raise InterruptedError

    def train(folder, others=()):
        keras.utils.set_random_seed(3)
        model = blocks_model()
        model.compile(kbl.AdamW(0.03, weight_decay=0.3, layer_decay=0.7), loss="mse")
        x, y = (np.concatenate(parts) for parts in zip(*small_batches(2), strict=True))
        training = kbl.ResumableTraining(folder, every=0)
        model.fit(training.data(x, y, batch_size=5), epochs=2, verbose=0, callbacks=[*others, training])
        return model

    with pytest.raises(InterruptedError):
        train(tmp_path / "one", [Stop()])
    for mine, other in zip(train(tmp_path / "one").weights, train(tmp_path / "other").weights, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))


# The table ------------------------------------------------------------------------------------------------------------


def test_learning_rates_of_a_text_classifier(preprocessor):
    model = kbl.TextClassifier(kbl.Encoder(config()), preprocessor, ["neg", "pos", "none"])
    kbl.set_trainable(model, ["block_1", "pooler", "block_0/attention/qkv/bias"])
    model.compile(kbl.AdamW(0.1, layer_decay=0.5))
    table = kbl.learning_rates_of(model)
    block = 4 * H * H + 4 * H + 2 * H * F + F + H + 4 * H
    tables = (31 + 19 + 2) * H + 2 * H
    found = [tuple(row) for row in table.itertuples(index=False)]
    assert found == [
        ("encoder/embeddings", tables, False, 0.0),
        ("encoder/block_0", block - 3 * H, False, 0.0),
        ("encoder/block_0", 3 * H, True, pytest.approx(0.025)),
        ("encoder/block_1", block, True, pytest.approx(0.05)),
        ("encoder/pooler", H * H + H, True, pytest.approx(0.1)),
        ("text_classifier/head", 3 * H + 3, True, pytest.approx(0.1)),
    ]
    assert int(table.parameters.sum()) == model.count_params()
    assert L == 2


def test_learning_rates_of_any_model_follow_its_schedule():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dropout(0.1), keras.layers.Dense(1, name="b")],
        name="m",
    )
    model.compile(keras.optimizers.SGD(kbl.Triangular(0.5, 4, divide=5.0)), loss="mse")
    assert kbl.learning_rates_of(model).rate.tolist() == pytest.approx([0.1, 0.1])
    model.fit(np.ones((4, 3)), np.ones((4, 1)), batch_size=4, verbose=0)
    model.get_layer("a").trainable = False
    table = kbl.learning_rates_of(model)
    assert table.to_dict("list") == {"layer": ["m/a", "m/b"], "parameters": [8, 3], "trained": [False, True],
                                     "rate": pytest.approx([0.0, 0.3])}  # fmt: skip


def test_a_table_needs_one_rate():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="bare")
    with pytest.raises(ValueError, match=r"model must be compiled\. Received: 'bare' without an optimizer"):
        kbl.learning_rates_of(model)
    several = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1)))
    model.compile(several, loss="mse")
    with pytest.raises(ValueError, match="must have one learning rate. Received: a MultiOptimizer"):
        kbl.learning_rates_of(model)
