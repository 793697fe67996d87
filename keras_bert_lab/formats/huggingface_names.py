"""Names of weights in Hugging Face checkpoints of the BERT family.

Source: the modules' own parameter names in transformers 5.23 (modeling_bert.py, modeling_roberta.py, ...).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from keras_bert_lab.formats.names import HeadTable, NameTable

__all__ = ["FAMILIES", "Family"]

_ENDINGS = {"table": "weight", "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


@dataclasses.dataclass(frozen=True)
class Family:
    """One `model_type` of Hugging Face.

    Attributes:
        model_type: as in config.json.
        prefix: of the encoder's names in checkpoints that have a head.
        names: table of the encoder's weights.
        heads: class name in `architectures`, without the family's own word -> its heads.
        word: the family's word in class names, e.g. "Bert" in BertForMaskedLM.
        mlm_activation: activation of the masked LM head where it does not follow the config.
    """

    model_type: str
    word: str
    names: NameTable
    heads: Mapping[str, tuple[HeadTable, ...]]
    mlm_activation: str | None = None

    @property
    def prefix(self) -> str:
        return f"{self.model_type}."


def _table(block: str, parts: Mapping[str, str], **others: str) -> NameTable:
    embeddings = {
        "token": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "embeddings.norm": "embeddings.LayerNorm",
    }
    blocks = {f"block.{{i}}.{ours}": f"{block}.{theirs}" for ours, theirs in parts.items()}
    stems = embeddings | blocks | {name.replace("__", "."): stem for name, stem in others.items()}
    return NameTable(stems, _ENDINGS, arrangement="out_in")


_BERT_BLOCK = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
_SEGMENT = "embeddings.token_type_embeddings"

_BERT = _table("encoder.layer.{i}", _BERT_BLOCK, segment=_SEGMENT, pooler="pooler.dense")
_ELECTRA = _table("encoder.layer.{i}", _BERT_BLOCK, segment=_SEGMENT, embeddings__projection="embeddings_project")
_DISTILBERT = _table(
    "transformer.layer.{i}",
    {
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "attention_output": "attention.out_lin",
        "attention_norm": "sa_layer_norm",
        "intermediate": "ffn.lin1",
        "output": "ffn.lin2",
        "output_norm": "output_layer_norm",
    },
)
_ALBERT = _table(
    "encoder.albert_layer_groups.{i}.albert_layers.0",
    {
        "query": "attention.query",
        "key": "attention.key",
        "value": "attention.value",
        "attention_output": "attention.dense",
        "attention_norm": "attention.LayerNorm",
        "intermediate": "ffn",
        "output": "ffn_output",
        "output_norm": "full_layer_layer_norm",
    },
    segment=_SEGMENT,
    embeddings__projection="encoder.embedding_hidden_mapping_in",
    pooler="pooler",
)


def _masked_lm(transform: str, norm: str, bias: str, decoder: str) -> HeadTable:
    """`bias` is the stem of the output bias; `decoder` that of the output layer, which old files hold once more."""
    copies = {} if decoder == bias else {f"{decoder}.bias": f"{bias}.bias"}
    return HeadTable(
        "masked_lm",
        {"mlm.transform": transform, "mlm.norm": norm, "mlm": bias},
        tied=(f"{decoder}.weight",),
        copies=copies,
    )


def _classification(classes: str, transform: str | None = None, activation: str | None = None) -> HeadTable:
    stems = {"classifier.classes": classes} | ({} if transform is None else {"classifier.transform": transform})
    return HeadTable("classification", stems, transform=activation)


_CLASSIFIER = _classification("classifier")
_WITH_TRANSFORM = ("classifier.out_proj", "classifier.dense")
_TOKENS = HeadTable("token_classification", {"tokens": "classifier"})
_SPANS = HeadTable("question_answering", {"spans": "qa_outputs"})

_BERT_MLM = _masked_lm(
    "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions", "cls.predictions.decoder"
)
_NEXT = HeadTable("next_sentence", {"next": "cls.seq_relationship"})
_BERT_HEADS = {
    "Model": (),
    "ForMaskedLM": (_BERT_MLM,),
    "ForPreTraining": (_BERT_MLM, _NEXT),
    "ForNextSentencePrediction": (_NEXT,),
    "ForSequenceClassification": (_CLASSIFIER,),
    "ForTokenClassification": (_TOKENS,),
    "ForQuestionAnswering": (_SPANS,),
}
_ALBERT_MLM = _masked_lm("predictions.dense", "predictions.LayerNorm", "predictions", "predictions.decoder")
_ORDER = HeadTable("next_sentence", {"next": "sop_classifier.classifier"})

FAMILIES = {
    family.model_type: family
    for family in (
        Family("bert", "Bert", _BERT, _BERT_HEADS),
        Family("ernie", "Ernie", _BERT, _BERT_HEADS),
        Family(
            "roberta",
            "Roberta",
            _BERT,
            {
                "Model": (),
                "ForMaskedLM": (_masked_lm("lm_head.dense", "lm_head.layer_norm", "lm_head", "lm_head.decoder"),),
                "ForSequenceClassification": (_classification(*_WITH_TRANSFORM, activation="tanh"),),
                "ForTokenClassification": (_TOKENS,),
                "ForQuestionAnswering": (_SPANS,),
            },
            mlm_activation="gelu",
        ),
        Family(
            "albert",
            "Albert",
            _ALBERT,
            {
                "Model": (),
                "ForMaskedLM": (_ALBERT_MLM,),
                "ForPreTraining": (_ALBERT_MLM, _ORDER),
                "ForSequenceClassification": (_CLASSIFIER,),
                "ForTokenClassification": (_TOKENS,),
                "ForQuestionAnswering": (_SPANS,),
            },
        ),
        Family(
            "distilbert",
            "DistilBert",
            _DISTILBERT,
            {
                "Model": (),
                "ForMaskedLM": (_masked_lm("vocab_transform", "vocab_layer_norm", "vocab_projector", "vocab_projector"),),
                "ForSequenceClassification": (_classification("classifier", "pre_classifier", "relu"),),
                "ForTokenClassification": (_TOKENS,),
                "ForQuestionAnswering": (_SPANS,),
            },
        ),
        Family(
            "electra",
            "Electra",
            _ELECTRA,
            {
                "Model": (),
                "ForMaskedLM": (
                    _masked_lm(
                        "generator_predictions.dense",
                        "generator_predictions.LayerNorm",
                        "generator_lm_head",
                        "generator_lm_head",
                    ),
                ),
                "ForPreTraining": (
                    HeadTable(
                        "discriminator",
                        {
                            "discriminator.transform": "discriminator_predictions.dense",
                            "discriminator.output": "discriminator_predictions.dense_prediction",
                        },
                    ),
                ),
                "ForSequenceClassification": (_classification(*_WITH_TRANSFORM, activation="gelu"),),
                "ForTokenClassification": (_TOKENS,),
                "ForQuestionAnswering": (_SPANS,),
            },
            mlm_activation="gelu",
        ),
    )
}
"""`model_type` -> family."""
