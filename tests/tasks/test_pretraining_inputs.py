"""What `fit` and `evaluate` of a MaskedLanguageModel take beside texts: prepared corpora, and numbered batches of any kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import MaskedLanguageModel, MaskingConfig, Preprocessor, WordPieceTokenizer
from keras_bert_lab.batches import Corpus, MemoryCorpus, TokenRows, VocabularyTable
from tests.batches.prepared import TOKENS, prepared, tokenizer
from tests.tasks.small_pairs import HOW as PAIRS
from tests.tasks.small_pairs import STORIES, pair_model
from tests.tasks.small_tasks import TEXTS, encoder, language_model

HOW: dict[str, Any] = {"batch_size": 2, "sequence_length": 13}


class Recorded:
    """Batches of other batches, that tell which ones were asked for: not more than what a task may rely on."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.steps_per_epoch = batches.steps_per_epoch
        self.target_shape = batches.target_shape
        self.taken: list[int] = []

    def batch(self, step: int) -> tuple[Any, ...]:
        self.taken.append(step)
        return self.batches.batch(step)

    def counts(self, step: int) -> tuple[int, int]:
        return self.batches.counts(step)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Corpus]:
    """With and without sentences."""
    folder: Path = tmp_path_factory.mktemp("corpora")
    return {sentences: prepared(folder, f"x{sentences}", sentences=sentences) for sentences in (True, False)}


def model_of(words: Any = None, **settings: Any) -> MaskedLanguageModel:
    """A model with the tokenizer of the corpora, or another one."""
    keras.utils.set_random_seed(3)
    tokens = tokenizer() if words is None else WordPieceTokenizer(words)
    model = MaskedLanguageModel(encoder(vocab_size=len(tokens.vocabulary)), Preprocessor(tokens, max_length=19), **settings)
    model.compile(keras.optimizers.SGD(0.3), run_eagerly=True)
    return model


def assert_same(ours: Any, theirs: Any, is_same: bool = True) -> None:
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs) is is_same


def test_a_prepared_corpus_is_as_good_as_its_texts(corpora: dict[bool, Corpus]) -> None:
    chosen = np.arange(5, 641, 29)
    by_batches, by_corpus = model_of(), model_of()
    how = HOW | {"seed": 5, "masking": MaskingConfig(rate=0.3)}
    batches = by_batches.batches(corpora[False], documents=chosen, **how)
    assert batches.corpus is corpora[False]
    assert (batches.sequence_length, batches.batch_size, batches.seed, batches.masking.rate) == (13, 2, 5, 0.3)
    splits = corpora[False].document_splits
    assert sum(batches.counts(step)[0] for step in range(batches.steps_per_epoch)) > np.diff(splits)[chosen].sum()
    rows = [corpora[False].read(splits[number], splits[number + 1]) for number in chosen]
    ids = np.concatenate(rows)
    ends = np.cumsum([0, *map(len, rows)])
    by_batches.fit(batches, verbose=0)
    by_corpus.fit(MemoryCorpus(TokenRows(ids, ids * 0, ends), tokenizer().vocabulary), **how, verbose=0)
    assert_same(by_batches, by_corpus)


def test_a_corpus_is_evaluated_and_validated(corpora: dict[bool, Corpus]) -> None:
    model = model_of(next_sentence=True)
    how = PAIRS | {"batch_size": 211}
    corpus = corpora[True]
    batches = model.batches(corpus, **how)
    found = model.evaluate(corpus, **how, verbose=0, return_dict=True)
    assert "pair_loss" in found
    assert model.evaluate(batches, verbose=0, return_dict=True) == found
    first = model.evaluate(batches, steps=2, verbose=0, return_dict=True)
    assert first != pytest.approx(found, rel=1e-6)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    for validation in (corpus, batches):
        history = model.fit(batches, steps_per_epoch=1, validation_data=validation, verbose=0, **how).history
        assert {name: history[f"val_{name}"][0] for name in found} == pytest.approx(found, rel=1e-6)


