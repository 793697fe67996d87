"""Data in, predictions out. How it learns from weights, splits and several kinds is in the files next to this one."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import AdamW, DataError, TextClassifier
from keras_bert_lab.tasks.text_inputs import split_examples
from tests.samples import numpy
from tests.tasks.small_tasks import LABELS, NUMBERS, TEXTS, classifier, encoder, preprocessor

R = len(TEXTS)
PAIRS = list(zip(TEXTS, reversed(TEXTS), strict=True))
ODD_INDEX = [5, 3, 17, 0, 2, 29, 1, 11, 13, 7, 19]


def fitted(texts: Any, labels: Any = None, **settings: Any) -> list[np.ndarray]:
    """The weights after one step on all texts."""
    model = classifier()
    model.fit(texts, labels, **({"batch_size": R, "verbose": 0} | settings))
    return model.get_weights()


def largest_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def after_lists() -> list[np.ndarray]:
    return fitted(TEXTS, LABELS)


@pytest.fixture(scope="module")
def trained() -> TextClassifier:
    """A classifier that has learned its texts, with answers far from 0.5."""
    model = classifier(pooling="mean", compiled=False)
    model.compile(AdamW(2e-2))
    model.fit(TEXTS, LABELS, batch_size=5, epochs=13, verbose=0)
    return model


def test_a_step_moves_the_weights(after_lists: list[np.ndarray]) -> None:
    assert largest_difference(after_lists, classifier().get_weights()) > 1e-3


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (np.array(TEXTS), np.array(LABELS)),
        (np.array(TEXTS, object), np.array(LABELS, object)),
        (np.array([text.encode() for text in TEXTS]), np.array(NUMBERS)),
        (pd.Series(TEXTS, index=ODD_INDEX), pd.Series(LABELS, index=ODD_INDEX[::-1])),
        (pd.Series(TEXTS, dtype="string"), pd.Series(LABELS, dtype="category")),
        (tf.constant(TEXTS), tf.constant(LABELS)),
        (TEXTS, NUMBERS),
        (TEXTS, np.array(NUMBERS, np.uint8)),
        (TEXTS, np.array(NUMBERS, np.float32).reshape(-1, 1)),
        (TEXTS, tf.constant(NUMBERS)),
    ],
    ids=["unicode", "objects", "bytes", "series", "string_series", "tensors", "ints", "uint8", "column", "int_tensor"],
)
def test_fit_takes_all_usual_containers(texts: Any, labels: Any, after_lists: list[np.ndarray]) -> None:
    assert largest_difference(fitted(texts, labels), after_lists) == 0


def test_a_tuple_is_a_pair_of_columns_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="A tuple must hold the first and the second texts. Received: a tuple of 11"):
        fitted(tuple(TEXTS), LABELS)


def test_fit_takes_datasets_of_texts_and_numbers(after_lists: list[np.ndarray]) -> None:
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, NUMBERS)).batch(R)
    assert largest_difference(fitted(dataset, batch_size=None, shuffle=False), after_lists) < 1e-6


def test_fit_takes_token_batches(after_lists: list[np.ndarray]) -> None:
    tokens = {name: numpy(values).astype("int32") for name, values in preprocessor()(TEXTS).items()}
    assert largest_difference(fitted(tokens, np.array(NUMBERS)), after_lists) < 1e-6


def test_labels_may_be_truth_values() -> None:
    model = classifier(labels=[True, False, True])
    assert model.labels == ["False", "True"]
    targets = model.batches(TEXTS, [label == "pos" for label in LABELS], R).batch(0)[1]
    np.testing.assert_array_equal(targets, model.batches(TEXTS, NUMBERS, R).batch(0)[1])
    assert targets.sum() == 6


def test_the_column_of_labels_names_them_once_and_a_list_of_names_keeps_its_order() -> None:
    assert classifier(labels=LABELS, compiled=False).labels == ["neg", "pos"]
    assert classifier(labels=pd.Series(LABELS), compiled=False).labels == ["neg", "pos"]
    assert classifier(labels=np.array([2, 0, 1, 2]), compiled=False).labels == ["0", "1", "2"]
    assert classifier(labels=["pos", "neg"], compiled=False).labels == ["pos", "neg"]


@pytest.mark.parametrize(
    ("labels", "kind", "units"),
    [
        (["a", "b"], "binary", 1),
        ([1, 0, 1], "binary", 1),
        (["a", "b", "c"], "multi_class", 3),
        ([7, 2, 5, 2, 3], "multi_class", 4),
    ],
)
def test_auto_follows_the_number_of_labels(labels: Any, kind: str, units: int) -> None:
    model = classifier(labels=labels, compiled=False)
    assert (model.kind, model.head.classes.units) == (kind, units)


def test_two_labels_may_be_trained_as_classes() -> None:
    model = classifier(kind="multi_class", compiled=False)
    assert (model.kind, model.predict(TEXTS).shape) == ("multi_class", (R, 2))


def test_missing_labels_and_an_unknown_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("Received: labels=None, kind='multi_class'")):
        TextClassifier(encoder(), preprocessor(), kind="multi_class")
    with pytest.raises(ValueError, match="Received: kind='sentiment'"):
        TextClassifier(encoder(), preprocessor(), LABELS, kind="sentiment")
    with pytest.raises(ValueError, match=re.escape("num_labels must be 2 for kind='binary'. Received: num_labels=3")):
        TextClassifier(encoder(), preprocessor(), ["a", "b", "c"], kind="binary")


def test_wrong_labels_are_refused_before_training() -> None:
    model = classifier()
    before = model.get_weights()
    with pytest.raises(DataError, match=re.escape("label must be one of ['neg', 'pos']. Received: 'fair' in row 2")):
        model.fit(TEXTS, [*LABELS[:2], "fair", *LABELS[3:]], verbose=0)
    with pytest.raises(ValueError, match="Received: 11 texts, 10 labels"):
        model.fit(TEXTS, LABELS[1:], verbose=0)
    with pytest.raises(ValueError, match=re.escape("fit on texts needs their labels. Received: y=None")):
        model.fit(TEXTS, verbose=0)
    with pytest.raises(ValueError, match=re.escape("evaluate on texts needs their labels. Received: y=None")):
        model.evaluate(TEXTS, verbose=0)
    assert largest_difference(model.get_weights(), before) == 0


def test_a_target_that_is_no_number_is_refused() -> None:
    model = classifier(labels=None, kind="regression")
    with pytest.raises(DataError, match=re.escape("Received others in rows [1]")):
        model.fit(TEXTS, [0.5, float("nan"), *[1.0] * (R - 2)], verbose=0)


def test_pairs_and_single_texts_are_not_mixed() -> None:
    single, pairs = classifier(), classifier()
    single.fit(TEXTS, LABELS, verbose=0)
    pairs.fit(PAIRS, LABELS, verbose=0)
    assert (single.pairs, pairs.pairs) == (False, True)
    with pytest.raises(ValueError, match="This model was made for single texts. Received: pairs"):
        single.predict(PAIRS)
    with pytest.raises(ValueError, match="This model was made for pairs of texts. Received: single texts"):
        pairs.predict_text(TEXTS)
    with pytest.raises(ValueError, match="This model was made for pairs of texts. Received: single texts"):
        classifier(pairs=True).fit(TEXTS, LABELS, verbose=0)


def test_a_fit_that_fails_decides_nothing_about_pairs() -> None:
    model = classifier()
    with pytest.raises(ValueError, match="Received: 11 texts, 2 labels"):
        model.fit(PAIRS, LABELS[:2], verbose=0)
    assert model.pairs is None


def test_a_dataset_of_pairs_makes_a_model_for_pairs() -> None:
    model = classifier()
    columns = tuple(zip(*PAIRS, strict=True))
    model.fit(
        tf.data.Dataset.from_tensor_slices(((list(columns[0]), list(columns[1])), NUMBERS)).batch(R), verbose=0, shuffle=False
    )
    assert model.pairs is True


def test_pairs_in_all_forms_give_the_same_answers() -> None:
    model = classifier(pairs=True, compiled=False)
    first, second = (list(column) for column in zip(*PAIRS, strict=True))
    expected = model.predict(PAIRS)
    for form in (
        (first, second),
        (pd.Series(first, index=ODD_INDEX), np.array(second)),
        [tf.constant(first), tf.constant(second)],
    ):
        np.testing.assert_array_equal(model.predict(form), expected)
    assert np.abs(expected - model.predict((second, first))).max() > 1e-6


def test_answers_come_in_the_order_of_the_texts(trained: TextClassifier) -> None:
    together = trained.predict(TEXTS, batch_size=3)
    alone = np.concatenate([trained.predict([text]) for text in TEXTS])
    assert together.shape == (R, 1)
    assert together.std() > 0.3
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_batches_of_other_lengths_give_the_same_answers(trained: TextClassifier) -> None:
    padded = preprocessor(sequence_length=19)(TEXTS)
    np.testing.assert_allclose(trained.predict(padded), trained.predict(TEXTS, batch_size=2), atol=1e-5)


def test_predict_takes_datasets(trained: TextClassifier) -> None:
    expected = trained.predict(TEXTS)
    texts = tf.data.Dataset.from_tensor_slices(TEXTS).batch(4)
    np.testing.assert_allclose(trained.predict(texts), expected, atol=1e-5)
    labelled = tf.data.Dataset.from_tensor_slices((TEXTS, NUMBERS)).batch(4)
    np.testing.assert_allclose(trained.predict(labelled), expected, atol=1e-5)


def test_evaluate_gives_the_figures_of_all_texts(trained: TextClassifier) -> None:
    wrong_twice = ["neg", "pos", *LABELS[2:]]
    truth = np.array([label == "pos" for label in wrong_twice])
    chance = trained.predict(TEXTS)[:, 0].astype("float64")
    expected = {
        "loss": -np.mean(np.log(np.where(truth, chance, 1 - chance))),
        "accuracy": 9 / 11,
    }
    # Eleven texts in batches of four: a mean of the batches' means would be another number.
    found = trained.evaluate(TEXTS, wrong_twice, batch_size=4, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, rel=1e-4)
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, truth.astype("int32"))).batch(3)
    assert trained.evaluate(dataset, verbose=0, return_dict=True) == pytest.approx(expected, rel=1e-4)


def test_an_empty_list_is_refused(trained: TextClassifier) -> None:
    with pytest.raises(ValueError, match="There must be at least one text. Received: none"):
        trained.predict([])


def test_it_is_an_ordinary_keras_model(trained: TextClassifier, capsys: pytest.CaptureFixture[str]) -> None:
    expected = trained.predict(TEXTS)
    np.testing.assert_allclose(trained(tf.constant(TEXTS)), expected, atol=1e-5)
    np.testing.assert_allclose(trained(preprocessor()(TEXTS)), expected, atol=1e-5)
    np.testing.assert_allclose(trained.predict_on_batch(tf.constant(TEXTS)), expected, atol=1e-5)
    assert trained.count_params() == sum(int(np.prod(weight.shape)) for weight in trained.weights)
    assert trained.count_params() == trained.encoder.count_params() + 15 + 1
    trained.summary()
    shown = capsys.readouterr().out
    assert "encoder (Encoder)" in shown
    pooler = 15 * 15 + 15  # mean pooling leaves it out
    assert f" Trainable params: {trained.count_params() - pooler:,}" in shown
    assert f" Non-trainable params: {pooler}" in shown


def test_callbacks_of_keras_work(tmp_path: Any) -> None:
    model = classifier()
    callbacks = [
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.EarlyStopping("loss", min_delta=7.0, patience=2),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.weights.h5"), save_weights_only=True),
    ]
    history = model.fit(TEXTS, LABELS, epochs=7, verbose=0, callbacks=callbacks)
    assert len(history.history["loss"]) == 3  # nothing gets better by 7
    assert pd.read_csv(tmp_path / "log.csv").loss.tolist() == pytest.approx(history.history["loss"])
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == ["1.weights.h5", "2.weights.h5", "3.weights.h5"]
    assert len(callbacks) == 3  # the list of the caller stays as it is


def test_progress_is_shown_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    history = classifier().fit(TEXTS, LABELS, epochs=2, batch_size=4, validation_data=(TEXTS, LABELS))
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("training 1/2", "training 2/2", "val_accuracy", "tokens/s", "padding"))
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy", "tokens_per_second", "padding"}


def test_validation_data_is_evaluated_after_each_epoch() -> None:
    model = classifier()
    weights = np.arange(5, dtype="float32")
    history = model.fit(TEXTS, LABELS, epochs=2, verbose=0, validation_data=(TEXTS[:5], LABELS[:5]))
    found = model.evaluate(TEXTS[:5], LABELS[:5], verbose=0, return_dict=True)
    assert history.history["val_loss"][1] == pytest.approx(found["loss"], rel=1e-6)
    assert history.history["val_accuracy"][1] == pytest.approx(found["accuracy"])
    history = model.fit(TEXTS, LABELS, verbose=0, validation_data=(TEXTS[:5], LABELS[:5], weights))
    weighted = model.evaluate(TEXTS[:5], LABELS[:5], sample_weight=weights, verbose=0)[0]
    assert history.history["val_loss"] == [pytest.approx(weighted, rel=1e-6)]
    assert weighted != pytest.approx(model.evaluate(TEXTS[:5], LABELS[:5], verbose=0)[0], rel=1e-2)


def test_validation_data_may_be_a_dataset() -> None:
    model = classifier()
    held_out = tf.data.Dataset.from_tensor_slices((TEXTS[:5], NUMBERS[:5])).batch(2)
    history = model.fit(TEXTS, LABELS, verbose=0, validation_data=held_out)
    expected = model.evaluate(TEXTS[:5], LABELS[:5], verbose=0)[0]
    assert history.history["val_loss"] == [pytest.approx(expected, rel=1e-5)]
    training = tf.data.Dataset.from_tensor_slices((TEXTS, NUMBERS)).batch(4)
    history = model.fit(training, verbose=0, shuffle=False, validation_data=held_out)
    assert history.history["val_loss"] == [pytest.approx(model.evaluate(TEXTS[:5], LABELS[:5], verbose=0)[0], rel=1e-5)]


def test_a_split_holds_out_a_share_drawn_with_the_seed() -> None:
    model = classifier()
    batches = model.batches([f"{'very ' * row}good" for row in range(R)], LABELS, 3, seed=5)
    learned, held_out = (part.tolist() for part in split_examples(batches.targets, 0.27, 5, model.kind))
    assert [len(learned), len(held_out)] == [8, 3]
    assert sorted(learned + held_out) == list(range(R))
    assert split_examples(batches.targets, 0.27, 5, model.kind)[1].tolist() == held_out
    assert {tuple(split_examples(batches.targets, 0.27, seed, model.kind)[1]) for seed in range(7)} != {tuple(held_out)}
    assert model.fit(TEXTS, LABELS, verbose=0, validation_split=0.27).history["val_loss"][0] > 0


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_a_split_that_leaves_a_side_empty_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"Received: validation_split={share} of 11 texts"):
        classifier().fit(TEXTS, LABELS, verbose=0, validation_split=share)


def test_the_order_follows_from_the_seed() -> None:
    ours, same, other = (fitted(TEXTS, LABELS, batch_size=2, seed=seed) for seed in (5, 5, 7))
    assert largest_difference(ours, same) == 0
    assert largest_difference(ours, other) > 1e-4


def test_a_training_goes_on_where_it_stopped() -> None:
    whole, parts = classifier(), classifier()
    whole.fit(TEXTS, LABELS, batch_size=3, epochs=3, verbose=0)
    parts.fit(TEXTS, LABELS, batch_size=3, epochs=1, verbose=0)
    parts.fit(TEXTS, LABELS, batch_size=3, epochs=3, initial_epoch=1, verbose=0)
    assert largest_difference(whole.get_weights(), parts.get_weights()) == 0


def test_a_frozen_encoder_keeps_its_weights() -> None:
    model = classifier(compiled=False)
    model.encoder.trainable = False
    model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    before = model.encoder.get_weights(), model.head.get_weights()
    model.fit(TEXTS, LABELS, verbose=0)
    assert largest_difference(model.encoder.get_weights(), before[0]) == 0
    assert largest_difference(model.head.get_weights(), before[1]) > 1e-4
    assert len(model.trainable_variables) == 2


@pytest.mark.parametrize(("pooling", "trained_pooler"), [("cls", True), ("mean", False), ("max", False)])
def test_the_pooler_is_trained_where_it_is_used(pooling: str, trained_pooler: bool) -> None:
    model = classifier(pooling=pooling)  # a variable without a gradient would warn, and warnings are errors here
    before, pooler = model.encoder.get_weights(), model.encoder.pooler.get_weights()
    model.fit(TEXTS, LABELS, verbose=0)
    assert largest_difference(model.encoder.get_weights(), before) > 1e-6
    assert (largest_difference(model.encoder.pooler.get_weights(), pooler) > 0) is trained_pooler


def test_poolings_take_different_states() -> None:
    model = classifier(pooling="mean", compiled=False)
    hidden, inputs = model.encoder(preprocessor()(TEXTS)), preprocessor()(TEXTS)
    states, mask = numpy(hidden["sequence_output"]), numpy(inputs["input_mask"])[:, :, None]
    kernel, bias = (numpy(weight) for weight in model.head.classes.weights)
    scores = ((states * mask).sum(1) / mask.sum(1)) @ kernel + bias
    np.testing.assert_allclose(model.predict(TEXTS), 1 / (1 + np.exp(-scores)), atol=1e-5)
