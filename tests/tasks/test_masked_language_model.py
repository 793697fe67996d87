from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_bert_lab import AdamW, DataError, MaskedLanguageModel, MaskingConfig
from tests.oracle import softmax
from tests.samples import numpy, randomise
from tests.tasks.small_tasks import DOCUMENTS, TEXTS, WORDS, encoder, language_model, preprocessor

HOW: dict[str, Any] = {"batch_size": 3, "sequence_length": 13}
SENTENCE = "the film was good and it was not bad"


def largest_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def trained() -> tuple[MaskedLanguageModel, dict[str, list[float]]]:
    """A model that knows one sentence by heart."""
    model = language_model(compiled=False)
    model.compile(AdamW(1e-2))
    return model, model.fit([SENTENCE] * 17, batch_size=5, sequence_length=11, epochs=47, seed=1, verbose=0).history


@pytest.fixture
def random_model() -> MaskedLanguageModel:
    """A model with all weights random, so that every token has another probability."""
    return randomise(language_model())


def test_fit_lowers_the_loss(trained: tuple[MaskedLanguageModel, dict[str, list[float]]]) -> None:
    _, history = trained
    assert set(history) == {"loss", "accuracy", "perplexity"}
    assert 2.5 < history["loss"][0] < 4.0  # log 23 = 3.1: every token as probable as any other
    assert history["loss"][-1] < 0.3
    assert history["accuracy"][-1] > 0.9
    assert history["perplexity"][-1] == pytest.approx(np.exp(history["loss"][-1]), rel=1e-5)


def test_evaluate_gives_the_figures_per_real_token(random_model: MaskedLanguageModel) -> None:
    batches = random_model.batches(TEXTS, **HOW, masking=MaskingConfig(rate=0.3), seed=5)
    losses, right, means = [], [], []
    for step in range(batches.steps_per_epoch):
        inputs, targets, weights = batches.batch(step)
        probabilities = softmax(numpy(random_model(inputs)))
        real = weights.astype(bool)
        each = -np.log(np.take_along_axis(probabilities, targets[:, :, None], axis=2)[:, :, 0][real])
        losses += each.tolist()
        means.append(each.mean())
        right += (probabilities.argmax(2) == targets)[real].tolist()
    assert abs(np.mean(means) - np.mean(losses)) > 1e-2  # the batches hold different numbers of masked tokens
    found = random_model.evaluate(TEXTS, **HOW, masking=MaskingConfig(rate=0.3), seed=5, verbose=0, return_dict=True)
    expected = {"loss": np.mean(losses), "accuracy": np.mean(right), "perplexity": np.exp(np.mean(losses))}
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_loss_that_is_trained_is_that_of_the_batch_per_real_token(random_model: MaskedLanguageModel) -> None:
    inputs, targets, weights = random_model.batches(TEXTS, **HOW).batch(0)
    logits = random_model(inputs)
    assert weights.min() == 0  # there are fillers
    each = -np.log(np.take_along_axis(softmax(numpy(logits)), targets[:, :, None], axis=2)[:, :, 0])
    expected = (each * weights).sum() / weights.sum()
    assert float(random_model.compute_loss(inputs, targets, logits, weights)) == pytest.approx(expected, rel=1e-5)
    assert float(random_model.compute_loss(inputs, targets, logits)) == pytest.approx(each.mean(), rel=1e-5)
    assert float(random_model.compute_loss(inputs, targets, logits, weights * 0)) == 0


def test_masked_positions_of_weight_0_do_not_count(random_model: MaskedLanguageModel) -> None:
    inputs, targets, weights = random_model.batches(TEXTS, **HOW).batch(0)
    filler = weights == 0
    changed = {**inputs, "masked_lm_positions": np.where(filler, 7, inputs["masked_lm_positions"])}
    ours = random_model.test_on_batch(inputs, targets, weights, return_dict=True)
    theirs = random_model.test_on_batch(changed, np.where(filler, 11, targets), weights, return_dict=True)
    assert theirs == pytest.approx(ours, rel=1e-6)
    assert random_model.test_on_batch(changed, np.where(filler, targets, 11), weights, return_dict=True) != pytest.approx(ours)


