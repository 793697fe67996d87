"""The parts of a task out of a model that was looked at already."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.formats import Checkpoint, TaskFolder
from keras_bert_lab.text import Preprocessor, TextCleaner

__all__ = ["classifier_parts"]


def classifier_parts(
    opened: TaskFolder | Checkpoint,
    pooling: str,
    dropout: float | None,
    max_length: int | None,
    truncate: str | None,
    dtype: Any,
    cleaner: TextCleaner | None = None,
) -> tuple[Encoder, Preprocessor, str | None]:
    """What a new classifier takes from a pretrained model.

    Args:
        opened: the model.
        pooling: of the classifier; "cls" wants the head of the encoder's family.
        dropout: of the encoder; None = as it is there.
        max_length: tokens of a text that are read; None = as it is there.
        truncate: what is cut off, see `Preprocessor`; None = as it is there.
        dtype: precision or dtype policy; None = float32.
        cleaner: of the texts; None = as it is there.

    Returns:
        Encoder, preprocessor, and the head's transform, see `ClassificationHead`.
    """
    transform = None
    if isinstance(opened, Checkpoint):
        transform = opened.transform if pooling == "cls" else None
        preprocessor = opened.preprocessor(None)
        pooler = transform is None if pooling == "cls" else None
        encoder = opened.encoder(pooler, dropout=dropout, dtype=dtype)
    else:
        task = opened.load()
        preprocessor = task.preprocessor
        encoder = task.encoder.copy(dropout=dropout, dtype=dtype)
    changes: dict[str, Any] = {}
    if max_length is not None:
        changes |= {"sequence_length": None, "max_length": max_length}
    if truncate is not None:
        changes |= {"truncate": truncate}
    if cleaner is not None:
        changes |= {"cleaner": keras.saving.serialize_keras_object(cleaner)}
    if changes:
        preprocessor = Preprocessor.from_config(preprocessor.get_config() | changes)
    return encoder, preprocessor, transform
