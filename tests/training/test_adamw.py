"""AdamW is Keras's, with BERT's exclusions from weight decay, in one op, and stays so when saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab.config import OptimizerConfig
from keras_bert_lab.training import build_adamw
from keras_bert_lab.training.adamw import has_weight_decay
from tests.samples import B, H, S, batch, config, randomise

SHAPES = {"kernel": (5, 3), "bias": (3,), "embeddings": (11, 7), "gamma": (7,), "beta": (7,)}
WITHOUT_DECAY = {"bias", "gamma", "beta"}


def variables(seed=3, dtype="float32"):
    rng = np.random.default_rng(seed)
    return [keras.Variable(rng.normal(size=shape), name=name, dtype=dtype) for name, shape in SHAPES.items()]


def gradients(steps=7, seed=5, scale=1.0, rows=(2, 3, 5, 7, 0)):
    """The gradient of "embeddings" is sparse, as that of an embedding lookup."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        found = []
        for name, shape in SHAPES.items():
            if name == "embeddings":
                values = tf.constant(scale * rng.normal(size=(5, shape[1])), "float32")
                found.append(tf.IndexedSlices(values, tf.constant(rows), tf.constant(shape)))
            else:
                found.append(tf.constant(scale * rng.normal(size=shape), "float32"))
        yield found


def trained(optimizer, weights, steps):
    optimizer.build(weights)
    for found in steps:
        optimizer.apply(found, weights)
    return [np.asarray(weight) for weight in weights]


def in_numpy(weights, steps, rate, decay, beta_1, beta_2, epsilon, clip):
    """Algorithm 2 of Loshchilov and Hutter in float64, from the formula in the docstring of AdamW."""
    weights = [np.asarray(weight, np.float64) for weight in weights]
    m, v = [0 * weight for weight in weights], [0 * weight for weight in weights]
    for t, found in enumerate(steps, start=1):
        dense = [np.asarray(tf.convert_to_tensor(gradient), np.float64) for gradient in found]
        norm = np.sqrt(sum((gradient**2).sum() for gradient in dense))
        for place, name in enumerate(SHAPES):
            gradient = dense[place] * min(1, clip / norm)
            m[place] = beta_1 * m[place] + (1 - beta_1) * gradient
            v[place] = beta_2 * v[place] + (1 - beta_2) * gradient**2
            step = (m[place] / (1 - beta_1**t)) / (np.sqrt(v[place] / (1 - beta_2**t)) + epsilon / np.sqrt(1 - beta_2**t))
            shrunk = 0 if name in WITHOUT_DECAY else rate * decay * weights[place]
            weights[place] = weights[place] - shrunk - rate * step
    return weights


SETTINGS = {"learning_rate": 0.03, "weight_decay": 0.2, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-3}


@pytest.mark.parametrize("clip", [0.5, 1e6], ids=["clipped", "not clipped"])
@pytest.mark.parametrize("steps", [1, 7])
def test_formula(steps, clip):
    weights = variables()
    found = trained(kbl.AdamW(**SETTINGS, global_clipnorm=clip), weights, gradients(steps))
    wanted = in_numpy(variables(), gradients(steps), *SETTINGS.values(), clip)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_tokens_that_occur_twice_add_up():
    """The gradient of a row is the sum over its occurrences, also in the second moment (Keras sums their squares there)."""
    rows = (2, 3, 2, 7, 2)
    found = trained(kbl.AdamW(**SETTINGS, global_clipnorm=None), variables(), gradients(rows=rows))
    wanted = in_numpy(variables(), gradients(rows=rows), *SETTINGS.values(), 1e6)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_first_step_by_hand():
    """One weight 2.0, gradient 3.0 clipped to 1.0: decay 0.1 * 0.5 * 2, step 0.1 * 1 / (1 + e)."""
    kernel, bias = keras.Variable([2.0], name="kernel"), keras.Variable([2.0], name="bias")
    trained(kbl.AdamW(0.1, weight_decay=0.5, epsilon=1e-9), [kernel], [[tf.constant([3.0])]])
    trained(kbl.AdamW(0.1, weight_decay=0.5, epsilon=1e-9), [bias], [[tf.constant([3.0])]])
    assert float(kernel[0]) == pytest.approx(2.0 - 0.1 - 0.1, abs=1e-6)
    assert float(bias[0]) == pytest.approx(2.0 - 0.1, abs=1e-6)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_equals_keras_with_the_same_exclusions(clip, amsgrad):
    settings = SETTINGS | {"global_clipnorm": clip, "amsgrad": amsgrad}
    theirs = keras.optimizers.AdamW(**settings)
    weights = variables()
    theirs.exclude_from_weight_decay(var_list=[weight for weight in weights if weight.name in WITHOUT_DECAY])
    # gradients that become small: there amsgrad keeps the largest second moment
    steps = [*gradients(3), *gradients(4, seed=11, scale=0.01)]
    wanted = trained(theirs, weights, steps)
    found = trained(kbl.AdamW(**settings), variables(), steps)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)
    if amsgrad:
        plain = trained(kbl.AdamW(**SETTINGS, global_clipnorm=clip), variables(), steps)
        assert np.abs(plain[0] - found[0]).max() > 1e-3


