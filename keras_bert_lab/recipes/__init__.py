"""Stage 12: whole workflows, made of the stages before."""

from keras_bert_lab.recipes.quickstart import quickstart

__all__ = ["quickstart"]
