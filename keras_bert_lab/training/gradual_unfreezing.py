"""First the head, then block after block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.config import check_integer
from keras_bert_lab.encoder.set_trainable import set_trainable
from keras_bert_lab.training.layer_rates import block_of, path_of

__all__ = ["GradualUnfreezing"]


class GradualUnfreezing(keras.callbacks.Callback):
    """Trains the head alone at first, then from epoch to epoch more blocks of the encoder, the last ones first.

    Frozen weights are not part of a step at all: no gradient goes to them, neither momentum nor weight decay moves them, and an
    epoch is the faster the fewer are trained. For that the step is traced anew where a stage begins, in one and the same
    `fit`: the optimizer keeps its state, and its slots for frozen weights stay as they were. (Learning rates of 0 would need
    one trace only, but each step would take the whole time: docs/learning_rates.md.)

    What was frozen when the model was compiled stays frozen. After the training, all is trained again that was before. The
    stage follows from the number of the epoch, so a `ResumableTraining` goes on in the right one.

    Args:
        stages: epoch, counted from 0 -> what of the encoder is trained from there on, as in `set_trainable`: "none", "last 2",
            "all", or patterns; with a stage for epoch 0. None = the head in epoch 0, then one or more further blocks in each
            epoch, and with the first block the embeddings.
        blocks_per_epoch: how many further blocks, where `stages` is None.

    Raises:
        TypeError: stages that are no dict of epochs.
        ValueError: no stage for epoch 0; a number out of range; (when `fit` begins) an encoder whose blocks cannot be told
            apart; an optimizer that was built before for fewer weights, or that averages weights (`use_ema`).
        RuntimeError: (when `fit` begins) another backend than TensorFlow, where an optimizer always moves all its weights.

    Reference: Howard and Ruder 2018, "ULMFiT", section 3.3.
    """

    def __init__(self, stages: Mapping[int, str | Sequence[str]] | None = None, blocks_per_epoch: int = 1) -> None:
        super().__init__()
        check_integer("blocks_per_epoch", blocks_per_epoch, 1)
        if stages is not None:
            if not isinstance(stages, Mapping) or not all(type(epoch) is int for epoch in stages):
                raise TypeError(
                    f'stages must be a dict such as {{0: "none", 1: "last 2", 2: "all"}}. Received: {stages!r:.200}'
                )
            if 0 not in stages or min(stages) < 0:
                raise ValueError(f"stages must begin with epoch 0. Received: {sorted(stages)}")
        self.stages = None if stages is None else dict(sorted(stages.items()))
        self.blocks_per_epoch = blocks_per_epoch
        self._plan: dict[int, str | Sequence[str]] = {}
        self._stage: int | None = None
        self._layers: list[tuple[Any, bool]] = []
        self._variables: list[tuple[Any, bool]] = []

    def stage_of(self, epoch: int) -> str | Sequence[str]:
        """What of the encoder is trained in an epoch, counted from 0; known when `fit` has begun."""
        return self._plan[max(first for first in self._plan if first <= epoch)]

    def _planned(self) -> dict[int, str | Sequence[str]]:
        if self.stages is not None:
            return self.stages
        numbers = [block_of(path_of(variable)) for variable in self.model.variables]
        blocks = max((number + 1 for number in numbers if number is not None), default=0)
        if not blocks:
            raise ValueError(
                'GradualUnfreezing needs an encoder with blocks, numbered like "block_0". Received: '
                f"{self.model.name!r} without any. Pass stages with patterns."
            )
        epochs = -(-blocks // self.blocks_per_epoch)
        between = {epoch: f"last {epoch * self.blocks_per_epoch}" for epoch in range(1, epochs)}
        return {0: "none", **between, epochs: "all"}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"GradualUnfreezing needs the TensorFlow backend. Received: {keras.backend.backend()}. Use set_trainable and "
                "compile between several fits."
            )
        self._put_back()  # what an error has left of an earlier `fit`
        optimizer = self.model.optimizer
        if getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False):
            raise ValueError("GradualUnfreezing needs an optimizer without use_ema. Received: use_ema=True. Leave it out.")
        trained = self.model.trainable_variables
        if not optimizer.built:
            with self.model.distribute_strategy.scope():
                optimizer.build(trained)
        try:
            getattr(optimizer, "inner_optimizer", optimizer)._check_variables_are_known(trained)
        except ValueError as error:
            raise ValueError(
                "The optimizer must know all weights that will be trained. Received: one that was built while some were "
                "frozen. Compile the model again."
            ) from error
        self._plan = self._planned()
        self._stage = None
        self._layers = [(layer, layer.trainable) for layer in self.model._flatten_layers()]
        self._variables = [(variable, variable.trainable) for variable in self.model.variables]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        stage = max(first for first in self._plan if first <= epoch)
        if stage == self._stage:
            return
        self._stage = stage
        set_trainable(self.model, self._plan[stage])
        for variable, was_trained in self._variables:
            if not was_trained:
                variable.trainable = False
        self.model.make_train_function(force=True)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._put_back()

    def _put_back(self) -> None:
        if not self._layers:
            return
        # From the outside to the inside: a layer tells those within it.
        for layer, was_trained in self._layers:
            if layer.trainable != was_trained:
                layer.trainable = was_trained
        for variable, was_trained in self._variables:
            variable.trainable = was_trained
        self._layers, self._variables = [], []
        self.model.make_train_function(force=True)
