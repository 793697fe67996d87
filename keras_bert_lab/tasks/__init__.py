"""Stage 8: whole models, texts in and answers out."""

from keras_bert_lab.tasks.masked_language_model import MaskedLanguageModel
from keras_bert_lab.tasks.text_classifier import TextClassifier

__all__ = ["MaskedLanguageModel", "TextClassifier"]
