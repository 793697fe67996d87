"""Worker of the benchmark pretraining.py: one fine-tuning, or one measurement of a masked language model.

Fine-tuning: mean of the states of all tokens (the pooler was not pretrained), dropout 0.1, AdamW with 10 % linear warm-up and
linear decay, weight decay 0.01, gradients clipped at 1, batches of 32 texts of similar length, texts of up to 128 tokens,
mixed bfloat16, the weights of the last step. The seed decides the head, the order and dropout, and for the untrained encoder
also its weights.

The measurement: loss for each masked token, accuracy and perplexity with 15 % single tokens masked, always the same ones,
whatever the model was trained on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_bert_lab as kbl
from benchmarks.fine_tuning_recipes import Examples, read_examples
from keras_bert_lab.batches import PretrainingBatches, as_dataset, open_corpus
from keras_bert_lab.recipes.pretraining_data import read_documents
from keras_bert_lab.training import AdamW, LinearWarmupDecay

__all__ = ["fine_tune", "measure"]

_LENGTH = 128
_DROPOUT = 0.1
_CHOICE = 0.1  # share of the training texts that learning rates are chosen on


def _texts(examples: Examples) -> Any:
    return examples.columns[0] if len(examples.columns) == 1 else tuple(examples.columns)


def _some(examples: Examples, rows: np.ndarray) -> Examples:
    columns = [[column[row] for row in rows] for column in examples.columns]
    return Examples(columns, [examples.labels[row] for row in rows], examples.names)


def _encoder(folder: Path, is_trained: bool) -> Any:
    """The encoder with dropout, with its weights or with new ones."""
    found = kbl.load_encoder(str(folder))
    config = dataclasses.replace(found.config, dropout=_DROPOUT, attention_dropout=_DROPOUT)
    encoder = kbl.Encoder(config, dtype="mixed_bfloat16")
    if is_trained:
        encoder.set_weights(found.get_weights())
    return encoder


def fine_tune(options: argparse.Namespace) -> dict[str, Any]:
    """Accuracy on some parts of a set, or on held-out training texts ("choice")."""
    keras.utils.set_random_seed(options.seed)
    train = read_examples(options.data, options.name, "train", options.quick)
    tested = {}
    if options.parts == ["choice"]:
        order = np.random.default_rng(0).permutation(len(train.labels))
        count = round(_CHOICE * len(order))
        tested = {"choice": _some(train, order[:count])}
        train = _some(train, order[count:])
    else:
        tested = {part: read_examples(options.data, options.name, part, options.quick) for part in options.parts}
    tokenizer = kbl.load_preprocessor(str(options.model)).tokenizer
    model = kbl.TextClassifier(
        _encoder(options.model, is_trained=not options.untrained),
        kbl.Preprocessor(tokenizer, max_length=_LENGTH, truncate="longest_first"),
        labels=train.names,
        pooling="mean",
        dropout=_DROPOUT,
    )
    steps = options.epochs * -(-len(train.labels) // 32)
    model.compile(AdamW(LinearWarmupDecay(options.rate, steps, round(0.1 * steps))))
    labels = [train.names[label] for label in train.labels]
    history = model.fit(_texts(train), labels, epochs=options.epochs, seed=options.seed, verbose=0).history
    accuracy = {}
    for part, examples in tested.items():
        wanted = [examples.names[label] for label in examples.labels]
        accuracy[part] = float((model.predict_text(_texts(examples)).label.astype(str).to_numpy() == np.array(wanted)).mean())
    return {"accuracy": accuracy, "texts": {part: len(each.labels) for part, each in tested.items()}, "loss": history["loss"]}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Loss, accuracy and perplexity of a masked language model on held-out documents."""
    model = kbl.load_task(str(options.model))
    documents = None
    if options.held_out:  # those that `pretrain` itself held out
        documents = read_documents([options.corpus], None, options.held_out, options.seed, "utf-8").held_out
    batches = PretrainingBatches(open_corpus(options.corpus), _LENGTH, 32, documents=documents, fill_last_batch=False)
    model.compile()
    found = model.evaluate(as_dataset(batches, epochs=1), verbose=0, return_dict=True)
    return {name: float(found[name]) for name in ("loss", "accuracy", "perplexity")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    tuning, measuring = commands.add_parser("fine_tune"), commands.add_parser("measure")
    for each in (tuning, measuring):
        each.add_argument("model", type=Path)
        each.add_argument("--seed", type=int, default=0)
        each.add_argument("--results", type=Path, required=True, help="file for the figures")
    tuning.add_argument("name", help="of the set")
    tuning.add_argument("--data", type=Path, required=True)
    tuning.add_argument("--parts", nargs="+", required=True)
    tuning.add_argument("--rate", type=float, required=True)
    tuning.add_argument("--epochs", type=int, required=True)
    tuning.add_argument("--untrained", action="store_true")
    tuning.add_argument("--quick", action="store_true")
    measuring.add_argument("corpus", type=Path)
    measuring.add_argument("--held_out", type=float, default=0.0)
    options = parser.parse_args()
    figures = (fine_tune if options.command == "fine_tune" else measure)(options)
    options.results.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
