"""Run in processes of their own, on Keras's JAX backend: several pretrainings, one after the other.

    python pretrain_on_jax.py CORPUS FOLDER CASE ...

The main process also writes what the saved model of the first case gives, to FOLDER/outputs.npz. With SIGNAL in the
environment, this process sends itself that signal, or fails ("error"), after AFTER batches. A checkpoint is written before
every batch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from keras_bert_lab import ResumableTraining, load_task
from keras_bert_lab.cli import main
from keras_bert_lab.training.distribution import is_main

SMALL = [
    *("--encoder.preset", "bert_tiny", "--encoder.hidden_size", "6", "--encoder.num_layers", "1", "--encoder.num_heads", "2"),
    *("--encoder.initializer_range", "0.3", "--sequence_length", "29", "--held_out", "0.3", "--seed", "11"),
]
CASES = {
    # dropout: the same numbers must be drawn whatever the number of processes
    "plain": ["--steps", "6", "--validate_every", "2", "--batch_size", "6", "--encoder.dropout", "0.2"],
    # batches of 4 rows, then of 32, each in 2 parts
    "parts": ["--steps", "5", "--batch_size", "32", "--batch_ramp", "0.2", "--accumulate", "2"],
    # from texts: the main process learns the vocabulary
    "texts": ["--steps", "3", "--batch_size", "6", "--vocabulary.size", "90"],
    "pairs": ["--steps", "4", "--validate_every", "2", "--batch_size", "6", "--sentence_pairs", "next"],
}


class Training(ResumableTraining):
    """With a checkpoint before every batch, and an end in the middle if one is asked for."""

    def __init__(self, folder: Path, overwrite: bool) -> None:
        super().__init__(folder, every=0, overwrite=overwrite)
        self._batches_left = int(os.environ.get("AFTER", "0"))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._batches_left -= 1
        if not self._batches_left:
            if os.environ["SIGNAL"] == "error":
                raise RuntimeError("something is wrong here")
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        super().on_train_batch_end(batch, logs)


def outputs(folder: str) -> dict[str, np.ndarray]:
    """Logits of a saved model for ids made up here."""
    model = load_task(folder)
    rng = np.random.default_rng(3)
    inputs = {
        "input_word_ids": rng.integers(5, len(model.preprocessor.tokenizer.vocabulary), (3, 17)).astype("int32"),
        "input_mask": (np.arange(17) < np.array([[17], [11], [5]])).astype("int32"),
        "input_type_ids": np.zeros((3, 17), "int32"),
        "masked_lm_positions": np.array([[1, 7], [3, 0], [2, 4]], "int32"),
    }
    return {"logits": np.asarray(model(inputs)), "weights": np.concatenate([np.ravel(each) for each in model.get_weights()])}


if __name__ == "__main__":
    corpus, folder, *cases = sys.argv[1:]
    sys.modules["keras_bert_lab.recipes.runs"].ResumableTraining = Training  # type: ignore[attr-defined]
    for case in cases:
        source = f"{corpus}/../c.txt" if case == "texts" else corpus
        code = main(["pretrain", source, "--output", f"{folder}/{case}", *SMALL, *CASES[case]])
        if code:
            sys.exit(code)
    if is_main():
        np.savez(Path(folder) / "outputs.npz", **outputs(f"{folder}/{cases[0]}"))
