"""What low-rank adaptation adds to a product with a weight matrix."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_bert_lab.config import check_integer
from keras_bert_lab.encoder import kernels

__all__ = ["LowRankUpdate", "check_alpha"]


def check_alpha(alpha: Any) -> None:
    """Refuse what is no scale of an update; None = the rank.

    Raises:
        ValueError: no finite number above 0.
    """
    is_number = isinstance(alpha, (int, float)) and not isinstance(alpha, bool)
    if alpha is not None and not (is_number and math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha must be a finite number above 0, or None for the rank. Received: alpha={alpha!r}")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class LowRankUpdate(keras.layers.Layer):
    """A product with two thin matrices, to be added to that with a frozen one.

        (alpha / rank) * x A B

    B starts from zeros, so that nothing changes before the first step of training. `add_lora` puts these layers beside the
    dense layers of an encoder.

    Args:
        units: width of the output.
        rank: width between A and B, at least 1.
        alpha: strength of the update, above 0; None = `rank`, a factor of 1.

    Call arguments:
        inputs: (..., in).

    Returns:
        (..., units) in the compute dtype.

    Raises:
        ValueError: an impossible size or alpha.

    Reference: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1. A starts as in their code:
        uniform within 1 / sqrt(in).
    Names: our `a` is the transpose of peft's lora_A.weight, our `b` that of lora_B.weight.
    """

    def __init__(self, units: int, rank: int = 8, alpha: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("units", units, 1)
        check_integer("rank", rank, 1)
        check_alpha(alpha)
        self.units = units
        self.rank = rank
        self.alpha = alpha
        self.scale = (rank if alpha is None else alpha) / rank

    def build(self, input_shape: Any) -> None:
        if self.built:
            return
        # A uniform distribution of variance 1 / (3 in) reaches to 1 / sqrt(in).
        start = keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")
        self.a = self.add_weight(name="a", shape=(input_shape[-1], self.rank), initializer=start)
        self.b = self.add_weight(name="b", shape=(self.rank, self.units), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return kernels.low_rank(inputs, (self,))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "rank": self.rank, "alpha": self.alpha}
