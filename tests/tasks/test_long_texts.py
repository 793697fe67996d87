"""A classifier that reads long texts in windows. Rows of 7 tokens hold 5 words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import AdamW, FormatError, TextClassifier, load_task, save_task
from tests.samples import numpy, randomise
from tests.tasks.small_tasks import LABELS, NUMBERS, TEXTS, WORDS, encoder, preprocessor

R = len(TEXTS)
LONG = [" ".join([text] * 3) for text in TEXTS]  # 3 to 51 words
WINDOWS = {"windows": 3, "stride": 4}


def classifier(compiled: bool = True, **settings: Any) -> TextClassifier:
    """Without dropout, the same for the same seed; compiled with plain gradient descent, to run eagerly."""
    keras.utils.set_random_seed(3)
    cut = preprocessor(max_length=7)
    model = TextClassifier(encoder(settings.pop("dtype", None)), cut, ("neg", "pos"), **({"dropout": 0.0} | settings))
    if compiled:
        model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    return model


def after_a_step(texts: Any, labels: Any = LABELS, windows: Any = WINDOWS, **settings: Any) -> list[np.ndarray]:
    model = randomise(classifier(**windows))  # at the usual start all texts look alike to the first token
    model.fit(texts, labels, **({"batch_size": R, "verbose": 0} | settings))
    return model.get_weights()


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def tokens_of(model: TextClassifier, texts: list[str]) -> dict[str, np.ndarray]:
    return {key: numpy(ids).astype("int32") for key, ids in model.inputs_of(tf.constant(texts)).items()}


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return randomise(classifier(**WINDOWS))


@pytest.fixture(scope="module")
def chance(model: TextClassifier) -> np.ndarray:
    return model.predict(LONG)


def _windows_by_hand(text: str) -> list[list[int]]:
    """At most three windows of five words, four apart or less, evenly spread."""
    ids = [WORDS.index(word) for word in text.replace("walking", "walk ##ing").replace("walks", "walk ##s").split()]
    count = min(3, 1 + max(0, -(-(len(ids) - 5) // 4)))
    starts = [0] if count == 1 else [place * (len(ids) - 5) // (count - 1) for place in range(count)]
    return [[2, *ids[start : start + 5], 3] for start in starts]


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("of_windows", ["mean", "max"])
def test_the_answer_is_that_of_the_pooled_vectors_of_the_windows(pooling: str, of_windows: str) -> None:
    model = randomise(classifier(pooling=pooling, window_pooling=of_windows, **WINDOWS))
    kernel, bias = (numpy(weight) for weight in model.head.classes.weights)
    expected = []
    for text in LONG:
        vectors = []
        for window in _windows_by_hand(text):
            row = np.array([window], "int32")
            hidden = model.encoder({"input_word_ids": row, "input_mask": row**0, "input_type_ids": row * 0})
            states = numpy(hidden["sequence_output"])[0]
            vectors.append({"cls": numpy(hidden["pooled_output"])[0], "mean": states.mean(0), "max": states.max(0)}[pooling])
        expected.append({"mean": np.mean, "max": np.max}[of_windows](vectors, axis=0) @ kernel + bias)
    assert {len(_windows_by_hand(text)) for text in LONG} == {1, 2, 3}
    found = model.predict(LONG, batch_size=4)
    assert np.ptp(found) > 0.1
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.array(expected))), atol=1e-5)


def test_one_window_is_the_model_without_windows() -> None:
    plain, one = randomise(classifier()), randomise(classifier(windows=1))
    for batch_size in (3, R):
        np.testing.assert_array_equal(one.predict(LONG, batch_size), plain.predict(LONG, batch_size))
    assert difference(after_a_step(LONG, windows={"windows": 1}), after_a_step(LONG, windows={})) == 0


def test_texts_that_fit_are_read_as_without_windows() -> None:
    short = [" ".join(text.split()[:4]) for text in TEXTS]
    plain, several = randomise(classifier()), randomise(classifier(**WINDOWS))
    np.testing.assert_array_equal(several.predict(short), plain.predict(short))
    assert difference(after_a_step(short), after_a_step(short, windows={})) == 0
    # Batches of token ids with one row for each text are taken, too.
    np.testing.assert_array_equal(several.predict(tokens_of(plain, short)), plain.predict(tokens_of(plain, short)))


@pytest.mark.parametrize("of_windows", ["mean", "max"])
def test_padding_windows_change_nothing(of_windows: str) -> None:
    model = randomise(classifier(window_pooling=of_windows, **WINDOWS))
    tokens = tokens_of(model, LONG)
    assert tokens["input_mask"].shape == (R, 3, 7)
    expected = numpy(model(tokens))
    padding = tokens["input_mask"] == 0
    spoiled = tokens | {
        "input_word_ids": np.where(padding, 7, tokens["input_word_ids"]),
        "input_type_ids": padding.astype("int32"),
    }
    np.testing.assert_allclose(numpy(model(spoiled)), expected, atol=1e-6)
    wider = {key: np.pad(ids, ((0, 0), (0, 2), (0, 0))) for key, ids in tokens.items()}
    np.testing.assert_allclose(numpy(model(wider)), expected, atol=1e-6)
    alone = np.concatenate([model.predict([text]) for text in LONG])  # in batches without padding windows
    np.testing.assert_allclose(alone, expected, atol=1e-6)


def test_all_doors_give_the_same_answers(model: TextClassifier, chance: np.ndarray) -> None:
    dataset = tf.data.Dataset.from_tensor_slices(LONG).batch(4)
    for answers in (
        model.predict(dataset),
        model.predict(tokens_of(model, LONG)),
        model(tf.constant(LONG)),
        model.predict_on_batch(tf.constant(LONG)),
        model.predict_text(LONG, batch_size=3).probabilities.map(lambda row: row["pos"]).to_numpy()[:, None],
    ):
        np.testing.assert_allclose(answers, chance, atol=1e-6)
    each = -np.log(np.where(np.array(NUMBERS) == 1, chance[:, 0], 1 - chance[:, 0]).astype("float64"))
    for found in (
        model.evaluate(LONG, LABELS, batch_size=4, verbose=0),
        model.evaluate(tf.data.Dataset.from_tensor_slices((LONG, NUMBERS)).batch(3), verbose=0),
    ):
        assert found == pytest.approx([each.mean(), np.mean((chance[:, 0] > 0.5) == NUMBERS)], rel=1e-5)


def test_all_doors_teach_the_same() -> None:
    expected = after_a_step(LONG)
    dataset = tf.data.Dataset.from_tensor_slices((LONG, NUMBERS)).batch(R)
    assert difference(after_a_step(dataset, None, batch_size=None, shuffle=False), expected) < 1e-6
    assert difference(after_a_step(tokens_of(classifier(**WINDOWS), LONG), np.array(NUMBERS)), expected) < 1e-6
    assert difference(expected, after_a_step(LONG, windows={})) > 1e-2
    assert difference(expected, after_a_step(LONG, windows={"windows": 3, "stride": 2})) > 1e-3


def test_a_loop_that_is_compiled_teaches_the_same() -> None:
    expected = after_a_step(LONG)
    model = randomise(classifier(compiled=False, **WINDOWS))
    model.compile(keras.optimizers.SGD(0.3))
    model.fit(LONG, LABELS, batch_size=R, verbose=0, validation_data=(LONG[:5], LABELS[:5]))
    assert difference(model.get_weights(), expected) < 1e-6


def test_weights_of_classes() -> None:
    by_class = after_a_step(LONG, class_weight={"neg": 0.5, "pos": 5.0})
    by_text = after_a_step(LONG, sample_weight=[5.0 if label == "pos" else 0.5 for label in LABELS])
    assert difference(by_class, by_text) == 0
    assert difference(by_class, after_a_step(LONG)) > 1e-3


@pytest.mark.parametrize("of_windows", ["mean", "max"])
def test_gradients_equal_finite_differences(of_windows: str) -> None:
    model = randomise(classifier(compiled=False, window_pooling=of_windows, dtype="float64", **WINDOWS))
    assert model.compute_dtype == "float64"
    exact = keras.layers.Dense(1, dtype="float64")  # the head's own answers in float32, too coarse for differences
    exact.build((None, 15))
    object.__setattr__(model.head, "classes", randomise(exact, seed=5))
    tokens = tokens_of(model, LONG)
    weighting = np.random.default_rng(4).normal(size=(R, 1))

    @tf.function
    def value() -> Any:
        return tf.reduce_sum(model(tokens, training=True) * weighting)

    weights = [*exact.trainable_weights, *model.encoder.trainable_weights]
    with tf.GradientTape() as tape:
        result = value()
    assert result.dtype == tf.float64
    rng = np.random.default_rng(7)
    gradients = tape.gradient(result, [weight.value for weight in weights])
    gradients = [numpy(tf.convert_to_tensor(gradient)) for gradient in gradients]  # that of the token embedding is sparse
    largest = max(np.linalg.norm(gradient) for gradient in gradients)
    for weight, gradient in zip(weights, gradients, strict=True):
        direction = rng.normal(size=gradient.shape)
        direction = direction / np.linalg.norm(direction) + 2 * gradient / max(np.linalg.norm(gradient), 1e-30)
        direction /= np.linalg.norm(direction)
        original, slope = numpy(weight), 0.0
        for steps, share in ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12)):
            weight.assign(original + steps * 3e-4 * direction)
            slope += float(value()) * share / 3e-4
        weight.assign(original)
        assert slope == pytest.approx((gradient * direction).sum(), abs=1e-7 * largest), weight.path


def test_what_stands_at_the_end_is_read_only_by_windows() -> None:
    texts = [f"{'the film and the play ' * 3}{'very ' * (row % 5)}{'good' if row % 2 else 'bad'}" for row in range(13)]
    labels = ["pos" if row % 2 else "neg" for row in range(13)]
    assert np.ptp(randomise(classifier()).predict(texts)) == 0  # they all begin alike
    model = classifier(compiled=False, pooling="max", window_pooling="max", windows=3)
    model.compile(AdamW(2e-2))
    model.fit(texts, labels, batch_size=13, epochs=17, verbose=0)
    assert model.evaluate(texts, labels, verbose=0)[1] == 1.0


def _through_keras(model: TextClassifier, folder: Any) -> TextClassifier:
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def _through_a_folder(model: TextClassifier, folder: Any) -> TextClassifier:
    return load_task(save_task(model, folder / "model"))


@pytest.mark.parametrize("through", [_through_keras, _through_a_folder])
def test_it_comes_back_from_a_file(through: Callable[[TextClassifier, Any], TextClassifier], tmp_path: Any) -> None:
    model = randomise(classifier(window_pooling="max", **WINDOWS))
    again = through(model, tmp_path)
    assert (again.windows, again.stride, again.window_pooling) == (3, 4, "max")
    np.testing.assert_allclose(again.predict(LONG), model.predict(LONG), atol=1e-6)


def test_a_new_classifier_takes_windows_from_the_caller(model: TextClassifier, tmp_path: Any) -> None:
    folder = save_task(model, tmp_path / "model")
    again = TextClassifier.from_pretrained(folder, ["a", "b", "c"], max_length=9, windows=2, stride=3, window_pooling="max")
    assert (again.windows, again.stride, again.window_pooling, again.preprocessor.row_length) == (2, 3, "max", 9)
    assert again.predict(LONG).shape == (R, 3)
    assert TextClassifier.from_pretrained(folder, ["a", "b", "c"]).windows is None


def test_tokens_may_be_added(model: TextClassifier) -> None:
    larger = model.with_added_tokens(["unforgettable"])
    assert (larger.windows, larger.stride, larger.text_windows.preprocessor) == (3, 4, larger.preprocessor)
    np.testing.assert_allclose(larger.predict(LONG), model.predict(LONG), atol=1e-6)


def test_it_trains_in_half_precision() -> None:
    found = after_a_step(LONG, windows=WINDOWS | {"dtype": "mixed_bfloat16"})
    exact, start = after_a_step(LONG), randomise(classifier(**WINDOWS)).get_weights()
    assert 0 < difference(found, exact) < 0.05 * difference(exact, start)
    assert classifier(dtype="mixed_bfloat16", **WINDOWS).window_pooling_layer.compute_dtype == "bfloat16"


def test_progress_counts_the_tokens_of_all_windows(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier(**WINDOWS)
    batches = model.batches(LONG, batch_size=R)
    history = model.fit(LONG, LABELS, batch_size=R).history
    real, slots = batches.counts(0)
    assert slots == R * 3 * 7
    assert history["padding"] == [pytest.approx(1 - real / slots)]
    assert "tokens/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    "pairs",
    [
        list(zip(TEXTS, LONG, strict=True)),
        (TEXTS, LONG),
        tf.data.Dataset.from_tensor_slices(((TEXTS, LONG), NUMBERS)).batch(4),
    ],
    ids=["rows", "columns", "dataset"],
)
def test_pairs_are_refused(pairs: Any) -> None:
    model = classifier(**WINDOWS)
    before = model.get_weights()
    labels = None if isinstance(pairs, tf.data.Dataset) else LABELS
    with pytest.raises(ValueError, match="Windows are made of single texts. Received: pairs of texts."):
        model.fit(pairs, labels, verbose=0)
    assert (difference(model.get_weights(), before), model.pairs) == (0, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"windows": 3, "pairs": True}, "windows are for single texts. Received: windows=3, pairs=True."),
        ({"stride": 4}, "Received: stride=4, window_pooling='mean', windows=None."),
        ({"window_pooling": "max"}, "Received: stride=None, window_pooling='max', windows=None."),
        ({"windows": 0}, "windows must be an integer of at least 1. Received: windows=0"),
        ({"windows": 3, "stride": 6}, "stride must be an integer from 1 to 5. Received: stride=6"),
        ({"windows": 3, "window_pooling": "last"}, "mode must be one of ['mean', 'max']. Received: mode='last'"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier(**settings)


def test_other_libraries_have_no_windows(model: TextClassifier, tmp_path: Any) -> None:
    message = "transformers has no classifier that reads windows of a text, or columns beside it. Received: windows=3."
    with pytest.raises(FormatError, match=re.escape(message)):
        save_task(model, tmp_path / "model", format="huggingface")
    assert not (tmp_path / "model").exists()
