"""A large masked language model -> a smaller one that answers like it."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.tasks import pretraining_figures as figures
from keras_bert_lab.tasks.masked_language_model import MaskedLanguageModel
from keras_bert_lab.tasks.pretraining_task import PretrainingTask
from keras_bert_lab.tasks.student import check_model
from keras_bert_lab.text import Preprocessor

__all__ = ["Distillation"]

_SOFT, _COSINE = "soft_loss", "cosine_loss"


class Distillation(PretrainingTask, keras.Model):
    """A student learns from the text, and from a teacher that reads the same.

        loss = soft * T^2 * KL(softmax(t / T) || softmax(s / T))  +  masked * cross-entropy  +  cosine * (1 - cos(h_s, h_t))

    s, t: logits of the student and the teacher for each masked token; h: the last hidden state of each real token. Each of the
    three is a mean over these tokens. `fit` and `evaluate` take what those of `MaskedLanguageModel` take, pairs of sentences
    excepted. Logs tell `loss`, its parts `soft_loss` (with T^2), `masked_lm_loss` and `cosine_loss`, and `accuracy` and
    `perplexity` of the student. `evaluate`, and so each validation, is about the student alone: `loss` is its loss per masked
    token.

    Only the student is trained, without its pooler and its next-sentence head. The teacher has no dropout, and is not part of
    this model's weights. What is left in the end is `student`: save that one.

    Args:
        student: the model to train, e.g. `student_of(teacher)`.
        teacher: a model with the same vocabulary.
        temperature: T: the larger, the more small probabilities count.
        soft, masked, cosine: weights of the three parts; what has weight 0 is left out.

    Call arguments:
        inputs: the contract dict with `masked_lm_positions`, int32 (B, P).
        training: whether the student's dropout is on, and the teacher is asked.

    Returns:
        A dict: `masked_lm_ids`, the student's logits, float32 (B, P, V); in training also `soft_loss` (B, P) and `cosine_loss`
        (B, S).

    Raises:
        TypeError: a model that is no MaskedLanguageModel.
        ValueError: models that do not go together, or an impossible number.

    Reference: Sanh et al. 2019, "DistilBERT", sections 2 and 3; weights, temperature and the factor T^2 as in its published
        code (the distillation project of huggingface/transformers, distiller.py and README); soft targets at masked tokens
        alone, as there with restrict_ce_to_mask. Soft targets: Hinton et al. 2015.
    """

    teacher: MaskedLanguageModel
    next_sentence = False
    label = "distillation"
    uses_pooler = False

    def __init__(
        self,
        student: MaskedLanguageModel,
        teacher: MaskedLanguageModel,
        temperature: float = 2.0,
        soft: float = 5.0,
        masked: float = 2.0,
        cosine: float = 1.0,
        name: str | None = "distillation",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", getattr(student, "dtype_policy", None))
        super().__init__(name=name, **kwargs)
        _check_numbers(temperature, {"soft": soft, "masked": masked, "cosine": cosine})
        _check_models(student, teacher, cosine)
        self.student = student
        # Held without Keras tracking it: its weights are not this model's, neither to train nor to save.
        object.__setattr__(self, "teacher", teacher)
        self.temperature = temperature
        self.soft = soft
        self.masked = masked
        self.cosine = cosine
        self.build()

    def build(self, input_shape: Any = None) -> None:
        pass

    @property
    def encoder(self) -> Encoder:  # type: ignore[override]
        """The student's."""
        return self.student.encoder

    @property
    def preprocessor(self) -> Preprocessor:  # type: ignore[override]
        """The student's, and the teacher's."""
        return self.student.preprocessor

    def _idle_layers(self) -> list[keras.layers.Layer]:
        return [layer for layer in (self.encoder.pooler, self.student.next_sentence_head) if layer is not None]

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        states, logits = _states_and_logits(self.student, inputs, training)
        outputs = {contract.MASKED_IDS: logits}
        if not training:
            return outputs
        taught_states, taught = map(ops.stop_gradient, _states_and_logits(self.teacher, inputs, training=False))
        if self.soft:
            outputs[_SOFT] = soft_divergence(taught, logits, self.temperature)
        if self.cosine:
            outputs[_COSINE] = cosine_distance(taught_states, states)
        return outputs

    def _parts(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, tuple[Any, Any]]:
        """Values and weights of what the teacher tells; empty in evaluation."""
        weights = figures.of_masked_tokens(y, y_pred, sample_weight)[2]
        found = {_SOFT: weights, _COSINE: x[contract.MASK]}
        return {name: (y_pred[name], counts) for name, counts in found.items() if name in y_pred}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        del training
        target, logits, weights = figures.of_masked_tokens(y, y_pred, sample_weight)
        loss = figures.mean_over_replicas(figures.cross_entropy(target, logits), weights)
        means = {
            name: figures.mean_over_replicas(values, counts)
            for name, (values, counts) in self._parts(x, y, y_pred, sample_weight).items()
        }
        loss = self._loss_of(loss, means) if means else loss
        return loss + sum(self.losses) if self.losses else loss

    def _new_means(self) -> figures.Means:
        return figures.Means(*([_SOFT] if self.soft else []), *([_COSINE] if self.cosine else []))

    def _loss_of(self, token_loss: Any, means: dict[str, Any]) -> Any:
        return self.masked * token_loss + self.soft * means.get(_SOFT, 0.0) + self.cosine * means.get(_COSINE, 0.0)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        if self._means is not None:
            self._means.update(self._parts(x, y, y_pred, sample_weight) or None)
        return super().compute_metrics(x, *figures.of_masked_tokens(y, y_pred, sample_weight))

    def get_metrics_result(self) -> dict[str, Any]:
        results = super().get_metrics_result()
        # In evaluation the loss has this one part; by its name it can be compared with that of the training.
        return {"masked_lm_loss": results["loss"]} | results if "perplexity" in results else results

    def training_settings(self) -> dict[str, Any]:
        """What decides the training beside the student, for `ResumableTraining`."""
        numbers = {"temperature": self.temperature, "soft": self.soft, "masked": self.masked, "cosine": self.cosine}
        return numbers | {"teacher": hash_of(*self.teacher.get_weights())[:16]}

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            "A Distillation is not saved as a whole. Received: a request for its config. Save the student: "
            "distillation.student.save(path), or save_task(distillation.student, folder)."
        )


