"""What config.json holds in widely used repositories of the Hugging Face hub, old and new; sizes as published."""

from __future__ import annotations

from typing import Any

_DROPOUT = {"attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1}
_BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "initializer_range": 0.02,
    "hidden_act": "gelu",
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    **_DROPOUT,
}
_BERT = _BASE | {"model_type": "bert", "layer_norm_eps": 1e-12, "pad_token_id": 0, "vocab_size": 30522}
# What conversions of 2018 took over from the original files.
_OLD_POOLER = {
    "directionality": "bidi",
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
}
# What libraries of 2019 wrote into every file.
_OF_2019 = {
    "finetuning_task": None,
    "output_attentions": False,
    "output_hidden_states": False,
    "output_past": True,
    "pruned_heads": {},
    "torchscript": False,
    "use_bfloat16": False,
    "is_decoder": False,
    "bos_token_id": 0,
    "eos_token_ids": 0,
    "do_sample": False,
    "length_penalty": 1.0,
    "max_length": 20,
    "num_beams": 1,
    "num_return_sequences": 1,
    "repetition_penalty": 1.0,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
}
_ROBERTA = _BASE | {
    "model_type": "roberta",
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "vocab_size": 50265,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_DISTILBERT = {
    "model_type": "distilbert",
    "activation": "gelu",
    "attention_dropout": 0.1,
    "dim": 768,
    "dropout": 0.1,
    "hidden_dim": 3072,
    "initializer_range": 0.02,
    "max_position_embeddings": 512,
    "n_heads": 12,
    "n_layers": 6,
    "pad_token_id": 0,
    "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
    "vocab_size": 30522,
}
_RECENT = {
    "classifier_dropout": None,
    "gradient_checkpointing": False,
    "position_embedding_type": "absolute",
    "use_cache": True,
    "transformers_version": "4.30.2",
}


def _labels(*names: str) -> dict[str, Any]:
    return {
        "id2label": {str(place): name for place, name in enumerate(names)},
        "label2id": {name: place for place, name in enumerate(names)},
    }


def _wrote(name: str) -> dict[str, Any]:
    return {"architectures": [name]}


CONFIGS: dict[str, dict[str, Any]] = {
    "google-bert/bert-base-uncased": _BERT | _RECENT | _wrote("BertForMaskedLM"),
    "google-bert/bert-base-multilingual-cased": _BERT | _OLD_POOLER | _wrote("BertForMaskedLM") | {"vocab_size": 119547},
    "google-bert/bert-base-chinese": _BERT | _OLD_POOLER | _wrote("BertForMaskedLM") | {"vocab_size": 21128},
    "hfl/chinese-roberta-wwm-ext": _BERT
    | _OLD_POOLER
    | _wrote("BertForMaskedLM")
    | {"bos_token_id": 0, "eos_token_id": 2, "output_past": True, "vocab_size": 21128},
    "allenai/scibert_scivocab_uncased": {**_BASE, **_wrote("BertModel"), "vocab_size": 31090},
    "dmis-lab/biobert-v1.1": {**_BASE, **_wrote("BertForPreTraining"), "vocab_size": 28996},
    "microsoft/MiniLM-L12-H384-uncased": _BERT | {"hidden_size": 384, "intermediate_size": 1536},
    "sentence-transformers/all-MiniLM-L6-v2": _BERT
    | _RECENT
    | _wrote("BertModel")
    | {
        "_name_or_path": "nreimers/MiniLM-L6-H384-uncased",
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": 6,
    },
    "cross-encoder/ms-marco-MiniLM-L-6-v2": _BERT
    | _RECENT
    | _wrote("BertForSequenceClassification")
    | _labels("LABEL_0")
    | {
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": 6,
        "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0.dev0"},
    },
    "cross-encoder/ms-marco-MiniLM-L-12-v2 of 2021": _BERT
    | _RECENT
    | _wrote("BertForSequenceClassification")
    | _labels("LABEL_0")
    | {"hidden_size": 384, "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    "ProsusAI/finbert": _BERT
    | _wrote("BertForSequenceClassification")
    | _labels("positive", "negative", "neutral")
    | {"_name_or_path": "/home/somebody/finbert", "gradient_checkpointing": False},
    "yiyanghkust/finbert-tone": _BERT
    | _OF_2019
    | _wrote("BertForSequenceClassification")
    | _labels("Neutral", "Positive", "Negative")
    | {"_num_labels": 3, "vocab_size": 30873, "xla_device": None},
    "nlptown/bert-base-multilingual-uncased-sentiment": _BERT
    | _OLD_POOLER
    | _wrote("BertForSequenceClassification")
    | _labels("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
    | {"_num_labels": 5, "finetuning_task": "sentiment-analysis", "output_past": True, "vocab_size": 105879},
    "dslim/bert-base-NER": _BERT
    | _wrote("BertForTokenClassification")
    | _labels("O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    | {"_num_labels": 9, "output_past": True, "vocab_size": 28996},
    "unitary/toxic-bert": _BERT
    | _wrote("BertForSequenceClassification")
    | _labels("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
    | {"problem_type": "multi_label_classification", "gradient_checkpointing": False},
    "FacebookAI/roberta-base": _ROBERTA | _wrote("RobertaForMaskedLM"),
    "FacebookAI/roberta-large-mnli": _ROBERTA
    | _wrote("RobertaForSequenceClassification")
    | _labels("CONTRADICTION", "NEUTRAL", "ENTAILMENT")
    | {"_num_labels": 3, "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24},
    "distilbert/distilroberta-base": _ROBERTA | _wrote("RobertaForMaskedLM") | {"num_hidden_layers": 6},
    "cardiffnlp/twitter-roberta-base-sentiment-latest": _ROBERTA
    | _RECENT
    | _wrote("RobertaForSequenceClassification")
    | _labels("negative", "neutral", "positive")
    | {"torch_dtype": "float32"},
    "albert/albert-base-v2": _BASE
    | _wrote("AlbertForMaskedLM")
    | {
        "model_type": "albert",
        "attention_probs_dropout_prob": 0,
        "hidden_dropout_prob": 0,
        "bos_token_id": 2,
        "classifier_dropout_prob": 0.1,
        "down_scale_factor": 1,
        "embedding_size": 128,
        "eos_token_id": 3,
        "gap_size": 0,
        "hidden_act": "gelu_new",
        "inner_group_num": 1,
        "layer_norm_eps": 1e-12,
        "net_structure_type": 0,
        "num_hidden_groups": 1,
        "num_memory_blocks": 0,
        "pad_token_id": 0,
        "vocab_size": 30000,
    },
    "distilbert/distilbert-base-uncased": _DISTILBERT
    | _wrote("DistilBertForMaskedLM")
    | {"transformers_version": "4.10.0.dev0"},
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": _DISTILBERT
    | _wrote("DistilBertForSequenceClassification")
    | _labels("NEGATIVE", "POSITIVE")
    | {"finetuning_task": "sst-2", "output_past": True},
    "google/electra-small-discriminator": _BASE
    | _wrote("ElectraForPreTraining")
    | {
        "model_type": "electra",
        "embedding_size": 128,
        "hidden_size": 256,
        "intermediate_size": 1024,
        "layer_norm_eps": 1e-12,
        "num_attention_heads": 4,
        "pad_token_id": 0,
        "summary_activation": "gelu",
        "summary_last_dropout": 0.1,
        "summary_type": "first",
        "summary_use_proj": True,
        "vocab_size": 30522,
    },
    "nghuyong/ernie-3.0-base-zh": _BASE
    | _wrote("ErnieForMaskedLM")
    | {
        "model_type": "ernie",
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 2048,
        "task_type_vocab_size": 3,
        "type_vocab_size": 4,
        "use_task_id": True,
        "vocab_size": 40000,
    },
    "nghuyong/ernie-1.0-base-zh": _BASE
    | _wrote("ErnieForMaskedLM")
    | {
        "model_type": "ernie",
        "hidden_act": "relu",
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 513,
        "vocab_size": 18000,
    },
}
