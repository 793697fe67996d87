"""The tiny training that is killed: a masked language model with dropout, three epochs of five batches, with validation."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_bert_lab as kbl
from benchmarks.resume_calls import Act, Interception
from benchmarks.resume_lives import PHASES, Marks
from keras_bert_lab.batches import MemoryCorpus, TokenRows
from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.training.checkpoints import Checkpoint, CheckpointFolder
from keras_bert_lab.training.training_state import state_of

__all__ = ["EPOCHS", "SAVES", "STEPS", "Phases", "acting", "train"]

EPOCHS, STEPS = 3, 5
# Before each batch and before each validation, and one at the end.
SAVES = EPOCHS * (STEPS + 1) + 1
_SEED = 11
_LENGTH, _ROWS = 17, 3
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = [*_SPECIAL, *(f"w{number}" for number in range(26))]


class Phases(keras.callbacks.Callback):
    """Tells where the training is."""

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self.marks = marks

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.marks.enter("training")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.marks.set(batches=self.marks.batches + 1)

    def on_test_begin(self, logs: Any = None) -> None:
        self.marks.enter("validation")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.marks.enter("training")

    def on_train_end(self, logs: Any = None) -> None:
        self.marks.enter("end")


@contextlib.contextmanager
def acting(root: Path, marks: Marks, in_save: Callable[[int], Act | None], in_recovery: Act | None = None) -> Iterator[None]:
    """While the block runs, marks are set by all uses of checkpoints, and their calls go through other functions.

    Args:
        root: above the checkpoints.
        marks: of this life.
        in_save: the number of the save in this life, from 1 -> what its calls go through; None = nothing.
        in_recovery: what the calls go through from opening the folder until a checkpoint was chosen.
    """
    opening, saving, choosing = CheckpointFolder.__init__, CheckpointFolder.save, CheckpointFolder.newest
    recovery = contextlib.ExitStack()

    def opened(self: CheckpointFolder, *arguments: Any, **settings: Any) -> None:
        marks.enter("recovery")
        if in_recovery is not None:
            recovery.enter_context(Interception(root, in_recovery))
        try:
            opening(self, *arguments, **settings)
        except BaseException:
            recovery.close()
            raise

    def chosen(self: CheckpointFolder) -> Checkpoint | None:
        try:
            found = choosing(self)
        finally:
            recovery.close()
        marks.set(found=-1 if found is None else found.about["step"])
        return found

    def saved(self: CheckpointFolder, arrays: Any, about: Any) -> Path:
        before = marks.phase
        marks.set(saves_begun=marks.saves_begun + 1, phase=PHASES.index("save"))
        act = in_save(marks.saves_begun)
        try:
            with contextlib.nullcontext() if act is None else Interception(root, act):
                target = saving(self, arrays, about)
        finally:
            marks.set(phase=before)
        marks.set(saves_done=marks.saves_done + 1, acknowledged=about["step"])
        return target

    CheckpointFolder.__init__, CheckpointFolder.save, CheckpointFolder.newest = opened, saved, chosen  # type: ignore[method-assign]
    try:
        yield
    finally:
        recovery.close()
        CheckpointFolder.__init__, CheckpointFolder.save, CheckpointFolder.newest = opening, saving, choosing  # type: ignore[method-assign]


def _corpus(documents: int, seed: int, vocabulary: Any) -> MemoryCorpus:
    random = np.random.default_rng(seed)
    lengths = random.integers(5, 40, documents)
    ids = random.integers(len(_SPECIAL), len(_WORDS), lengths.sum()).astype(np.int32)
    return MemoryCorpus(TokenRows(ids, ids * 0, np.concatenate([[0], np.cumsum(lengths)])), vocabulary)


def _model() -> kbl.MaskedLanguageModel:
    config = kbl.EncoderConfig(
        vocab_size=len(_WORDS),
        hidden_size=6,
        num_layers=1,
        num_heads=2,
        intermediate_size=10,
        max_positions=_LENGTH,
        dropout=0.1,
        attention_dropout=0.1,
    )
    tokenizer = kbl.WordPieceTokenizer(_WORDS)
    return kbl.MaskedLanguageModel(kbl.Encoder(config), kbl.Preprocessor(tokenizer, max_length=_LENGTH))


def train(checkpoints: Path, callbacks: tuple[keras.callbacks.Callback, ...] = (), every: float = 0) -> dict[str, Any]:
    """Train to the end, from wherever the checkpoints stand.

    Args:
        checkpoints: their folder.
        callbacks: more of them.
        every: see `ResumableTraining`.

    Returns:
        "hash" of all weights with the states of seeds, slots of the optimizer, seeds that belong to nobody, and the history;
        "parts", the hashes of each; "history".
    """
    logging.basicConfig(level=logging.WARNING)
    keras.utils.set_random_seed(_SEED)
    model = _model()
    vocabulary = model.preprocessor.tokenizer.vocabulary
    learned, held_out = _corpus(24, 1, vocabulary), _corpus(9, 2, vocabulary)
    how: dict[str, Any] = {"sequence_length": _LENGTH, "batch_size": _ROWS, "seed": 3}
    steps = EPOCHS * STEPS
    model.compile(kbl.AdamW(kbl.LinearWarmupDecay(1e-2, steps, 3)))
    training = kbl.ResumableTraining(checkpoints, every=every)
    model.fit(
        kbl.PretrainingBatches(learned, **{"fill_last_batch": False, **how}),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        validation_data=kbl.PretrainingBatches(held_out, fill_last_batch=False, **how),
        callbacks=[training, keras.callbacks.EarlyStopping("val_loss", patience=100), *callbacks],
        verbose=0,
    )
    state = state_of(model, ("weights", "optimizer", "seeds"))
    parts = {}
    for kind in ("weights", "optimizer", "seeds"):
        named = sorted((name, array) for name, array in state.items() if name.startswith(kind))
        parts[kind] = hash_of(*(part for pair in named for part in pair))
    parts["history"] = hash_of(repr((model.history.epoch, sorted(model.history.history.items()))))
    return {"hash": hash_of(*parts.values()), "parts": parts, "history": model.history.history, "variables": len(state)}
