"""Tasks that are interrupted and started again end as those that never were."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import (
    AdamW,
    Distillation,
    LinearWarmupDecay,
    Preprocessor,
    ResumableTraining,
    ResumeError,
    TextClassifier,
    WordPieceTokenizer,
)
from keras_bert_lab.training import progress
from tests.tasks.small_pairs import STORIES, pair_model
from tests.tasks.small_tasks import LABELS, MAX_LENGTH, TEXTS, WORDS, classifier, encoder, language_model
from tests.training.small_training import Dies, Killed, assert_same, state

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def _compiled(model: Any, eager: bool = True) -> Any:
    model.compile(AdamW(LinearWarmupDecay(1e-2, 30, 3)), run_eagerly=eager)
    return model


def sorter(start: int, callbacks: list[Any], **how: Any) -> Any:
    keras.utils.set_random_seed(start)
    model = _compiled(classifier(seed=start, compiled=False, dropout=0.2, encoder=encoder(dropout=0.1)), eager=False)
    settings: dict[str, Any] = {
        "batch_size": 2,
        "epochs": 2,
        "validation_split": 0.2,
        "class_weight": {"pos": 2.0},
        "verbose": 0,
    }
    model.fit(how.pop("texts", TEXTS), how.pop("labels", LABELS), callbacks=callbacks, **(settings | how))
    return model


def filler(seed: int, callbacks: list[Any], **how: Any) -> Any:
    model = _compiled(language_model(seed=seed, compiled=False, dropout=0.1))
    settings: dict[str, Any] = {"batch_size": 2, "sequence_length": 13, "epochs": 2, "validation_data": TEXTS[:3], "verbose": 0}
    model.fit(how.pop("texts", TEXTS), callbacks=callbacks, **(settings | how))
    return model


def pairs(seed: int, callbacks: list[Any]) -> Any:
    keras.utils.set_random_seed(seed)
    model = _compiled(pair_model(compiled=False))
    batches = model.batches(STORIES, 2, 19, sentence_pairs="next")
    model.fit(batches, steps_per_epoch=3, epochs=2, callbacks=callbacks, verbose=0)
    return model


def student(seed: int, callbacks: list[Any], **how: Any) -> Any:
    teacher = language_model(seed=5, compiled=False, num_layers=2)
    model = _compiled(Distillation(language_model(seed=seed, compiled=False, dropout=0.1), teacher, **how))
    model.fit(TEXTS, batch_size=2, sequence_length=13, epochs=2, callbacks=callbacks, verbose=0)
    return model


TASKS: dict[str, Callable[..., Any]] = {"sorter": sorter, "filler": filler, "pairs": pairs, "student": student}


@pytest.mark.parametrize("name", TASKS)
def test_to_the_bit(tmp_path: Path, name: str) -> None:
    fit, counting = TASKS[name], Dies()
    expected = state(fit(1, [counting, ResumableTraining(tmp_path / "reference", every=0)]))
    begins = [number for number, event in enumerate(counting.events) if event == "train_batch_begin"]
    with pytest.raises(Killed):
        fit(1, [Dies(begins[1]), ResumableTraining(tmp_path / "runs", every=0)])
    with pytest.raises(Killed):  # in the second epoch
        fit(3, [Dies(len(counting.events) - 7), ResumableTraining(tmp_path / "runs", every=0)])
    assert_same(state(fit(4, [ResumableTraining(tmp_path / "runs", every=0)])), expected)


def test_with_progress(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar begins in the middle, and rates are of what this process does."""
    clock = iter(range(1000))
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(perf_counter=lambda: float(next(clock))))
    with pytest.raises(Killed):
        filler(1, [Dies(7), ResumableTraining(tmp_path / "runs", every=0)], validation_data=None)
    training = ResumableTraining(tmp_path / "runs", every=0)
    model = filler(2, [training], verbose=1, validation_data=None)
    shown = capfd.readouterr().out
    assert "pretraining 1/2: 100%" in shown
    assert "pretraining 2/2: 100%" in shown
    rates = model.history.history["tokens_per_second"]
    assert len(rates) == 2
    batches = model.batches(TEXTS, 2, 13)
    real = [batches.counts(step)[0] for step in range(2 * batches.steps_per_epoch)]
    assert rates[1] == pytest.approx(sum(real[batches.steps_per_epoch :]) / batches.steps_per_epoch)
    left = real[3 : batches.steps_per_epoch]
    assert rates[0] == pytest.approx(sum(left) / len(left))


@pytest.mark.parametrize(
    ("fit", "changes", "message"),
    [
        (sorter, {"texts": [*TEXTS[:-1], "very bad"]}, "data: "),
        (sorter, {"labels": ["neg", *LABELS[1:]]}, "data: "),
        (sorter, {"seed": 1}, "data: "),
        (sorter, {"class_weight": {"pos": 3.0}}, "data: "),
        (sorter, {"validation_split": 0.4}, "steps_per_epoch: 5 before, 4 now"),
        (sorter, {"batch_size": 3}, "steps_per_epoch: 5 before, 3 now"),
        (filler, {"sequence_length": 11}, r"batch\[0\]"),
        (filler, {"epochs": 3}, "epochs: 2 before, 3 now"),
        (student, {"temperature": 3.0}, "model.temperature: 2.0 before, 3.0 now"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_something_else(tmp_path: Path, fit: Callable[..., Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Killed):
        fit(1, [Dies(5), ResumableTraining(tmp_path, every=0)])
    with pytest.raises(ResumeError, match=message):
        fit(2, [ResumableTraining(tmp_path)], **changes)


def test_another_tokenizer(tmp_path: Path) -> None:
    """The same texts become other ids."""
    with pytest.raises(Killed):
        sorter(1, [Dies(5), ResumableTraining(tmp_path, every=0)])
    others = Preprocessor(WordPieceTokenizer([*WORDS[:5], *reversed(WORDS[5:])]), max_length=MAX_LENGTH)
    model = _compiled(TextClassifier(encoder(dropout=0.1), others, ("neg", "pos"), dropout=0.2), eager=False)
    with pytest.raises(ResumeError, match="data: "):
        model.fit(
            TEXTS,
            LABELS,
            batch_size=2,
            epochs=2,
            verbose=0,
            validation_split=0.2,
            class_weight={"pos": 2.0},
            callbacks=[ResumableTraining(tmp_path)],
        )


def test_without_it_nothing_is_different(tmp_path: Path) -> None:
    plain, resumable = filler(1, []), filler(1, [ResumableTraining(tmp_path)])
    assert plain.history.history == resumable.history.history
    for one, other in zip(plain.get_weights(), resumable.get_weights(), strict=True):
        assert np.array_equal(one, other)