def test_a_corpus_without_sentences_has_no_pairs(corpora: dict[bool, Corpus]) -> None:
    with pytest.raises(ValueError, match="needs a corpus with sentences"):
        model_of(next_sentence=True).fit(corpora[False], sentence_pairs="order")


def test_a_corpus_of_another_tokenizer_is_refused(corpora: dict[bool, Corpus]) -> None:
    others = {
        "15 tokens in the corpus, 14 in the model": TOKENS[:-1],
        "id 5 is '.' in the corpus, '!' in the model": [*TOKENS[:5], "!", ".", *TOKENS[7:]],
    }
    for message, words in others.items():
        with pytest.raises(ValueError, match=re.escape(message)) as raised:
            model_of(words).fit(corpora[False])
        assert "Preprocessor(corpus.tokenizer)" in str(raised.value)
    assert len(model_of([*TOKENS, "more"]).batches(corpora[False]).vocabulary) == 15
    table = {"pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 4, "mask_id": 3, "special_ids": np.arange(5)}
    rows = TokenRows(np.arange(5, 15, dtype=np.int32), np.zeros(10, np.int32), np.array([0, 10]))
    known = VocabularyTable(**table, word_starts=np.ones(15, bool))
    with pytest.raises(ValueError, match="sep_id 4 in the corpus, 3 in the model"):
        model_of().batches(MemoryCorpus(rows, known))


def test_any_numbered_batches_will_do() -> None:
    texts, recorded = language_model(), language_model()
    batches = Recorded(recorded.batches(TEXTS, **HOW))
    history = recorded.fit(batches, epochs=2, verbose=0, validation_data=batches).history
    texts.fit(TEXTS, **HOW, epochs=2, verbose=0)
    assert_same(recorded, texts)
    assert history["val_loss"][-1] == pytest.approx(recorded.evaluate(batches, verbose=0)[0], rel=1e-6)


def test_an_epoch_may_have_another_number_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts, other = language_model(), language_model(), language_model()
    batches = whole.batches(TEXTS, **HOW)
    assert batches.steps_per_epoch not in (2, 6)
    one, two = Recorded(batches), Recorded(batches)
    history = whole.fit(one, steps_per_epoch=6).history
    assert "padding" in capsys.readouterr().out
    slots = [batches.counts(step) for step in range(6)]
    assert history["padding"][0] == pytest.approx(1 - sum(real for real, _ in slots) / sum(count for _, count in slots))
    parts.fit(two, steps_per_epoch=2, epochs=1, verbose=0)
    parts.fit(two, steps_per_epoch=2, epochs=3, initial_epoch=1, verbose=0)
    assert_same(whole, parts)
    assert set(range(6)) <= set(one.taken)
    assert min(two.taken[two.taken.index(5) :]) == 5  # no batch is taken twice but those that the first call had ready
    other.fit(Recorded(batches), steps_per_epoch=2, epochs=3, initial_epoch=1, verbose=0)
    assert_same(whole, other, is_same=False)


@pytest.mark.parametrize("steps", [0, 2.5])
def test_an_impossible_number_of_steps_is_refused(steps: Any) -> None:
    model = language_model()
    with pytest.raises(ValueError, match=f"steps_per_epoch must be an integer of at least 1. Received: .*={steps}"):
        model.fit(model.batches(TEXTS, **HOW), steps_per_epoch=steps)


def test_what_follows_from_a_corpus_is_refused(corpora: dict[bool, Corpus]) -> None:
    with pytest.raises(ValueError, match="makes its own targets"):
        model_of().fit(corpora[False], y=[1])
    with pytest.raises(ValueError, match="shuffle follows from the texts"):
        model_of().fit(corpora[False], shuffle=True)


def test_pairs_of_texts_are_no_documents() -> None:
    with pytest.raises(ValueError, match="takes single texts. Received: pairs"):
        pair_model().batches((STORIES, STORIES), **PAIRS)
