"""Worker of the fine-tuning benchmark: keras_bert_lab on TensorFlow. See fine_tuning_accuracy.py."""

from __future__ import annotations

import time
from typing import Any

import keras

import keras_bert_lab as kbl
from benchmarks.fine_tuning_recipes import Examples, Run, answer
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training import AdamW, LinearWarmupDecay

__all__ = ["fine_tune"]

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


class _Log(keras.callbacks.Callback):
    """A line for every 100 steps."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch, self.start = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch % 100 == 99:
            seconds = time.perf_counter() - self.start
            print(f"epoch {self.epoch + 1}: step {batch + 1}, loss {logs['loss']:.3f}, {seconds:.0f} s", flush=True)


def _texts(examples: Examples) -> Any:
    return examples.columns[0] if len(examples.columns) == 1 else tuple(examples.columns)


def fine_tune(run: Run) -> dict[str, Any]:
    """One fine-tuning: accuracies, losses and seconds."""
    start, recipe = time.perf_counter(), run.recipe
    keras.utils.set_random_seed(run.seed)
    keras.config.set_dtype_policy(_POLICIES[recipe.precision])
    train = run.examples("train")
    tokenizer = kbl.load_preprocessor(str(run.model)).tokenizer
    model = kbl.TextClassifier(
        kbl.load_encoder(str(run.model)),
        Preprocessor(tokenizer, max_length=recipe.max_length, truncate=recipe.truncate),
        labels=train.names,
        kind="multi_class",  # two outputs and softmax, as in BertForSequenceClassification
        pooling=recipe.pooling,
        dropout=recipe.dropout,
    )
    steps = recipe.steps(len(train.labels))
    schedule = LinearWarmupDecay(recipe.learning_rate, steps, round(recipe.warmup * steps))
    model.compile(AdamW(schedule, weight_decay=recipe.weight_decay, epsilon=recipe.epsilon, global_clipnorm=recipe.clip_norm))
    prepared = time.perf_counter()
    history = model.fit(
        _texts(train),
        train.labels,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        seed=run.seed,
        verbose=0,
        callbacks=[_Log()],
    ).history
    trained = time.perf_counter()
    accuracy = {}
    for part in recipe.evaluated:
        examples = run.examples(part)
        found = model.predict(_texts(examples), batch_size=64).argmax(axis=1)
        accuracy[part] = float((found == examples.labels).mean())
    return {
        "accuracy": accuracy,
        "loss": history["loss"],
        "seconds_of": {
            "preparation": prepared - start,
            "training": trained - prepared,
            "evaluation": time.perf_counter() - trained,
        },
    }


if __name__ == "__main__":
    answer(fine_tune, __doc__)
