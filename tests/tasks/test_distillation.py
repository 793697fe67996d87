from __future__ import annotations

import math
import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import AdamW, Distillation, MaskedLanguageModel, Preprocessor, WordPieceTokenizer, student_of
from tests.oracle import softmax
from tests.samples import numpy, randomise
from tests.tasks.small_pairs import HOW as PAIRS
from tests.tasks.small_pairs import STORIES, pair_model, random_pair_model
from tests.tasks.small_tasks import TEXTS, WORDS, classifier, encoder, language_model, preprocessor

HOW: dict[str, Any] = {"batch_size": 3, "sequence_length": 13}
Parts = dict[str, np.ndarray]


def pair(dtype: Any = None, dropout: float = 0.0, teacher_dropout: float = 0.0, **settings: Any) -> Distillation:
    """A student of one layer and a teacher of two, all weights random, that have nothing in common."""
    teacher = randomise(language_model(compiled=False, num_layers=2, dropout=teacher_dropout, attention_dropout=0.0), seed=7)
    student = randomise(language_model(compiled=False, dtype=dtype, dropout=dropout), seed=5)
    return Distillation(student, teacher, **settings)


def parts_of(model: Distillation, batch: tuple[Any, ...], temperature: float = 2.0) -> Parts:
    """The three parts for each masked or real token, worked out in NumPy from logits and hidden states."""
    inputs, targets, weights = batch
    encoded = {key: value for key, value in inputs.items() if key != "masked_lm_positions"}
    logits = [numpy(each(inputs)) for each in (model.student, model.teacher)]
    states = [numpy(each.encoder(encoded)["sequence_output"]) for each in (model.student, model.teacher)]
    ours, theirs = (softmax(each / temperature) for each in logits)
    masked, real = weights == 1, inputs["input_mask"] == 1
    norms = [np.linalg.norm(each, axis=-1) for each in states]
    right = logits[0].argmax(-1) == targets
    loss = -np.log(np.take_along_axis(softmax(logits[0]), targets[..., None], axis=-1)[..., 0])
    return {
        "soft_loss": temperature**2 * (theirs * np.log(theirs / ours)).sum(-1)[masked],
        "cosine_loss": (1 - (states[0] * states[1]).sum(-1) / norms[0] / norms[1])[real],
        "masked_lm_loss": loss[masked],
        "accuracy": right[masked],
    }


def joined(model: Distillation, batches: Any, **how: Any) -> dict[str, float]:
    """The means over all tokens of an epoch."""
    each = [parts_of(model, batches.batch(step), **how) for step in range(batches.steps_per_epoch)]
    return {name: float(np.concatenate([part[name] for part in each]).mean()) for name in each[0]}


@pytest.mark.parametrize("temperature", [2.0, 3.5, 1])
def test_the_loss_of_a_batch_has_three_parts(temperature: float) -> None:
    model = pair(temperature=temperature, soft=3.0, masked=0.7, cosine=11.0)
    inputs, targets, weights = batch = model.batches(TEXTS, **HOW).batch(0)
    assert (weights == 0).any()
    assert (inputs["input_mask"] == 0).any()
    assert inputs["input_example_ids"].max() > 1  # packed
    parts = {name: values.mean() for name, values in parts_of(model, batch, temperature).items()}
    assert min(parts["soft_loss"], parts["cosine_loss"]) > 0.1
    expected = 3.0 * parts["soft_loss"] + 0.7 * parts["masked_lm_loss"] + 11.0 * parts["cosine_loss"]
    outputs = model(inputs, training=True)
    assert float(model.compute_loss(inputs, targets, outputs, weights)) == pytest.approx(expected, rel=1e-5)


def test_the_weights_are_those_of_distilbert() -> None:
    model = pair()
    assert (model.temperature, model.soft, model.masked, model.cosine) == (2.0, 5.0, 2.0, 1.0)


@pytest.mark.parametrize("eagerly", [True, False])
def test_the_logs_tell_each_part_for_all_tokens_of_the_epoch(eagerly: bool) -> None:
    model = pair()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=eagerly)
    batches = model.batches(TEXTS, **HOW)
    assert batches.steps_per_epoch > 1
    expected = joined(model, batches)
    expected["perplexity"] = math.exp(expected["masked_lm_loss"])
    expected["loss"] = 5 * expected["soft_loss"] + 2 * expected["masked_lm_loss"] + expected["cosine_loss"]
    history = model.fit(batches, verbose=0, validation_data=TEXTS[:5], **HOW).history
    validated = {name: values[0] for name, values in history.items() if name.startswith("val_")}
    assert {name: history[name][0] for name in history if name not in validated} == pytest.approx(expected, rel=1e-4)

    model.student.compile(run_eagerly=True)
    alone = model.student.evaluate(TEXTS[:5], **HOW, verbose=0, return_dict=True)
    assert set(validated) == {"val_loss", "val_masked_lm_loss", "val_accuracy", "val_perplexity"}
    assert {name: validated[f"val_{name}"] for name in alone} == pytest.approx(alone, rel=1e-5)
    assert validated["val_masked_lm_loss"] == validated["val_loss"]