def test_losses_of_regularisers_are_added(random_model: MaskedLanguageModel) -> None:
    inputs, targets, weights = random_model.batches(TEXTS, **HOW).batch(0)
    before = float(random_model.compute_loss(inputs, targets, random_model(inputs), weights))
    random_model.head.transform.kernel.regularizer = keras.regularizers.L2(0.1)
    extra = 0.1 * (numpy(random_model.head.transform.kernel) ** 2).sum()
    after = float(random_model.compute_loss(inputs, targets, random_model(inputs), weights))
    assert after - before == pytest.approx(extra, rel=1e-4)


def test_the_pooler_is_not_trained_and_nothing_warns() -> None:
    model = language_model()  # a variable without a gradient would warn, and warnings are errors here
    pooler, rest = model.encoder.pooler.get_weights(), model.encoder.embeddings.get_weights()
    model.fit(DOCUMENTS, **HOW, verbose=0)
    assert largest_difference(model.encoder.pooler.get_weights(), pooler) == 0
    assert largest_difference(model.encoder.embeddings.get_weights(), rest) > 1e-5
    assert len(model.trainable_variables) == len(model.weights) - 2
    assert not any("pooler" in variable.path for variable in model.trainable_variables)


def test_the_same_seed_gives_the_same_weights() -> None:
    def after(seed: int) -> list[np.ndarray]:
        model = language_model(dropout=0.3, attention_dropout=0.2)
        keras.utils.set_random_seed(11)
        model.fit(TEXTS, **HOW, epochs=2, seed=seed, verbose=0)
        return model.get_weights()

    ours, same, other = after(5), after(5), after(7)
    assert largest_difference(ours, same) == 0
    assert largest_difference(ours, other) > 1e-4


def test_a_training_goes_on_where_it_stopped() -> None:
    whole, parts = language_model(), language_model()
    whole.fit(TEXTS, **HOW, epochs=3, verbose=0)
    parts.fit(TEXTS, **HOW, epochs=1, verbose=0)
    parts.fit(TEXTS, **HOW, epochs=3, initial_epoch=1, verbose=0)
    assert largest_difference(whole.get_weights(), parts.get_weights()) == 0


def test_validation_texts_are_masked_the_same_way_each_time() -> None:
    model = language_model(compiled=False)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    history = model.fit(TEXTS, **HOW, epochs=2, verbose=0, validation_data=TEXTS[:5]).history
    assert history["val_loss"][0] == pytest.approx(history["val_loss"][1], rel=1e-6)
    expected = model.evaluate(TEXTS[:5], **HOW, verbose=0, return_dict=True)
    assert {name: history[f"val_{name}"][1] for name in expected} == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "texts", [np.array(TEXTS), np.array(TEXTS, object), pd.Series(TEXTS, index=range(31, 42)), tf.constant(TEXTS)]
)
def test_fit_takes_all_usual_containers(texts: Any) -> None:
    ours, theirs = language_model(), language_model()
    ours.fit(texts, **HOW, verbose=0)
    theirs.fit(TEXTS, **HOW, verbose=0)
    assert largest_difference(ours.get_weights(), theirs.get_weights()) == 0


def test_fit_takes_token_batches() -> None:
    ours, theirs = language_model(), language_model()
    batches = ours.batches(TEXTS, batch_size=31, sequence_length=13)
    ours.fit(TEXTS, batch_size=31, sequence_length=13, verbose=0)
    theirs.fit(tf.data.Dataset.from_tensors(batches.batch(0)), shuffle=False, verbose=0)
    assert batches.steps_per_epoch == 1
    assert largest_difference(ours.get_weights(), theirs.get_weights()) < 1e-6


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    history = language_model().fit(TEXTS, **HOW).history
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("pretraining 1/1", "perplexity", "tokens/s", "padding"))
    assert {"tokens_per_second", "padding"} < set(history)


def test_it_trains_in_half_precision() -> None:
    model = MaskedLanguageModel(encoder("mixed_bfloat16"), preprocessor())
    model.compile(AdamW(3e-2))
    history = model.fit([SENTENCE] * 17, batch_size=5, sequence_length=11, epochs=7, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert model.head.compute_dtype == "bfloat16"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}


