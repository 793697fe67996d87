"""Stage 9: metrics, baselines, pictures."""

from keras_bert_lab.evaluation.baselines import compare_baselines, tfidf_baseline
from keras_bert_lab.evaluation.classification_report import ClassificationReport, classification_report
from keras_bert_lab.evaluation.plots import plot_confusion_matrix, plot_learning_curves
from keras_bert_lab.evaluation.word_vectors import WordVectors

__all__ = [
    "ClassificationReport",
    "WordVectors",
    "classification_report",
    "compare_baselines",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "tfidf_baseline",
]
