"""Stage 9: metrics, baselines, pictures."""

from keras_bert_lab.evaluation.baselines import tfidf_baseline
from keras_bert_lab.evaluation.check_page import write_check_page
from keras_bert_lab.evaluation.classification_report import ClassificationReport, classification_report
from keras_bert_lab.evaluation.plots import plot_confusion_matrix, plot_learning_curves
from keras_bert_lab.evaluation.table_plots import plot_class_counts, plot_table_problems, plot_text_lengths

__all__ = [
    "ClassificationReport",
    "classification_report",
    "plot_class_counts",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "plot_table_problems",
    "plot_text_lengths",
    "tfidf_baseline",
    "write_check_page",
]
