"""A classifier that reads numbers and categories beside the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import (
    DataError,
    ExtraColumns,
    FormatError,
    TextClassifier,
    export_saved_model,
    load_exported,
    load_task,
    save_task,
)
from keras_bert_lab.data.splits import split_rows
from keras_bert_lab.export import saved_model
from tests.export.test_export_saved_model import _here
from tests.samples import numpy, randomise
from tests.tasks.small_tasks import LABELS, NUMBERS, TEXTS, encoder, preprocessor

R = len(TEXTS)
H = 15
COLUMNS = {"price": "number", "brand": "category"}
TABLE = pd.DataFrame(
    {
        "brand": ["b", "a", None, "b", "a", "b", "c", "c", "a", "b", "d"],
        "text": TEXTS,
        "price": [3.5, 2.0, 11.0, np.nan, 5.0, 1.0, 13.0, 17.5, 19.0, np.nan, 23.0],
        "unused": range(R),
    },
    index=[5, 3, 17, 0, 2, 29, 1, 11, 13, 7, 19],
)
SIZES = {"windows": 3, "stride": 4}


def classifier(compiled: bool = True, learned: bool = False, max_length: int = 19, **settings: Any) -> TextClassifier:
    """Four numbers for the brand and two for the price; without dropout, weights far from 0."""
    columns = ExtraColumns(COLUMNS, most_categories=4)
    settings = {
        "columns": columns.learned_from(TABLE) if learned else columns,
        "dropout": 0.0,
        "labels": ["neg", "pos"],
    } | settings
    keras.utils.set_random_seed(3)
    model = randomise(TextClassifier(encoder(settings.pop("dtype", None)), preprocessor(max_length=max_length), **settings))
    if compiled:
        model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    return model


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return classifier(learned=True)


@pytest.fixture(scope="module")
def chance(model: TextClassifier) -> np.ndarray:
    return model.predict(TABLE)


def tokens_of(model: TextClassifier, table: Any = TABLE) -> dict[str, np.ndarray]:
    inputs = {key: numpy(values) for key, values in model.inputs_of(table).items()}
    return {key: values.astype("float32" if key == "input_columns" else "int32") for key, values in inputs.items()}


@pytest.mark.parametrize("settings", [{}, {"pooling": "mean"}, {"max_length": 7, "window_pooling": "max", **SIZES}])
def test_the_vector_of_the_columns_stands_behind_that_of_the_text(settings: dict[str, Any]) -> None:
    model = classifier(learned=True, **settings)
    plain = TextClassifier(
        model.encoder, model.preprocessor, ["neg", "pos"], **{k: v for k, v in settings.items() if k != "max_length"}
    )
    price = TABLE.price.to_numpy()
    mean, deviation = np.nanmean(price), np.nanstd(price)
    vectors = [
        [
            0.0 if np.isnan(number) else (number - mean) / deviation,
            np.isnan(number),
            *(brand == each for each in ["b", "a", "c", ""]),
        ]
        for number, brand in zip(price, TABLE.brand.fillna(""), strict=True)
    ]
    kernel, bias = (numpy(weight) for weight in model.head.classes.weights)
    assert kernel.shape == (H + 6, 1)
    plain.head.classes.set_weights([kernel[:H], bias * 0])
    answers = plain.predict(TEXTS).astype("float64")
    of_text = np.log(answers / (1 - answers))
    expected = 1 / (1 + np.exp(-(of_text + np.array(vectors, float) @ kernel[H:] + bias)))
    np.testing.assert_allclose(model.predict(TABLE, batch_size=3), expected, atol=1e-5)
    assert np.abs(expected - answers).max() > 0.1


@pytest.mark.parametrize("settings", [{}, {"max_length": 7, **SIZES}])
def test_with_weights_of_0_they_change_nothing(settings: dict[str, Any]) -> None:
    model = classifier(learned=True, **settings)
    plain = TextClassifier(
        model.encoder, model.preprocessor, ["neg", "pos"], **{k: v for k, v in settings.items() if k != "max_length"}
    )
    kernel, bias = model.head.classes.get_weights()
    plain.head.classes.set_weights([kernel[:H], bias])
    model.head.classes.set_weights([np.concatenate([kernel[:H], 0 * kernel[H:]]), bias])
    np.testing.assert_allclose(model.predict(TABLE), plain.predict(TEXTS), atol=1e-6)


def test_all_doors_give_the_same_answers(model: TextClassifier, chance: np.ndarray) -> None:
    columns = {name: TABLE[name].tolist() for name in ("price", "text", "brand")}
    tensors = {
        "text": tf.constant(TEXTS),
        "price": tf.constant(TABLE.price.to_numpy()),
        "brand": tf.constant(TABLE.brand.fillna("").tolist()),
    }
    dataset = tf.data.Dataset.from_tensor_slices(tensors)
    for answers in (
        model.predict(columns),
        model.predict(dict(TABLE), batch_size=2),
        model.predict(dataset.batch(4)),
        model.predict(tokens_of(model)),
        model(tensors),
        model.predict_on_batch(tensors),
        model.predict_text(TABLE, batch_size=3).probabilities.map(lambda row: row["pos"]).to_numpy()[:, None],
        np.concatenate([model.predict(TABLE.iloc[[row]]) for row in range(R)]),
    ):
        np.testing.assert_allclose(answers, chance, atol=1e-6)
    each = -np.log(np.where(np.array(NUMBERS) == 1, chance[:, 0], 1 - chance[:, 0]).astype("float64"))
    for found in (
        model.evaluate(TABLE, LABELS, batch_size=4, verbose=0),
        model.evaluate(tf.data.Dataset.zip((dataset, tf.data.Dataset.from_tensor_slices(NUMBERS))).batch(3), verbose=0),
    ):
        assert found == pytest.approx([each.mean(), np.mean((chance[:, 0] > 0.5) == NUMBERS)], rel=1e-5)


def test_all_doors_teach_the_same() -> None:
    settings = {"batch_size": R, "verbose": 0}
    first, second, third = (classifier(learned=learned) for learned in (False, True, True))
    first.fit(TABLE, LABELS, **settings)
    tensors = {"text": TEXTS, "price": TABLE.price.to_numpy(), "brand": TABLE.brand.fillna("").tolist()}
    second.fit(tf.data.Dataset.from_tensor_slices((tensors, NUMBERS)).batch(R), verbose=0, shuffle=False)
    third.fit(tokens_of(third), np.array(NUMBERS), **settings)
    start = classifier().get_weights()
    for other in (second, third):
        assert difference(other.get_weights(), first.get_weights()) < 1e-6
    assert np.abs(first.head.classes.kernel[H:] - start[-2][H:]).min() > 1e-4
    assert (first.columns.learned, first.pairs) == (second.columns.learned, False)


def test_classes_and_rows_have_weights() -> None:
    weights = []
    for settings in (
        {"class_weight": {"pos": 5.0}},
        {"sample_weight": [5.0 if label == "pos" else 1.0 for label in LABELS]},
        {},
    ):
        model = classifier()
        model.fit(TABLE, LABELS, batch_size=R, verbose=0, **settings)
        weights.append(model.get_weights())
    assert difference(weights[0], weights[1]) == 0
    assert difference(weights[0], weights[2]) > 1e-3


def test_they_learn_from_the_rows_that_the_model_is_trained_on() -> None:
    held_out = TABLE.assign(price=1e6, brand="of the held out")
    for settings in (
        {"validation_data": (held_out, LABELS)},
        {"validation_data": (held_out, LABELS), "validation_split": 0.3},  # Keras lets the data decide
    ):
        model = classifier()
        model.fit(TABLE, LABELS, verbose=0, **settings)
        assert model.columns.learned == ExtraColumns(COLUMNS, 4).learned_from(TABLE).learned
    rows, left_out = split_rows(R, 0.3, 5, LABELS)
    spoiled = TABLE.reset_index(drop=True)
    spoiled.loc[left_out, ["price", "brand"]] = [1e6, "of the held out"]
    model = classifier()
    model.fit(spoiled, LABELS, verbose=0, validation_split=0.3, seed=5)
    assert model.columns.learned == ExtraColumns(COLUMNS, 4).learned_from(TABLE.iloc[rows]).learned
    assert "of the held out" not in model.columns.learned["brand"]


def test_they_learn_once() -> None:
    model = classifier()
    model.fit(TABLE, LABELS, verbose=0)
    before = model.columns.learned
    model.fit(TABLE.assign(price=range(R)), LABELS, verbose=0)
    assert model.columns.learned == before


def test_a_fit_that_fails_teaches_nothing() -> None:
    model = classifier()
    for texts, labels, settings in (
        (TABLE, LABELS[:2], {}),
        (TABLE.assign(price="cheap"), LABELS, {}),
        (TABLE, LABELS, {"validation_split": 0.01}),
    ):
        with pytest.raises(ValueError, match="Received"):
            model.fit(texts, labels, verbose=0, **settings)
        assert model.columns.learned is None


def test_the_answer_may_stand_in_the_columns_alone() -> None:
    table = pd.DataFrame({"text": "the film", "price": [1.0, 9.0] * 7, "brand": ["a", "b", "b", "a"] * 3 + ["a", "b"]})
    labels = ["cheap" if price == 1 else "dear" for price in table.price]
    model = classifier(compiled=False, labels=labels, columns=COLUMNS)
    model.encoder.trainable = False
    model.compile(keras.optimizers.SGD(1.0))
    model.fit(table, labels, batch_size=14, epochs=31, verbose=0)
    assert model.evaluate(table, labels, verbose=0)[1] == 1.0


def test_pairs_of_texts() -> None:
    model = classifier()
    pairs = TABLE.assign(text_pair=TEXTS[::-1])
    model.fit(pairs, LABELS, verbose=0)
    assert model.pairs is True
    swapped = pairs.rename(columns={"text": "text_pair", "text_pair": "text"})
    assert np.abs(model.predict(pairs) - model.predict(swapped)).max() > 1e-6
    with pytest.raises(ValueError, match="This model was made for pairs of texts. Received: single texts"):
        model.predict(TABLE)


def test_a_model_without_columns_takes_the_texts_of_a_table() -> None:
    plain = classifier(columns=None)
    np.testing.assert_array_equal(plain.predict(TABLE), plain.predict(TEXTS))
    plain.fit(dict(TABLE), LABELS, verbose=0)
    assert plain.pairs is False


def test_it_computes_in_half_precision() -> None:
    exact, half = classifier(learned=True).predict(TABLE), classifier(learned=True, dtype="mixed_bfloat16").predict(TABLE)
    assert 0 < np.abs(exact - half).max() < 0.03


def _through_keras(model: TextClassifier, folder: Any) -> TextClassifier:
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def _through_a_folder(model: TextClassifier, folder: Any) -> TextClassifier:
    return load_task(save_task(model, folder / "model"))


@pytest.mark.parametrize("through", [_through_keras, _through_a_folder])
@pytest.mark.parametrize("learned", [True, False])
def test_it_comes_back_from_a_file(
    through: Callable[[TextClassifier, Any], TextClassifier], learned: bool, tmp_path: Any
) -> None:
    model = classifier(learned=learned)
    again = through(model, tmp_path)
    assert again.columns.get_config() == model.columns.get_config()
    if learned:
        np.testing.assert_allclose(again.predict(TABLE), model.predict(TABLE), atol=1e-6)


def test_tokens_may_be_added(model: TextClassifier, chance: np.ndarray) -> None:
    np.testing.assert_allclose(model.with_added_tokens(["unforgettable"]).predict(TABLE), chance, atol=1e-6)


def test_a_new_classifier_on_a_pretrained_encoder(model: TextClassifier, tmp_path: Any) -> None:
    folder = save_task(model, tmp_path / "model")
    again = TextClassifier.from_pretrained(folder, ["a", "b", "c"], columns={"price": "number"})
    assert (again.columns.kinds, again.columns.learned) == ({"price": "number"}, None)
    assert again.head.classes.kernel.shape == (H + 2, 3)


@pytest.mark.parametrize("settings", [{}, pytest.param({"max_length": 7, "pooling": "max", **SIZES}, marks=pytest.mark.slow)])
def test_an_exported_model_takes_them_by_name(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", _here)
    model = classifier(learned=True, **settings)
    served = load_exported(export_saved_model(model, tmp_path / "sorter"))
    assert served.description["inputs"] == ["text", "price", "brand"]
    assert served.description["columns"] == COLUMNS
    expected = model.predict(TABLE)
    for table in (TABLE, {name: TABLE[name].tolist() for name in TABLE}):
        np.testing.assert_allclose(served(table)["probabilities"][:, 1], expected[:, 0], atol=1e-5)
    assert served.predict_text(TABLE).label.tolist() == model.predict_text(TABLE).label.tolist()
    tokens = {key: values for key, values in tokens_of(model).items() if key != "input_columns"}
    raw = {"price": TABLE.price.to_numpy(), "brand": np.array([brand or "" for brand in TABLE.brand.fillna("")])}
    answers = _here(tmp_path / "sorter-tokens" / "1", tokens | raw, needs_text_ops=False)
    np.testing.assert_allclose(answers["probabilities"][:, 1], expected[:, 0], atol=1e-5)
    with pytest.raises(ValueError, match=re.escape("with 'text' and ['price', 'brand']. Received: list")):
        served(TEXTS)
    with pytest.raises(DataError, match=re.escape("without ['price'].")):
        served(TABLE.drop(columns="price"))


@pytest.mark.slow
def test_exported_in_fresh_processes(tmp_path: Path) -> None:
    model = classifier(learned=True)
    served = load_exported(export_saved_model(model, tmp_path / "sorter"))
    np.testing.assert_allclose(served(TABLE)["probabilities"][:, 1], model.predict(TABLE)[:, 0], atol=1e-5)


def test_an_export_without_learning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received: columns of a model that was not trained."):
        export_saved_model(classifier(compiled=False), tmp_path / "sorter")
    assert list(tmp_path.iterdir()) == []


def test_an_export_with_other_names_is_refused(tmp_path: Path) -> None:
    columns = ExtraColumns({"price (EUR)": "number", "brand": "category"})
    model = classifier(compiled=False, columns=columns.learned_from({"price (EUR)": [1.0, 2.0], "brand": ["a", "b"]}))
    with pytest.raises(ValueError, match=re.escape("Received: ['price (EUR)']. Rename them in the table")):
        export_saved_model(model, tmp_path / "sorter")


def test_other_libraries_have_no_columns(model: TextClassifier, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=re.escape("Received: columns={'price': 'number', 'brand': 'category'}.")):
        save_task(model, tmp_path / "model", format="huggingface")


@pytest.mark.parametrize("texts", [TEXTS, pd.Series(TEXTS), (TEXTS, TEXTS)])
def test_texts_alone_are_refused(model: TextClassifier, texts: Any) -> None:
    message = re.escape(f"with 'text' and ['price', 'brand']. Received: {type(texts).__name__}")
    for use in (model.predict, model.predict_text, lambda x: model.fit(x, LABELS), lambda x: model.evaluate(x, LABELS)):
        with pytest.raises(ValueError, match=message):
            use(texts)


def test_tables_without_a_column_or_rows_are_refused(model: TextClassifier) -> None:
    with pytest.raises(DataError, match=re.escape("Received: ['brand', 'text', 'unused'], without ['price'].")):
        model.predict(TABLE.drop(columns="price"))
    with pytest.raises(ValueError, match="as many rows as texts. Received: 11 texts, 2 rows"):
        model.predict({"text": TEXTS, "price": [1, 2], "brand": ["a", "b"]})


def test_token_ids_without_columns_are_refused(model: TextClassifier) -> None:
    tokens = {key: values for key, values in tokens_of(model).items() if key != "input_columns"}
    message = f"inputs must have the key 'input_columns', float32 (B, 6). Received: {sorted(tokens)}."
    with pytest.raises(ValueError, match=re.escape(message)):
        model(tokens)


def test_impossible_columns_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("must be one of ['number', 'category']. Received: 'text' for 'price'")):
        classifier(columns={"price": "text"})
