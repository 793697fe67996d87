"""What the graph of a SavedModel says about the numbers in it, without running any of it."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.tensor_files import regular_file
from keras_bert_lab.lazy import LazyModule

__all__ = ["SavedModelGraph"]

tf = LazyModule("tensorflow")
saved_model_pb2 = LazyModule("tensorflow.core.protobuf.saved_model_pb2", install="tensorflow")

_FILE = "saved_model.pb"
_LARGEST = 2**31 - 1  # of a protocol buffer
_TANH_FORM = 0.044715  # the constant in the tanh form of GELU, Hendrycks and Gimpel 2016
_ADDITIONS = ("Add", "AddV2")


def _scalars(nodes: Mapping[str, Any]) -> dict[str, float]:
    """Values of the constants that are one floating-point number."""
    found = {}
    for name, node in nodes.items():
        tensor = node.attr["value"].tensor
        if node.op == "Const" and not tensor.tensor_shape.dim and tf.as_dtype(tensor.dtype).is_floating:
            found[name] = float(tf.make_ndarray(tensor))
    return found


def _decimal(value: float) -> float:
    """The number as it was written: 9.99999996e-13 in float32 stands for 1e-12."""
    return float(str(np.float32(value)))


def _sources(node: Any) -> list[str]:
    return [name.split(":")[0] for name in node.input if not name.startswith("^")]


@dataclasses.dataclass
class _Found:
    epsilons: set[float] = dataclasses.field(default_factory=set)
    activations: set[str] = dataclasses.field(default_factory=set)
    dropouts: dict[bool, set[float]] = dataclasses.field(default_factory=lambda: {False: set(), True: set()})

    def look_at(self, graph_nodes: Iterable[Any]) -> None:
        """Take in the nodes of one function."""
        nodes = {node.name: node for node in graph_nodes}
        scalars = _scalars(nodes)
        if any(math.isclose(value, _TANH_FORM, rel_tol=1e-5) for value in scalars.values()):
            self.activations.add("gelu_tanh")
        for node in nodes.values():
            given = [scalars[name] for name in _sources(node) if name in scalars]
            if node.op == "Rsqrt":  # 1 / sqrt(variance + epsilon)
                sums = [nodes[name] for name in _sources(node) if name in nodes and nodes[name].op in _ADDITIONS]
                self.epsilons |= {_decimal(scalars[name]) for add in sums for name in _sources(add) if name in scalars}
            elif node.op.startswith("FusedBatchNorm"):
                self.epsilons.add(_decimal(node.attr["epsilon"].f))
            elif node.op in ("Erf", "Erfc"):
                self.activations.add("gelu")
            elif node.op == "Relu":
                self.activations.add("relu")
            elif node.op == "GreaterEqual":  # random number >= rate
                self.dropouts["attention" in node.name] |= {_decimal(rate) for rate in given if 0 < rate < 1}


class SavedModelGraph:
    """The description in a `saved_model.pb`.

    Args:
        folder: that holds it.

    Attributes:
        folder: the folder.
        members: names of what the model offers -> number of its node.
        epsilons: what is added to variances before their square root is taken.
        activations: those of "gelu", "gelu_tanh" and "relu" that occur.

    Raises:
        FormatError: the file is missing, damaged, or of TensorFlow 1.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        path = regular_file(folder / _FILE)
        if path.stat().st_size > _LARGEST:
            raise FormatError(f"{path} must be at most {_LARGEST} bytes long. Received: {path.stat().st_size} bytes")
        content = saved_model_pb2.SavedModel()
        try:
            content.ParseFromString(path.read_bytes())
        except Exception as error:  # the parser has several kinds of error, by its implementation
            raise FormatError(f"{path} is damaged: {error!s:.100}. Copy or download it again.") from error
        if len(content.meta_graphs) != 1 or not content.meta_graphs[0].object_graph_def.nodes:
            raise FormatError(f"{path} must be a SavedModel of TensorFlow 2. Received: one of TensorFlow 1, or an empty one")
        self._graph = content.meta_graphs[0]
        self._objects = self._graph.object_graph_def
        self.members = {child.local_name: child.node_id for child in self._objects.nodes[0].children}
        found = _Found()
        try:
            found.look_at(self._graph.graph_def.node)
            for function in self._graph.graph_def.library.function:
                found.look_at(function.node_def)
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{path} is damaged: {error!s:.100}. Copy or download it again.") from error
        self.epsilons, self.activations = found.epsilons, found.activations
        self._dropouts = found.dropouts

    def dropout(self, attention: bool) -> float:
        """Share of states, or of attention weights, that is set to 0 in training; 0.1 where the graph has several shares."""
        rates = sorted(self._dropouts[attention]) or [0.0]
        return rates[0] if len(rates) == 1 else 0.1

    def _node(self, name: str) -> Any:
        number = self.members.get(name)
        return self._objects.nodes[number] if number is not None and 0 <= number < len(self._objects.nodes) else None

    def asset(self, name: str) -> pathlib.Path | None:
        """The file that a member of the model stands for, or, with name "", the only file there is; None = there is none.

        Raises:
            FormatError: its name leads out of the folder of such files.
        """
        files = [asset.filename for asset in self._graph.asset_file_def]
        if not name:
            chosen = files[0] if len(files) == 1 else None
        else:
            node = self._node(name)
            place = node.asset.asset_file_def_index if node is not None and node.HasField("asset") else len(files)
            chosen = files[place] if 0 <= place < len(files) else None
        if chosen is None:
            return None
        parts = pathlib.PurePosixPath(chosen).parts
        if not parts or ".." in parts or parts[0] == "/" or "\\" in chosen or "\0" in chosen:
            raise FormatError(
                f"{self.folder / _FILE} must name files in its assets. Received: {chosen!r}. Do not use this model."
            )
        return self.folder / "assets" / chosen

    def _answer(self, name: str) -> Any:
        """What the description says about one of the model's answers; None = there is no such answer."""
        node = self._node("__call__")
        for function in node.function.concrete_functions if node is not None else ():
            if function in self._objects.concrete_functions:
                fields = self._objects.concrete_functions[function].output_signature.dict_value.fields
                if name in fields:
                    return fields[name]
        return None

    def number_of_outputs(self, name: str) -> int | None:
        """Length of the list that the model's answers have under this name; None where they have none."""
        answer = self._answer(name)
        return None if answer is None else len(answer.list_value.values)

    def output_width(self, name: str) -> int | None:
        """Size of the second axis of an answer; None where it is not fixed."""
        answer = self._answer(name)
        sizes = [] if answer is None else [size.size for size in answer.tensor_spec_value.shape.dim]
        return sizes[1] if len(sizes) == 2 and sizes[1] > 0 else None
