"""BERT encoders of TF-Hub: SavedModels with the variables of tensorflow/models, read into our own Encoder."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from keras_bert_lab import contract
from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.checkpoint import Checkpoint, Head, check_leftovers, check_shapes
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.names import NameTable
from keras_bert_lab.formats.saved_model_graph import SavedModelGraph
from keras_bert_lab.formats.tensor_files import Tensors
from keras_bert_lab.formats.tf_checkpoint import TensorFlowCheckpoint
from keras_bert_lab.formats.tfhub_names import MASKED_LM, TABLES, table_for
from keras_bert_lab.formats.tfhub_preprocessor import preprocessor_of_encoder, read_tfhub_preprocessor
from keras_bert_lab.formats.tfhub_proof import answers_of, compare_with
from keras_bert_lab.heads import MaskedLMHead
from keras_bert_lab.lazy import LazyModule

__all__ = ["read_tfhub", "read_tfhub_preprocessor"]

tf = LazyModule("tensorflow")
trackable_object_graph_pb2 = LazyModule("tensorflow.core.protobuf.trackable_object_graph_pb2", install="tensorflow")

_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_LOWER_CASE = "do_lower_case/.ATTRIBUTES/VARIABLE_VALUE"
_COUNTER = "save_counter/.ATTRIBUTES/VARIABLE_VALUE"  # of every tf.train.Checkpoint object
_MLM = "cls/predictions/"


def _named(checkpoint: TensorFlowCheckpoint) -> Tensors:
    """The weights under the names of their variables; the file has them under their places among the objects."""
    if _OBJECTS not in checkpoint.others:
        raise FormatError(f"{checkpoint.prefix} must be of a SavedModel: it does not say what its weights are called.")
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    try:
        graph.ParseFromString(checkpoint.read_other(_OBJECTS))
    except Exception as error:  # the parser has several kinds of error, by its implementation
        raise FormatError(f"{checkpoint.prefix} is damaged: {error!s:.100}. Copy or download it again.") from error
    keys: dict[str, str] = {}
    for node in graph.nodes:
        for attribute in node.attributes:
            key, name = attribute.checkpoint_key, attribute.full_name.removesuffix(":0")
            if key not in checkpoint.tensors.shapes:
                continue
            place = name.find(_MLM)
            if place >= 0:  # exporters differ in what stands before it, and in the bias of the output
                name = "bert/" + name[place:] + ("/bias" if name.endswith("/output_bias") else "")
            if keys.setdefault(name, key) != key:
                raise FormatError(f"{checkpoint.prefix} must give each weight a name of its own. Received twice: {name!r}")
    unnamed = sorted(checkpoint.tensors.shapes.keys() - keys.values())
    if unnamed:
        raise FormatError(f"{checkpoint.prefix} must say what each weight is called. Received: nothing about {unnamed[:5]}")
    shapes = {name: checkpoint.tensors.shapes[key] for name, key in keys.items()}
    return Tensors(checkpoint.prefix, shapes, lambda name: checkpoint.tensors.read(keys[name]))


def _one(values: set[Any], what: str, graph: SavedModelGraph) -> Any:
    if len(values) != 1:
        raise FormatError(
            f"The graph in {graph.folder} must use one {what} throughout. Received: {sorted(values)}. "
            "Use it as it is, as a HubEncoder."
        )
    return next(iter(values))


def _config(names: NameTable, prefix: str, tensors: Tensors, graph: SavedModelGraph, family: str) -> EncoderConfig:
    """The config that the shapes of the variables and the graph ask for."""

    def shape(name: str, axes: int) -> tuple[int, ...]:
        theirs = prefix + str(names.theirs(name))
        found = tensors.shapes.get(theirs)
        if found is None or len(found) != axes:
            raise FormatError(f"{tensors.where} must hold {theirs} with {axes} axes. Received: {found}")
        return found

    vocabulary, width = shape("token.table", 2)
    hidden, heads, _ = shape("block.0.query.kernel", 3)
    count = 0
    while prefix + str(names.theirs(f"block.{count}.query.kernel")) in tensors.shapes and (count == 0 or family != "albert"):
        count += 1
    shared = graph.number_of_outputs(contract.ENCODER_OUTPUT) if family == "albert" else None
    if family == "albert" and not shared:
        raise FormatError(f"The graph in {graph.folder} must show its number of layers: they share their weights.")
    try:
        return EncoderConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            num_layers=shared or count,
            num_heads=heads,
            intermediate_size=shape("block.0.intermediate.kernel", 2)[1],
            max_positions=shape("position.table", 2)[0],
            type_vocab_size=shape("segment.table", 2)[0],
            embedding_size=None if width == hidden else width,
            activation=_one(graph.activations, "activation", graph),
            layer_norm_eps=_one(graph.epsilons, "epsilon of layer normalisation", graph),
            dropout=graph.dropout(attention=False),
            attention_dropout=graph.dropout(attention=True),
            share_layers=family == "albert",
            pooler=prefix + str(names.theirs("pooler.kernel")) in tensors.shapes,
        )
    except ValueError as error:
        raise FormatError(f"{tensors.where} describes an impossible model: {error}") from error


def _masked_lm(config: EncoderConfig, names: NameTable, tensors: Tensors) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the masked LM head's weights; empty where there is none."""
    if not any(_MLM in name for name in tensors.shapes):
        return {}
    width = config.embedding_size or config.hidden_size
    ours = {
        "mlm.transform.kernel": (config.hidden_size, width),
        "mlm.transform.bias": (width,),
        "mlm.norm.gamma": (width,),
        "mlm.norm.beta": (width,),
    }
    shapes = {str(names.theirs(name, MASKED_LM.stems)): shape for name, shape in ours.items()}
    return shapes | {MASKED_LM.stems["mlm.bias"]: (config.vocab_size,)}


