"""Checkpoints of the original BERT code (google-research/bert): bert_config.json, vocab.txt, bert_model.ckpt."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.checkpoint import Checkpoint, Head, check_leftovers, check_shapes, with_pooler
from keras_bert_lab.formats.names import HeadTable, NameTable
from keras_bert_lab.formats.tensor_files import Tensors, read_json, regular_file
from keras_bert_lab.formats.tf_checkpoint import TensorFlowCheckpoint
from keras_bert_lab.formats.wordpiece_files import is_lowercase, read_tokens, wordpiece_preprocessor

__all__ = ["config_of_original", "read_tf1"]

_CONFIG = "bert_config.json"
_VOCABULARY = "vocab.txt"
_PREFIX = "bert/"
_NAMES = NameTable(
    {
        "token": "embeddings/word_embeddings",
        "position": "embeddings/position_embeddings",
        "segment": "embeddings/token_type_embeddings",
        "embeddings.norm": "embeddings/LayerNorm",
        "block.{i}.query": "encoder/layer_{i}/attention/self/query",
        "block.{i}.key": "encoder/layer_{i}/attention/self/key",
        "block.{i}.value": "encoder/layer_{i}/attention/self/value",
        "block.{i}.attention_output": "encoder/layer_{i}/attention/output/dense",
        "block.{i}.attention_norm": "encoder/layer_{i}/attention/output/LayerNorm",
        "block.{i}.intermediate": "encoder/layer_{i}/intermediate/dense",
        "block.{i}.output": "encoder/layer_{i}/output/dense",
        "block.{i}.output_norm": "encoder/layer_{i}/output/LayerNorm",
        "pooler": "pooler/dense",
    },
    {"table": "", "kernel": "kernel", "bias": "bias", "gamma": "gamma", "beta": "beta"},
    separator="/",
    transposed=frozenset({"next.kernel", "classifier.classes.kernel", "spans.kernel"}),
)


def _outputs(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.kernel": f"{theirs}output_weights", f"{ours}.bias": f"{theirs}output_bias"}


_MASKED_LM = HeadTable(
    "masked_lm",
    {
        "mlm.transform": "cls/predictions/transform/dense",
        "mlm.norm": "cls/predictions/transform/LayerNorm",
        "mlm.bias": "cls/predictions/output_bias",
    },
)
_NEXT = HeadTable("next_sentence", _outputs("next", "cls/seq_relationship/"))
_CLASSIFIER = HeadTable("classification", _outputs("classifier.classes", ""))
_SPANS = HeadTable("question_answering", _outputs("spans", "cls/squad/"))

# Our setting -> theirs.
_SETTINGS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "activation": "hidden_act",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "initializer_range": "initializer_range",
}
_NO_MATHS = {"dropout", "attention_dropout", "initializer_range"}
_ACTIVATIONS = {"gelu": "gelu_tanh", "relu": "relu"}  # the code's gelu() is the tanh form
# Written into some released files; the code does not read them. The rest is for those who renamed a newer config.json.
_HARMLESS = {"architectures", "model_type", "language", "name", "type", "transformers_version", "gradient_checkpointing"}
_HARMLESS |= {"use_cache", "finetuning_task", "directionality", "pooler_fc_size", "pooler_num_attention_heads"}
_HARMLESS |= {"pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"}
# The code has these built in.
_BUILT_IN = {"layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute", "embedding_size": None}

# Slots of optimizers: Adam with weight decay, LAMB, tf.train.AdamOptimizer.
_SLOTS = ("/adam_m", "/adam_v", "/lamb_m", "/lamb_v", "/Adam", "/Adam_1")
_COUNTERS = {"global_step", "beta1_power", "beta2_power"}
_CLASSIFIER_DROPOUT = 0.1  # in run_classifier.py


def config_of_original(config: Mapping[str, Any], where: Any, ignore: Collection[str] = ()) -> EncoderConfig:
    """The encoder that a bert_config.json describes.

    Args:
        config: the parsed file.
        where: its path, for errors.
        ignore: settings of the file that the user knows to be harmless.

    Raises:
        FormatError: a setting that is missing, impossible or not known.

    Example:
        >>> sizes = {"num_hidden_layers": 2, "num_attention_heads": 3, "hidden_size": 15, "intermediate_size": 7}
        >>> sizes |= {"vocab_size": 11, "max_position_embeddings": 13, "type_vocab_size": 2, "hidden_act": "gelu"}
        >>> config_of_original(sizes, "bert_config.json").activation
        'gelu_tanh'
    """
    for name, built_in in _BUILT_IN.items():
        if name in config and config[name] != built_in and name not in ignore:
            raise FormatError(f"{name} in {where} must be {built_in!r}, as in the original code. Received: {config[name]!r}")
    unknown = sorted(set(config) - set(_SETTINGS.values()) - _BUILT_IN.keys() - _HARMLESS - set(ignore))
    if unknown:
        raise FormatError(
            f"{where} has settings that are not known here: {unknown}. They may change the model's outputs. If you know that "
            f"they do not, pass ignore={unknown}."
        )
    settings = {}
    for ours, theirs in _SETTINGS.items():
        if config.get(theirs) is not None:
            settings[ours] = config[theirs]
        elif ours not in _NO_MATHS:
            raise FormatError(f"{where} must have the setting {theirs!r}. Received: {sorted(config)}")
    if not isinstance(settings["activation"], str) or settings["activation"] not in _ACTIVATIONS:
        raise FormatError(f"hidden_act in {where} must be one of {sorted(_ACTIVATIONS)}. Received: {settings['activation']!r}")
    settings["activation"] = _ACTIVATIONS[settings["activation"]]
    try:
        return EncoderConfig(**settings, layer_norm_eps=1e-12, pad_id=0)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{where} describes an impossible model: {error}") from error


def _prefix(folder: pathlib.Path) -> pathlib.Path:
    """What the names of the checkpoint's files begin with."""
    names = sorted(path.name.removesuffix(".index") for path in folder.glob("*.index"))
    if len(names) == 1:
        return folder / names[0]
    if not names:
        raise FormatError(f"{folder} must hold bert_model.ckpt.index, or one other file *.index. Received: none.")
    listed = folder / "checkpoint"
    if listed.exists() and regular_file(listed).stat().st_size < 2**20:
        text = listed.read_text(encoding="utf-8", errors="replace")
        found = re.search(r'^model_checkpoint_path: "(.*)"$', text, re.MULTILINE)
        # An absolute path is that of the computer that trained it.
        current = re.split(r"[/\\]", found[1])[-1] if found else None
        if current in names:
            return folder / str(current)
    raise FormatError(
        f"{folder} must hold one checkpoint, or a file named checkpoint that names one of them. Received: {names[:8]}. "
        "Move the others elsewhere."
    )


