"""Names of variables in TF-Hub's BERT encoders.

Source: layer names in tensorflow/models, official/nlp: networks/bert_encoder.py, networks/albert_encoder.py,
layers/masked_lm.py, and the name replacements of tools/tf1_bert_checkpoint_converter_lib.py (the first handles, /1 and /2).
"""

from __future__ import annotations

from keras_bert_lab.formats.names import HeadTable, NameTable

__all__ = ["MASKED_LM", "TABLES", "table_for"]

_ENDINGS = {"table": "", "kernel": "kernel", "bias": "bias", "gamma": "gamma", "beta": "beta"}
_FIRST_TABLE = "word_embeddings/embeddings"


def _table(block: str, attention_output: str, **embeddings: str) -> NameTable:
    parts = {
        "query": "self_attention/query",
        "key": "self_attention/key",
        "value": "self_attention/value",
        "attention_output": attention_output,
        "attention_norm": "self_attention_layer_norm",
        "intermediate": "intermediate",
        "output": "output",
        "output_norm": "output_layer_norm",
    }
    stems = {"token": _FIRST_TABLE, "pooler": "pooler_transform"}
    stems |= {name.replace("__", "."): stem for name, stem in embeddings.items()}
    stems |= {f"block.{{i}}.{ours}": f"{block}/{theirs}" for ours, theirs in parts.items()}
    return NameTable(stems, _ENDINGS, separator="/", arrangement="heads")


_TODAY = {
    "position": "position_embedding/embeddings",
    "segment": "type_embeddings/embeddings",
    "embeddings__norm": "embeddings/layer_norm",
    "embeddings__projection": "embedding_projection",
}
TABLES = {
    "bert": _table("transformer/layer_{i}", "self_attention/attention_output", **_TODAY),
    "albert": _table("transformer", "self_attention/attention_output", **_TODAY),
    "bert_model": _table(
        "encoder/layer_{i}",
        "self_attention_output",
        position="embedding_postprocessor/position_embeddings",
        segment="embedding_postprocessor/type_embeddings",
        embeddings__norm="embedding_postprocessor/layer_norm",
    ),
}
"""Family -> table. "albert" shares one block; "bert_model" is that of the first handles."""

MASKED_LM = HeadTable(
    "masked_lm",
    {
        "mlm.transform": "bert/cls/predictions/transform/dense",
        "mlm.norm": "bert/cls/predictions/transform/LayerNorm",
        "mlm.bias": "bert/cls/predictions/output_bias/bias",
    },
)


def table_for(names: list[str]) -> tuple[str, str] | None:
    """The family that these variables belong to, and what stands before its names; None if there is none.

    Example:
        >>> table_for(["word_embeddings/embeddings", "transformer/self_attention/query/kernel"])
        ('albert', '')
    """
    for family, table in TABLES.items():
        first = str(table.theirs("block.0.query.kernel"))
        prefixes = [
            name.removesuffix(_FIRST_TABLE) for name in names if name == _FIRST_TABLE or name.endswith(f"/{_FIRST_TABLE}")
        ]
        if len(prefixes) == 1 and prefixes[0] + first in names:
            return family, prefixes[0]
    return None