def read_tfhub(folder: pathlib.Path) -> Checkpoint:
    """Look at a BERT encoder of TF-Hub. Its graph is read, not run, until `Checkpoint.encoder` makes the encoder.

    Sizes follow from the shapes of the variables; activation, epsilon and dropout from the graph. That the graph computes
    nothing else is then proved: it is run on a few random rows, and the encoder's answers must be equal to 1e-4. A
    SavedModel is a program; load only what you trust.

    Args:
        folder: with `saved_model.pb` and `variables/`.

    Raises:
        FormatError: a file that is missing, damaged or does not fit; a model that cannot be read.
    """
    graph = SavedModelGraph(folder)
    checkpoint = TensorFlowCheckpoint.open(folder / "variables" / "variables")
    tensors = _named(checkpoint)
    found = table_for(list(tensors.shapes))
    if found is None:
        raise FormatError(
            f"The SavedModel in {folder} must have the variables of a BERT of tensorflow/models. Received: "
            f"{sorted(tensors.shapes)[:5]}. Use it as it is, as a HubEncoder."
        )
    family, prefix = found
    names = TABLES[family]
    config = _config(names, prefix, tensors, graph, family)
    needed = _masked_lm(config, names, tensors)
    check_leftovers(tensors, check_shapes(config, names, tensors, prefix, needed), ())
    strange = sorted(name for name in checkpoint.others - {_OBJECTS, _LOWER_CASE} if not name.endswith(_COUNTER))
    if strange:
        raise FormatError(f"{folder} must hold its weights as floating-point numbers. Received: others in {strange[:5]}")
    heads = (Head(MASKED_LM),) if needed else ()
    made: list[Checkpoint] = []

    def logits(encoder: Encoder, states: Any) -> Any:
        head = MaskedLMHead(encoder)
        made[0].fill_head(MASKED_LM, head_slots(head))
        return head(states, tf.zeros((states.shape[0], 1), tf.int32))

    def prove() -> Callable[[Encoder], None]:
        inputs, theirs = answers_of(folder, config)
        return compare_with(inputs, theirs, folder, config.pooler, logits if heads else None)

    made.append(
        Checkpoint(
            source="tfhub",
            path=folder,
            family="albert" if family == "albert" else "bert",
            config=config,
            names=names,
            tensors=tensors,
            preprocessor=lambda length: preprocessor_of_encoder(graph, checkpoint, config, length),
            prefix=prefix,
            heads=heads,
            prove=prove,
        )
    )
    return made[0]
