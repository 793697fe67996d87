"""Worker of the benchmark time_to_loss.py: keras_bert_lab on TensorFlow, packed rows of a prepared corpus, `fit`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import keras_bert_lab as kbl
from benchmarks.measure import serve, timed_run
from benchmarks.prepared_books import mini_model
from benchmarks.time_to_loss_case import Case
from keras_bert_lab import contract
from keras_bert_lab.batches import PretrainingBatches, as_dataset, open_corpus
from keras_bert_lab.config import MaskingConfig
from keras_bert_lab.training import AdamW, LinearWarmupDecay


class Commands:
    """What the parent may ask.

    Args:
        case: the training.
        learn: folder of the corpus to learn from.
        state: file for weights and optimizer, to go on from after an interruption.
    """

    def __init__(self, case: Case, learn: Path, state: Path) -> None:
        self.case = case
        self.state = state
        corpus = open_corpus(learn)
        self.model = mini_model(corpus, case.sequence_length, seed=case.seed)
        masking = MaskingConfig(rate=case.masked)
        self.batches = PretrainingBatches(corpus, case.sequence_length, case.batch_size, masking, seed=case.seed)
        schedule = LinearWarmupDecay(case.learning_rate, case.steps, round(case.warmup * case.steps))
        self.model.compile(
            AdamW(schedule, weight_decay=case.weight_decay, epsilon=case.epsilon, global_clipnorm=case.clip_norm)
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._logits = tf.function(lambda inputs: self.model(inputs, training=False))

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def initial(self, folder: str) -> str:
        """Write the model in the form of transformers, so that both begin with the same weights."""
        kbl.save_task(self.model, folder, format="huggingface", overwrite=True)
        return folder

    def evaluate(self, path: str) -> float:
        """Loss for each masked token of the held-out rows."""
        rows, total = np.load(path), 0.0
        for start in range(0, len(rows["ids"]), self.case.batch_size):
            part = {name: rows[name][start : start + self.case.batch_size] for name in rows.files}
            logits = self._logits(
                {
                    contract.WORD_IDS: part["ids"],
                    contract.MASK: part["mask"],
                    contract.TYPE_IDS: np.zeros_like(part["ids"]),
                    contract.MASKED_POSITIONS: part["positions"],
                }
            )
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(part["targets"], logits).numpy()
            total += float((each * part["weights"]).sum())
        return total / float(rows["weights"].sum())

    def advance(self, steps: int) -> dict[str, Any]:
        """Train on the next batches with `fit`, as a user does."""
        first = int(self.model.optimizer.iterations.numpy())
        losses: list[float] = []

        def fit() -> None:
            dataset = as_dataset(self.batches, first_step=first)
            losses.extend(self.model.fit(dataset, steps_per_epoch=steps, verbose=0, shuffle=False).history["loss"])

        processor = time.process_time()
        found = timed_run(fit, 1) | {"processor": time.process_time() - processor}
        real = sum(self.batches.counts(step)[0] for step in range(first, first + steps))
        return found | {"loss": losses[0], "tokens": real}

    def save(self) -> None:
        """Keep weights and optimizer; untimed."""
        unfinished = self.state.with_suffix(".part.npz")
        np.savez(unfinished, *[variable.numpy() for variable in self._variables()])
        unfinished.rename(self.state)

    def restore(self) -> int:
        """Go on from what was kept; gives the number of steps that were made."""
        with np.load(self.state) as kept:
            for place, variable in enumerate(self._variables()):
                variable.assign(kept[f"arr_{place}"])
        return int(self.model.optimizer.iterations.numpy())


def main() -> None:
    case, learn, state = sys.argv[1:]
    commands = Commands(Case.from_json(case), Path(learn), Path(state))
    serve({name: getattr(commands, name) for name in ("initial", "evaluate", "advance", "save", "restore")})


if __name__ == "__main__":
    main()