def test_a_frozen_encoder_keeps_its_weights() -> None:
    model = language_model(compiled=False)
    model.encoder.trainable = False
    model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    before, head = model.encoder.get_weights(), model.head.get_weights()
    model.fit(DOCUMENTS, **HOW, verbose=0)
    assert largest_difference(model.encoder.get_weights(), before) == 0
    assert largest_difference(model.head.get_weights(), head) > 1e-5


def test_the_head_shares_the_embedding() -> None:
    model = language_model()
    assert model.head._encoder is model.encoder
    assert model.count_params() == model.encoder.count_params() + 15 * 15 + 15 + 2 * 15 + len(WORDS)


def test_another_loss_is_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("loss of a MaskedLanguageModel is its own. Received: loss='mse'. Leave it out.")
    ):
        language_model(compiled=False).compile(loss="mse")


def test_metrics_may_be_chosen() -> None:
    model = language_model(compiled=False)
    model.compile(keras.optimizers.SGD(0.0), weighted_metrics=None, run_eagerly=True)
    assert set(model.fit(TEXTS, **HOW, verbose=0).history) == {"loss"}


@pytest.mark.parametrize("length", [2, 20, 0.5])
def test_an_impossible_length_is_refused(length: Any) -> None:
    with pytest.raises(
        ValueError, match=f"sequence_length must be between 3 and max_positions=19. Received: sequence_length={length}"
    ):
        language_model().batches(TEXTS, sequence_length=length)


def test_rows_are_as_long_as_preprocessor_and_encoder_allow() -> None:
    assert language_model().batches(TEXTS).batch(0)[0]["input_word_ids"].shape[1] == 19


def test_pairs_and_targets_are_refused() -> None:
    model = language_model()
    with pytest.raises(ValueError, match="takes single texts. Received: pairs"):
        model.fit((TEXTS, TEXTS), verbose=0)
    with pytest.raises(ValueError, match="makes its own targets. Received: y"):
        model.fit(TEXTS, TEXTS, verbose=0)


def test_calls_without_positions_say_what_to_do() -> None:
    with pytest.raises(ValueError, match=re.escape("inputs must have the key 'masked_lm_positions'. Received: ['input_mask',")):
        language_model()(preprocessor()(["good"]))


def test_the_missing_words_are_found(trained: tuple[MaskedLanguageModel, dict[str, list[float]]]) -> None:
    model, _ = trained
    words = SENTENCE.split()
    gaps = [" ".join([*words[:place], "[MASK]", *words[place + 1 :]]) for place in range(len(words))]
    table = model.fill_mask(gaps, top_k=3)
    best = table.groupby("row").first()
    assert best.token.tolist() == words
    assert best.text.tolist() == [SENTENCE] * len(words)
    assert (best.score > 0.5).all()


def test_the_table_of_several_gaps(random_model: MaskedLanguageModel) -> None:
    table = random_model.fill_mask(["[MASK] film was [MASK]", "walk[MASK] ."], top_k=2)
    assert list(table.columns) == ["row", "mask", "token", "score", "text"]
    assert table.row.tolist() == [0, 0, 0, 0, 1, 1]
    assert table["mask"].tolist() == [0, 0, 1, 1, 0, 0]
    pieces = [token.removeprefix("##") for token in table.token]
    starts = ["{} film was [MASK]"] * 2 + ["[MASK] film was {}"] * 2 + ["walk{} ."] * 2
    assert table.text.tolist() == [start.format(piece) for start, piece in zip(starts, pieces, strict=True)]


def test_scores_are_the_probabilities_of_the_model(random_model: MaskedLanguageModel) -> None:
    table = random_model.fill_mask(["the [MASK] was [MASK] .", "[MASK]"], top_k=5)
    ids = [[2, 10, 4, 12, 4, 20, 3], [2, 4, 3]]  # [CLS] the [MASK] was [MASK] . [SEP]
    for row, gap, place in ((0, 0, 2), (0, 1, 4), (1, 0, 1)):
        inputs = {name: np.array([values], np.int32) for name, values in _tokens(ids[row]).items()}
        logits = random_model({**inputs, "masked_lm_positions": np.array([[place]], np.int32)})
        probabilities = softmax(numpy(logits))[0, 0]
        found = table[(table.row == row) & (table["mask"] == gap)]
        assert found.token.tolist() == [WORDS[index] for index in np.argsort(-probabilities)[:5]]
        np.testing.assert_allclose(found.score, np.sort(probabilities)[::-1][:5], atol=1e-5)
        assert 0 < found.score.sum() <= 1


