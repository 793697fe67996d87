"""Hugging Face folders of the BERT family, read and written."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from keras_bert_lab.config import EncoderConfig, check_share
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.checkpoint import Checkpoint, Head, check_leftovers, check_shapes, with_pooler
from keras_bert_lab.formats.huggingface_config import config_to_encoder, model_type_of
from keras_bert_lab.formats.huggingface_names import FAMILIES, Family
from keras_bert_lab.formats.huggingface_tokenizer import read_preprocessor
from keras_bert_lab.formats.names import HeadTable
from keras_bert_lab.formats.tensor_files import Tensors, read_json, safetensors_in

__all__ = ["read_huggingface"]


# Endings of older files -> today's.
_OLD = {".gamma": ".weight", ".beta": ".bias"}
_POSITION_IDS = "embeddings.position_ids"
_TASK_TYPES = "embeddings.task_type_embeddings.weight"
_KINDS = {
    "regression": "regression",
    "single_label_classification": "multi_class",
    "multi_label_classification": "multi_label",
}


def _renamed(tensors: Tensors) -> Tensors:
    """Tensors under the names of today."""
    old = {name: name for name in tensors.shapes}
    for ending, new in _OLD.items():
        for name in tensors.shapes:
            if name.endswith(ending):
                old[name] = name.removesuffix(ending) + new
    if len(set(old.values())) < len(old):
        twice = sorted(new for name, new in old.items() if new != name and new in tensors.shapes)
        raise FormatError(f"{tensors.where} holds tensors under an old and a new name. Received: {twice[:5]}")
    back = {new: name for name, new in old.items()}
    return tensors.renamed(back)


def _prefix(family: Family, tensors: Tensors) -> str:
    """What stands before the encoder's names: the family's prefix, or nothing."""
    token = str(family.names.theirs("token.table"))
    found = [prefix for prefix in ("", family.prefix) if prefix + token in tensors.shapes]
    if len(found) != 1:
        received = f"both {token!r} and {family.prefix + token!r}" if found else "neither"
        raise FormatError(
            f"{tensors.where} must hold {token!r}, or {family.prefix + token!r} where there is a head. Received: {received}"
        )
    return found[0]


def _class_name(config: Mapping[str, Any], family: Family, tensors: Tensors, where: Any) -> str:
    """Which of the family's classes wrote this checkpoint, without the family's word: "Model", "ForMaskedLM", ..."""
    classes = {family.word + name: name for name in family.heads}
    named = config.get("architectures") or None
    if named is not None and not (isinstance(named, list) and len(named) == 1 and str(named[0]) in classes):
        raise FormatError(f"architectures in {where} must be one of {list(classes)}. Received: {named!r:.200}")
    given = None if named is None else classes[named[0]]
    complete = [name for name in family.heads if all(f"{stem}.bias" in tensors.shapes for stem in _stems(family, name))]
    # The files of the first models name the class of one of their two heads (bert-base-uncased: BertForMaskedLM).
    tables = () if given is None else family.heads[given]
    candidates = [name for name in complete if all(table in family.heads[name] for table in tables)]
    most = max(candidates, key=lambda name: len(_stems(family, name)), default=given)
    same = [name for name in candidates if set(_stems(family, name)) == set(_stems(family, str(most)))]
    if given in same or not same:
        return str(given)
    if len(same) > 1:  # a classifier of texts and one of tokens look alike
        raise FormatError(f"{where} must name its class in architectures, one of {[family.word + each for each in same]}.")
    return same[0]


def _stems(family: Family, name: str) -> list[str]:
    return [stem for table in family.heads[name] for stem in table.stems.values()]


def _is_name(name: Any) -> bool:
    # JSON can say half of a character that is written as two ("\\ud800"), which is no text.
    return isinstance(name, (str, int, float)) and str(name) == str(name).encode(errors="ignore").decode()


def _labels(config: Mapping[str, Any], count: int, where: Any) -> tuple[str, ...]:
    """Names of the labels in the order of the outputs."""
    given = config.get("id2label") or {str(place): f"LABEL_{place}" for place in range(count)}
    if not isinstance(given, dict) or not all(_is_name(name) for name in given.values()):
        raise FormatError(f"id2label in {where} must map numbers to names. Received: {given!r:.100}")
    if given.keys() != {str(place) for place in range(count)}:
        raise FormatError(
            f"id2label in {where} must name the {count} outputs 0 to {count - 1}. Received: {sorted(given)[:10]!s:.200}"
        )
    names = tuple(str(given[str(place)]) for place in range(count))
    if len(set(names)) != count:
        raise FormatError(f"id2label in {where} must give each output a name of its own. Received: {names[:10]!s:.200}")
    return names


def _dropout(config: Mapping[str, Any], encoder: EncoderConfig, where: Any) -> float:
    """Share of the pooled states that the classification head sets to 0 in training."""
    for name in ("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout"):
        if config.get(name) is not None:
            try:
                check_share(name, config[name])
            except ValueError as error:
                raise FormatError(f"{where} describes an impossible model: {error!s:.200}") from error
            return float(config[name])
    return encoder.dropout


def _kind(config: Mapping[str, Any], count: int, where: Any) -> str:
    """The kind of a classification with this many outputs."""
    problem = config.get("problem_type")
    if problem is not None and (not isinstance(problem, str) or problem not in _KINDS):
        raise FormatError(f"problem_type in {where} must be one of {list(_KINDS)} or null. Received: {problem!r:.100}")
    kind = _KINDS[problem] if problem else "regression" if count == 1 else "multi_class"
    if (kind == "regression" and count != 1) or (kind == "multi_class" and count == 1):
        raise FormatError(
            f"problem_type in {where} must fit the outputs: one for a regression, several for a classification. "
            f"Received: problem_type={problem!r} and {count} outputs. Such models cannot be read."
        )
    return kind


def _head(
    table: HeadTable, config: Mapping[str, Any], encoder: EncoderConfig, family: Family, tensors: Tensors, where: Any
) -> tuple[Head, dict[str, tuple[int, ...]]]:
    """A head, and the names and shapes of the tensors that it needs."""
    hidden, width = encoder.hidden_size, encoder.embedding_size or encoder.hidden_size
    name = dict(table.stems)
    shapes: dict[str, tuple[int, ...]] = {}
    head = Head(table)

    def dense(stem: str, outputs: int, inputs: int = hidden) -> None:
        shapes.update({f"{stem}.weight": (outputs, inputs), f"{stem}.bias": (outputs,)})

    if table.task == "masked_lm":
        if family.mlm_activation not in (None, encoder.activation):
            raise FormatError(
                f"The activation in {where} must be {family.mlm_activation!r} for {family.word}ForMaskedLM, whose head has no "
                f"other. Received: {encoder.activation!r}. Such models cannot be read."
            )
        dense(name["mlm.transform"], width)
        shapes |= {f"{name['mlm.norm']}.{kind}": (width,) for kind in ("weight", "bias")}
        shapes[f"{name['mlm']}.bias"] = (encoder.vocab_size,)
    elif table.task == "next_sentence":
        dense(name["next"], 2)
    elif table.task == "question_answering":
        dense(name["spans"], 2)
    elif table.task == "discriminator":
        dense(name["discriminator.transform"], hidden)
        dense(name["discriminator.output"], 1)
    else:
        classes = name.get("classifier.classes") or name["tokens"]
        known = [tensors.shapes[each] for each in (f"{classes}.bias", f"{classes}.weight") if tensors.shapes.get(each)]
        count = known[0][0] if known else 0
        if not count:
            raise FormatError(f"{tensors.where} must hold {classes}.weight and {classes}.bias. Received: shapes {known}")
        dense(classes, count)
        if "classifier.transform" in name:
            dense(name["classifier.transform"], hidden)
        kind = _kind(config, count, where)
        labels = () if kind == "regression" else _labels(config, count, where)
        head = Head(table, kind, labels, _dropout(config, encoder, where))
    return head, shapes


def _check_tied(table: HeadTable, config: Mapping[str, Any], tensors: Tensors, token: str) -> None:
    """Refuse an output matrix of its own where the model has the token table in its place."""
    for name in table.tied:
        if config.get("tie_word_embeddings") is False and name not in tensors.shapes:
            raise FormatError(f"{tensors.where} must hold {name}, as tie_word_embeddings is false. Received: no such tensor")
    for copy, original in [*((name, token) for name in table.tied), *table.copies.items()]:
        if copy not in tensors.shapes:
            continue
        same_shape = tensors.shapes[copy] == tensors.shapes[original]
        if not same_shape or not np.array_equal(tensors.read(copy), tensors.read(original)):
            raise FormatError(
                f"{copy} in {tensors.where} must be equal to {original}. Received: other numbers. Such models cannot be read."
            )


def _needs_pooler(table: HeadTable) -> bool:
    return table.task == "next_sentence" or (table.task == "classification" and table.transform is None)


def read_huggingface(folder: pathlib.Path, ignore: Collection[str] = ()) -> Checkpoint:
    """Look at a Hugging Face folder: `config.json` and `model.safetensors`, or its parts and their index.

    Args:
        folder: the folder.
        ignore: settings of config.json that are known to be harmless.

    Raises:
        FormatError: a file that is missing, damaged or does not fit; a model that cannot be read.
    """
    where = folder / "config.json"
    config = read_json(where)
    family = FAMILIES[model_type_of(config, where)]
    encoder = config_to_encoder(config, where, ignore)
    found, others = safetensors_in(folder)
    tensors = _renamed(found)
    prefix = _prefix(family, tensors)
    strange = sorted(name for name in others if name != prefix + _POSITION_IDS)
    if strange:
        raise FormatError(f"{folder} must hold its weights as floating-point numbers. Received: other numbers in {strange[:5]}")
    encoder = with_pooler(encoder, family.names, tensors, prefix)
    name = _class_name(config, family, tensors, where)
    heads: list[Head] = []
    head_shapes: dict[str, tuple[int, ...]] = {}
    for table in family.heads[name]:
        head, shapes = _head(table, config, encoder, family, tensors, where)
        heads.append(head)
        if _needs_pooler(table):  # where it is missing, it shall be missed
            encoder = encoder.replace(pooler=True)
        head_shapes |= shapes
    used = check_shapes(encoder, family.names, tensors, prefix, head_shapes)
    shift = prefix + _TASK_TYPES if family.model_type == "ernie" and config.get("use_task_id") else None
    if shift is not None:
        if tensors.shapes.get(shift, ()) != (config.get("task_type_vocab_size"), encoder.hidden_size):
            raise FormatError(
                f"{folder} must hold {shift} in the shape that {where} asks for. Received: {tensors.shapes.get(shift)}"
            )
        used.add(shift)
    copies = {copy for table in family.heads[name] for copy in (*table.tied, *table.copies)}
    check_leftovers(tensors, used, {prefix + _POSITION_IDS} | copies)
    for table in family.heads[name]:
        _check_tied(table, config, tensors, prefix + str(family.names.theirs("token.table")))
    return Checkpoint(
        source="huggingface",
        path=folder,
        family=family.model_type,
        config=encoder,
        names=family.names,
        tensors=tensors,
        preprocessor=lambda sequence_length: read_preprocessor(folder, config, sequence_length),
        prefix=prefix,
        heads=tuple(heads),
        transform=family.heads["ForSequenceClassification"][0].transform,
        segment_shift=shift,
    )
