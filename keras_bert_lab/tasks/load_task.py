"""A whole task out of a folder: encoder, preprocessor, head and labels."""

from __future__ import annotations

import pathlib
from collections.abc import Collection
from typing import Any

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats import Checkpoint, TaskFolder, open_source
from keras_bert_lab.formats.checkpoint import Head
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.tasks.masked_language_model import MaskedLanguageModel
from keras_bert_lab.tasks.text_classifier import TextClassifier

__all__ = ["load_task", "task_of"]


def _text_classifier(checkpoint: Checkpoint, head: Head) -> TextClassifier:
    # A head with a layer of its own takes the state of the first token, also where the file holds a pooler.
    encoder = checkpoint.encoder(pooler=None if head.table.transform is None else False)
    model = TextClassifier(
        encoder,
        checkpoint.preprocessor(None),
        labels=list(head.labels) or None,
        kind=str(head.kind),
        dropout=head.dropout,
        transform=head.table.transform,
    )
    checkpoint.fill_head(head.table, head_slots(model.head))
    return model


def task_of(opened: TaskFolder | Checkpoint) -> Any:
    """The task of a model that was looked at already; see `load_task`."""
    if isinstance(opened, TaskFolder):
        return opened.load()
    if opened.head("masked_lm") is not None:
        return MaskedLanguageModel.from_checkpoint(opened)
    classification = opened.head("classification")
    if classification is not None:
        return _text_classifier(opened, classification)
    found = [head.table.task for head in opened.heads]
    raise FormatError(
        f"{opened.path} must have a masked LM or a classification head. Received: {found or 'an encoder alone'}. "
        "Use load_encoder, and put a head of your own on it."
    )


def load_task(source: str | pathlib.Path, ignore: Collection[str] = ()) -> Any:
    """A whole model, texts in and answers out: what `train` or `pretrain` wrote, or other people's with its head.

    Args:
        source: a folder of this package; or a checkpoint with a masked LM head (with or without next sentence) or a text
            classifier, see `load_encoder`.
        ignore: settings of a config file that are known to be harmless.

    Returns:
        A TextClassifier or a MaskedLanguageModel.

    Raises:
        FormatError: nothing there, nothing known; a file that is damaged, not complete, or does not fit; a checkpoint without
            a head, or with one that there is no task for.
    """
    return task_of(open_source(source, ignore))
