"""Sizes and lengths of the quickstart."""

from __future__ import annotations

import dataclasses

__all__ = ["QuickstartSettings"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuickstartSettings:
    """Sizes and lengths of the quickstart; those of the sample encoder are its own."""

    vocab_size: int = 4000
    hidden_size: int = 128
    num_layers: int = 2
    max_length: int = 128
    pretraining_epochs: int = 12
    pretraining_rate: float = 5e-4
    pretraining_batch_size: int = 16
    fine_tuning_epochs: int = 8
    fine_tuning_rate: float = 1e-3
    sample_epochs: int = 4
    sample_rate: float = 5e-4
    validation_split: float = 0.15

    @classmethod
    def small(cls) -> QuickstartSettings:
        """The same steps in a fraction of the time, for tests and slow machines."""
        sizes = {"vocab_size": 2000, "hidden_size": 64, "num_layers": 1, "max_length": 64}
        return cls(**sizes, pretraining_epochs=2, fine_tuning_epochs=5, sample_epochs=1)