def test_rows_without_gradient_move_on_like_in_keras():
    """Adam is not lazy: rows of an embedding that do not occur in a batch still follow their momentum."""
    first = [tf.IndexedSlices(tf.ones((1, 7)), tf.constant([2]), tf.constant([11, 7]))]
    second = [tf.IndexedSlices(tf.ones((1, 7)), tf.constant([5]), tf.constant([11, 7]))]
    settings = {"learning_rate": 0.1, "weight_decay": 0.0, "epsilon": 1e-6}
    found = trained(kbl.AdamW(**settings), [keras.Variable(np.zeros((11, 7)), name="embeddings")], [first, second])[0]
    wanted = trained(
        keras.optimizers.AdamW(**settings), [keras.Variable(np.zeros((11, 7)), name="embeddings")], [first, second]
    )[0]
    assert found[2, 0] < -0.15
    np.testing.assert_allclose(found, wanted, rtol=1e-4)  # 1 - 0.999 in float32 has an error of 1e-5


@pytest.mark.parametrize(
    "extra", [{"use_ema": True, "ema_momentum": 0.5}, {"gradient_accumulation_steps": 2}, {"clipvalue": 0.1}]
)
def test_other_settings_of_keras_still_work(extra):
    settings = SETTINGS | {"global_clipnorm": None} | extra
    theirs = keras.optimizers.AdamW(**settings)
    weights = variables()
    theirs.exclude_from_weight_decay(var_list=[weight for weight in weights if weight.name in WITHOUT_DECAY])
    steps = [[tf.convert_to_tensor(gradient) for gradient in found] for found in gradients(6)]
    wanted = trained(theirs, weights, steps)
    mine = kbl.AdamW(**settings)
    found = trained(mine, variables(), steps)
    for own, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-6)
    assert [np.asarray(slot).shape for slot in mine.variables] == [np.asarray(slot).shape for slot in theirs.variables]


def test_defaults_are_those_of_bert():
    settings = kbl.AdamW().get_config()
    assert {key: settings[key] for key in ("weight_decay", "beta_1", "beta_2", "epsilon", "global_clipnorm")} == {
        "weight_decay": 0.01,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-6,
        "global_clipnorm": 1.0,
    }


# Exclusions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "decays"), [*((name, name not in WITHOUT_DECAY) for name in SHAPES), ("bias_table", True)])
def test_has_weight_decay(name, decays):
    assert has_weight_decay(keras.Variable([1.0], name=name)) is decays


def decayed(model):
    """Paths of the variables that shrink when all gradients are 0."""
    weights = model.trainable_variables
    before = [np.asarray(weight).copy() for weight in weights]
    optimizer = kbl.AdamW(0.1, weight_decay=0.5)
    optimizer.build(weights)
    optimizer.apply([keras.ops.zeros_like(weight) for weight in weights], weights)
    shrunk = set()
    for weight, old in zip(weights, before, strict=True):
        if not np.array_equal(np.asarray(weight), old):
            np.testing.assert_allclose(np.asarray(weight), 0.95 * old, rtol=1e-6)
            shrunk.add(weight.path)
    return shrunk


