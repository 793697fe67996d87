"""config.json of the BERT family <-> EncoderConfig. Whatever changes the maths is read or refused, never guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_names import FAMILIES

__all__ = ["config_to_encoder", "encoder_to_config", "model_type_of"]

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",  # the same formula, other rounding
    "relu": "relu",
}
_WRITTEN = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu"}

# Our setting -> theirs.
_COMMON = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "activation": "hidden_act",
    "layer_norm_eps": "layer_norm_eps",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "initializer_range": "initializer_range",
    "pad_id": "pad_token_id",
}
_FACTORISED = _COMMON | {"embedding_size": "embedding_size"}
_DISTILBERT = {
    "vocab_size": "vocab_size",
    "hidden_size": "dim",
    "num_layers": "n_layers",
    "num_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "max_positions": "max_position_embeddings",
    "activation": "activation",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "initializer_range": "initializer_range",
    "pad_id": "pad_token_id",
}
SETTINGS: dict[str, dict[str, str]] = {
    "bert": _COMMON,
    "ernie": _COMMON,
    "roberta": _COMMON,
    "albert": _FACTORISED,
    "distilbert": _DISTILBERT,
    "electra": _FACTORISED,
}
"""`model_type` -> names of our settings -> names of theirs."""

# What follows from the family and is not in the file.
_FIXED: dict[str, dict[str, Any]] = {
    "albert": {"share_layers": True},
    "distilbert": {"type_vocab_size": 0, "layer_norm_eps": 1e-12, "pooler": False},
    "electra": {"pooler": False},
}

# Settings that files of the first years lack because there was one value for all; all others must be in the file.
_WAS_ALWAYS: dict[str, dict[str, Any]] = {
    "bert": {"layer_norm_eps": 1e-12, "pad_id": 0},
    "albert": {"layer_norm_eps": 1e-12, "pad_id": 0},
    "distilbert": {"pad_id": 0},
    "electra": {"pad_id": 0},
    "ernie": {"layer_norm_eps": 1e-12, "pad_id": 0},
    "roberta": {"pad_id": 1},
}
_NO_MATHS = {"dropout": 0.1, "attention_dropout": 0.1, "initializer_range": 0.02}

# Highest values; none of the family comes near them. What is larger would never end, or overflow.
_AT_MOST = {"num_layers": 1000, "layer_norm_eps": 1, "initializer_range": 10}

# Settings that change the maths, and the values under which they do not.
_ONLY: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "cross_attention_hidden_size": (None,),
    "pruned_heads": ({}, None),
    "tie_word_embeddings": (True, False, None),  # for the masked LM head to say
    "use_task_id": (True, False, None),  # adds a table, which the checkpoint's reader takes in
    "sinusoidal_pos_embds": (False, True, None),  # how the table was filled; the file holds it
    "tie_weights_": (True, None),
    "num_hidden_groups": (1,),
    "inner_group_num": (1,),
    "net_structure_type": (0, None),
    "down_scale_factor": (1, None),
    "gap_size": (0, None),
    "num_memory_blocks": (0, None),
    "tie_encoder_decoder": (False, None),
    "quantization_config": (None,),
}

# fmt: off
_HARMLESS = frozenset([
    # bookkeeping
    "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal", "_commit_hash", "_name_or_path",
    "architectures", "auto_map", "custom_pipelines", "dtype", "finetuning_task", "language", "model_type", "name",
    "task_specific_params", "tokenizer_class", "torch_dtype", "transformers_version", "transformers_weights",
    # how a library runs it
    "chunk_size_feed_forward", "gradient_checkpointing", "output_attentions", "output_hidden_states", "output_past",
    "return_dict", "tf_legacy_loss", "torchscript", "use_bfloat16", "use_cache", "use_return_dict", "xla_device",
    # what the heads read; what sentence-transformers does with the outputs
    "_num_labels", "classifier_dropout", "classifier_dropout_prob", "id2label", "label2id", "num_labels", "problem_type",
    "qa_dropout", "sbert_ce_default_activation_function", "sentence_transformers", "seq_classif_dropout", "summary_activation",
    "summary_first_dropout", "summary_last_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
    "task_type_vocab_size",
    # of the original code's pooler, never used
    "directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head",
    "pooler_type",
    # of the tokenizer
    "bos_token_id", "cls_token_id", "eos_token_id", "eos_token_ids", "mask_token_id", "model_max_length", "pad_token_id",
    "prefix", "sep_token_id", "unk_token_id",
    # of text generation
    "bad_words_ids", "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty", "do_sample", "early_stopping",
    "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "forced_bos_token_id", "forced_decoder_ids",
    "forced_eos_token_id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_scores", "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
    "suppress_tokens", "temperature", "top_k", "top_p", "typical_p",
])
# fmt: on


def _type_of_class(config: Mapping[str, Any]) -> str | None:
    """The family whose class wrote the file, for files that do not name it."""
    named = config.get("architectures")
    if not isinstance(named, list) or len(named) != 1:
        return None
    classes = {family.word + head: name for name, family in FAMILIES.items() for head in family.heads}
    return classes.get(str(named[0]))


def model_type_of(config: Mapping[str, Any], where: Any) -> str:
    """The family that a config.json names.

    Raises:
        FormatError: none, or one that is not supported.
    """
    found = config.get("model_type", _type_of_class(config))
    if not isinstance(found, str) or found not in SETTINGS:
        raise FormatError(
            f"model_type in {where} must be one of {sorted(SETTINGS)}. Received: {found!r:.100}. "
            + ("Old files lack it: add it if you know which it is." if found is None else "Other families cannot be read.")
        )
    return found


def _check_names(config: Mapping[str, Any], names: Mapping[str, str], where: Any, ignore: Collection[str]) -> None:
    """Refuse settings that may change the maths in a way that nobody here knows."""
    if isinstance(ignore, str):
        raise TypeError(f"ignore must be a list of names of settings. Received: ignore={ignore!r}. Use [{ignore!r}].")
    for name, allowed in _ONLY.items():
        if name in config and config[name] not in allowed and name not in ignore:
            raise FormatError(
                f"{name} in {where} must be {allowed[0]!r}. Received: {config[name]!r:.100}. Such models cannot be read."
            )
    unknown = sorted(set(config) - set(names.values()) - set(_ONLY) - _HARMLESS - set(ignore))
    if unknown:
        raise FormatError(
            f"{where} has settings that are not known here: {unknown!s:.500}. They may change the model's outputs. If you know "
            f"that they do not, pass ignore={unknown!s:.500}."
        )


def config_to_encoder(config: Mapping[str, Any], where: Any, ignore: Collection[str] = ()) -> EncoderConfig:
    """The encoder that a config.json describes; whether there is a pooler is for the weights to say.

    Args:
        config: the parsed file.
        where: its path, for errors.
        ignore: settings of the file that the user knows to be harmless.

    Raises:
        FormatError: an unsupported family, a setting that is missing, impossible, or not known.

    Example:
        >>> sizes = {"num_hidden_layers": 2, "num_attention_heads": 3, "hidden_size": 15, "intermediate_size": 7}
        >>> sizes |= {"vocab_size": 11, "max_position_embeddings": 13, "type_vocab_size": 2, "hidden_act": "gelu_new"}
        >>> config_to_encoder({"model_type": "bert", **sizes}, "config.json").activation
        'gelu_tanh'
    """
    model_type = model_type_of(config, where)
    names = SETTINGS[model_type]
    _check_names(config, names, where, ignore)
    defaults = _NO_MATHS | _WAS_ALWAYS.get(model_type, {})
    settings = dict(_FIXED.get(model_type, {}))
    for ours, theirs in names.items():
        if config.get(theirs) is not None:
            settings[ours] = config[theirs]
        elif ours in defaults:
            settings[ours] = defaults[ours]
        else:
            raise FormatError(f"{where} must have the setting {theirs!r}. Received: {sorted(config)!s:.1000}")
    if not isinstance(settings["activation"], str) or settings["activation"] not in _ACTIVATIONS:
        raise FormatError(
            f"{names['activation']} in {where} must be one of {sorted(_ACTIVATIONS)}. Received: {settings['activation']!r:.100}"
        )
    settings["activation"] = _ACTIVATIONS[settings["activation"]]
    try:
        if model_type == "roberta":  # positions are counted from the row after the padding id's
            settings["position_offset"] = settings["pad_id"] + 1
            settings["max_positions"] -= settings["position_offset"]
        encoder = EncoderConfig(**settings)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{where} describes an impossible model: {error!s:.500}") from error
    for ours, most in _AT_MOST.items():
        if getattr(encoder, ours) > most:
            raise FormatError(f"{names[ours]} in {where} must be at most {most}. Received: {getattr(encoder, ours)!s:.20}")
    if "type_vocab_size" in names and not encoder.type_vocab_size:
        raise FormatError(f"type_vocab_size in {where} must be at least 1 for the model_type {model_type!r}. Received: 0")
    return encoder


def _written_type(config: EncoderConfig) -> str:
    """The family whose model has this config.

    Raises:
        FormatError: there is none.
    """
    if config.norm_first:
        raise FormatError("norm_first=True has no place in the Hugging Face families of BERT. Save the model as a .keras file.")
    if config.position_offset:
        found = "roberta"
    elif config.share_layers:
        found = "albert"
    elif config.type_vocab_size == 0:
        found = "distilbert"
    elif config.embedding_size is not None:  # ELECTRA names it also where it is the hidden size
        found = "electra"
    else:
        found = "bert"
    return found


def encoder_to_config(config: EncoderConfig) -> dict[str, Any]:
    """The config.json of an encoder; the family follows from the config.

    Raises:
        FormatError: no family has such an encoder.

    Example:
        >>> encoder_to_config(EncoderConfig.preset("bert_tiny"))["hidden_act"]
        'gelu'
    """
    model_type = _written_type(config)
    theirs: dict[str, Any] = {"model_type": model_type}
    for ours, name in SETTINGS[model_type].items():
        theirs[name] = getattr(config, ours)
    theirs[SETTINGS[model_type]["activation"]] = _WRITTEN[config.activation]
    if model_type == "roberta":
        theirs["max_position_embeddings"] = config.max_positions + config.position_offset
    if model_type in ("albert", "electra"):
        theirs["embedding_size"] = config.embedding_size or config.hidden_size
    if model_type == "albert":
        theirs |= {"num_hidden_groups": 1, "inner_group_num": 1}
    if model_type == "distilbert":
        theirs |= {"sinusoidal_pos_embds": False, "tie_weights_": True}
    back = config_to_encoder(theirs, "the new config.json").replace(pooler=config.pooler)
    if config.embedding_size in (None, config.hidden_size):  # the same model, said in two ways
        back = back.replace(embedding_size=config.embedding_size)
    lost = {name: value for name, value in config.to_dict().items() if back.to_dict()[name] != value}
    if model_type == "albert" and theirs["embedding_size"] == config.hidden_size:
        lost["embedding_size"] = config.embedding_size  # theirs has a projection there too
    if lost:
        raise FormatError(f"{model_type!r} models of Hugging Face cannot have {lost}. Save the model as a .keras file.")
    return theirs
