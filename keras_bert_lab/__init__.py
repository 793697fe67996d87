"""Build, pretrain, fine-tune and export BERT in Keras 3.

    import keras_bert_lab as kbl

Importing the package registers its layers, heads and tasks with Keras, so that `.keras` files that hold them load.
"""

from keras_bert_lab._version import __version__  # noqa: F401
from keras_bert_lab.config import EncoderConfig, MaskingConfig
from keras_bert_lab.data import sample_data
from keras_bert_lab.encoder import Embeddings, Encoder, EncoderBlock, FeedForward, SelfAttention
from keras_bert_lab.errors import DataError, ExportError, KerasBertLabError, MissingPackageError
from keras_bert_lab.evaluation import (
    ClassificationReport,
    classification_report,
    plot_confusion_matrix,
    plot_learning_curves,
    tfidf_baseline,
)
from keras_bert_lab.export import ExportedModel, export_saved_model, load_exported
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead, Pooling
from keras_bert_lab.tasks import MaskedLanguageModel, TextClassifier
from keras_bert_lab.text import (
    Preprocessor,
    Vocabulary,
    WordPieceTokenizer,
    WordTokenizer,
    as_text_tensor,
    read_vocabulary,
    train_wordpiece,
)
from keras_bert_lab.training import AdamW, LinearWarmupDecay, Progress

__all__ = [
    "AdamW",
    "ClassificationHead",
    "ClassificationReport",
    "DataError",
    "Embeddings",
    "Encoder",
    "EncoderBlock",
    "EncoderConfig",
    "ExportError",
    "ExportedModel",
    "FeedForward",
    "KerasBertLabError",
    "LinearWarmupDecay",
    "MaskedLMHead",
    "MaskedLanguageModel",
    "MaskingConfig",
    "MissingPackageError",
    "NextSentenceHead",
    "Pooling",
    "Preprocessor",
    "Progress",
    "SelfAttention",
    "TextClassifier",
    "Vocabulary",
    "WordPieceTokenizer",
    "WordTokenizer",
    "as_text_tensor",
    "classification_report",
    "export_saved_model",
    "load_exported",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "read_vocabulary",
    "sample_data",
    "tfidf_baseline",
    "train_wordpiece",
]
