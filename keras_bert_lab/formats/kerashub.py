"""Presets of KerasHub: BERT, RoBERTa, ALBERT, DistilBERT and ELECTRA backbones, read from their files."""

from __future__ import annotations

import difflib
import logging
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.checkpoint import Checkpoint, Head, check_leftovers, check_shapes
from keras_bert_lab.formats.hdf5_files import hdf5_tensors
from keras_bert_lab.formats.kerashub_names import FAMILIES, MASKED_LM, TASK, Family, plain_name
from keras_bert_lab.formats.kerashub_tokenizer import read_preprocessor
from keras_bert_lab.formats.names import NameTable
from keras_bert_lab.formats.tensor_files import Tensors, read_json
from keras_bert_lab.lazy import LazyModule

__all__ = ["read_kerashub"]

logger = logging.getLogger("keras_bert_lab")
keras_hub = LazyModule("keras_hub", install="keras-nlp")
kagglehub = LazyModule("kagglehub")

_PREFIX = "preset:"
_WEIGHTS, _TASK_WEIGHTS, _INDEX = "model.weights.h5", "task.weights.h5", "model.weights.json"
_HARMLESS = {"name", "trainable", "dtype"}
_HEAD_EPSILON = 1e-5  # keras_hub.layers.MaskedLMHead's own


def _download(name: str) -> pathlib.Path:
    """The folder of one of KerasHub's presets, downloaded by kagglehub or found in its cache."""
    presets = keras_hub.models.Backbone.presets
    if name not in presets:
        close = difflib.get_close_matches(name, presets, n=1)
        hint = f" Did you mean {_PREFIX}{close[0]}?" if close else ""
        raise FormatError(f"KerasHub has no preset {name!r}.{hint}")
    handle = str(presets[name].get("kaggle_handle", "")).removeprefix("kaggle://")
    try:
        return pathlib.Path(kagglehub.model_download(handle))
    except Exception as error:  # whatever the network leads to
        raise FormatError(
            f"The preset {name!r} could not be downloaded ({type(error).__name__}: {error!s:.100}). Download "
            f"https://www.kaggle.com/models/{handle} with a browser, unpack it into a folder, and give that folder."
        ) from error


def _class_and_config(path: pathlib.Path) -> tuple[str, Mapping[str, Any]]:
    found = read_json(path)
    name, config = found.get("class_name"), found.get("config")
    if not isinstance(name, str) or not isinstance(config, dict):
        raise FormatError(f"{path} must have class_name and config, as KerasHub writes them. Received: {sorted(found)[:8]}")
    return name, config


def _config(family: Family, config: Mapping[str, Any], where: pathlib.Path, ignore: Collection[str]) -> EncoderConfig:
    for name, allowed in family.only.items():
        if config.get(name, allowed) != allowed and name not in ignore:
            raise FormatError(f"{name} in {where} must be {allowed!r}. Received: {config[name]!r}. Such models cannot be read.")
    unknown = sorted(set(config) - set(family.settings.values()) - family.only.keys() - _HARMLESS - set(ignore))
    if unknown:
        raise FormatError(
            f"{where} has settings that are not known here: {unknown}. They may change the model's outputs. If you know that "
            f"they do not, pass ignore={unknown}."
        )
    missing = sorted(theirs for theirs in family.settings.values() if config.get(theirs) is None)
    if missing:
        raise FormatError(f"{where} must have the settings {missing}. Received: {sorted(config)}")
    settings = {ours: config[theirs] for ours, theirs in family.settings.items()} | dict(family.fixed)
    settings["attention_dropout"] = settings["dropout"]
    same_width = settings.get("embedding_size") == settings["hidden_size"]
    if same_width and family.same_width is None:
        raise FormatError(
            f"embedding_dim in {where} must differ from hidden_dim: {family.word}Backbone has a projection even where they are "
            f"equal, the Encoder has none. Received: {settings['hidden_size']!r} for both"
        )
    if same_width:
        settings["embedding_size"] = None
    try:
        return EncoderConfig(**settings)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{where} describes an impossible model: {error}") from error


def _weight_files(folder: pathlib.Path) -> list[pathlib.Path]:
    if (folder / _WEIGHTS).exists() or not (folder / _INDEX).exists():
        return [folder / _WEIGHTS]
    mapping = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise FormatError(f"{folder / _INDEX} must hold a weight_map: names of weights with their files. Copy it again.")
    names = {name for given in mapping.values() for name in (given if isinstance(given, list) else [given])}
    for name in names:
        plain = isinstance(name, str) and name.endswith(".weights.h5") and pathlib.PurePath(name).name == name
        if not plain or "\\" in name or "\0" in name:
            raise FormatError(
                f"{folder / _INDEX} must name .weights.h5 files beside itself. Received: {name!r}. Do not use this preset."
            )
    return [folder / name for name in sorted(names)]