def test_the_gradient_is_the_slope_and_reaches_the_student_alone() -> None:
    model = pair()
    inputs, targets, weights = model.batches(TEXTS, **HOW).batch(0)
    bias = model.student.encoder.blocks[0].feed_forward.output_dense.bias

    def loss() -> Any:
        return model.compute_loss(inputs, targets, model(inputs, training=True), weights)

    with tf.GradientTape() as tape:
        value = loss()
    reached = [*model.trainable_variables, *model.teacher.trainable_variables]
    gradients = tape.gradient(value, [each.value for each in reached])
    ours, theirs = gradients[: len(model.trainable_variables)], gradients[len(model.trainable_variables) :]
    assert all(each is not None for each in ours)
    assert theirs
    assert all(each is None for each in theirs)
    found = numpy(dict(zip(map(id, model.trainable_variables), ours, strict=True))[id(bias)])
    place, start = int(np.abs(found).argmax()), numpy(bias)
    step = np.eye(len(start))[place] * 0.01
    values = []
    for sign in (1, -1):
        bias.assign(start + sign * step)
        values.append(float(loss()))
    assert found[place] == pytest.approx((values[0] - values[1]) / 0.02, rel=1e-2)


def test_only_the_student_is_trained() -> None:
    model = Distillation(random_pair_model(), teacher := random_pair_model(num_layers=2))
    student = model.student
    idle = [*student.encoder.pooler.weights, *student.next_sentence_head.weights]
    kept = [*teacher.weights, *idle]
    before, learned = [numpy(weight) for weight in kept], [numpy(weight) for weight in student.head.weights]
    inputs = teacher.batches(TEXTS, **HOW).batch(0)[0]
    answers = numpy(teacher(inputs))
    model.compile(AdamW(1e-2), run_eagerly=True)  # a variable without a gradient would warn, and warnings are errors here
    model.fit(TEXTS, **HOW, epochs=2, verbose=0)
    assert all(np.array_equal(numpy(weight), values) for weight, values in zip(kept, before, strict=True))
    assert not any(np.array_equal(numpy(weight), values) for weight, values in zip(student.head.weights, learned, strict=True))
    np.testing.assert_array_equal(numpy(teacher(inputs)), answers)
    assert teacher.trainable
    assert len(model.trainable_variables) == len(student.weights) - len(idle)
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in student.weights}
    assert not {id(weight) for weight in idle} & {id(weight) for weight in model.trainable_variables}


