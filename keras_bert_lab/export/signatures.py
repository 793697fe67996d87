"""What an exported model takes and gives, for each kind of model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks import MaskedLanguageModel, TextClassifier
from keras_bert_lab.text import HubPreprocessor, Preprocessor

__all__ = ["Endpoint", "endpoints_of"]

tf = LazyModule("tensorflow")

TOP_K = 5
"""Candidates that an exported masked language model gives for each gap."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One SavedModel to write.

    Attributes:
        name: "text" (strings in) or "tokens" (ids in).
        function: keyword tensors -> dict of tensors.
        inputs: names of the arguments, with a `tf.TensorSpec` each.
    """

    name: str
    function: Callable[..., dict[str, Any]]
    inputs: dict[str, Any]


def _token_specs(*shape: int | None) -> dict[str, Any]:
    return {key: tf.TensorSpec((None, *shape), tf.int32, name=key) for key in contract.INPUT_KEYS}


def _text_specs(pairs: bool) -> dict[str, Any]:
    names = ("text", "text_pair") if pairs else ("text",)
    return {name: tf.TensorSpec((None,), tf.string, name=name) for name in names}


def _classifier(model: TextClassifier) -> list[Endpoint]:
    def answers(inputs: dict[str, Any]) -> dict[str, Any]:
        outputs = model(inputs, training=False)
        if model.kind == "regression":
            return {"score": outputs[:, 0]}
        if model.kind == "binary":
            outputs = ops.concatenate([1.0 - outputs, outputs], axis=1)
        best = ops.argmax(outputs, axis=1)
        if model.kind == "binary" and model.threshold is not None:
            best = ops.cast(outputs[:, 1] > model.threshold, "int32")
        return {
            "label": tf.gather(tf.constant(model.labels), best),
            "score": ops.max(outputs, axis=1),
            "probabilities": outputs,
        }

    texts, columns = _text_specs(bool(model.pairs)), _column_specs(model)
    ids = _token_specs(None) if model.windows is None else _token_specs(None, None)

    def from_tokens(*arrays: Any) -> dict[str, Any]:
        inputs = dict(zip([*ids, *columns], arrays, strict=True))
        if model.columns is not None:
            inputs[contract.COLUMNS] = model.columns.vectors({name: inputs.pop(name) for name in columns})
        return answers(inputs)

    def from_text(*values: Any) -> dict[str, Any]:
        return answers(model.inputs_of(dict(zip([*texts, *columns], values, strict=True))))

    return [
        Endpoint(name="text", function=from_text, inputs=texts | columns),
        Endpoint(name="tokens", function=from_tokens, inputs=ids | columns),
    ]


def _column_specs(model: TextClassifier) -> dict[str, Any]:
    """What is read beside the text.

    Raises:
        ValueError: a column whose name cannot be that of an input.
    """
    if model.columns is None:
        return {}
    wrong = [name for name in model.columns.kinds if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)]
    if wrong:
        raise ValueError(
            "The extra columns of an exported model must have names of letters, digits and _, beginning with a letter. "
            f"Received: {wrong}. Rename them in the table, and train with these names."
        )
    return model.columns.specs()


def _masked_language_model(model: MaskedLanguageModel) -> list[Endpoint]:
    vocabulary = model.preprocessor.tokenizer.vocabulary

    def answers(inputs: dict[str, Any]) -> dict[str, Any]:
        is_mask = tf.equal(inputs[contract.WORD_IDS], vocabulary.mask_id)
        gaps = tf.ragged.boolean_mask(tf.broadcast_to(tf.range(tf.shape(is_mask)[1]), tf.shape(is_mask)), is_mask)
        logits = model({**inputs, contract.MASKED_POSITIONS: gaps.to_tensor(0)}, training=False)
        scores, best = tf.math.top_k(tf.nn.softmax(logits)[:, :, : len(vocabulary)], k=TOP_K)
        real = tf.sequence_mask(gaps.row_lengths())[:, :, tf.newaxis]
        tokens = tf.gather(tf.constant(vocabulary.tokens), best)
        return {"tokens": tf.where(real, tokens, ""), "scores": tf.where(real, scores, 0.0)}

    return _text_and_tokens(lambda text: answers(model.preprocessor(text, special_tokens=True)), answers, pairs=False)


def _text_and_tokens(from_text: Callable[..., Any], from_tokens: Callable[[Any], Any], pairs: bool) -> list[Endpoint]:
    return [
        Endpoint(name="text", function=from_text, inputs=_text_specs(pairs)),
        Endpoint(
            name="tokens",
            function=lambda *arrays: from_tokens(dict(zip(contract.INPUT_KEYS, arrays, strict=True))),
            inputs=_token_specs(None),
        ),
    ]


def _functional(model: keras.Model) -> list[Endpoint]:
    """A model that the user composed: strings in, and, where one Preprocessor stands between, ids in."""
    # Named inputs keep their names; else they are the text, or the first and the second text of pairs.
    names = list(model.input) if isinstance(model.input, dict) else ["text", "text_pair"][: len(model.inputs)]
    strings = [tensor for tensor in model.inputs if keras.backend.standardize_dtype(tensor.dtype) == "string"]
    if len(strings) != len(model.inputs) or len(strings) > 2:
        received = [f"{tensor.name}: {keras.backend.standardize_dtype(tensor.dtype)}" for tensor in model.inputs]
        raise ValueError(f"model must take one or two string inputs, to be exported with raw text. Received inputs: {received}")

    def named(outputs: Any) -> dict[str, Any]:
        if isinstance(outputs, dict):
            return {name: ops.convert_to_tensor(value) for name, value in outputs.items()}
        return dict(zip(model.output_names, keras.tree.flatten(outputs), strict=True))

    def from_text(*texts: Any) -> dict[str, Any]:
        if isinstance(model.input, dict):
            return named(model(dict(zip(names, texts, strict=True)), training=False))
        return named(model(list(texts) if len(texts) == 2 else texts[0], training=False))

    specs = {name: tf.TensorSpec((None,), tf.string, name=name) for name in names}
    endpoints = [Endpoint(name="text", function=from_text, inputs=specs)]
    inner = _after_preprocessor(model)
    if inner is not None:
        endpoints.append(
            Endpoint(
                name="tokens",
                function=lambda *arrays: named(inner(list(arrays), training=False)),
                inputs=_token_specs(inner.inputs[0].shape[1]),  # Preprocessor(sequence_length=S) fixes the length
            )
        )
    return endpoints


def _after_preprocessor(model: keras.Model) -> keras.Model | None:
    """The part of a composed model behind its Preprocessor, from ids to outputs; None where there is no such cut."""
    preprocessors = [layer for layer in model.layers if isinstance(layer, (Preprocessor, HubPreprocessor))]
    if len(preprocessors) != 1:
        return None
    for node in preprocessors[0]._inbound_nodes:  # a layer that several models share was called several times
        tensors = dict(zip(sorted(contract.INPUT_KEYS), node.output_tensors, strict=True))  # Keras flattens dicts by key
        try:
            return keras.Model([tensors[key] for key in contract.INPUT_KEYS], model.output)
        except ValueError:
            continue  # that call belongs to another model
    return None


def endpoints_of(model: keras.Model) -> list[Endpoint]:
    """What is exported of this model.

    Raises:
        TypeError: no model with text input.
        ValueError: a composed model without string inputs.
    """
    if isinstance(model, TextClassifier):
        return _classifier(model)
    if isinstance(model, MaskedLanguageModel):
        return _masked_language_model(model)
    if isinstance(model, keras.Model) and getattr(model, "inputs", None):
        return _functional(model)
    raise TypeError(
        "model must be a TextClassifier, a MaskedLanguageModel, or a functional keras.Model with string inputs. "
        f"Received: {type(model).__name__}"
    )