def _masked_lm(
    family: Family, config: EncoderConfig, names: NameTable, folder: pathlib.Path
) -> tuple[Head, dict[str, Any]] | None:
    if (family.mlm_activation, _HEAD_EPSILON) != (config.activation, config.layer_norm_eps):
        logger.warning(
            "The masked LM head of %s is left out: it has the activation %s and the epsilon %s, the encoder has %s and %s.",
            folder, family.mlm_activation, _HEAD_EPSILON, config.activation, config.layer_norm_eps,
        )  # fmt: skip
        return None
    width = config.embedding_size or config.hidden_size
    shapes = {"mlm.transform.kernel": (config.hidden_size, width), "mlm.transform.bias": (width,)}
    shapes |= {"mlm.norm.gamma": (width,), "mlm.norm.beta": (width,)}
    needed = {str(names.theirs(name, MASKED_LM.stems)): shape for name, shape in shapes.items()}
    return Head(MASKED_LM), needed | {MASKED_LM.stems["mlm.bias"]: (config.vocab_size,)}


def _classifier(
    family: Family, config: EncoderConfig, names: NameTable, task: Mapping[str, Any], folder: pathlib.Path
) -> tuple[Head, dict[str, Any]] | None:
    count, activation = task.get("num_classes"), task.get("activation")
    kinds = {None: "multi_class", "linear": "multi_class", "softmax": "multi_class", "sigmoid": "multi_label"}
    width = task.get("hidden_dim") or config.hidden_size
    known = (activation is None or isinstance(activation, str)) and activation in kinds
    readable = known and isinstance(count, int) and count >= 2
    if family.classifier is None or not readable or width != config.hidden_size:
        logger.warning(
            "The classification head of %s is left out: num_classes=%r, activation=%r, hidden_dim=%r.",
            folder,
            count,
            activation,
            width,
        )
        return None
    shapes = {"classifier.classes.kernel": (config.hidden_size, count), "classifier.classes.bias": (count,)}
    if family.classifier.transform is not None:
        shapes |= {
            "classifier.transform.kernel": (config.hidden_size, config.hidden_size),
            "classifier.transform.bias": (config.hidden_size,),
        }
    needed = {str(names.theirs(name, family.classifier.stems)): shape for name, shape in shapes.items()}
    labels = tuple(str(place) for place in range(int(count or 0)))
    return Head(family.classifier, kinds[activation], labels, float(task.get("dropout", 0.0))), needed


def _task_head(
    family: Family, config: EncoderConfig, names: NameTable, folder: pathlib.Path
) -> tuple[Head, dict[str, Any]] | None:
    """The head that task.json describes, and what it needs; None where there is none, or none that we can have."""
    if not (folder / "task.json").exists() or not (folder / _TASK_WEIGHTS).exists():
        return None
    name, task = _class_and_config(folder / "task.json")
    kind = name.removeprefix(family.word)
    if kind == "MaskedLM":
        return _masked_lm(family, config, names, folder)
    if kind in ("TextClassifier", "Classifier"):
        return _classifier(family, config, names, task, folder)
    logger.warning("The head of %s is left out: %s is not known here.", folder, name)
    return None


def read_kerashub(source: str | pathlib.Path, ignore: Collection[str] = ()) -> Checkpoint:
    """Look at a preset of KerasHub: `config.json`, `model.weights.h5` or its parts, `tokenizer.json`, and a task's head.

    Activation, epsilon and position table are those of KerasHub's classes, which are not always those of the models that the
    weights come from: RoBERTa's table begins with position 0 there, ELECTRA's GELU is the tanh form. A masked LM head is read
    where its activation and epsilon are those of the encoder (RoBERTa); else it is left out, which the log says.

    Args:
        source: a folder, or "preset:name" for one of KerasHub's own, which kagglehub downloads.
        ignore: settings of config.json that are known to be harmless.

    Raises:
        FormatError: a file that is missing, damaged or does not fit; a model that cannot be read.
    """
    named = isinstance(source, str) and source.startswith(_PREFIX)
    folder = _download(str(source).removeprefix(_PREFIX)) if named else pathlib.Path(source)
    where = folder / "config.json"
    class_name, settings = _class_and_config(where)
    if class_name not in FAMILIES:
        raise FormatError(f"class_name in {where} must be one of {sorted(FAMILIES)}. Received: {class_name!r}.")
    family = FAMILIES[class_name]
    config = _config(family, settings, where, ignore)
    names = family.names if config.embedding_size or family.same_width is None else family.same_width
    found = _task_head(family, config, names, folder)
    tensors = hdf5_tensors(folder, _weight_files(folder), plain_name)
    if found is not None:
        task = hdf5_tensors(folder, [folder / _TASK_WEIGHTS], lambda name: TASK + name)
        shapes = dict(tensors.shapes) | dict(task.shapes)
        backbone = tensors
        tensors = Tensors(folder, shapes, lambda name: (task if name.startswith(TASK) else backbone).read(name))
    check_leftovers(tensors, check_shapes(config, names, tensors, "", found[1] if found else {}), ())
    return Checkpoint(
        source="kerashub",
        path=folder,
        family=family.word.lower(),
        config=config,
        names=names,
        tensors=tensors,
        preprocessor=lambda sequence_length: read_preprocessor(folder, config, sequence_length),
        heads=(found[0],) if found else (),
    )