def test_dropout_is_the_students_alone() -> None:
    inputs = language_model().batches(TEXTS, **HOW).batch(0)[0]
    steady, shaken = pair(teacher_dropout=0.5), pair(dropout=0.5)
    first, second = (steady(inputs, training=True) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(numpy(first[name]), numpy(second[name]))
    assert sorted(first) == ["cosine_loss", "masked_lm_ids", "soft_loss"]
    assert np.abs(numpy(shaken(inputs, training=True)["masked_lm_ids"]) - numpy(shaken.student(inputs))).max() > 0.1
    alone = shaken(inputs)
    assert list(alone) == ["masked_lm_ids"]
    np.testing.assert_allclose(numpy(alone["masked_lm_ids"]), numpy(shaken.student(inputs)), atol=1e-5)


def test_the_student_comes_to_answer_like_the_teacher() -> None:
    teacher = randomise(language_model(compiled=False, num_layers=2))
    model = Distillation(student_of(teacher), teacher, masked=0.0)
    model.compile(AdamW(1e-2))
    history = model.fit(TEXTS, **HOW, epochs=41, verbose=0).history
    assert history["soft_loss"][-1] < 0.2 * history["soft_loss"][0]
    assert history["cosine_loss"][-1] < 0.5 * history["cosine_loss"][0]


def test_half_precision() -> None:
    exact, half = pair(), pair("mixed_bfloat16")
    assert half.dtype_policy.name == "mixed_bfloat16"
    batches = exact.batches(TEXTS, **HOW)
    inputs = batches.batch(0)[0]
    outputs = half(inputs, training=True)
    assert {str(keras.backend.standardize_dtype(each.dtype)) for each in outputs.values()} == {"float32"}
    taught = half.teacher(inputs)
    np.testing.assert_array_equal(numpy(taught), numpy(exact.teacher(inputs)))
    expected = joined(exact, batches)
    half.compile(keras.optimizers.SGD(0.0))
    history = half.fit(batches, verbose=0).history
    for name in ("soft_loss", "cosine_loss", "masked_lm_loss"):
        assert history[name][0] == pytest.approx(expected[name], rel=3e-2)
    half.compile(AdamW(1e-2), run_eagerly=True)
    half.fit(batches, verbose=0)
    assert {variable.dtype for variable in half.trainable_variables} == {"float32"}


@pytest.mark.parametrize(("name", "part"), [("soft", "soft_loss"), ("cosine", "cosine_loss")])
def test_what_has_weight_0_is_left_out(name: str, part: str) -> None:
    model = pair(**{name: 0})
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    batches = model.batches(TEXTS, **HOW)
    expected = joined(model, batches)
    history = model.fit(batches, verbose=0).history
    assert part not in history
    weights = {"soft_loss": 5.0, "cosine_loss": 1.0, "masked_lm_loss": 2.0, part: 0.0}
    assert history["loss"][0] == pytest.approx(sum(weights[key] * expected[key] for key in weights), rel=1e-4)


def test_without_the_cosine_the_width_may_differ() -> None:
    narrow = language_model(compiled=False, hidden_size=9)
    teacher = language_model(compiled=False)
    with pytest.raises(ValueError, match=re.escape("Received: hidden_size 9 and 15, cosine=1.0. Use cosine=0.")):
        Distillation(narrow, teacher)
    model = Distillation(narrow, teacher, cosine=0)
    model.compile(run_eagerly=True)
    assert "soft_loss" in model.fit(TEXTS, **HOW, verbose=0).history


def test_another_vocabulary_is_refused() -> None:
    def words(tokens: list[str], size: int) -> MaskedLanguageModel:
        return MaskedLanguageModel(encoder(vocab_size=size), Preprocessor(WordPieceTokenizer(tokens), max_length=19))

    teacher = language_model(compiled=False)
    rule = "student and teacher must have the same vocabulary. Received: "
    for student, found in (
        (words(WORDS[:-1], 22), "vocab_size 22 and 23"),
        (words([*WORDS[:-1], "heard"], 23), "1 tokens that differ"),
        (words(WORDS[:-1], 23), "some tokens that differ"),
    ):
        with pytest.raises(ValueError, match=rule + found):
            Distillation(student, teacher)


def test_models_of_another_kind_are_refused() -> None:
    model, other = language_model(compiled=False), classifier(compiled=False)
    for arguments, name in (((model, other), "teacher"), ((other, model), "student")):
        with pytest.raises(TypeError, match=f"{name} must be a MaskedLanguageModel. Received: <TextClassifier"):
            Distillation(*arguments)
    twin = MaskedLanguageModel(model.encoder, model.preprocessor)
    for student in (model, twin):
        with pytest.raises(ValueError, match="student must be another model than teacher. Received: the same encoder in both"):
            Distillation(student, model)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature must be a finite number above 0. Received: temperature=0"),
        ({"temperature": math.inf}, "temperature must be a finite number above 0. Received: temperature=inf"),
        ({"soft": -1.0}, "soft must be a finite number of at least 0. Received: soft=-1.0"),
        ({"masked": "2"}, "masked must be a finite number of at least 0. Received: masked='2'"),
        ({"cosine": True}, "cosine must be a finite number of at least 0. Received: cosine=True"),
        ({"soft": 0, "cosine": 0}, "soft or cosine must be above 0, .* Received: soft=0, cosine=0"),
    ],
)
def test_impossible_numbers_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair(**settings)


def test_pairs_of_sentences_are_refused() -> None:
    model = Distillation(pair_model(compiled=False), pair_model(compiled=False))
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="Received: sentence_pairs='next' for a Distillation with next_sentence=False"):
        model.fit(STORIES, **PAIRS)
    with pytest.raises(ValueError, match="Received: batches with next_sentence_labels for a Distillation with next"):
        model.fit(model.student.batches(STORIES, **PAIRS))


def test_rows_that_are_too_long_for_the_teacher_are_refused() -> None:
    teacher = MaskedLanguageModel(encoder(max_positions=11), preprocessor(max_length=11))
    model = Distillation(language_model(compiled=False), teacher)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="11"):
        model.fit(TEXTS, **HOW, verbose=0)


def test_the_student_is_what_is_saved(tmp_path: Any) -> None:
    model = pair()
    with pytest.raises(NotImplementedError, match=re.escape("Save the student: distillation.student.save(path)")):
        model.save(tmp_path / "x.keras")
    model.student.save(tmp_path / "student.keras")
    again = keras.saving.load_model(tmp_path / "student.keras")
    assert all(map(np.array_equal, again.get_weights(), model.student.get_weights()))
    model.save_weights(tmp_path / "x.weights.h5")
    other = pair()
    randomise(other.student, seed=11)
    other.load_weights(tmp_path / "x.weights.h5")
    assert all(map(np.array_equal, other.student.get_weights(), model.student.get_weights()))


def test_the_rest_is_as_with_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    model = pair()
    assert (model.encoder, model.preprocessor) == (model.student.encoder, model.student.preprocessor)
    with pytest.raises(ValueError, match="loss of a Distillation is its own. Received: loss='mse'"):
        model.compile(loss="mse")
    model.compile(keras.optimizers.SGD(0.0), weighted_metrics=None, run_eagerly=True)
    batches = model.batches(TEXTS, **HOW)
    assert set(model.fit(batches, steps_per_epoch=1).history) - {"tokens_per_second", "padding"} == {"loss"}
    assert "distillation 1/1" in capsys.readouterr().out
    with pytest.raises(ValueError, match="A Distillation makes its own targets"):
        model.fit(TEXTS, [1])
    with pytest.raises(ValueError, match=re.escape("inputs must have the key 'masked_lm_positions'. Received: ['input_mask',")):
        model(preprocessor()(["good"]))
