from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from keras_bert_lab import AdamW, DataError, Lab, TextClassifier, classification_report
from keras_bert_lab.training import LinearWarmupDecay
from tests.lab.small_lab import LABELS, lab, table
from tests.tasks.small_tasks import classifier


@pytest.fixture(scope="module")
def trained() -> Lab:
    made = lab()
    made.fit(2e-2, epochs=3, verbose=0)
    return made


def test_the_split_is_stratified_and_a_function_of_the_seed() -> None:
    made, same, other = lab(), lab(), lab(seed=5)
    assert len(made.train) == 18
    assert made.validation.label.value_counts().to_dict() == {"neg": 3, "pos": 2}
    pd.testing.assert_frame_equal(made.validation, same.validation)
    assert not made.validation.equals(other.validation)
    assert sorted([*made.train.text, *made.validation.text]) == sorted(table().text)
    assert repr(made) == "<Lab: text_classifier, 18 texts to learn from, 5 to validate on>"


def test_a_table_to_validate_on_and_none() -> None:
    own = table()[:7]
    assert lab(validation=own).validation is own
    none = lab(validation=0)
    assert (len(none.train), none.validation) == (23, None)
    with pytest.raises(ValueError, match="table must be given .* Received: table=None, validation=0"):
        none.report()


def test_fit_compiles_with_a_schedule_over_all_steps_and_learns(trained: Lab) -> None:
    rate = trained.model.optimizer._learning_rate
    assert isinstance(rate, LinearWarmupDecay)
    # 18 texts in batches of 5 are 4 steps, three times
    assert (rate.peak, rate.total_steps, rate.warmup_steps) == (2e-2, 12, 1)
    assert len(trained.history["loss"]) == len(trained.history["val_loss"]) == 3
    assert trained.history["loss"][-1] < trained.history["loss"][0]
    step = trained.steps[0]
    assert {key: step[key] for key in ("step", "lr", "epochs", "schedule")} == {
        "step": "fit", "lr": 2e-2, "epochs": 3, "schedule": "linear"
    }  # fmt: skip


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle", "triangular"])
def test_schedules_begin_and_peak_where_they_should(schedule: str) -> None:
    made = lab(optimizer=keras.optimizers.SGD)
    made.fit(0.01, epochs=2, schedule=schedule, verbose=0)
    assert isinstance(made.model.optimizer, keras.optimizers.SGD)
    rate = made.model.optimizer._learning_rate
    rates = [0.01] if schedule == "constant" else [float(rate(step)) for step in range(8)]
    assert max(rates) == pytest.approx(0.01, rel=0.05)  # the peak may lie between two steps
    assert schedule == "constant" or rates[0] < 0.01


def test_fit_goes_on_with_the_weights_in_another_order() -> None:
    made = lab()
    made.fit(1e-2, verbose=0)
    before = made.model.get_weights()
    made.fit_one_cycle(1e-9, verbose=0)
    assert all(np.allclose(old, new, atol=1e-6) for old, new in zip(before, made.model.get_weights(), strict=True))
    assert [step["step"] for step in made.steps] == ["fit", "fit"]
    assert len(made.history["loss"]) == 2


def test_what_is_trained() -> None:
    made = lab()
    before = [weight.numpy() for weight in made.model.encoder.weights]
    counts = made.set_trainable("none")
    assert counts.trainable == 0
    made.fit(1e-2, verbose=0)
    assert all((old == new.numpy()).all() for old, new in zip(before, made.model.encoder.weights, strict=True))
    rates = made.learning_rates(1e-3)
    assert rates[rates.trained].rate.tolist() == pytest.approx([1e-3] * rates.trained.sum())
    assert set(rates[~rates.trained].rate) == {0.0}


def test_gradually() -> None:
    made = lab()
    made.fit_gradually(1e-2, epochs=2, verbose=0)
    assert len(made.history["loss"]) == 2


def test_lr_find_leaves_the_model_alone() -> None:
    made = lab()
    before = made.model.get_weights()
    with pytest.raises(ValueError, match="Received: none yet"):
        made.plot_lr_find()
    found = made.lr_find(steps=20)
    assert all((old == new).all() for old, new in zip(before, made.model.get_weights(), strict=True))
    assert made.search is found
    assert made.plot_lr_find().get_xlabel() == "learning rate"
    assert made.steps[0]["suggestion"] == found.suggestion


