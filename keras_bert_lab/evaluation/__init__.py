"""Stage 9: metrics, baselines, pictures."""

from keras_bert_lab.evaluation.baselines import tfidf_baseline
from keras_bert_lab.evaluation.classification_report import ClassificationReport, classification_report
from keras_bert_lab.evaluation.cross_validation import CrossValidation, cross_validate
from keras_bert_lab.evaluation.learning_curve import LearningCurve, learning_curve, plot_training_sizes
from keras_bert_lab.evaluation.plots import plot_confusion_matrix, plot_learning_curves

__all__ = [
    "ClassificationReport",
    "CrossValidation",
    "LearningCurve",
    "classification_report",
    "cross_validate",
    "learning_curve",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "plot_training_sizes",
    "tfidf_baseline",
]
