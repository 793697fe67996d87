"""Stage 9: metrics, baselines, pictures."""

from keras_bert_lab.evaluation.baselines import compare_baselines, tfidf_baseline
from keras_bert_lab.evaluation.bootstrap import bootstrap_interval
from keras_bert_lab.evaluation.calibration import Calibration, calibration
from keras_bert_lab.evaluation.check_page import write_check_page
from keras_bert_lab.evaluation.classification_report import ClassificationReport, classification_report
from keras_bert_lab.evaluation.cross_validation import CrossValidation, cross_validate
from keras_bert_lab.evaluation.curve_plots import plot_calibration, plot_metric_by_threshold, plot_precision_recall, plot_roc
from keras_bert_lab.evaluation.hard_texts import most_uncertain, top_losses
from keras_bert_lab.evaluation.learning_curve import LearningCurve, learning_curve, plot_training_sizes
from keras_bert_lab.evaluation.learning_rate_plots import plot_learning_rate_search
from keras_bert_lab.evaluation.mcnemar import McNemar, mcnemar
from keras_bert_lab.evaluation.multi_label_report import MultiLabelReport, multi_label_report
from keras_bert_lab.evaluation.plots import plot_confusion_matrix, plot_learning_curves
from keras_bert_lab.evaluation.regression_report import RegressionReport, regression_report
from keras_bert_lab.evaluation.streaming_report import StreamingReport
from keras_bert_lab.evaluation.table_plots import plot_class_counts, plot_table_problems, plot_text_lengths
from keras_bert_lab.evaluation.temperature import TemperatureScaling, calibrate
from keras_bert_lab.evaluation.thresholds import choose_threshold
from keras_bert_lab.evaluation.word_vectors import WordVectors

__all__ = [
    "Calibration",
    "ClassificationReport",
    "CrossValidation",
    "LearningCurve",
    "McNemar",
    "MultiLabelReport",
    "RegressionReport",
    "StreamingReport",
    "TemperatureScaling",
    "WordVectors",
    "bootstrap_interval",
    "calibrate",
    "calibration",
    "choose_threshold",
    "classification_report",
    "compare_baselines",
    "cross_validate",
    "learning_curve",
    "mcnemar",
    "most_uncertain",
    "multi_label_report",
    "plot_calibration",
    "plot_class_counts",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "plot_learning_rate_search",
    "plot_metric_by_threshold",
    "plot_precision_recall",
    "plot_roc",
    "plot_table_problems",
    "plot_text_lengths",
    "plot_training_sizes",
    "regression_report",
    "tfidf_baseline",
    "top_losses",
    "write_check_page",
]
