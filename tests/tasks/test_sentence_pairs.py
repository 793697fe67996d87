"""Training on pairs of sentences: loss and figures against numbers worked out from the logits, and what is learned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import AdamW, MaskedLanguageModel, MaskingConfig
from keras_bert_lab.batches import PretrainingBatches
from tests.oracle import softmax
from tests.samples import numpy, randomise
from tests.tasks.small_pairs import HOW, STORIES, letter_documents, letter_model, pair_model, random_pair_model
from tests.tasks.small_tasks import TEXTS, encoder, language_model, preprocessor

Figures = dict[str, list[np.ndarray]]


def losses(logits: Any, targets: np.ndarray) -> np.ndarray:
    """-log softmax(logits)[target]."""
    return -np.log(np.take_along_axis(softmax(numpy(logits)), targets[..., None], axis=-1)[..., 0])


def figures_of(model: MaskedLanguageModel, batch: tuple[Any, ...]) -> Figures:
    """Losses and hits of the masked tokens and of the pairs of a batch, fillers left out."""
    inputs, targets, weights = batch
    outputs = model(inputs)
    found: Figures = {}
    for key, name in (("masked_lm_ids", "tokens"), ("next_sentence_labels", "pairs")):
        real = weights[key] == 1
        assert set(np.unique(weights[key])) <= {0, 1}
        found[f"{name} loss"] = [losses(outputs[key], targets[key])[real]]
        found[f"{name} right"] = [(numpy(outputs[key]).argmax(-1) == targets[key])[real]]
    return found


def joined(all_figures: list[Figures]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([each[name][0] for each in all_figures]) for name in all_figures[0]}


def test_the_outputs_have_the_keys_of_the_targets() -> None:
    model = random_pair_model()
    inputs, targets, weights = model.batches(STORIES, **HOW).batch(0)
    outputs = model(inputs)
    assert sorted(outputs) == sorted(targets) == sorted(weights) == ["masked_lm_ids", "next_sentence_labels"]
    assert outputs["masked_lm_ids"].shape == (*targets["masked_lm_ids"].shape, 23)
    assert outputs["next_sentence_labels"].shape == (*targets["next_sentence_labels"].shape, 2)
    assert targets["next_sentence_labels"].shape[1] > 1  # several texts a row
    assert {str(keras.backend.standardize_dtype(each.dtype)) for each in outputs.values()} == {"float32"}
    alone = model({key: value for key, value in inputs.items() if key != "input_example_starts"})
    np.testing.assert_array_equal(numpy(alone), numpy(outputs["masked_lm_ids"]))


def test_each_text_of_a_row_is_classified_as_if_it_stood_alone() -> None:
    model = random_pair_model()
    inputs, _, weights = model.batches(STORIES, **HOW).batch(1)
    packed = numpy(model(inputs)["next_sentence_labels"])
    known = weights["next_sentence_labels"] == 1
    assert known.any()
    for row, number in zip(*np.nonzero(known), strict=True):
        slots = inputs["input_example_ids"][row] == number + 1
        text = {key: inputs[key][row][slots][None] for key in ("input_word_ids", "input_mask", "input_type_ids")}
        text["masked_lm_positions"] = text["input_example_starts"] = np.zeros((1, 1), np.int32)
        np.testing.assert_allclose(numpy(model(text)["next_sentence_labels"])[0, 0], packed[row, number], atol=1e-5)


def test_the_loss_of_a_batch_is_that_per_masked_token_and_that_per_pair() -> None:
    model = random_pair_model()
    inputs, targets, weights = batch = model.batches(STORIES, **HOW).batch(0)
    assert all((each == 0).any() for each in weights.values())  # fillers, and a text without pair
    found = joined([figures_of(model, batch)])
    outputs = model(inputs)
    expected = found["tokens loss"].mean() + found["pairs loss"].mean()
    assert float(model.compute_loss(inputs, targets, outputs, weights)) == pytest.approx(expected, rel=1e-5)
    unweighted = sum(losses(outputs[key], targets[key]).mean() for key in targets)
    assert float(model.compute_loss(inputs, targets, outputs)) == pytest.approx(unweighted, rel=1e-5)
    none = {key: value * 0 for key, value in weights.items()}
    assert float(model.compute_loss(inputs, targets, outputs, none)) == 0


def test_fillers_do_not_count() -> None:
    model = random_pair_model()
    inputs, targets, weights = model.batches(STORIES, **HOW).batch(0)
    ours = model.test_on_batch(inputs, targets, weights, return_dict=True)
    flipped = {
        "masked_lm_ids": np.where(weights["masked_lm_ids"] == 0, 11, targets["masked_lm_ids"]),
        "next_sentence_labels": np.where(weights["next_sentence_labels"] == 0, 1, targets["next_sentence_labels"]),
    }
    assert any((flipped[key] != targets[key]).any() for key in targets)
    assert model.test_on_batch(inputs, flipped, weights, return_dict=True) == ours


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_the_figures_of_an_epoch_are_per_token_and_per_pair(dtype: str) -> None:
    """Batches hold different numbers of both, so means of batch means are something else."""
    model = randomise(pair_model(dtype, compiled=False))
    model.compile()
    how = HOW | {"masking": MaskingConfig(rate=0.3), "seed": 5}
    batches = model.batches(STORIES, **how)
    each = [figures_of(model, batches.batch(step)) for step in range(batches.steps_per_epoch)]
    found = joined(each)
    assert len({one["pairs loss"][0].size for one in each}) > 1
    means = [one["pairs loss"][0].mean() + one["tokens loss"][0].mean() for one in each]
    tokens, pairs = found["tokens loss"].mean(), found["pairs loss"].mean()
    assert abs(np.mean(means) - tokens - pairs) > 1e-2
    expected = {
        "loss": tokens + pairs,
        "masked_lm_loss": tokens,
        "pair_loss": pairs,
        "accuracy": found["tokens right"].mean(),
        "pair_accuracy": found["pairs right"].mean(),
        "perplexity": np.exp(tokens),
    }
    rel = 1e-4 if dtype == "float32" else 2e-2  # what is compiled rounds at other places
    assert model.evaluate(STORIES, **how, verbose=0, return_dict=True) == pytest.approx(expected, rel=rel)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    history = model.fit(batches, verbose=0).history
    assert {name: values[0] for name, values in history.items()} == pytest.approx(expected, rel=1e-4)


def test_one_text_a_row() -> None:
    """K = 1, where losses and metrics of Keras are tempted to drop an axis."""
    long = ["The film was good and it was seen. The play was not good and it was very dull."] * 3
    model = random_pair_model()
    batches = model.batches([*long, STORIES[1]], 5, 19, sentence_pairs="order")
    batch = batches.batch(0)
    shape = batch[1]["next_sentence_labels"].shape
    while shape[1] > 1:  # keep the first text of each row
        batch[0]["input_example_starts"] = batch[0]["input_example_starts"][:, :1]
        batch[1]["next_sentence_labels"] = batch[1]["next_sentence_labels"][:, :1]
        batch[2]["next_sentence_labels"] = batch[2]["next_sentence_labels"][:, :1]
        shape = batch[1]["next_sentence_labels"].shape
    batch[2]["next_sentence_labels"][1] = 0
    found = joined([figures_of(model, batch)])
    result = model.test_on_batch(*batch, return_dict=True)
    assert result["pair_loss"] == pytest.approx(found["pairs loss"].mean(), rel=1e-5)
    assert result["pair_accuracy"] == pytest.approx(found["pairs right"].mean(), rel=1e-5)
    assert found["pairs loss"].size == shape[0] - 1


def test_pooler_and_second_head_are_trained_by_pairs_alone() -> None:
    model = pair_model()
    batches = model.batches(STORIES, **HOW)
    idle = [*model.encoder.pooler.weights, *model.next_sentence_head.weights]
    before = [numpy(weight) for weight in idle]
    model.fit(STORIES, batch_size=3, sequence_length=19, verbose=0)
    assert all((numpy(weight) == values).all() for weight, values in zip(idle, before, strict=True))
    model.fit(batches, verbose=0)
    assert all((numpy(weight) != values).any() for weight, values in zip(idle, before, strict=True))
    assert len(model.trainable_variables) == len(model.weights)


def test_one_model_trains_with_and_without_pairs_in_turn() -> None:
    """Compiled once: what is shown follows from the batches of that epoch alone, in training as in validation."""
    model = pair_model(compiled=False)
    model.compile(keras.optimizers.SGD(0.1))
    pairs, texts = model.batches(STORIES, **HOW), model.batches(TEXTS, 3, 19)
    with_pairs = {"masked_lm_loss", "pair_loss", "pair_accuracy"}
    for train, validation in ((texts, pairs), (pairs, texts)):
        history = model.fit(train, epochs=2, validation_data=validation, verbose=0).history
        shown = {name for name in history if not name.startswith("val_")}
        validated = {name.removeprefix("val_") for name in history if name.startswith("val_")}
        assert shown & with_pairs == (with_pairs if train is pairs else set())
        assert validated & with_pairs == (with_pairs if validation is pairs else set())
        assert all(np.isfinite(values).all() and len(values) == 2 for values in history.values())


@pytest.mark.parametrize(("kind", "epochs"), [("next", 29), ("order", 13)])
def test_the_class_of_a_pair_is_learned(kind: Any, epochs: int) -> None:
    model = letter_model(kind)
    model.compile(AdamW(3e-3))
    how: dict[str, Any] = {"batch_size": 16, "sequence_length": 17, "sentence_pairs": kind, "seed": 3}
    history = model.fit(letter_documents(kind, 300, seed=0), epochs=epochs, verbose=0, **how).history
    assert history["pair_loss"][0] == pytest.approx(np.log(2), abs=0.15)
    found = model.evaluate(letter_documents(kind, 60, seed=7), **(how | {"seed": 11}), verbose=0, return_dict=True)
    assert found["pair_accuracy"] > 0.9
    # Class 0 = is next, or in order: `predict_next_sentence` gives its probability.
    if kind == "next":
        follows = [("A b a. B b a.", "B a a. A b b."), ("C d c. C c d.", "D d c. C d d.")]
        not_so = [(first, other) for (first, _), (_, other) in zip(follows, follows[::-1], strict=True)]
    else:
        follows = [("A c b. D e f.", "H g i. J k l."), ("B b a. F e d.", "G i i. L k j.")]
        not_so = [(second, first) for first, second in follows]
    assert model.predict_next_sentence(follows).min() > 0.5
    assert model.predict_next_sentence(not_so).max() < 0.5


@pytest.mark.parametrize("first", [True, False])
def test_a_saved_model_goes_on_where_it_stopped(first: bool, tmp_path: Path) -> None:
    """Also when pairs come for the first time after it was saved."""
    model = pair_model(compiled=False)
    model.compile(AdamW(1e-2), run_eagerly=True)
    before, after = ({"sentence_pairs": "next" if pairs else "none"} for pairs in (first, True))
    model.fit(STORIES, **(HOW | before), verbose=0)
    model.save(tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    assert again.next_sentence
    again.run_eagerly = True
    histories = [each.fit(STORIES, **(HOW | after), verbose=0).history for each in (model, again)]
    assert histories[0] == histories[1]
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_same_as_texts_as_a_data_set_and_as_batches() -> None:
    texts, batches, data = pair_model(), pair_model(), pair_model()
    how = HOW | {"batch_size": 31, "seed": 5}
    texts.fit(STORIES, **how, verbose=0)
    batches.fit(made := batches.batches(STORIES, **how), verbose=0, sequence_length=4)
    data.fit(tf.data.Dataset.from_tensors(made.batch(0)), shuffle=False, verbose=0)
    assert made.steps_per_epoch == 1
    for ours, one, other in zip(texts.get_weights(), batches.get_weights(), data.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, one)
        np.testing.assert_allclose(ours, other, atol=1e-6)


def test_texts_are_cut_into_sentences_and_joined_again() -> None:
    corpus = pair_model().batches(STORIES, **HOW).corpus
    whole = language_model().batches(STORIES).corpus
    np.testing.assert_array_equal(corpus.document_splits, whole.document_splits)
    np.testing.assert_array_equal(corpus.read(0, corpus.tokens), whole.read(0, whole.tokens))
    period = preprocessor().tokenizer.vocabulary.tokens.index(".")
    ends = np.flatnonzero(whole.read(0, whole.tokens) == period) + 1
    np.testing.assert_array_equal(corpus.sentence_splits, [0, *ends])


def test_metrics_may_be_left_out() -> None:
    model = pair_model(compiled=False)
    model.compile(keras.optimizers.SGD(0.0), weighted_metrics=None, run_eagerly=True)
    assert set(model.fit(STORIES, **HOW, verbose=0).history) == {"loss"}
    model.compile(keras.optimizers.SGD(0.0), weighted_metrics=["accuracy"], run_eagerly=True)
    assert set(model.fit(STORIES, **HOW, verbose=0).history) == {"loss", "accuracy", "pair_loss", "pair_accuracy"}


def test_a_model_without_second_head_refuses_pairs_before_anything_long() -> None:
    model = language_model()
    words = "sentence_pairs must be 'none' but for a MaskedLanguageModel with next_sentence=True. Received: "
    for refused in (model.fit, model.batches, model.evaluate):
        with pytest.raises(ValueError, match=f"{words}sentence_pairs='order' for a MaskedLanguageModel with next_sentence=Fal"):
            refused(STORIES, sentence_pairs="order")
    batches = pair_model().batches(STORIES, **HOW)
    message = "Received: batches with next_sentence_labels for a MaskedLanguageModel with next_sentence=False"
    for arguments in ({"x": batches}, {"x": TEXTS, "validation_data": batches}):
        with pytest.raises(ValueError, match=message):
            model.fit(**arguments, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(batches)
    with pytest.raises(ValueError, match=re.escape("Received: targets ['masked_lm_ids', 'next_sentence_labels'] for a model")):
        model.fit(tf.data.Dataset.from_tensors(batches.batch(0)), shuffle=False, verbose=0)


def test_targets_and_weights_must_fit_together() -> None:
    model = pair_model()
    inputs, targets, weights = model.batches(STORIES, **HOW).batch(0)
    with pytest.raises(ValueError, match=r"hold 'masked_lm_ids'. Received: targets \['next_sentence_labels'\]"):
        model.compute_loss(inputs, {"next_sentence_labels": targets["next_sentence_labels"]}, model(inputs))
    with pytest.raises(ValueError, match=r"must both be dicts.* weights ndarray"):
        model.compute_loss(inputs, targets, model(inputs), weights["masked_lm_ids"])


def test_an_unknown_kind_of_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="sentence_pairs must be one of .* Received: sentence_pairs='both'"):
        pair_model().batches(STORIES, sentence_pairs="both")  # type: ignore[arg-type]


def test_an_encoder_without_pooler_learns_from_pairs_too() -> None:
    model = MaskedLanguageModel(encoder(pooler=False), preprocessor(), next_sentence=True)
    model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    before = numpy(model.next_sentence_head.classes.kernel)
    assert isinstance(batches := model.batches(STORIES, **HOW), PretrainingBatches)
    assert "pair_loss" in model.fit(batches, verbose=0).history
    assert (numpy(model.next_sentence_head.classes.kernel) != before).any()
