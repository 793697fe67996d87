"""Stage 9: metrics, baselines, pictures."""

from keras_bert_lab.evaluation.baselines import tfidf_baseline
from keras_bert_lab.evaluation.classification_report import ClassificationReport, classification_report
from keras_bert_lab.evaluation.learning_rate_plots import plot_learning_rate_search
from keras_bert_lab.evaluation.plots import plot_confusion_matrix, plot_learning_curves

__all__ = [
    "ClassificationReport",
    "classification_report",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "plot_learning_rate_search",
    "tfidf_baseline",
]
