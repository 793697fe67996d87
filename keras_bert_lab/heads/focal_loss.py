"""Cross-entropy that looks at the hard examples."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

__all__ = ["FocalLoss"]


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _checked_alpha(alpha: Any) -> float | list[float] | None:
    if alpha is None:
        return None
    if _is_number(alpha):
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, the weight of the positive label. Received: alpha={alpha!r}")
        return float(alpha)
    values = alpha.tolist() if hasattr(alpha, "tolist") else alpha
    if not isinstance(values, (list, tuple)) or len(values) < 2:
        raise ValueError(f"alpha must be a number, or one weight for each of at least two labels. Received: alpha={alpha!r}")
    if not all(_is_number(value) and 0 <= value < float("inf") for value in values):
        raise ValueError(f"alpha must hold weights from 0 on. Received: alpha={alpha!r}")
    return [float(value) for value in values]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class FocalLoss(keras.losses.Loss):
    """-alpha_c q_c (1 - p_c)^gamma log p_c, summed over the classes c of an example.

    p_c is the probability that the model gives to class c, q_c the share of c in the target: 1 for the right class, without
    label smoothing. What the model knows already counts little: with gamma=2 a class of p=0.9 counts 1/100 of its
    cross-entropy. gamma=0 is the cross-entropy.

    One class for three kinds of outputs, all of them probabilities: one of two labels (B, 1); one of C labels (B, C), with
    numbers of labels as targets; any of C labels (B, C), with one 0 or 1 for each, where the loss is the mean over the labels.

    Args:
        gamma: at least 0; how much less the easy examples count.
        label_smoothing: share of each target, from 0 to less than 1, that is spread evenly over all classes.
        alpha: weights of the classes: a number between 0 and 1 is that of the positive label, 1 - alpha that of the other (not
            for one of C labels); a list has one weight for each of the C labels, or of the two (not for any of C labels). None
            = 1 for each. See `class_balanced`.
        **kwargs: of `keras.losses.Loss`: `reduction`, `name`, `dtype`.

    Call arguments:
        y_true: (B, 1) or (B,) with 0 and 1; int (B,) or (B, 1) with 0 ... C-1; or (B, C) with 0 and 1. One-hot targets of one
            of C labels are not among them: they would be read as any of C labels.
        y_pred: probabilities (B, 1) or (B, C).

    Returns:
        float32: the mean over the examples, or what `reduction` says.

    Raises:
        ValueError: a setting out of its range, or weights that do not fit the outputs.

    Reference: Lin et al. 2017, "Focal Loss for Dense Object Detection", equations 4 and 5 (gamma, alpha: the same names);
        Szegedy et al. 2016, section 7 (label smoothing).

    Example:
        >>> loss = FocalLoss(gamma=2.0)
        >>> round(float(loss([[1], [0]], [[0.9], [0.9]])), 4)  # (0.1² * 0.1054 + 0.9² * 2.3026) / 2
        0.9331
    """

    def __init__(
        self,
        gamma: float = 2.0,
        label_smoothing: float = 0.0,
        alpha: float | Sequence[float] | None = None,
        name: str | None = "focal_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not _is_number(gamma) or not 0 <= gamma < float("inf"):
            raise ValueError(f"gamma must be a number from 0 on. Received: gamma={gamma!r}")
        if not _is_number(label_smoothing) or not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be a share from 0 to less than 1. Received: label_smoothing={label_smoothing!r}"
            )
        self.gamma: float = float(gamma)
        self.label_smoothing: float = float(label_smoothing)
        self.alpha: float | list[float] | None = _checked_alpha(alpha)

    @classmethod
    def class_balanced(cls, counts: Sequence[int], beta: float = 0.999, **kwargs: Any) -> FocalLoss:
        """The loss with weights of the classes that follow from how often they occur: (1 - beta) / (1 - beta^count).

        Args:
            counts: texts of each label, at least 1, in the order of the labels: two or C.
            beta: from 0 (all weigh the same) to less than 1 (nearly 1: the inverse of the counts).
            **kwargs: `gamma`, `label_smoothing` and others of `FocalLoss`.

        Returns:
            A FocalLoss whose `alpha` adds up to the number of labels.

        Raises:
            ValueError: a count of 0 or less, or a beta out of its range.

        Reference: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples", equation 3.

        Example:
            >>> [round(weight, 3) for weight in FocalLoss.class_balanced([900, 100], beta=0.99).alpha]
            [0.776, 1.224]
        """
        if len(counts) < 2 or not all(count >= 1 for count in counts):
            raise ValueError(f"counts must hold at least 1 text for each of at least two labels. Received: counts={counts!r}")
        if not 0 <= beta < 1:
            raise ValueError(f"beta must be from 0 to less than 1. Received: beta={beta!r}")
        weights = [(1 - beta) / (1 - beta**count) for count in map(int, counts)]
        return cls(alpha=[weight * len(weights) / sum(weights) for weight in weights], **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        classes = y_pred.shape[-1]
        if classes > 1 and (len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1):
            return self._one_of_several(y_true, y_pred, classes)
        targets = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        positive, negative = self._weights_of_two(classes)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        return ops.mean(
            positive * targets * self._hardness(y_pred) + negative * (1 - targets) * self._hardness(1 - y_pred), axis=-1
        )

    def _one_of_several(self, y_true: Any, y_pred: Any, classes: int) -> Any:
        if self.alpha is not None and (not isinstance(self.alpha, list) or len(self.alpha) != classes):
            raise ValueError(f"alpha must hold one weight for each of {classes} labels. Received: alpha={self.alpha!r}")
        numbers_of_labels = ops.reshape(ops.cast(y_true, "int32"), ops.shape(y_pred)[:-1])
        targets = ops.one_hot(numbers_of_labels, classes, dtype=y_pred.dtype)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / classes
        if self.alpha is not None:
            targets = targets * ops.convert_to_tensor(self.alpha, y_pred.dtype)
        return ops.sum(targets * self._hardness(y_pred), axis=-1)

    def _weights_of_two(self, classes: int) -> tuple[float, float]:
        """Of the positive label and of the negative one."""
        if self.alpha is None:
            return 1.0, 1.0
        if not isinstance(self.alpha, list):
            return self.alpha, 1.0 - self.alpha
        if classes != 1 or len(self.alpha) != 2:
            rule = "one weight for each of two labels" if classes == 1 else "a number for any of several labels"
            raise ValueError(f"alpha must be {rule}. Received: alpha={self.alpha!r}")
        return self.alpha[1], self.alpha[0]

    def _hardness(self, probabilities: Any) -> Any:
        """-(1 - p)^gamma log p; as with Keras's own losses p stays away from 0 and 1."""
        epsilon = keras.config.epsilon()
        probabilities = ops.clip(probabilities, epsilon, 1 - epsilon)
        entropy = -ops.log(probabilities)
        return entropy if self.gamma == 0 else ops.power(1 - probabilities, self.gamma) * entropy

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "gamma": self.gamma,
            "label_smoothing": self.label_smoothing,
            "alpha": self.alpha,
        }
