"""The models that recipes are given: looked at first, made when all else is known to be in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.config import OptimizerConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats import MANIFEST, Checkpoint, TaskFolder, open_source
from keras_bert_lab.formats.manifest import read_manifest
from keras_bert_lab.tasks import MaskedLanguageModel, TextClassifier, task_of

__all__ = ["OpenedModel", "has_task", "is_ours", "open_model", "with_rate"]

_HEADS = {TextClassifier: "classification", MaskedLanguageModel: "masked_lm"}


@dataclasses.dataclass(frozen=True)
class OpenedModel:
    """A model that is there and whole, but not made yet.

    Attributes:
        source: as the user named it.
        opened: what it was found to be.
    """

    source: str
    opened: TaskFolder | Checkpoint

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that it was trained with; none for a model of other people's."""
        found = self.opened.about.get("settings", {}) if isinstance(self.opened, TaskFolder) else {}
        return found if isinstance(found, Mapping) else {}

    @property
    def is_ours(self) -> bool:
        """Whether this package trained it."""
        return is_ours(self.opened)

    def load(self) -> Any:
        """The task."""
        return task_of(self.opened)


def has_task(opened: TaskFolder | Checkpoint) -> bool:
    """Whether a model has a head that there is a task for."""
    return isinstance(opened, TaskFolder) or any(opened.head(name) is not None for name in _HEADS.values())


def is_ours(opened: TaskFolder | Checkpoint) -> bool:
    """Whether this package trained a model, and did not only write it: its folder tells by which command."""
    if isinstance(opened, TaskFolder):
        return True
    return (opened.path / MANIFEST).is_file() and "command" in read_manifest(opened.path).about


def open_model(source: str, expected: type | None = None) -> OpenedModel:
    """Look at a model.

    Args:
        source: a folder of ours, or what `load_task` takes.
        expected: class of the task; None = any.

    Raises:
        FormatError: nothing there, nothing known, damaged, or a task of another class.
    """
    opened = open_source(source)
    if isinstance(opened, TaskFolder):
        found, fits = f"a {opened.task}", expected is None or opened.task == expected.__name__
    else:
        tasks = [head.table.task for head in opened.heads]
        found = f"heads for {tasks}" if tasks else "an encoder alone"
        fits = any(name in tasks for task, name in _HEADS.items() if expected in (None, task))
    if not fits:
        wanted = "model with a head" if expected is None else expected.__name__
        raise FormatError(f"A {wanted} was expected. Received: {source}, which holds {found}.")
    return OpenedModel(source, opened)


def with_rate(optimizer: OptimizerConfig, own: float | None, encoder: Encoder | None) -> OptimizerConfig:
    """The settings with a learning rate, where the user left it open.

    Args:
        optimizer: as given.
        own: rate for an encoder of ours; None = the encoder is other people's: 5e-5, or 2e-5 from a width of 1,024 on.
        encoder: what is trained; None where `own` tells the rate.

    Reference: Devlin et al. 2018, appendix A.3, for the rates of released encoders.
    """
    if optimizer.learning_rate is not None:
        return optimizer
    rate = own if own is not None else 5e-5 if encoder is None or encoder.config.hidden_size < 1024 else 2e-5
    return dataclasses.replace(optimizer, learning_rate=rate)
