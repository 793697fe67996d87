"""Stage 6: optimizer, schedules, callbacks."""

from keras_bert_lab.training.adamw import AdamW
from keras_bert_lab.training.progress import Progress
from keras_bert_lab.training.schedules import LinearWarmupDecay

__all__ = ["AdamW", "LinearWarmupDecay", "Progress"]
