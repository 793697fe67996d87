"""Stage 6: optimizer, schedules, callbacks."""

from keras_bert_lab.training.adamw import AdamW, build_adamw
from keras_bert_lab.training.compute import matmul_rate, training_flops
from keras_bert_lab.training.fill_mask_examples import FillMaskExamples
from keras_bert_lab.training.progress import Progress
from keras_bert_lab.training.resumable_training import ResumableTraining, training_data
from keras_bert_lab.training.schedules import LinearWarmupDecay
from keras_bert_lab.training.stop_signals import StopSignals

__all__ = [
    "AdamW",
    "FillMaskExamples",
    "LinearWarmupDecay",
    "Progress",
    "ResumableTraining",
    "StopSignals",
    "build_adamw",
    "matmul_rate",
    "training_data",
    "training_flops",
]