def test_autofit() -> None:
    made = lab()
    found = made.autofit(1e-2, max_epochs=2, verbose=0)
    assert found.rate == 1e-2
    assert made.steps[-1]["best_epoch"] == found.best_epoch
    assert made.history["loss"] == found.history["loss"]


def test_report_is_of_the_table_or_of_the_validation(trained: Lab) -> None:
    assert trained.report().examples == 5
    report = trained.report(table()[:11])
    answers = trained.model.predict_text(table()[:11].text)
    expected = classification_report(LABELS[:11], answers.label, ["neg", "pos"], answers.probabilities)
    assert (report.accuracy, report.examples, report.log_loss) == (expected.accuracy, 11, expected.log_loss)
    assert report.intervals is not None


def test_looking_at_texts(trained: Lab) -> None:
    assert len(trained.top_losses(3)) == 3
    assert len(trained.most_uncertain(2, table())) == 2
    assert trained.plot_history("accuracy").get_ylabel() == "accuracy"


def test_calibration_and_threshold() -> None:
    made = lab()
    made.fit(2e-2, epochs=2, verbose=0)
    found = made.calibrate()
    assert found.loss_after <= found.loss_before
    assert made.choose_threshold() == made.model.threshold
    assert [step["step"] for step in made.steps] == ["fit", "calibrate", "choose_threshold"]


def test_baselines(trained: Lab) -> None:
    found = trained.baselines(table())
    assert found.model.tolist()[-1] == "fine-tuned encoder"
    assert found.training_seconds.iloc[-1] == trained.steps[0]["seconds"]


def test_regression() -> None:
    model = classifier(labels=None, kind="regression", compiled=False)
    numbers = table().assign(label=[1.5 if label == "pos" else -0.5 for label in LABELS])
    made = Lab(model, numbers, batch_size=7)
    made.fit(1e-2, verbose=0)
    assert made.report(numbers).mae > 0


def test_several_labels() -> None:
    model = classifier(labels=["bad", "good", "seen"], kind="multi_label", compiled=False)
    several = table().assign(label=[["good", "seen"] if label == "pos" else ["bad"] for label in LABELS])
    made = Lab(model, several, batch_size=7)
    made.fit(1e-2, verbose=0)
    assert made.report(several).examples == 23


def test_balanced_classes_and_another_optimizer() -> None:
    made = lab(class_weight="balanced", optimizer=lambda rate: AdamW(rate, layer_decay=0.5))
    made.fit(1e-3, verbose=0)
    assert made.learning_rates(1e-3).rate.nunique() > 2


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"model": keras.Sequential()}, TypeError, "model must be a TextClassifier. Received: Sequential"),
        ({"train": ["a text"]}, TypeError, "train must be a table .* Received: list"),
        ({"train": pd.DataFrame({"Text": ["a"]})}, TypeError, r"train must be a table .* Received: \['Text'\]"),
        ({"validation": pd.DataFrame({"text": ["a"]})}, TypeError, r"validation must be a table .* Received: \['text'\]"),
        ({"batch_size": 0}, ValueError, "batch_size.* Received: batch_size=0"),
        ({"train": table().assign(label="good")}, DataError, "at least two classes. Received: 'good' in all"),
        ({"validation": table().assign(label="good")}, DataError, "Received 1 other label: 'good'"),
        ({"validation": 1.0}, ValueError, "Received: validation_split=1.0"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"model": classifier(compiled=False), "train": table()} | settings
    with pytest.raises(error, match=message):
        Lab(given.pop("model"), given.pop("train"), **given)


def test_fit_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="schedule must be one of .* Received: schedule='cyclic'"):
        lab().fit(1e-3, schedule="cyclic")
    with pytest.raises(ValueError, match="Received: epochs=0"):
        lab().fit(1e-3, epochs=0)


def test_the_model_stays_a_keras_model(trained: Lab) -> None:
    assert isinstance(trained.model, TextClassifier)
    trained.model.fit(table().text, table().label, epochs=1, verbose=0)
