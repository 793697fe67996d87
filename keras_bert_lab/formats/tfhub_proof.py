"""A TF-Hub encoder's own answers beside those of the encoder that got its weights."""

from __future__ import annotations

import gc
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import FormatError
from keras_bert_lab.lazy import LazyModule

__all__ = ["answers_of", "compare_with"]

tf = LazyModule("tensorflow")

# Float32 in another order of sums; a wrong activation or epsilon shows at 1e-3 and above in trained models.
_TOLERANCE = 1e-4
_HALF_PRECISION = 5e-2
_LENGTH = 11
_ROWS = 3
MLM_LOGITS = "mlm_logits"


def _probe(config: EncoderConfig) -> dict[str, np.ndarray]:
    """Rows of random tokens of different lengths."""
    random = np.random.default_rng(5)
    length = min(_LENGTH, config.max_positions)
    shape = (_ROWS, length)
    lengths = np.maximum(1, length - 3 * np.arange(_ROWS))[:, None]
    return {
        contract.WORD_IDS: random.integers(0, config.vocab_size, shape).astype(np.int32),
        contract.MASK: (np.arange(length) < lengths).astype(np.int32),
        contract.TYPE_IDS: random.integers(0, max(1, min(2, config.type_vocab_size)), shape).astype(np.int32),
    }


def _call(model: Any, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    try:
        answers = dict(model(tensors, training=False))
    except (ValueError, TypeError):  # the first handles take a list, and answer with a pair
        pooled, sequence = model([tensors[name] for name in contract.INPUT_KEYS], training=False)
        answers = {contract.POOLED_OUTPUT: pooled, contract.SEQUENCE_OUTPUT: sequence}
    if hasattr(model, "mlm"):
        first = tf.zeros((_ROWS, 1), tf.int32)
        answers[MLM_LOGITS] = model.mlm({**tensors, contract.MASKED_POSITIONS: first}, training=False)[MLM_LOGITS]
    return answers


def answers_of(folder: pathlib.Path, config: EncoderConfig) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Run the SavedModel in a folder on a few random rows. A SavedModel is a program: it can do more than compute.

    Args:
        folder: of a TF-Hub encoder.
        config: of the encoder that should be equal to it.

    Returns:
        The inputs, and its answers by name; "encoder_outputs.3" is that of block 3.

    Raises:
        FormatError: it cannot be loaded or run.
    """
    inputs = _probe(config)
    try:
        model = tf.saved_model.load(str(folder))
        answers = _call(model, inputs)
    except Exception as error:  # TensorFlow raises whatever a wrong graph leads to
        raise FormatError(f"The SavedModel in {folder} cannot be run: {error!s:.300}. Copy or download it again.") from error
    found = {name: answers[name].numpy() for name in (contract.SEQUENCE_OUTPUT, contract.POOLED_OUTPUT)}
    found |= {
        f"{contract.ENCODER_OUTPUT}.{place}": each.numpy()
        for place, each in enumerate(answers.get(contract.ENCODER_OUTPUT, ()))
    }
    if MLM_LOGITS in answers:
        found[MLM_LOGITS] = answers[MLM_LOGITS].numpy()
    del model, answers
    gc.collect()  # its objects refer to each other; its weights should be gone before others are made
    return inputs, found


def _refuse_difference(name: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float, folder: pathlib.Path) -> None:
    limit = tolerance * max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
    difference = float(np.max(np.abs(ours - theirs), initial=0.0)) if ours.shape == theirs.shape else np.inf
    if not difference <= limit:
        raise FormatError(
            f"The graph in {folder} computes something else than an encoder with its weights: {name} differs by "
            f"{difference:.2g} (at most {limit:.0e}). Use it as it is, as a HubEncoder."
        )


def compare_with(
    inputs: dict[str, np.ndarray],
    theirs: dict[str, np.ndarray],
    folder: pathlib.Path,
    pooler: bool,
    logits: Callable[[Encoder, Any], Any] | None,
) -> Callable[[Encoder], None]:
    """A function that compares an encoder's answers with those of the original.

    Args:
        inputs, theirs: of `answers_of`.
        folder: for errors.
        pooler: whether the original has one.
        logits: encoder and its states -> scores of the first position over the vocabulary; None = there is no masked LM head.

    Returns:
        A function of the encoder, which raises FormatError where they differ.
    """

    def compare(encoder: Encoder) -> None:
        tolerance = _TOLERANCE if encoder.compute_dtype in ("float32", "float64") else _HALF_PRECISION
        outputs = encoder({name: tf.constant(values) for name, values in inputs.items()}, training=False)
        states = outputs[contract.SEQUENCE_OUTPUT]
        real = inputs[contract.MASK].astype(bool)
        ours: dict[str, Any] = {contract.SEQUENCE_OUTPUT: states}
        ours |= {f"{contract.ENCODER_OUTPUT}.{place}": each for place, each in enumerate(outputs[contract.ENCODER_OUTPUT])}
        for name, value in theirs.items():
            if name in ours or name.startswith(contract.ENCODER_OUTPUT):
                found = np.asarray(ours[name], np.float32) if name in ours else np.zeros(())
                fits = found.shape == value.shape
                _refuse_difference(name, found[real] if fits else found, value[real], tolerance, folder)
        if encoder.config.pooler == pooler:
            pooled = np.asarray(outputs[contract.POOLED_OUTPUT], np.float32)
            _refuse_difference(contract.POOLED_OUTPUT, pooled, theirs[contract.POOLED_OUTPUT], tolerance, folder)
        if logits is not None:
            scores = np.asarray(logits(encoder, states), np.float32)
            _refuse_difference(MLM_LOGITS, scores, theirs[MLM_LOGITS], tolerance, folder)

    return compare