BLOCK_DECAYED = ["attention/qkv", "attention/output_dense", "feed_forward/intermediate", "feed_forward/output_dense"]
BLOCK_NORMS = ["attention_norm", "output_norm"]
ENCODER_DECAYED = {
    *(f"encoder/embeddings/{table}/embeddings" for table in ("token", "position", "segment")),
    *(f"encoder/block_{index}/{dense}/kernel" for index in range(2) for dense in BLOCK_DECAYED),
    "encoder/pooler/kernel",
}
ENCODER_NOT_DECAYED = {
    *(f"encoder/embeddings/norm/{name}" for name in ("gamma", "beta")),
    *(f"encoder/block_{index}/{dense}/bias" for index in range(2) for dense in BLOCK_DECAYED),
    *(f"encoder/block_{index}/{norm}/{name}" for index in range(2) for norm in BLOCK_NORMS for name in ("gamma", "beta")),
    "encoder/pooler/bias",
}


@pytest.fixture
def encoder():
    return randomise(kbl.Encoder(config()))


@pytest.fixture(scope="module")
def preprocessor():
    tokenizer = kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"])
    return kbl.Preprocessor(tokenizer, max_length=13)


def test_what_decays_in_an_encoder(encoder):
    assert {weight.path for weight in encoder.trainable_variables} == ENCODER_DECAYED | ENCODER_NOT_DECAYED
    assert decayed(encoder) == ENCODER_DECAYED


def test_what_decays_in_a_text_classifier(encoder, preprocessor):
    model = randomise(kbl.TextClassifier(encoder, preprocessor, ["neg", "pos"]))
    head = {"text_classifier/head/classes/kernel", "text_classifier/head/classes/bias"}
    assert {weight.path for weight in model.trainable_variables} == ENCODER_DECAYED | ENCODER_NOT_DECAYED | head
    assert decayed(model) == ENCODER_DECAYED | {"text_classifier/head/classes/kernel"}


def test_what_decays_in_a_masked_language_model(encoder, preprocessor):
    model = randomise(kbl.MaskedLanguageModel(encoder, preprocessor))
    shrunk = {path for path in decayed(model) if not path.startswith("encoder/")}
    assert len(shrunk) == 1
    assert shrunk.pop().endswith("head/transform/kernel")


def test_what_decays_with_the_attention_of_keras():
    attention = keras.layers.MultiHeadAttention(3, 5)
    model = randomise(kbl.Encoder(config(), attention=attention))
    shrunk = decayed(model)
    for weight in model.trainable_variables:
        assert (weight.path in shrunk) == (weight.path.rsplit("/", 1)[1] in ("kernel", "embeddings"))


# Saving and precision -------------------------------------------------------------------------------------------------


def small_model(dtype=None):
    inputs = keras.Input((7,), dtype="int32")
    x = keras.layers.Embedding(31, 5, dtype=dtype)(inputs)
    x = keras.layers.LayerNormalization(dtype=dtype)(x)
    x = keras.layers.Dense(3, activation="tanh", dtype=dtype)(keras.layers.Flatten(dtype=dtype)(x))
    return randomise(keras.Model(inputs, keras.layers.Dense(1, dtype=dtype)(x)))


def small_batches(count, seed=3):
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 31, (11, 7)), rng.normal(size=(11, 1)).astype("float32")) for _ in range(count)]


def compiled(model, **settings):
    model.compile(kbl.AdamW(kbl.LinearWarmupDecay(0.03, 11, 3), weight_decay=0.3, **settings), loss="mse")
    return model


@pytest.mark.parametrize("amsgrad", [False, True])
def test_saved_and_loaded_training_goes_on_as_if_never_interrupted(tmp_path, amsgrad):
    steps = small_batches(7)
    straight = compiled(small_model(), amsgrad=amsgrad)
    interrupted = compiled(small_model(), amsgrad=amsgrad)
    for x, y in steps[:4]:
        straight.train_on_batch(x, y)
        interrupted.train_on_batch(x, y)
    interrupted.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, kbl.AdamW)
    assert int(loaded.optimizer.iterations) == 4
    assert loaded.optimizer.get_config() == straight.optimizer.get_config()
    assert len(loaded.optimizer.variables) == len(straight.optimizer.variables) > 2
    for mine, other in zip(loaded.optimizer.variables, straight.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))
    for x, y in steps[4:]:
        straight.train_on_batch(x, y)
        loaded.train_on_batch(x, y)
    for mine, other in zip(loaded.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))


