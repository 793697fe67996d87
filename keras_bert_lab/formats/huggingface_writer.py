"""Our models as folders that transformers reads."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.encoder_weights import encoder_slots
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.huggingface_config import encoder_to_config
from keras_bert_lab.formats.huggingface_names import FAMILIES, Family
from keras_bert_lab.formats.huggingface_tokenizer_writer import write_tokenizer
from keras_bert_lab.formats.names import HeadTable
from keras_bert_lab.formats.tensor_files import SINGLE, in_precision, write_safetensors
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead
from keras_bert_lab.text import Preprocessor

__all__ = ["write_huggingface"]


_KINDS = {
    "binary": "single_label_classification",
    "multi_class": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}
_DROPOUT = {"albert": "classifier_dropout_prob", "distilbert": "seq_classif_dropout"}


def _class_of(heads: Sequence[keras.layers.Layer]) -> str:
    """The class that has these heads, without the family's word."""
    kinds = tuple(type(head) for head in heads)
    known: dict[tuple[type, ...], str] = {
        (): "Model",
        (MaskedLMHead,): "ForMaskedLM",
        (NextSentenceHead,): "ForNextSentencePrediction",
        (MaskedLMHead, NextSentenceHead): "ForPreTraining",
        (ClassificationHead,): "ForSequenceClassification",
    }
    if kinds not in known:
        raise TypeError(f"heads must be one of {[[kind.__name__ for kind in each] for each in known]}. Received: {heads!r}")
    return known[kinds]


def _check_classifier(head: ClassificationHead, family: Family, table: HeadTable) -> None:
    """Refuse what transformers' class of this family would compute in another way."""
    if head.pooling != "cls":
        raise FormatError(
            f"pooling must be 'cls' for transformers, which has no other. Received: pooling={head.pooling!r}. "
            "Save the task in our own format, or its encoder alone."
        )
    if head.transform != table.transform:
        raise FormatError(
            f"transform of the head must be {table.transform!r}, as in {family.word}ForSequenceClassification. "
            f"Received: {head.transform!r}. Save the task in our own format, or its encoder alone."
        )


def _check_pooler(encoder: Encoder, family: Family, name: str) -> None:
    """Refuse a pooler that their class does not have, and the lack of one that it has."""
    tables = family.heads[name]
    has_pooler = family.names.theirs("pooler.kernel") is not None and not any(table.transform for table in tables)
    if has_pooler != encoder.config.pooler:
        raise FormatError(
            f"pooler must be {has_pooler} for {family.word}{name} of transformers. Received: pooler={encoder.config.pooler}. "
            f"Load or make the encoder with pooler={has_pooler}, or save the model in our own format."
        )


def _head_tensors(head: keras.layers.Layer) -> dict[str, np.ndarray]:
    """Our names and values of a head; a sigmoid of one score becomes a softmax of two, the first of them 0."""
    tensors = {name: slot.read() for name, slot in head_slots(head).items()}
    if isinstance(head, ClassificationHead) and head.kind == "binary":
        for name in ("classifier.classes.kernel", "classifier.classes.bias"):
            tensors[name] = np.concatenate([np.zeros_like(tensors[name]), tensors[name]], axis=-1)
    return tensors


def _label_settings(head: ClassificationHead, labels: Sequence[str], model_type: str) -> dict[str, Any]:
    count = 1 if head.kind == "regression" else head.num_labels
    names = list(labels) or [f"LABEL_{place}" for place in range(count)]
    return {
        "id2label": {str(place): name for place, name in enumerate(names)},
        "label2id": {name: place for place, name in enumerate(names)},
        "problem_type": _KINDS[head.kind],
        _DROPOUT.get(model_type, "classifier_dropout"): head.dropout,
    }


def write_huggingface(
    encoder: Encoder,
    preprocessor: Preprocessor | None,
    folder: pathlib.Path,
    heads: Sequence[keras.layers.Layer] = (),
    labels: Sequence[str] = (),
    dtype: str = "float32",
) -> None:
    """Write `config.json`, `model.safetensors` and the tokenizer's files into a folder that is there.

    Args:
        encoder: the encoder; which family it belongs to follows from its config.
        preprocessor: whose tokenizer is written; None = none.
        folder: where to.
        heads: what stands on top: nothing; a ClassificationHead; a MaskedLMHead, a NextSentenceHead, or both in this order.
        labels: of a classification.
        dtype: of the numbers in the file: "float32", "float16" or "bfloat16".

    Raises:
        FormatError: transformers has no class that computes the same; or a number that is too large for `dtype`.
    """
    config = encoder_to_config(encoder.config)
    family = FAMILIES[config["model_type"]]
    name = _class_of(heads)
    if len(family.heads.get(name, ())) != len(heads) or name not in family.heads:  # ElectraForPreTraining has another head
        raise FormatError(
            f"transformers has no {family.word}{name} with these heads. Save the task in our own format, or its encoder alone."
        )
    prefix = family.prefix if heads else ""
    for head, table in zip(heads, family.heads[name], strict=True):
        if isinstance(head, ClassificationHead):
            _check_classifier(head, family, table)
            config |= _label_settings(head, labels, family.model_type)
        if isinstance(head, MaskedLMHead) and family.mlm_activation not in (None, encoder.config.activation):
            raise FormatError(
                f"activation must be {family.mlm_activation!r} for {family.word}ForMaskedLM. "
                f"Received: {encoder.config.activation!r}. Save the task in our own format."
            )
    drop_pooler = name == "ForMaskedLM"  # theirs has none: it would be left over
    if not drop_pooler:
        _check_pooler(encoder, family, name)
    tensors: dict[str, np.ndarray] = {}
    for ours, slot in encoder_slots(encoder).items():
        if not (drop_pooler and ours.startswith("pooler.")):
            theirs = prefix + str(family.names.theirs(ours))
            values = family.names.to_theirs(ours, slot.read(), encoder.config.num_heads)
            tensors[theirs] = in_precision(theirs, values, dtype)
    for head, table in zip(heads, family.heads[name], strict=True):
        for ours, values in _head_tensors(head).items():
            theirs = str(family.names.theirs(ours, table.stems))
            tensors[theirs] = in_precision(theirs, family.names.to_theirs(ours, values, encoder.config.num_heads), dtype)
    config |= {"architectures": [family.word + name], "tie_word_embeddings": True, "dtype": dtype}
    if preprocessor is not None:
        vocabulary = preprocessor.tokenizer.vocabulary
        if family.model_type in ("roberta", "albert"):
            config |= {"bos_token_id": vocabulary.cls_id, "eos_token_id": vocabulary.sep_id}
        write_tokenizer(preprocessor.tokenizer, folder, family.model_type, preprocessor.row_length)
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_safetensors(tensors, folder / SINGLE)
