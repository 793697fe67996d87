"""`from keras_bert_lab import hub` in place of `import tensorflow_hub as hub`: code for text encoders runs on in Keras 3.

    preprocess = hub.KerasLayer(preprocess_handle)
    encoder = hub.KerasLayer(encoder_handle, trainable=True)

`KerasLayer` makes a `HubPreprocessor` or a `HubEncoder`, by what the model takes.
"""

from __future__ import annotations

import os
from typing import Any

from keras_bert_lab.encoder.hub_encoder import HubEncoder
from keras_bert_lab.handles import local_folder
from keras_bert_lab.sealed_models import SealedModel
from keras_bert_lab.text.hub_preprocessor import HubPreprocessor

__all__ = ["KerasLayer"]

# Arguments of tensorflow_hub's KerasLayer that have no meaning here, and what to do instead.
_REFUSED = {
    "signature": "The layer finds the right function by itself",
    "signature_outputs_as_dict": "The outputs always are a dict",
    "output_key": 'Take it from the dict that the layer gives, as in outputs["pooled_output"]',
    "output_shape": "The shapes of the outputs follow from the model",
    "tags": "The layer finds the right graph by itself",
    "load_options": "Variables lie on the device or strategy in whose scope the layer is made",
    "input_shape": 'Begin the model with keras.Input((), dtype="string")',
    "batch_input_shape": 'Begin the model with keras.Input((), dtype="string")',
}


def KerasLayer(  # noqa: N802  the name that tutorials have
    handle: str | os.PathLike[str],
    trainable: bool = False,
    arguments: dict[str, Any] | None = None,
    **kwargs: Any,
) -> HubEncoder | HubPreprocessor:
    """The layer for a model of TF-Hub: a HubPreprocessor if it takes texts, else a HubEncoder.

    Args:
        handle: a folder, an archive, an address of tfhub.dev or kaggle.com/models, or `hf://organisation/name`.
        trainable: whether the weights of an encoder are trained.
        arguments: for a preprocessor, `{"seq_length": S}`: the number of tokens in each row.
        **kwargs: `name` and `dtype`, as of every Keras layer. `dtype` says nothing about a preprocessor.

    Raises:
        TypeError: an opened model in place of its handle.
        ValueError: an argument of tensorflow_hub's KerasLayer that has no meaning here; the error says what to do instead.
        FormatError: the model cannot be found or is none of text.
    """
    for name, cure in _REFUSED.items():
        if kwargs.pop(name, None) is not None:
            raise ValueError(f"{name} cannot be set here. {cure}. Leave it out.")
    if callable(handle):
        raise TypeError(
            "handle must be the folder or address of a model. Received: an opened model or a part of one. "
            "Pass its handle; rows of another length: arguments={'seq_length': 256}."
        )
    sealed = SealedModel.read(local_folder(handle), source=os.fspath(handle))
    is_preprocessor = sealed.takes_strings and not sealed.is_tf1
    settings = dict(arguments or {})
    length = settings.pop("seq_length", None) if is_preprocessor else None
    if settings:
        allowed = "{'seq_length': S}" if is_preprocessor else "nothing"
        raise ValueError(f"arguments may hold {allowed} for this model. Received: arguments={arguments!r}. Leave them out.")
    if is_preprocessor:
        kwargs.pop("dtype", None)
        return HubPreprocessor(handle, sequence_length=None if length is None else int(length), trainable=trainable, **kwargs)
    return HubEncoder(handle, trainable=trainable, **kwargs)