def test_exclusions_are_still_there_after_loading(tmp_path):
    model = compiled(small_model())
    model.train_on_batch(*small_batches(1)[0])
    model.save(tmp_path / "model.keras")
    optimizer = keras.saving.load_model(tmp_path / "model.keras").optimizer
    weights = optimizer._trainable_variables
    assert [weight.name for weight in weights if optimizer._use_weight_decay(weight)] == ["embeddings", "kernel", "kernel"]
    assert len(weights) == 7


def test_float32_weights_and_slots_under_mixed_bfloat16():
    """Same numbers as Keras's optimizer, which keeps float32 weights and moments too."""
    mine, theirs = small_model("mixed_bfloat16"), small_model("mixed_bfloat16")
    schedule = kbl.LinearWarmupDecay(0.03, 11, 3)
    mine.compile(kbl.AdamW(schedule, weight_decay=0.3, global_clipnorm=None), loss="mse")
    # Keras measures sparse gradients row by row, so its clipping differs. A limit that is never reached clips nothing and
    # makes Keras sum repeated rows, as ours does.
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.3, epsilon=1e-6, global_clipnorm=1e9)
    optimizer.exclude_from_weight_decay(var_list=[weight for weight in theirs.weights if weight.name in WITHOUT_DECAY])
    theirs.compile(optimizer, loss="mse")
    for x, y in small_batches(5):
        mine.train_on_batch(x, y)
        theirs.train_on_batch(x, y)
    assert mine.layers[1].compute_dtype == "bfloat16"
    assert {weight.dtype for weight in mine.weights} == {"float32"}
    assert {slot.dtype for slot in mine.optimizer.variables[2:]} == {"float32"}
    for own, other in zip(mine.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(np.asarray(own), np.asarray(other), rtol=1e-6, atol=1e-6)


def test_trains_an_encoder_in_a_functional_model():
    inputs = {key: keras.Input((None,), dtype="int32", name=key) for key in batch()}
    encoder = randomise(kbl.Encoder(config(dropout=0.0, attention_dropout=0.0)))
    model = keras.Model(inputs, keras.layers.Dense(1)(encoder(inputs)["pooled_output"]))
    model.compile(kbl.AdamW(3e-3), loss="mse")
    targets = np.random.default_rng(3).normal(size=(B, 1)).astype("float32")
    losses = [float(model.train_on_batch(batch(), targets)) for _ in range(13)]
    assert (S, H) == (11, 15)
    assert losses[-1] < 0.5 * losses[0]


def test_a_rate_that_was_left_open_is_refused() -> None:
    with pytest.raises(ValueError, match="learning_rate must be a number here. Received: learning_rate=None"):
        build_adamw(OptimizerConfig(learning_rate=None), 10)
    with pytest.raises(ValueError, match="warmup must be a number here. Received: warmup=None"):
        build_adamw(OptimizerConfig(warmup=None), 10)


def test_accumulated_gradients_change_the_weights_once():
    """Three batches whose gradients have the mean of one batch: the same weights, with its clipping and its rate."""
    settings = OptimizerConfig(learning_rate=0.3, warmup=0.4, weight_decay=0.2, clip_norm=0.5)
    wanted = trained(build_adamw(settings, 5), variables(), gradients(5))
    parts = [[[factor * tf.convert_to_tensor(each) for each in found] for factor in (0.5, 2.0, 0.5)] for found in gradients(5)]
    optimizer = build_adamw(settings, 5, accumulate=3)
    found = trained(optimizer, variables(), [part for step in parts for part in step])
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 5


def test_accumulation_within_a_strategy_is_refused():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        weight = keras.Variable(np.ones(3), name="kernel")
        with pytest.raises(ValueError, match="must be None within .* Received: gradient_accumulation_steps=3"):
            kbl.AdamW(gradient_accumulation_steps=3).build([weight])
        kbl.AdamW().build([weight])
