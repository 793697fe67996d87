"""Simple classifiers, to see whether BERT is worth it."""

from __future__ import annotations

from collections.abc import Sequence

from keras_bert_lab.lazy import LazyModule

__all__ = ["tfidf_baseline"]

text = LazyModule("sklearn.feature_extraction.text", install="scikit-learn")
linear_model = LazyModule("sklearn.linear_model", install="scikit-learn")
pipeline = LazyModule("sklearn.pipeline", install="scikit-learn")


def tfidf_baseline(texts: Sequence[str], labels: Sequence[str], new_texts: Sequence[str]) -> list[str]:
    """Train TF-IDF (words and pairs of words) + logistic regression on labelled texts, and label new texts.

    Args:
        texts: training texts.
        labels: their labels.
        new_texts: texts to label.

    Returns:
        One label for each of `new_texts`.
    """
    model = pipeline.make_pipeline(
        text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), linear_model.LogisticRegression(C=10.0, max_iter=1000)
    )
    model.fit(list(texts), list(labels))
    return [str(label) for label in model.predict(list(new_texts))]
