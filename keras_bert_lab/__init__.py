"""Build, pretrain, fine-tune and export BERT in Keras 3.

    import keras_bert_lab as kbl

Importing the package registers its layers, heads and tasks with Keras, so that `.keras` files that hold them load.
"""

from keras_bert_lab import hub
from keras_bert_lab._version import __version__  # noqa: F401
from keras_bert_lab.batches import PretrainingBatches, open_corpus
from keras_bert_lab.batches.prepare_corpus import prepare_corpus
from keras_bert_lab.config import ArchitectureConfig, EncoderConfig, MaskingConfig, OptimizerConfig, VocabularyConfig
from keras_bert_lab.data import (
    check_known_labels,
    check_labels,
    read_columns,
    read_corpus,
    read_table,
    sample_data,
    sample_encoder,
    write_table,
)
from keras_bert_lab.encoder import (
    Embeddings,
    Encoder,
    EncoderBlock,
    FeedForward,
    HubEncoder,
    SelfAttention,
    set_trainable,
)
from keras_bert_lab.errors import DataError, ExportError, FormatError, KerasBertLabError, MissingPackageError, ResumeError
from keras_bert_lab.evaluation import (
    ClassificationReport,
    classification_report,
    plot_confusion_matrix,
    plot_learning_curves,
    tfidf_baseline,
)
from keras_bert_lab.export import BatchPredictor, ExportedModel, export_saved_model, load_exported
from keras_bert_lab.formats import load_encoder, load_preprocessor, save_encoder, save_task
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead, Pooling
from keras_bert_lab.tasks import Distillation, MaskedLanguageModel, TextClassifier, load_task, student_of
from keras_bert_lab.text import (
    BytePairTokenizer,
    HubPreprocessor,
    Preprocessor,
    SentencePieceTokenizer,
    Vocabulary,
    WordPieceTokenizer,
    WordTokenizer,
    as_text_tensor,
    read_vocabulary,
    train_wordpiece,
)
from keras_bert_lab.training import AdamW, LinearWarmupDecay, Progress, ResumableTraining, StopSignals

__all__ = [
    "AdamW",
    "ArchitectureConfig",
    "BatchPredictor",
    "BytePairTokenizer",
    "ClassificationHead",
    "ClassificationReport",
    "DataError",
    "Distillation",
    "Embeddings",
    "Encoder",
    "EncoderBlock",
    "EncoderConfig",
    "ExportError",
    "ExportedModel",
    "FeedForward",
    "FormatError",
    "HubEncoder",
    "HubPreprocessor",
    "KerasBertLabError",
    "LinearWarmupDecay",
    "MaskedLMHead",
    "MaskedLanguageModel",
    "MaskingConfig",
    "MissingPackageError",
    "NextSentenceHead",
    "OptimizerConfig",
    "Pooling",
    "Preprocessor",
    "PretrainingBatches",
    "Progress",
    "ResumableTraining",
    "ResumeError",
    "SelfAttention",
    "SentencePieceTokenizer",
    "StopSignals",
    "TextClassifier",
    "Vocabulary",
    "VocabularyConfig",
    "WordPieceTokenizer",
    "WordTokenizer",
    "as_text_tensor",
    "check_known_labels",
    "check_labels",
    "classification_report",
    "export_saved_model",
    "hub",
    "load_encoder",
    "load_exported",
    "load_preprocessor",
    "load_task",
    "open_corpus",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "prepare_corpus",
    "read_columns",
    "read_corpus",
    "read_table",
    "read_vocabulary",
    "sample_data",
    "sample_encoder",
    "save_encoder",
    "save_task",
    "set_trainable",
    "student_of",
    "tfidf_baseline",
    "train_wordpiece",
    "write_table",
]
