"""TensorFlow SavedModels: opened without their values, filled from a checkpoint, and packed so that a config can carry them.

A SavedModel is a graph (`saved_model.pb`), files that the graph reads (`assets/`) and the values of its variables
(`variables/`). A Keras layer made of one keeps the first two in memory; the values are its weights, which Keras stores. So
the original folder may go, and every value is in memory and on the disk once.
"""

from __future__ import annotations

import base64
import math
import os
import pathlib
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.lazy import LazyModule

__all__ = ["SealedModel"]

tf = LazyModule("tensorflow")
saved_model_pb2 = LazyModule("tensorflow.core.protobuf.saved_model_pb2", install="tensorflow")

GRAPH = "saved_model.pb"
ASSETS = "assets"
VALUES = "variables"
_LARGEST = 2**31  # bytes of one packed file; protocol buffers cannot be larger either


def _is_safe(name: str) -> bool:
    parts = name.split("/")
    return name == GRAPH or (
        len(parts) > 1
        and parts[0] in (ASSETS, VALUES)
        and not any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)
    )


def _dtypes(value: Any) -> Iterator[int]:
    """The types of all tensors in the description of a function's arguments."""
    kind = value.WhichOneof("kind")
    if kind in ("tensor_spec_value", "bounded_tensor_spec_value"):
        yield getattr(value, kind).dtype
    elif kind in ("list_value", "tuple_value"):
        for part in getattr(value, kind).values:
            yield from _dtypes(part)
    elif kind == "dict_value":
        for part in value.dict_value.fields.values():
            yield from _dtypes(part)


