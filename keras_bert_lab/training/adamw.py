"""AdamW as BERT is trained with it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_bert_lab.config import OptimizerConfig
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.training.layer_rates import layer_factors, path_of
from keras_bert_lab.training.named_schedules import named_schedule

__all__ = ["AdamW", "build_adamw", "has_weight_decay"]

tf = LazyModule("tensorflow")

_WITHOUT_DECAY = ("bias", "gamma", "beta")


def has_weight_decay(variable: Any) -> bool:
    """Whether BERT's recipe lets this variable decay: all but biases and the scale and shift of layer normalisation."""
    return variable.name not in _WITHOUT_DECAY


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class AdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with BERT's settings: no decay of biases and norms, gradients clipped by their global norm.

        m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
        w = w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + e') - lr d w,   with the bias correction that the original lacks

    Args:
        learning_rate: a number or a schedule.
        weight_decay: d, per step and relative to the learning rate.
        beta_1, beta_2: b1, b2.
        epsilon: e, added to sqrt(v) (e' = e / sqrt(1 - b2^t), as in Keras).
        global_clipnorm: longest allowed gradient, over all weights together; None = no limit.
        layer_decay: the learning rate falls by this factor from block to block, on the way from the head (1) over the last
            block (layer_decay) to the embeddings (layer_decay^(L + 1)), see `layer_factors`; None = all have the same. Weight
            decay, relative to the rate, falls with it; gradients are clipped as before. `learning_rates_of(model)` shows the
            rates.

    Raises:
        ValueError: a `layer_decay` that is not above 0 and at most 1; (when it is built) one for variables without blocks;
            gradient accumulation within a `tf.distribute` strategy.

    Reference: Loshchilov and Hutter 2017, algorithm 2; settings of google-research/bert's optimization.py; `layer_decay`: Clark
        et al. 2020, "ELECTRA", appendix B.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-4,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        global_clipnorm: float | None = 1.0,
        name: str = "adamw",
        layer_decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        if layer_decay is not None and not 0 < layer_decay <= 1:
            raise ValueError(f"layer_decay must be above 0 and at most 1, or None. Received: layer_decay={layer_decay!r}")
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            name=name,
            **kwargs,
        )
        self.layer_decay = layer_decay
        self._factors: list[float] = []

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # Left out where it is not used: trainings that were begun before there was one go on.
        return config if self.layer_decay is None else {**config, "layer_decay": self.layer_decay}

    def rate_factors(self, variables: list[Any]) -> list[float]:
        """What the learning rate is multiplied by for each of these variables.

        Args:
            variables: those that it was built for, or some of them; before that, all that it will be.
        """
        if self.layer_decay is None:
            return [1.0] * len(variables)
        if not self.built:
            return layer_factors([path_of(variable) for variable in variables], self.layer_decay)
        return [self._factors[self._get_variable_index(variable)] for variable in variables]

    def build(self, variables: list[Any]) -> None:
        if self.gradient_accumulation_steps and keras.backend.backend() == "tensorflow" and tf.distribute.has_strategy():
            raise ValueError(
                "gradient_accumulation_steps must be None within a tf.distribute strategy, where Keras cannot accumulate. "
                f"Received: gradient_accumulation_steps={self.gradient_accumulation_steps}. Leave it out, or train on the JAX "
                "backend."
            )
        # Keras forgets exclusions when an optimizer is saved; derived from the variables they are always there.
        if not self.built:
            excluded = [variable for variable in variables if not has_weight_decay(variable)]
            if excluded:
                self.exclude_from_weight_decay(var_list=excluded)
            self._factors = self.rate_factors(variables)
        super().build(variables)

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        if keras.backend.backend() != "tensorflow" or not self.global_clipnorm:
            return super()._clip_gradients(grads)
        # Keras measures the rows of a sparse gradient one by one, and on several replicas each one's part of the gradient.
        grads = whole = [tf.convert_to_tensor(grad) for grad in grads]
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            whole = context.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        return tf.clip_by_global_norm(grads, self.global_clipnorm, use_norm=tf.linalg.global_norm(whole))[0]

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        if self.layer_decay is None:  # else it is a part of each variable's step, at that variable's rate
            super()._apply_weight_decay(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self.layer_decay is not None:
            learning_rate = ops.cast(learning_rate, variable.dtype) * self._factors[self._get_variable_index(variable)]
            if self.weight_decay and self._use_weight_decay(variable):
                self.assign_sub(variable, variable * self.weight_decay * learning_rate)
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        # One op that reads and writes every weight once, instead of ten that pass over them one after the other.
        place = self._get_variable_index(variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[place]),
            v=_handle(self._velocities[place]),
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), dtype),
        )


def _handle(variable: Any) -> Any:
    """The TensorFlow resource behind a Keras variable, or behind a TensorFlow variable that Keras handed over."""
    value = getattr(variable, "value", variable)
    return (value if hasattr(value, "handle") else variable).handle


def build_adamw(config: OptimizerConfig, steps: int, accumulate: int = 1, steps_per_epoch: int | None = None) -> AdamW:
    """AdamW with a learning rate over `steps` steps.

    Args:
        config: learning rate, schedule, weight decay, longest gradient.
        steps: changes of the weights.
        accumulate: batches whose gradients are averaged for one change.
        steps_per_epoch: for a schedule that begins anew in each epoch.

    Raises:
        ValueError: the learning rate or the warm-up was left open.
    """
    if config.learning_rate is None or config.warmup is None:
        name = "learning_rate" if config.learning_rate is None else "warmup"
        raise ValueError(f"{name} must be a number here. Received: {name}=None")
    schedule = named_schedule(config.schedule, config.learning_rate, steps, config.warmup, steps_per_epoch, accumulate)
    return AdamW(
        schedule,
        weight_decay=config.weight_decay,
        layer_decay=config.layer_decay,
        global_clipnorm=config.clip_norm,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
    )
