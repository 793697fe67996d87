"""Stage 3: token ids -> batches."""

from keras_bert_lab.batches.corpus import Corpus, MemoryCorpus, check_corpus, open_corpus
from keras_bert_lab.batches.dataset import Batches, as_dataset, as_epochs
from keras_bert_lab.batches.example_batches import ExampleBatches
from keras_bert_lab.batches.growing_batches import GrowingBatches
from keras_bert_lab.batches.micro_batches import MicroBatches
from keras_bert_lab.batches.numbered_batches import numbered_batches
from keras_bert_lab.batches.pretraining_batches import PretrainingBatches
from keras_bert_lab.batches.token_rows import TokenRows, tokenize_rows
from keras_bert_lab.batches.vocabulary_table import VocabularyTable
from keras_bert_lab.batches.window_rows import WindowRows, tokenize_windows

__all__ = [
    "Batches",
    "Corpus",
    "ExampleBatches",
    "GrowingBatches",
    "MemoryCorpus",
    "MicroBatches",
    "PretrainingBatches",
    "TokenRows",
    "VocabularyTable",
    "WindowRows",
    "as_dataset",
    "as_epochs",
    "check_corpus",
    "numbered_batches",
    "open_corpus",
    "tokenize_rows",
    "tokenize_windows",
]
