"""Simple classifiers, to see whether BERT is worth it."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.evaluation.classification_report import classification_report
from keras_bert_lab.evaluation.word_vectors import WordVectors
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import TextClassifier, text_vectors

__all__ = ["compare_baselines", "tfidf_baseline"]

dummy = LazyModule("sklearn.dummy", install="scikit-learn")
features = LazyModule("sklearn.feature_extraction.text", install="scikit-learn")
linear_model = LazyModule("sklearn.linear_model", install="scikit-learn")
pd = LazyModule("pandas")
pipeline = LazyModule("sklearn.pipeline", install="scikit-learn")
preprocessing = LazyModule("sklearn.preprocessing", install="scikit-learn")

_MEGABYTE = 1e6


def _tfidf_model() -> Any:
    return pipeline.make_pipeline(
        features.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        linear_model.LogisticRegression(C=10.0, max_iter=1000),
    )


def tfidf_baseline(texts: Sequence[str], labels: Sequence[str], new_texts: Sequence[str]) -> list[str]:
    """Train TF-IDF (words and pairs of words) + logistic regression on labelled texts, and label new texts.

    Args:
        texts: training texts.
        labels: their labels.
        new_texts: texts to label.

    Returns:
        One label for each of `new_texts`.
    """
    model = _tfidf_model().fit(list(texts), list(labels))
    return [str(label) for label in model.predict(list(new_texts))]


def _texts(table: Any) -> Any:
    """A column of texts, or both columns of pairs."""
    return (list(table["text"]), list(table["text_pair"])) if "text_pair" in table else list(table["text"])


def _joined(table: Any) -> list[str]:
    """Pairs as one text each, for models that know no pairs."""
    return list(table["text"] + " " + table["text_pair"]) if "text_pair" in table else list(table["text"])


def _bytes(model: TextClassifier) -> int:
    """Of the weights; the pooler counts only where it is used."""
    idle = {id(weight) for layer in model._idle_layers() for weight in layer.weights}
    return sum(int(np.prod(weight.shape)) * np.dtype("float32").itemsize for weight in model.weights if id(weight) not in idle)


def _candidates(seed: int, model: TextClassifier | None) -> Iterator[tuple[str, Any, Callable[[Any], Any], int]]:
    """Name, scikit-learn classifier, table -> its input, bytes of what it needs besides itself."""
    yield "always the commonest label", dummy.DummyClassifier(), _joined, 0
    yield "TF-IDF + logistic regression", _tfidf_model(), _joined, 0
    regression = {"C": 10.0, "max_iter": 1000}
    words = pipeline.make_pipeline(WordVectors(seed=seed), linear_model.LogisticRegression(**regression))
    yield "word vectors + logistic regression", words, _joined, 0
    if model is not None:
        encoder, preprocessor = model.encoder, model.preprocessor
        frozen = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression(C=0.1, max_iter=1000))
        size = sum(int(np.prod(weight.shape)) * 4 for weight in encoder.weights)
        yield (
            "frozen encoder + logistic regression",
            frozen,
            lambda table: text_vectors(encoder, preprocessor, _texts(table)),
            size,
        )


def compare_baselines(
    train: Any,
    test: Any,
    pretrained: TextClassifier | None = None,
    fine_tuned: TextClassifier | None = None,
    fine_tuned_seconds: float | None = None,
    seed: int = 0,
) -> Any:
    """Simple classifiers, a frozen encoder and a fine-tuned one on the same texts: is BERT worth it here?

    Args:
        train: a DataFrame with the columns `text`, `label` and, for pairs, `text_pair`, as `read_table` gives it.
        test: the same, other texts.
        pretrained: a classifier whose encoder was not fine-tuned on these texts: its states are the input of a logistic
            regression. None = no such row.
        fine_tuned: a classifier that was trained on `train`. None = no such row.
        fine_tuned_seconds: how long that took.
        seed: of the word vectors.

    Returns:
        A DataFrame, one row for each: `model`, `accuracy` with its 95 % interval `low` and `high`, `macro_f1`,
        `training_seconds`, `ms_per_text` (of prediction) and `megabytes` (what must be kept to predict).

    Raises:
        ValueError: a test table without rows, or no word that occurs twice in the training texts.
    """
    labels = sorted(set(map(str, train["label"])) | set(map(str, test["label"])))
    truth = list(map(str, test["label"]))
    rows = []

    def add(name: str, answers: Any, training_seconds: float | None, seconds: float, size: int) -> None:
        report = classification_report(truth, list(map(str, answers)), labels)
        rows.append(
            {
                "model": name,
                "accuracy": report.accuracy,
                "low": report.interval[0],
                "high": report.interval[1],
                "macro_f1": report.macro_f1,
                "training_seconds": training_seconds,
                "ms_per_text": 1000.0 * seconds / len(test),
                "megabytes": size / _MEGABYTE,
            }
        )

    for name, model, inputs_of, besides in _candidates(seed, pretrained):
        start = time.perf_counter()
        model.fit(inputs_of(train), list(map(str, train["label"])))
        fitted = time.perf_counter()
        answers = model.predict(inputs_of(test))
        add(name, answers, fitted - start, time.perf_counter() - fitted, besides + len(pickle.dumps(model)))
    if fine_tuned is not None:
        start = time.perf_counter()
        answers = fine_tuned.predict_text(_texts(test)).label
        add("fine-tuned encoder", answers, fine_tuned_seconds, time.perf_counter() - start, _bytes(fine_tuned))
    return pd.DataFrame(rows)
