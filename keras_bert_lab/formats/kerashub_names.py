"""Names of weights in KerasHub's presets, and what its classes build in.

Source: keras_hub 0.32, models/*/..._backbone.py, ..._masked_lm.py and ..._text_classifier.py. In the files a layer has the
name of its class, with a number from the second one on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.formats.names import HeadTable, NameTable

__all__ = ["FAMILIES", "TASK", "Family", "plain_name"]

_ENDINGS = {"table": "vars/0", "kernel": "vars/0", "bias": "vars/1", "gamma": "vars/0", "beta": "vars/1"}
_BLOCK = "layers/transformer_encoder_{i}"
_SUM_OF_THREE = {
    "token": "layers/reversible_embedding",
    "position": "layers/position_embedding",
    "segment": "layers/embedding",
}
_SUM_OF_TWO = {
    "token": "layers/token_and_position_embedding/token_embedding",
    "position": "layers/token_and_position_embedding/position_embedding",
}
TASK = "task/"
"""Stands before the names of weights in task.weights.h5."""


def plain_name(name: str) -> str:
    """One spelling for the names that differ between files.

    Example:
        >>> plain_name("layers/transformer_encoder/_self_attention_layer/_query_dense/vars/0")
        'layers/transformer_encoder_0/_self_attention_layer/query_dense/vars/0'
    """
    name = name.replace("layers/transformer_encoder/", "layers/transformer_encoder_0/")
    return re.sub(r"(_self_attention_layer/)_(query|key|value|output)_dense/", r"\1\2_dense/", name)


def _table(embeddings: Mapping[str, str], **others: str) -> NameTable:
    attention = f"{_BLOCK}/_self_attention_layer"
    stems = dict(embeddings) | {
        "embeddings.norm": "layers/layer_normalization",
        "block.{i}.query": f"{attention}/query_dense",
        "block.{i}.key": f"{attention}/key_dense",
        "block.{i}.value": f"{attention}/value_dense",
        "block.{i}.attention_output": f"{attention}/output_dense",
        "block.{i}.attention_norm": f"{attention}_norm",
        "block.{i}.intermediate": f"{_BLOCK}/_feedforward_intermediate_dense",
        "block.{i}.output": f"{_BLOCK}/_feedforward_output_dense",
        "block.{i}.output_norm": f"{_BLOCK}/_feedforward_layer_norm",
    }
    stems |= {name.replace("__", "."): stem for name, stem in others.items()}
    return NameTable(stems, _ENDINGS, separator="/", arrangement="heads")


_PROJECTED = _table(_SUM_OF_THREE, embeddings__projection="layers/dense", pooler="layers/dense_1")
_POOLED = _table(_SUM_OF_THREE, pooler="layers/dense")
_BARE = _table(_SUM_OF_TWO)

MASKED_LM = HeadTable(
    "masked_lm",
    {
        "mlm.transform": f"{TASK}layers/masked_lm_head/_intermediate_dense",
        "mlm.norm": f"{TASK}layers/masked_lm_head/_intermediate_layer_norm",
        "mlm.bias": f"{TASK}layers/masked_lm_head/vars/0",
    },
)
CLASSES = HeadTable("classification", {"classifier.classes": f"{TASK}layers/dense"})


def _transformed(activation: str) -> HeadTable:
    stems = {"classifier.transform": f"{TASK}layers/dense", "classifier.classes": f"{TASK}layers/dense_1"}
    return HeadTable("classification", stems, transform=activation)


# Our setting -> theirs.
_COMMON = {
    "vocab_size": "vocabulary_size",
    "hidden_size": "hidden_dim",
    "num_layers": "num_layers",
    "num_heads": "num_heads",
    "intermediate_size": "intermediate_dim",
    "max_positions": "max_sequence_length",
    "dropout": "dropout",
}
_SEGMENTS = _COMMON | {"type_vocab_size": "num_segments"}
_FACTORISED = _SEGMENTS | {"embedding_size": "embedding_dim"}


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of KerasHub's classes.

    Attributes:
        word: in the names of its classes, e.g. "Bert" in BertBackbone.
        names: table of the encoder's weights.
        settings: our settings -> theirs.
        fixed: settings of ours that its classes build in.
        mlm_activation: of its masked LM head, whose epsilon is 1e-5.
        classifier: its classification head; None = it has none.
        same_width: table where the tables are as wide as the states; None = as `names`.
        only: settings of theirs, and the one value under which we can have such a model.
    """

    word: str
    names: NameTable
    settings: Mapping[str, str]
    fixed: Mapping[str, Any]
    mlm_activation: str
    classifier: HeadTable | None
    same_width: NameTable | None = None
    only: Mapping[str, Any] = dataclasses.field(default_factory=dict)


_TANH = {"activation": "gelu_tanh", "layer_norm_eps": 1e-12}
_NO_SEGMENTS = {"activation": "gelu", "type_vocab_size": 0, "pooler": False}
FAMILIES = {
    family.word + "Backbone": family
    for family in (
        Family("Bert", _POOLED, _SEGMENTS, _TANH, "gelu", CLASSES),
        Family("Roberta", _BARE, _COMMON, _NO_SEGMENTS | {"layer_norm_eps": 1e-5}, "gelu", _transformed("tanh")),
        Family(
            "Albert",
            _PROJECTED,
            _FACTORISED,
            _TANH | {"share_layers": True},
            "gelu_tanh",
            CLASSES,
            only={"num_groups": 1, "num_inner_repetitions": 1},
        ),
        Family("DistilBert", _BARE, _COMMON, _NO_SEGMENTS | {"layer_norm_eps": 1e-12}, "gelu", _transformed("relu")),
        Family(
            "Electra",
            _PROJECTED,
            _FACTORISED | {"vocab_size": "vocab_size"},
            _TANH,
            "gelu_tanh",
            None,
            same_width=_POOLED,
        ),
    )
}
"""Name of the backbone's class -> family."""