def _without_slots(tensors: Tensors) -> Tensors:
    """The weights without what an optimizer kept for each of them."""
    shapes = tensors.shapes

    def is_slot(name: str) -> bool:
        return any(name.endswith(slot) and shapes.get(name.removesuffix(slot)) == shapes[name] for slot in _SLOTS)

    kept = {name: shape for name, shape in shapes.items() if not is_slot(name) and name not in _COUNTERS}
    return Tensors(tensors.where, kept, tensors.read)


def _heads(config: EncoderConfig, tensors: Tensors) -> tuple[list[Head], dict[str, tuple[int, ...]]]:
    """The heads that a checkpoint has something of, and all that they need."""
    hidden = config.hidden_size
    count = tensors.shapes.get("output_bias", (0,))[:1]
    classes = count[0] if count else 0
    ours = {
        "masked_lm": {
            "mlm.transform.kernel": (hidden, hidden),
            "mlm.transform.bias": (hidden,),
            "mlm.norm.gamma": (hidden,),
            "mlm.norm.beta": (hidden,),
            "mlm.bias": (config.vocab_size,),
        },
        "next_sentence": {"next.kernel": (hidden, 2), "next.bias": (2,)},
        "classification": {"classifier.classes.kernel": (hidden, classes), "classifier.classes.bias": (classes,)},
        "question_answering": {"spans.kernel": (hidden, 2), "spans.bias": (2,)},
    }
    heads: list[Head] = []
    needed: dict[str, tuple[int, ...]] = {}
    for table in (_MASKED_LM, _NEXT, _CLASSIFIER, _SPANS):
        shapes = {
            str(_NAMES.theirs(name, table.stems)): _NAMES.their_shape(name, shape, config.num_heads)
            for name, shape in ours[table.task].items()
        }
        if not shapes.keys() & tensors.shapes.keys():
            continue
        needed |= shapes
        if table is _CLASSIFIER:
            kind = "regression" if classes == 1 else "multi_class"
            labels = () if classes == 1 else tuple(str(place) for place in range(classes))
            heads.append(Head(table, kind, labels, _CLASSIFIER_DROPOUT))
        else:
            heads.append(Head(table))
    return heads, needed


def read_tf1(folder: pathlib.Path, ignore: Collection[str] = ()) -> Checkpoint:
    """Look at a folder of the original BERT code: `bert_config.json`, `vocab.txt`, `bert_model.ckpt.index` and `.data-*`.

    The checkpoint is the only one in the folder, or the one that the file `checkpoint` names. What an optimizer kept is left
    out. "gelu" is the tanh form, and the epsilon of layer normalisation 1e-12, as in that code. The labels of a classifier
    have no names there: they are "0", "1", ... For case and accents of texts, see `is_lowercase`.

    Args:
        folder: the folder.
        ignore: settings of bert_config.json that are known to be harmless.

    Raises:
        FormatError: a file that is missing, damaged or does not fit; a model that cannot be read.
    """
    config = config_of_original(read_json(folder / _CONFIG), folder / _CONFIG, ignore)
    prefix = _prefix(folder)
    checkpoint = TensorFlowCheckpoint.open(prefix)
    strange = sorted(checkpoint.others - _COUNTERS)
    if strange:
        raise FormatError(f"{prefix} must hold its weights as floating-point numbers. Received: others in {strange[:5]}")
    tensors = _without_slots(checkpoint.tensors)
    config = with_pooler(config, _NAMES, tensors, _PREFIX)
    heads, needed = _heads(config, tensors)
    used = check_shapes(config, _NAMES, tensors, _PREFIX, needed)
    check_leftovers(tensors, used, ())

    def preprocessor(sequence_length: int | None) -> Any:
        vocabulary = folder / _VOCABULARY
        names = [folder.resolve().name, prefix.name]
        lowercase = is_lowercase(read_tokens(vocabulary), names, vocabulary)
        return wordpiece_preprocessor(vocabulary, sequence_length, lowercase, config=config)

    return Checkpoint(
        source="tf1",
        path=folder,
        family="bert",
        config=config,
        names=_NAMES,
        tensors=tensors,
        preprocessor=preprocessor,
        prefix=_PREFIX,
        heads=tuple(heads),
    )