class SealedModel:
    """A SavedModel in memory, without the values of its variables.

    Args:
        files: content by name: `saved_model.pb` and what lies under `assets/`; for models without trained weights also what
            lies under `variables/`.
        source: what the errors call it: the folder or handle that the user named.

    Attributes:
        members: names of what the model offers, such as "tokenize", "mlm" or "regularization_losses".
        is_tf1: whether it has the format of TensorFlow 1, with signatures in place of functions.
        takes_strings: whether it can be called on strings.

    Raises:
        FormatError: no SavedModel, a damaged one, or names of files that lead out of its folder.
    """

    def __init__(self, files: dict[str, bytes], source: str) -> None:
        self.source = source
        self.files = files
        self._packed: dict[str, str] | None = None
        wrong = [name for name in files if not _is_safe(name)]
        if wrong or GRAPH not in files:
            raise FormatError(f"{source} is no SavedModel: " + (f"wrong file names {wrong}" if wrong else f"no {GRAPH}") + ".")
        content = saved_model_pb2.SavedModel()
        try:
            content.ParseFromString(files[GRAPH])
        except Exception as error:  # the parser has several kinds of error, by its implementation
            raise FormatError(f"{source}: {GRAPH} is damaged or truncated ({error}). Copy or download it again.") from error
        if not content.meta_graphs:
            raise FormatError(f"{source}: {GRAPH} holds no model. Copy or download it again.")
        for graph in content.meta_graphs:
            for asset in graph.asset_file_def:
                if f"{ASSETS}/{asset.filename}" not in files:
                    raise FormatError(f"{source} needs the file {ASSETS}/{asset.filename}, which is missing. Copy it again.")
        self.is_tf1 = not (len(content.meta_graphs) == 1 and content.meta_graphs[0].HasField("object_graph_def"))
        # The modules of TensorFlow 1 hold one graph for training and one without tags for use.
        self._tags: list[str] | None = [] if self.is_tf1 and len(content.meta_graphs) > 1 else None
        objects = content.meta_graphs[0].object_graph_def
        children = {child.local_name: child.node_id for child in objects.nodes[0].children} if objects.nodes else {}
        self.members = frozenset(children)
        self.takes_strings = any(
            dtype == tf.string.as_datatype_enum
            for name in (objects.nodes[children["__call__"]].function.concrete_functions if "__call__" in children else ())
            for dtype in _dtypes(objects.concrete_functions[name].canonicalized_input_signature)
        ) or any(
            tensor.dtype == tf.string.as_datatype_enum
            for graph in content.meta_graphs if self.is_tf1
            for signature in graph.signature_def.values()
            for tensor in signature.inputs.values()
        )  # fmt: skip
        self._declared = sum(
            math.prod(size.size for size in node.variable.shape.dim) * tf.as_dtype(node.variable.dtype).size
            for node in objects.nodes
            if node.HasField("variable") and node.variable.dtype != tf.string.as_datatype_enum
        )

    @classmethod
    def read(cls, folder: pathlib.Path, with_values: bool = False, source: str | None = None) -> SealedModel:
        """The SavedModel in a folder.

        Args:
            folder: that holds `saved_model.pb`.
            with_values: keep the values of the variables as well; for models that are not trained.
            source: what errors call it, if not the folder.
        """
        source = source or str(folder)
        if not (folder / GRAPH).is_file():
            found = sorted(str(path.parent) for path in folder.glob(f"*/{GRAPH}"))
            cure = f"Give {found[0]}." if found else "Give the folder of a SavedModel."
            raise FormatError(f"{source} is no SavedModel: it holds no {GRAPH}. {cure}")
        folders = (ASSETS, VALUES) if with_values else (ASSETS,)
        files = {GRAPH: (folder / GRAPH).read_bytes()}
        for path in sorted(path for name in folders for path in (folder / name).rglob("*") if path.is_file()):
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
        sealed = cls(files, source)
        stored = sum(path.stat().st_size for path in (folder / VALUES).glob("variables.data-*"))
        if sealed._declared > stored:
            raise FormatError(
                f"{source} is damaged or truncated: its variables need {sealed._declared} bytes, the files "
                f"{VALUES}/variables.data-* have {stored}. Copy or download it again."
            )
        return sealed

    def pack(self) -> dict[str, str]:
        """The files as text, for a config."""
        if self._packed is None:
            self._packed = {name: base64.b64encode(zlib.compress(content)).decode() for name, content in self.files.items()}
        return dict(self._packed)

    @classmethod
    def unpack(cls, packed: dict[str, str], source: str) -> SealedModel:
        """What `pack` wrote."""
        files = {}
        for name, text in packed.items():
            try:
                stream = zlib.decompressobj()
                files[name] = stream.decompress(base64.b64decode(text, validate=True), _LARGEST)
                complete = stream.eof
            except (ValueError, TypeError, zlib.error) as error:
                raise FormatError(f"The SavedModel of {source} is damaged in this file: {name} ({error}).") from error
            if not complete:
                raise FormatError(f"The SavedModel of {source} is damaged in this file: {name} is truncated or too large.")
        sealed = cls(files, source)
        sealed._packed = dict(packed)
        return sealed

    def open(self) -> Any:
        """The object that `tf.saved_model.load` gives; its variables have no values yet, unless the values are kept.

        Raises:
            FormatError: the graph cannot be loaded.
        """
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"A SavedModel runs on TensorFlow alone. Received: Keras with the backend {keras.backend.backend()!r}. "
                "Set KERAS_BACKEND=tensorflow, or copy the weights with load_encoder."
            )
        # A folder of its own for as long as the model lives: an export copies the files of assets from there.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="keras_bert_lab-"))
        try:
            for name, content in self.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            options = tf.saved_model.LoadOptions(experimental_skip_checkpoint=f"{VALUES}/variables.index" not in self.files)
            root = tf.saved_model.load(os.fspath(folder), tags=self._tags, options=options)
        except Exception as error:  # TensorFlow raises whatever a wrong graph leads to
            shutil.rmtree(folder, ignore_errors=True)
            if "Op type not registered" in str(error):
                op = str(error).partition("'")[2].partition("'")[0]
                raise FormatError(
                    f"{self.source} needs the TensorFlow op {op!r}, which no installed package has. "
                    "Install the package that it was made with, for texts a newer tensorflow-text."
                ) from error
            raise FormatError(f"{self.source} cannot be opened as a SavedModel: {error}") from error
        weakref.finalize(root, shutil.rmtree, folder, ignore_errors=True)
        return root

    def fill(self, root: Any, folder: pathlib.Path) -> None:
        """Give the variables of an opened model the values in its original folder.

        Raises:
            FormatError: the values are missing, damaged, or of other variables.
        """
        values = os.fspath(folder / VALUES / "variables")
        try:
            if self.is_tf1:
                root.restore(values)
            else:
                tf.train.Checkpoint(root=root).read(values).assert_existing_objects_matched()
        except Exception as error:
            raise FormatError(
                f"{self.source}: the values in {VALUES}/ are missing, damaged or those of another model ({error}). "
                "Copy or download it again."
            ) from error
