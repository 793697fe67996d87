"""Stage 1: files -> tables of examples, corpora of documents."""

from keras_bert_lab.data.sample_data import sample_data

__all__ = ["sample_data"]
