"""Small models in folders, and trainings without compilation, for the tests of the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from keras_bert_lab import MaskedLanguageModel, TextClassifier, save_task
from tests.samples import randomise
from tests.tasks.small_tasks import classifier, language_model


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models learn sooner than TensorFlow compiles them."""
    for task in (MaskedLanguageModel, TextClassifier):
        compile_ = task.compile

        def eagerly(self, *arguments, compile_=compile_, **settings):
            compile_(self, *arguments, **settings | {"run_eagerly": True})

        monkeypatch.setattr(task, "compile", eagerly)


@pytest.fixture(autouse=True)
def _ctrl_c() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts to train, or to predict, has not looked at what was given."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the long work has begun")

    for task in (MaskedLanguageModel, TextClassifier):
        for method in ("fit", "predict", "predict_text"):
            monkeypatch.setattr(task, method, refuse, raising=False)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved masked language model with random weights, V 23, rows of at most 19 tokens."""
    return save_task(randomise(language_model(compiled=False)), tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier with random weights, labels "neg" and "pos"; its table's columns were called review and mood."""
    model = randomise(classifier(compiled=False, pairs=False))
    about = {"settings": {"text": "review", "label": "mood", "text_pair": None}}
    return save_task(model, tmp_path_factory.mktemp("models") / "judge", about=about)


@pytest.fixture(scope="session")
def pair_judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier of pairs with three labels."""
    model = randomise(classifier(labels=("no", "perhaps", "yes"), compiled=False, pairs=True))
    about = {"settings": {"text": "first", "label": "label", "text_pair": "second"}}
    return save_task(model, tmp_path_factory.mktemp("models") / "pair_judge", about=about)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
