"""Stage 13: whole workflows made of the stages before; the command line runs them."""

from keras_bert_lab.recipes.check_data import check_data
from keras_bert_lab.recipes.compare import compare
from keras_bert_lab.recipes.convert import convert
from keras_bert_lab.recipes.inspect import inspect
from keras_bert_lab.recipes.inspect_corpus import inspect_corpus
from keras_bert_lab.recipes.predict import predict
from keras_bert_lab.recipes.prepare import prepare
from keras_bert_lab.recipes.pretrain import pretrain
from keras_bert_lab.recipes.quickstart import quickstart
from keras_bert_lab.recipes.quickstart_settings import QuickstartSettings
from keras_bert_lab.recipes.train import train
from keras_bert_lab.recipes.use import evaluate, export, fill_mask

__all__ = [
    "QuickstartSettings",
    "check_data",
    "compare",
    "convert",
    "evaluate",
    "export",
    "fill_mask",
    "inspect",
    "inspect_corpus",
    "predict",
    "prepare",
    "pretrain",
    "quickstart",
    "train",
]