def _tokens(ids: list[int]) -> dict[str, list[int]]:
    return {"input_word_ids": ids, "input_mask": [1] * len(ids), "input_type_ids": [0] * len(ids)}


def test_all_tokens_together_have_probability_1(random_model: MaskedLanguageModel) -> None:
    table = random_model.fill_mask("the [MASK]", top_k=len(WORDS))
    assert sorted(table.token) == sorted(WORDS)
    assert table.score.sum() == pytest.approx(1, abs=1e-5)
    assert table.score.is_monotonic_decreasing


def test_ids_without_a_token_are_no_candidates() -> None:
    model = randomise(language_model(vocab_size=29))  # six more than the vocabulary, as padded checkpoints have
    table = model.fill_mask("the [MASK]", top_k=len(WORDS))
    assert sorted(table.token) == sorted(WORDS)


def test_texts_without_a_gap_or_cut_before_one_are_refused(random_model: MaskedLanguageModel) -> None:
    with pytest.raises(DataError, match=re.escape("Every text must hold a [MASK]. Received none in row 1: 'a good film'")):
        random_model.fill_mask(["a [MASK] film", "a good film"])
    long = "good " * 17 + "[MASK]"
    with pytest.raises(
        DataError, match=re.escape("Every [MASK] must stand within the first 19 tokens. Received a text that is cut")
    ):
        random_model.fill_mask(["a [MASK] film", long])
    assert len(random_model.fill_mask(long.removeprefix("good "), top_k=1)) == 1  # [CLS] 16 words [MASK] [SEP]


@pytest.mark.parametrize("top_k", [0, 24, 2.5])
def test_an_impossible_number_of_candidates_is_refused(random_model: MaskedLanguageModel, top_k: Any) -> None:
    with pytest.raises(ValueError, match=f"top_k must be an integer between 1 and 23. Received: top_k={top_k}"):
        random_model.fill_mask("the [MASK]", top_k=top_k)


def test_fit_takes_batches_that_are_there() -> None:
    """As it takes the texts that they were made of; they keep their own settings."""
    how = HOW | {"masking": MaskingConfig(rate=0.3), "seed": 5}
    texts, batches, others = language_model(), language_model(), language_model()
    history = texts.fit(TEXTS, epochs=2, verbose=0, **how).history
    found = batches.fit(batches.batches(TEXTS, **how), epochs=2, verbose=0, batch_size=1, sequence_length=4, seed=7).history
    assert found == history
    assert largest_difference(batches.get_weights(), texts.get_weights()) == 0
    others.fit(others.batches(TEXTS, **(how | {"seed": 7})), epochs=2, verbose=0, **how)
    assert largest_difference(others.get_weights(), texts.get_weights()) > 1e-4


def test_fit_on_batches_goes_on_where_it_stopped() -> None:
    whole, parts = language_model(), language_model()
    whole.fit(whole.batches(TEXTS, **HOW), epochs=3, verbose=0)
    batches = parts.batches(TEXTS, **HOW)
    parts.fit(batches, epochs=1, verbose=0)
    parts.fit(batches, epochs=3, initial_epoch=1, verbose=0)
    assert largest_difference(parts.get_weights(), whole.get_weights()) == 0


@pytest.mark.parametrize(
    ("settings", "message"), [({"y": [1]}, "makes its own targets"), ({"shuffle": True}, "shuffle follows from the texts")]
)
def test_fit_on_batches_refuses_what_follows_from_them(settings: dict[str, Any], message: str) -> None:
    model = language_model()
    with pytest.raises(ValueError, match=message):
        model.fit(model.batches(TEXTS, **HOW), verbose=0, **settings)
