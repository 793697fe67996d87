"""Stage 5: hidden states -> outputs."""

from keras_bert_lab.heads.classification_head import ClassificationHead
from keras_bert_lab.heads.focal_loss import FocalLoss
from keras_bert_lab.heads.masked_lm_head import MaskedLMHead
from keras_bert_lab.heads.next_sentence_head import NextSentenceHead
from keras_bert_lab.heads.pooling import Pooling
from keras_bert_lab.heads.window_pooling import WindowPooling

__all__ = [
    "ClassificationHead",
    "FocalLoss",
    "MaskedLMHead",
    "NextSentenceHead",
    "Pooling",
    "WindowPooling",
]
