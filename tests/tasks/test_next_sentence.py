"""A MaskedLanguageModel with the second head of the original pretraining, and out of other people's folders."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_bert_lab import AdamW, MaskedLanguageModel, Preprocessor, WordPieceTokenizer, load_task, save_task
from tests.formats import huggingface_folders as hf
from tests.oracle import dense, softmax
from tests.samples import numpy, randomise
from tests.tasks.small_tasks import DOCUMENTS, classifier, encoder, language_model, preprocessor

PAIRS = [("the film was good", "it was not bad"), ("a dull play", "walking")]


@pytest.fixture(scope="module")
def model() -> MaskedLanguageModel:
    return randomise(MaskedLanguageModel(encoder(), preprocessor(), next_sentence=True))


def test_the_probability_that_the_second_text_follows(model: MaskedLanguageModel) -> None:
    found = model.predict_next_sentence(PAIRS)
    assert (found.shape, found.dtype) == ((2,), np.float32)
    for each, pair in zip(found, PAIRS, strict=True):
        hidden = model.encoder(model.preprocessor([[pair[0]], [pair[1]]]))
        logits = dense(model.next_sentence_head.classes, numpy(hidden["pooled_output"]))
        assert each == pytest.approx(softmax(logits)[0, 0], abs=1e-5)
    columns = model.predict_next_sentence(([first for first, _ in PAIRS], [second for _, second in PAIRS]))
    np.testing.assert_allclose(columns, found, atol=1e-6)


def test_pairs_and_the_head_are_needed(model: MaskedLanguageModel) -> None:
    with pytest.raises(ValueError, match=r"takes pairs of texts. Received: single texts"):
        model.predict_next_sentence(["the film", "the play"])
    with pytest.raises(ValueError, match=r"needs a model with next_sentence=True. Received: next_sentence=False"):
        language_model().predict_next_sentence(PAIRS)


@pytest.mark.parametrize("eagerly", [True, False])
def test_without_pairs_the_second_head_is_not_changed_and_nothing_warns(eagerly: bool) -> None:
    keras.utils.set_random_seed(3)
    trained = MaskedLanguageModel(encoder(), preprocessor(), next_sentence=True)
    idle = [*trained.encoder.pooler.weights, *trained.next_sentence_head.weights]
    before = [numpy(weight) for weight in idle]
    trained.compile(AdamW(0.1, weight_decay=0.3), run_eagerly=eagerly)  # without a gradient there is no decay either
    history = trained.fit(DOCUMENTS, batch_size=3, sequence_length=13, verbose=0).history
    for weight, values in zip(idle, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), values)
    assert set(history) == {"loss", "accuracy", "perplexity"}
    assert {id(weight) for weight in idle} <= {id(weight) for weight in trained.trainable_variables}


def test_texts_without_pairs_train_all_else_as_a_model_without_the_second_head() -> None:
    first, second = language_model(compiled=False), language_model(compiled=False)
    both = MaskedLanguageModel(second.encoder, second.preprocessor, next_sentence=True)
    both.head.set_weights(second.head.get_weights())
    for model in (first, both):
        model.compile(AdamW(1e-2))
    history = [model.fit(DOCUMENTS, batch_size=3, sequence_length=13, epochs=2, verbose=0).history for model in (first, both)]
    assert history[0] == history[1]
    for ours, theirs in zip(first.weights, [*both.encoder.weights, *both.head.weights], strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))


def test_it_comes_back_from_our_own_format(model: MaskedLanguageModel, tmp_path: Path) -> None:
    save_task(model, tmp_path / "x")
    again = load_task(tmp_path / "x")
    assert again.next_sentence
    np.testing.assert_allclose(again.predict_next_sentence(PAIRS), model.predict_next_sentence(PAIRS), atol=1e-6)


def test_the_call_is_unchanged_without_it() -> None:
    assert language_model().next_sentence_head is None
    assert not language_model().get_config()["next_sentence"]


def test_from_an_encoder_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = hf.write(tmp_path, None, hf.tensors(), words=True)
    found = MaskedLanguageModel.from_pretrained(folder, name="mine")
    assert (found.name, found.next_sentence) == ("mine", False)
    assert "has no masked LM head: the model gets a new one, which is not trained yet" in caplog.text
    np.testing.assert_array_equal(found.encoder.embedding_table, hf.tensors()["embeddings.word_embeddings.weight"])


def test_from_a_next_sentence_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = hf.BERT | {"architectures": ["BertForNextSentencePrediction"]}
    found = MaskedLanguageModel.from_pretrained(hf.write(tmp_path, config, hf.tensors("ForNextSentencePrediction"), words=True))
    assert found.next_sentence
    assert "has no masked LM head" in caplog.text
    expected = hf.tensors("ForNextSentencePrediction")["cls.seq_relationship.weight"].T
    np.testing.assert_array_equal(found.next_sentence_head.classes.kernel, expected)


def test_from_a_whole_checkpoint_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = hf.BERT | {"architectures": ["BertForPreTraining"], "extra": 1}
    folder = hf.write(tmp_path, config, hf.tensors("ForPreTraining"), words=True)
    found = MaskedLanguageModel.from_pretrained(folder, ignore=["extra"])
    assert found.next_sentence
    assert caplog.records == []
    np.testing.assert_array_equal(found.head.bias, hf.tensors("ForPreTraining")["cls.predictions.bias"])


def test_from_our_own_tasks(tmp_path: Path) -> None:
    """A language model comes back as it is; of a classifier the encoder is taken."""
    first, second = randomise(language_model()), randomise(classifier())
    save_task(first, tmp_path / "x")
    save_task(second, tmp_path / "y")
    again = MaskedLanguageModel.from_pretrained(tmp_path / "x")
    np.testing.assert_array_equal(again.head.bias, first.head.bias)
    other = MaskedLanguageModel.from_pretrained(tmp_path / "y")
    np.testing.assert_array_equal(other.encoder.embedding_table, second.encoder.embedding_table)
    assert numpy(other.head.bias).tolist() == [0.0] * len(numpy(other.head.bias))


def test_an_encoder_that_has_more_ids_than_tokens(tmp_path: Path) -> None:
    words = Preprocessor(WordPieceTokenizer(hf.WORDS[:-3]), max_length=19)
    found = MaskedLanguageModel(randomise(encoder(vocab_size=31)), words, next_sentence=True)
    assert found.fill_mask(["w1 [MASK]"], top_k=28).token.isin(hf.WORDS[:-3]).all()
