"""What pretraining does where its user left it open."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from keras_bert_lab.config import ArchitectureConfig, OptimizerConfig

__all__ = ["PRESETS", "Preset", "completed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """One way to pretrain a new encoder.

    Attributes:
        learning_rate: the highest one.
        warmup: share of all steps in which the rate rises; it falls in the others.
        dropout: in the encoder.
        batch_size: rows in a batch, in the end.
        batch_ramp: share of all steps in which the batch grows to it, from an eighth.
        sentence_pairs: see `PretrainingBatches`.
    """

    learning_rate: float
    warmup: float = 0.1
    dropout: float = 0.0
    batch_size: int = 32
    batch_ramp: float = 0.0
    sentence_pairs: Literal["none", "next", "order"] = "none"


PRESETS: Mapping[str, Preset] = {
    "plain": Preset(learning_rate=1e-3),
    # Devlin et al. 2018, appendix A.2: 256 rows, 1e-4, 10,000 of 1,000,000 steps to warm up, dropout 0.1, next sentence.
    "original": Preset(learning_rate=1e-4, warmup=0.01, dropout=0.1, batch_size=256, sentence_pairs="next"),
    # Geiping and Goldstein 2022, "Cramming", section 4.3: one cycle with its peak in the middle, growing batches, no dropout.
    "short_budget": Preset(learning_rate=2e-3, warmup=0.5, batch_size=64, batch_ramp=0.5),
}


def completed(
    preset: Preset, optimizer: OptimizerConfig, encoder: ArchitectureConfig
) -> tuple[OptimizerConfig, ArchitectureConfig]:
    """The settings with those of the preset where they were left open."""
    if optimizer.learning_rate is None:
        optimizer = dataclasses.replace(optimizer, learning_rate=preset.learning_rate)
    if optimizer.warmup is None:
        optimizer = dataclasses.replace(optimizer, warmup=preset.warmup)
    if encoder.dropout is None:
        encoder = dataclasses.replace(encoder, dropout=preset.dropout)
    return optimizer, encoder
