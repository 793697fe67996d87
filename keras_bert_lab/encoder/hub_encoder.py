"""A BERT encoder of TF-Hub as a Keras layer."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.encoder.frozen_weights import freeze_weights, frozen_weights
from keras_bert_lab.encoder.hub_function import HubFunction
from keras_bert_lab.errors import FormatError
from keras_bert_lab.handles import local_folder
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.sealed_models import SealedModel

__all__ = ["HubEncoder"]

tf = LazyModule("tensorflow")


def _clean_names(variables: list[Any]) -> list[list[str]]:
    """Paths for the weights: "a/b/kernel:0" -> ["a", "b", "kernel"], unique also with "_" for "/", as optimizers write them."""
    taken: set[str] = set()
    paths = []
    for variable in variables:
        name = variable.name.removesuffix(":0")
        parts = [re.sub(r"[^\w.-]", "_", part) for part in name.split("/") if part] or ["weight"]
        stem, number = parts[-1], 0
        while "_".join(parts) in taken:
            number += 1
            parts[-1] = f"{stem}_{number}"
        taken.add("_".join(parts))
        paths.append(parts)
    return paths


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class HubEncoder(keras.layers.Layer):
    """Token ids -> hidden states, by a SavedModel in the form of the TF-Hub text API: what `hub.KerasLayer` was before Keras 3.

    The SavedModel is a sealed box: it trains, freezes (also in part, see `set_trainable`), saves and exports, but shows no
    attention maps. It is also code: load only what you trust. `.keras` files hold all that it needs; the original folder
    may go. The arithmetic is float32, as the SavedModel was made; under mixed precision only the outputs are cast to the
    compute dtype.

    Args:
        handle: the encoder: a folder, an archive, an address of tfhub.dev or kaggle.com/models, or `hf://organisation/name`.
        trainable: whether its weights are trained.
        sealed: for Keras, when it reads a file: the packed SavedModel, in place of that of the handle.
        frozen: for Keras, when it reads a file: the places of weights that are not trained although the layer is.

    Call arguments:
        inputs: the contract dict, int32: `input_word_ids`, `input_mask` (1 = real token), `input_type_ids`, each (B, S).
        training: whether dropout is on, in a layer that is trainable.

    Returns:
        A dict: `sequence_output` (B, S, H); `pooled_output` (B, H), where a SavedModel does not have it its output "default";
        `encoder_outputs`, a list of L tensors (B, S, H). What the SavedModel does not give is left out: those of
        the first handles (/1, /2) and of TensorFlow 1 have no `encoder_outputs`, some sentence encoders only a `pooled_output`.

    Raises:
        FormatError: no SavedModel, a damaged one, or one that is no encoder of texts.
        ValueError: packed rows, which a sealed encoder cannot take; training a module of TensorFlow 1.

    Reference: tensorflow.org/hub/common_saved_model_apis/text.
    """

    def __init__(
        self,
        handle: str | os.PathLike[str],
        trainable: bool = False,
        name: str | None = None,
        sealed: dict[str, str] | None = None,
        frozen: list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.handle = os.fspath(handle)
        folder = local_folder(handle) if sealed is None else None
        self._sealed = SealedModel.read(folder, source=self.handle) if folder else SealedModel.unpack(sealed or {}, self.handle)
        if self._sealed.takes_strings and not self._sealed.is_tf1:
            raise FormatError(f"{self.handle} takes texts, not token ids: it is a preprocessor. Use HubPreprocessor.")
        self._check_trainable(trainable)
        self._hub = self._sealed.open()
        if folder:
            self._sealed.fill(self._hub, folder)
        self._function = HubFunction(self._hub, self._sealed)
        self._make_weights(empty=folder is None)
        if trainable and frozen:
            freeze_weights(self, frozen)
        self.built = True

    def _check_trainable(self, trainable: bool) -> None:
        if trainable and self._sealed.is_tf1:
            raise ValueError(
                f"trainable must be False for {self.handle}: it is a module of TensorFlow 1, whose graph for training "
                "TensorFlow 2 cannot run. Use a newer version of it (most have one in the format of TensorFlow 2)."
            )

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if hasattr(self, "_sealed"):
            self._check_trainable(value)
        keras.layers.Layer.trainable.fset(self, value)

    def _make_weights(self, empty: bool) -> None:
        variables, trained, self._rest = self._function.variables()
        broken = [] if empty else [part.name for part in variables if not bool(tf.reduce_all(tf.math.is_finite(part)))]
        if broken:
            raise FormatError(f"{self.handle} holds numbers that are not finite, in {broken[:5]}. Get another copy.")
        if empty:
            for variable in (*variables, *self._rest):
                variable.assign(tf.zeros(variable.shape, variable.dtype))
        weights = []
        for variable, parts in zip(variables, _clean_names(variables), strict=True):
            with contextlib.ExitStack() as scopes:
                for part in (self.name, *parts[:-1]):
                    scopes.enter_context(keras.name_scope(part))
                # The very variable of the SavedModel: what an optimizer does to one is done to the other.
                weight = keras.Variable(
                    variable,
                    dtype=keras.backend.standardize_dtype(variable.dtype),
                    trainable=id(variable) in trained,
                    name=parts[-1],
                )
            weights.append(weight)
        for owner, loss in self._function.regularizers(variables).items():
            weights[owner].regularizer = loss
        self._weights = weights  # Keras tracks the variables in it
        for weight in weights:
            weight.trainable = weight.trainable and self.trainable  # models around this layer look at the weights alone

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> dict[str, Any]:
        contract.check_inputs(inputs)
        packed = [key for key in (contract.EXAMPLE_IDS, contract.POSITIONS, contract.EXAMPLE_STARTS) if key in inputs]
        if packed:
            raise ValueError(
                "HubEncoder takes one text in a row: the graph of a SavedModel cannot keep packed texts apart. "
                f"Received: inputs with {packed}. Use load_encoder, which copies its weights into an Encoder."
            )
        outputs = self._function(inputs, training=bool(training) and self.trainable)
        return keras.tree.map_structure(lambda tensor: ops.cast(tensor, self.compute_dtype), outputs)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        for number, variable in enumerate(self._rest):
            store[f"rest_{number}"] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        rest = [key for key in store.keys() if key.startswith("rest_")]  # noqa: SIM118  Keras's stores have keys() alone
        super().load_own_variables({key: store[key] for key in store.keys() if key not in rest})  # noqa: SIM118
        for number, variable in enumerate(self._rest):
            variable.assign(tf.cast(store[f"rest_{number}"], variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "handle": self.handle,
            "sealed": self._sealed.pack(),
            "frozen": frozen_weights(self),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HubEncoder:
        # Keras's own would put the whole config, with the packed SavedModel, into the text of every error.
        config = dict(config)
        if isinstance(config["dtype"], dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        return cls(**config)