def soft_divergence(taught: Any, logits: Any, temperature: float) -> Any:
    """T^2 KL(softmax(taught / T) || softmax(logits / T)) for each token.

    T^2 keeps the gradients as large as those of hard targets, whatever T is.

    Args:
        taught, logits: (..., V), of the teacher and the student.
        temperature: T.

    Reference: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.

    Example:
        >>> numbers = [round(float(each), 4) for each in soft_divergence([[0.0, 0.0], [2.0, 0.0]], [[2.0, 0.0]] * 2, 2.0)]
        >>> numbers  # 4 ln(cosh 0.5), and 0 for equal ones
        [0.4805, 0.0]
    """
    theirs, ours = (ops.log_softmax(ops.convert_to_tensor(each) / temperature, axis=-1) for each in (taught, logits))
    return temperature**2 * ops.sum(ops.exp(theirs) * (theirs - ours), axis=-1)


def cosine_distance(taught: Any, states: Any) -> Any:
    """1 - cos of the angle between the two states of each token, float32.

    Args:
        taught, states: (..., H), of the teacher and the student.

    Example:
        >>> [round(float(each), 4) for each in cosine_distance([[3.0, 4.0], [1.0, 0.0]], [[4.0, 3.0], [-2.0, 0.0]])]
        [0.04, 2.0]
    """
    theirs, ours = (ops.cast(each, "float32") for each in (taught, states))
    product = ops.sum(theirs * ours, axis=-1)
    return 1.0 - product * ops.rsqrt(ops.sum(theirs**2, axis=-1) * ops.sum(ours**2, axis=-1) + 1e-12)


def _states_and_logits(model: MaskedLanguageModel, inputs: dict[str, Any], training: bool | None) -> tuple[Any, Any]:
    if contract.MASKED_POSITIONS not in inputs:
        raise ValueError(
            f"inputs must have the key {contract.MASKED_POSITIONS!r}. Received: {sorted(inputs)}. Use fit or evaluate."
        )
    hidden = model.encoder({key: inputs[key] for key in inputs if key != contract.MASKED_POSITIONS}, training=training)
    states = hidden[contract.SEQUENCE_OUTPUT]
    return states, model.head(states, inputs[contract.MASKED_POSITIONS])


def _check_numbers(temperature: Any, weights: dict[str, Any]) -> None:
    for name, value in {"temperature": temperature, **weights}.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < 0 or (name == "temperature" and not value):
            rule = "above 0" if name == "temperature" else "of at least 0"
            raise ValueError(f"{name} must be a finite number {rule}. Received: {name}={value!r}")
    if not weights["soft"] and not weights["cosine"]:
        raise ValueError(
            "soft or cosine must be above 0, or nothing is learned from the teacher. Received: soft=0, cosine=0. "
            "Without a teacher use MaskedLanguageModel.fit."
        )


def _check_models(student: Any, teacher: Any, cosine: float) -> None:
    check_model("student", student)
    check_model("teacher", teacher)
    if student.encoder is teacher.encoder:
        raise ValueError(
            "student must be another model than teacher. Received: the same encoder in both. Use student_of(teacher)."
        )
    sizes = [model.encoder.config.vocab_size for model in (student, teacher)]
    tokens = [list(model.preprocessor.tokenizer.vocabulary.tokens) for model in (student, teacher)]
    if sizes[0] != sizes[1] or tokens[0] != tokens[1]:
        found = f"vocab_size {sizes[0]} and {sizes[1]}"
        if sizes[0] == sizes[1]:
            found = f"{sum(map(str.__ne__, *tokens)) or 'some'} tokens that differ"
        raise ValueError(f"student and teacher must have the same vocabulary. Received: {found}. Use student_of(teacher).")
    widths = [model.encoder.config.hidden_size for model in (student, teacher)]
    if cosine and widths[0] != widths[1]:
        raise ValueError(
            "student and teacher must have the same hidden_size where their states are compared. Received: "
            f"hidden_size {widths[0]} and {widths[1]}, cosine={cosine}. Use cosine=0."
        )
