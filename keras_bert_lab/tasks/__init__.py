"""Stage 8: whole models, texts in and answers out."""

from keras_bert_lab.tasks.distillation import Distillation
from keras_bert_lab.tasks.extra_columns import ExtraColumns
from keras_bert_lab.tasks.load_task import load_task, task_of
from keras_bert_lab.tasks.masked_language_model import MaskedLanguageModel
from keras_bert_lab.tasks.student import student_of
from keras_bert_lab.tasks.text_classifier import TextClassifier
from keras_bert_lab.tasks.text_vectors import text_vectors

__all__ = [
    "Distillation",
    "ExtraColumns",
    "MaskedLanguageModel",
    "TextClassifier",
    "load_task",
    "student_of",
    "task_of",
    "text_vectors",
]
