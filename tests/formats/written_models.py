"""Tiny encoders of every family with every head that transformers has a class for, all weights random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_bert_lab import Encoder
from keras_bert_lab.formats.huggingface_writer import write_huggingface
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead
from tests.samples import D, N, config, randomise

_COMMON = {"layer_norm_eps": 1e-3, "dropout": 0.25, "attention_dropout": 0.125, "initializer_range": 0.5}
CONFIGS = {
    "bert": config(**_COMMON, activation="gelu_tanh", type_vocab_size=3),
    "roberta": config(**_COMMON, type_vocab_size=1, pad_id=1, position_offset=2),
    "albert": config(**_COMMON, share_layers=True, num_layers=3, embedding_size=7, activation="relu"),
    "distilbert": config(**(_COMMON | {"layer_norm_eps": 1e-12}), type_vocab_size=0, pooler=False, activation="relu"),
    "electra": config(**_COMMON, embedding_size=7, pooler=False),
    "electra_base": config(**_COMMON, embedding_size=N * D, pooler=False),
}
TRANSFORMS = {"roberta": "tanh", "distilbert": "relu", "electra": "gelu", "electra_base": "gelu"}
LABELS = {
    "binary": ("nein", "ja"),
    "multi_class": ("red", "green", "blue", "grey", "pink"),
    "multi_label": ("rot", "grün", "blau"),
    "regression": (),
}
CLASSES = {
    "encoder": "Model",
    "masked_lm": "ForMaskedLM",
    "next_sentence": "ForNextSentencePrediction",
    "pretraining": "ForPreTraining",
    **dict.fromkeys(LABELS, "ForSequenceClassification"),
}
MODELS = [
    (family, task)
    for family in CONFIGS
    for task in CLASSES
    if not (task == "next_sentence" and family != "bert") and not (task == "pretraining" and family not in ("bert", "albert"))
]


def classification(kind: str, transform: str | None = None, **settings: Any) -> ClassificationHead:
    head = ClassificationHead(len(LABELS[kind]) or 1, kind, transform=transform, **({"dropout": 0.375} | settings))
    head.build({"sequence_output": (None, None, N * D)})
    return head


def next_sentence() -> NextSentenceHead:
    head = NextSentenceHead()
    head.build((None, N * D))
    return head


def make(family: str, task: str) -> tuple[Encoder, list[keras.layers.Layer]]:
    """An encoder, and the heads on top of it."""
    own_layer = task in LABELS and family in TRANSFORMS
    encoder = Encoder(CONFIGS[family].replace(pooler=False) if own_layer else CONFIGS[family])
    heads: list[keras.layers.Layer] = []
    if task in ("masked_lm", "pretraining"):
        heads.append(MaskedLMHead(encoder))
    if task in ("next_sentence", "pretraining"):
        heads.append(next_sentence())
    if task in LABELS:
        heads.append(classification(task, TRANSFORMS.get(family)))
    randomise(encoder, 3)
    for seed, head in enumerate(heads):
        randomise(head, seed)
    return encoder, heads


def written(family: str, task: str, folder: Path) -> tuple[Encoder, list[keras.layers.Layer]]:
    """The same, and what `write_huggingface` made of it."""
    encoder, heads = make(family, task)
    folder.mkdir(exist_ok=True)
    write_huggingface(encoder, None, folder, heads, LABELS.get(task, ()))
    return encoder, heads


def rows(family: str) -> dict[str, np.ndarray]:
    """Token ids, padded at the end with the padding token."""
    settings, rng = CONFIGS[family], np.random.default_rng(2)
    lengths = np.array([11, 5, 1, 8])
    mask = (np.arange(11) < lengths[:, None]).astype("int32")
    ids = rng.integers(settings.pad_id + 1, settings.vocab_size, mask.shape)
    types = rng.integers(0, max(settings.type_vocab_size, 1), mask.shape)
    return {
        "input_word_ids": np.where(mask == 1, ids, settings.pad_id).astype("int32"),
        "input_mask": mask,
        "input_type_ids": types.astype("int32"),
    }
