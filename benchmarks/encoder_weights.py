"""The weights of a transformers `BertForMaskedLM` -> our Encoder and MaskedLMHead, and KerasHub's masked LM head.

So that the peers compute the same function before anything is timed. KerasHub reads the encoder's weights by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import MaskedLMHead

__all__ = ["fill_kerashub_head", "fill_ours", "read"]

# A dense layer is (in, out) in Keras, (out, in) in torch: kernels are transposed. Ours / theirs, {} = number of the block.
_TABLES = (
    ("token", "embeddings.word_embeddings.weight"),
    ("position", "embeddings.position_embeddings.weight"),
    ("segment", "embeddings.token_type_embeddings.weight"),
)
_BLOCK_DENSE = (
    ("attention.output_dense", "attention.output.dense"),
    ("feed_forward.intermediate", "intermediate.dense"),
    ("feed_forward.output_dense", "output.dense"),
)
_NOT_NEEDED = ("cls.seq_relationship.", "cls.predictions.decoder.")  # no next-sentence head here; the decoder is tied
_BLOCK_NORMS = (("attention_norm", "attention.output.LayerNorm"), ("output_norm", "output.LayerNorm"))


class _Source(dict[str, np.ndarray]):
    """Weights by name; what was not taken is known at the end."""

    def dense(self, name: str) -> list[np.ndarray]:
        return [self.pop(f"{name}.weight").T, self.pop(f"{name}.bias")]

    def norm(self, name: str) -> list[np.ndarray]:
        return [self.pop(f"{name}.weight"), self.pop(f"{name}.bias")]


def read(folder: Path) -> _Source:
    """The weights of a folder that transformers wrote, without the prefix "bert." and without those that no peer uses."""
    weights = load_file(folder / "model.safetensors")
    names = [name for name in weights if not name.startswith(_NOT_NEEDED)]
    return _Source({name.removeprefix("bert."): weights[name] for name in names})


def _attribute(layer: Any, path: str) -> Any:
    for name in path.split("."):
        layer = getattr(layer, name)
    return layer


def fill_ours(encoder: Encoder, head: MaskedLMHead, folder: Path) -> None:
    """Set all weights of encoder and head.

    Raises:
        ValueError: weights of the source are left over.
    """
    source = read(folder)
    for ours, theirs in _TABLES:
        getattr(encoder.embeddings, ours).set_weights([source.pop(theirs)])
    encoder.embeddings.norm.set_weights(source.norm("embeddings.LayerNorm"))
    for index, block in enumerate(encoder.blocks):
        prefix = f"encoder.layer.{index}"
        parts = [source.dense(f"{prefix}.attention.self.{part}") for part in ("query", "key", "value")]
        kernels, biases = zip(*parts, strict=True)
        block.attention.qkv.set_weights([np.concatenate(kernels, axis=1), np.concatenate(biases)])
        for ours, theirs in _BLOCK_DENSE:
            _attribute(block, ours).set_weights(source.dense(f"{prefix}.{theirs}"))
        for ours, theirs in _BLOCK_NORMS:
            _attribute(block, ours).set_weights(source.norm(f"{prefix}.{theirs}"))
    if encoder.pooler is not None:
        encoder.pooler.set_weights(source.dense("pooler.dense"))
    _fill_head(source, head.transform, head.norm, head.bias)
    if source:
        raise ValueError(f"Every weight must have a place in our layers. Left over: {sorted(source)}")


def fill_kerashub_head(head: Any, folder: Path) -> None:
    """Set the weights of KerasHub's masked LM head; its output matrix is the token embedding already."""
    _fill_head(read(folder), head._intermediate_dense, head._intermediate_layer_norm, head._bias)


def _fill_head(source: _Source, dense: Any, norm: Any, bias: Any) -> None:
    dense.set_weights(source.dense("cls.predictions.transform.dense"))
    norm.set_weights(source.norm("cls.predictions.transform.LayerNorm"))
    bias.assign(source.pop("cls.predictions.bias"))
