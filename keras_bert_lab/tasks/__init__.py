"""Stage 8: whole models, texts in and answers out."""

from keras_bert_lab.tasks.load_task import load_task, task_of
from keras_bert_lab.tasks.masked_language_model import MaskedLanguageModel
from keras_bert_lab.tasks.text_classifier import TextClassifier

__all__ = ["MaskedLanguageModel", "TextClassifier", "load_task", "task_of"]
