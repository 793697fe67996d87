"""Stage 6: optimizer, schedules, callbacks."""

from keras_bert_lab.training.adamw import AdamW, build_adamw
from keras_bert_lab.training.autofit import autofit
from keras_bert_lab.training.autofit_result import AutofitResult
from keras_bert_lab.training.compute import matmul_rate, training_flops
from keras_bert_lab.training.fill_mask_examples import FillMaskExamples
from keras_bert_lab.training.gradual_unfreezing import GradualUnfreezing
from keras_bert_lab.training.layer_rates import learning_rates_of
from keras_bert_lab.training.learning_rate_search import LearningRateSearch
from keras_bert_lab.training.lr_find import lr_find
from keras_bert_lab.training.named_schedules import named_schedule
from keras_bert_lab.training.one_cycle import OneCycle
from keras_bert_lab.training.progress import Progress
from keras_bert_lab.training.resumable_training import ResumableTraining, training_data
from keras_bert_lab.training.schedules import LinearWarmupDecay
from keras_bert_lab.training.stop_signals import StopSignals
from keras_bert_lab.training.triangular import Triangular
from keras_bert_lab.training.warmup_cosine import WarmupCosine

__all__ = [
    "AdamW",
    "AutofitResult",
    "FillMaskExamples",
    "GradualUnfreezing",
    "LearningRateSearch",
    "LinearWarmupDecay",
    "OneCycle",
    "Progress",
    "ResumableTraining",
    "StopSignals",
    "Triangular",
    "WarmupCosine",
    "autofit",
    "build_adamw",
    "learning_rates_of",
    "lr_find",
    "matmul_rate",
    "named_schedule",
    "training_data",
    "training_flops",
]
