"""Worker of the fine-tuning benchmark: transformers on torch. See fine_tuning_accuracy.py.

Eager, with its default attention and torch's fused AdamW; the texts are tokenised once, by the fast tokenizer; batches are
those of transformers' own `LengthGroupedSampler`, padded to their longest row.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.trainer_pt_utils import LengthGroupedSampler

from benchmarks.fine_tuning_recipes import Examples, Recipe, Run, answer

__all__ = ["decay_groups", "fine_tune"]

_WITHOUT_DECAY = ("bias", "LayerNorm.weight")


def decay_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The weights in two groups: those that decay, and biases and layer normalisation, which do not."""
    named = list(model.named_parameters())
    kept = [weight for name, weight in named if name.endswith(_WITHOUT_DECAY)]
    decaying = [weight for name, weight in named if not name.endswith(_WITHOUT_DECAY)]
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]


class _MeanClassifier(torch.nn.Module):
    """The mean of the states of all tokens, dropout, a linear layer: transformers has no such class for BERT."""

    def __init__(self, folder: Path, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.bert = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.dropout = torch.nn.Dropout(dropout)
        self.classifier = torch.nn.Linear(self.bert.config.hidden_size, num_labels)
        torch.nn.init.normal_(self.classifier.weight, std=self.bert.config.initializer_range)
        torch.nn.init.zeros_(self.classifier.bias)

    def forward(self, attention_mask: Any, **inputs: Any) -> Any:
        states = self.bert(attention_mask=attention_mask, **inputs).last_hidden_state.float()
        seen = attention_mask.unsqueeze(-1).float()
        return self.classifier(self.dropout((states * seen).sum(1) / seen.sum(1)))


def _classifier(run: Run, num_labels: int) -> torch.nn.Module:
    if run.recipe.pooling == "mean":
        return _MeanClassifier(run.model, num_labels, run.recipe.dropout)
    return transformers.BertForSequenceClassification.from_pretrained(
        run.model, num_labels=num_labels, classifier_dropout=run.recipe.dropout
    )


def _logits(model: torch.nn.Module, inputs: dict[str, Any]) -> Any:
    outputs = model(**inputs)
    return getattr(outputs, "logits", outputs).float()


def _rows(tokenizer: Any, examples: Examples, recipe: Recipe) -> dict[str, list[list[int]]]:
    """Token and segment ids of the texts, with special tokens, cut to the longest row."""
    if recipe.truncate == "longest_first":
        return dict(tokenizer(*examples.columns, truncation=True, max_length=recipe.max_length, return_attention_mask=False))
    (texts,) = examples.columns
    room, head = recipe.max_length - 2, recipe.max_length // 4  # the first quarter and the last three
    found = tokenizer(texts, add_special_tokens=False, truncation=False, return_attention_mask=False)["input_ids"]
    cut = [ids if len(ids) <= room else [*ids[:head], *ids[head - room :]] for ids in found]
    rows = [[tokenizer.cls_token_id, *ids, tokenizer.sep_token_id] for ids in cut]
    return {"input_ids": rows, "token_type_ids": [[0] * len(row) for row in rows]}


class _Batches:
    """Tokenised texts -> padded batches."""

    def __init__(self, tokenizer: Any, examples: Examples, recipe: Recipe) -> None:
        self.rows = _rows(tokenizer, examples, recipe)
        self.lengths = [len(row) for row in self.rows["input_ids"]]
        self.labels = torch.tensor(examples.labels)
        self.tokenizer = tokenizer

    def padded(self, order: list[int]) -> dict[str, Any]:
        """These texts, padded to the longest of them."""
        rows = {key: [values[index] for index in order] for key, values in self.rows.items()}
        return dict(self.tokenizer.pad(rows, return_tensors="pt"))

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Any], Any]]:
        """All texts once, in random batches of similar length."""
        order = list(LengthGroupedSampler(batch_size, lengths=self.lengths, generator=generator))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield self.padded(rows), self.labels[rows]


def _autocast(recipe: Recipe) -> Any:
    return torch.autocast("cpu", torch.bfloat16) if recipe.precision == "bfloat16" else contextlib.nullcontext()


def _accuracy(model: Any, batches: _Batches, recipe: Recipe) -> float:
    model.eval()
    order = np.argsort(batches.lengths, kind="stable").tolist()
    right = 0
    with torch.inference_mode(), _autocast(recipe):
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            right += int((_logits(model, batches.padded(rows)).argmax(-1) == batches.labels[rows]).sum())
    return right / len(order)


def fine_tune(run: Run) -> dict[str, Any]:
    """One fine-tuning: accuracies, losses and seconds."""
    start, recipe = time.perf_counter(), run.recipe
    torch.manual_seed(run.seed)
    transformers.logging.set_verbosity_error()  # the head is new: no need to say so
    train = run.examples("train")
    tokenizer = transformers.AutoTokenizer.from_pretrained(run.model)
    model = _classifier(run, len(train.names))
    batches = _Batches(tokenizer, train, recipe)
    steps = recipe.steps(len(train.labels))
    optimizer = torch.optim.AdamW(
        decay_groups(model, recipe.weight_decay), lr=recipe.learning_rate, eps=recipe.epsilon, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.rate(step, steps) if step < steps else 0.0)
    generator = torch.Generator().manual_seed(run.seed)
    losses, prepared = [], time.perf_counter()
    model.train()
    for epoch in range(recipe.epochs):
        total, count = 0.0, 0
        for inputs, labels in batches.epoch(recipe.batch_size, generator):
            optimizer.zero_grad(set_to_none=True)
            with _autocast(recipe):
                loss = torch.nn.functional.cross_entropy(_logits(model, inputs), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item() * len(labels), count + len(labels)
            if count % (100 * recipe.batch_size) == 0:
                print(
                    f"epoch {epoch + 1}: {count} texts, loss {total / count:.3f}, {time.perf_counter() - prepared:.0f} s",
                    flush=True,
                )
        losses.append(total / count)
    trained = time.perf_counter()
    accuracy = {part: _accuracy(model, _Batches(tokenizer, run.examples(part), recipe), recipe) for part in recipe.evaluated}
    return {
        "accuracy": accuracy,
        "loss": losses,
        "seconds_of": {
            "preparation": prepared - start,
            "training": trained - prepared,
            "evaluation": time.perf_counter() - trained,
        },
    }


if __name__ == "__main__":
    answer(fine_tune, __doc__)
