"""Stage 14: the command line."""

from keras_bert_lab.cli.main import main

__all__ = ["main"]
