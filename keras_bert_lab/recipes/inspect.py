"""What a model is, before it is used."""

from __future__ import annotations

import math
from typing import Any

from keras_bert_lab.formats import Checkpoint, TaskFolder, open_source
from keras_bert_lab.formats.encoder_weights import encoder_shapes

__all__ = ["inspect"]

_NAMES = {
    "huggingface": "a Hugging Face checkpoint",
    "tf1": "a checkpoint of the original BERT code",
    "tfhub": "a TF-Hub encoder",
    "kerashub": "a KerasHub preset",
}


def _tokenizer(preprocessor: Any) -> dict[str, Any]:
    tokenizer = preprocessor.tokenizer
    return {
        "kind": type(tokenizer).__name__,
        "tokens": len(tokenizer.vocabulary),
        "lowercase": getattr(tokenizer, "lowercase", None),
        "longest_text": preprocessor.row_length,
    }


def _of_task(folder: TaskFolder) -> dict[str, Any]:
    task = folder.load()
    return {
        "kind": f"a {folder.task} of this package",
        "config": task.encoder.config.to_dict(),
        "encoder_weights": task.encoder.count_params(),
        "heads": [type(task.head).__name__],
        "labels": getattr(task, "labels", []),
        "tokenizer": _tokenizer(task.preprocessor),
        "missing": [] if task.encoder.config.pooler else ["pooler"],
    }


def _of_checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    missing = [] if checkpoint.config.pooler else ["pooler"]
    return {
        "kind": f"{_NAMES[checkpoint.source]} of the family {checkpoint.family}",
        "config": checkpoint.config.to_dict(),
        "encoder_weights": sum(math.prod(shape) for shape in encoder_shapes(checkpoint.config).values()),
        "heads": [head.table.task for head in checkpoint.heads],
        "labels": [label for head in checkpoint.heads for label in head.labels],
        "tokenizer": _tokenizer(checkpoint.preprocessor(None)),
        "missing": missing + ([] if checkpoint.heads else ["head"]),
    }


def inspect(source: str) -> dict[str, Any]:
    """Tell what a model is: its family, sizes, head, tokenizer, and what it lacks.

    Args:
        source: a folder of ours, of Hugging Face, of KerasHub, of the original BERT code, or a TF-Hub encoder; or
            hf://organisation/name, preset:name, sample:encoder, a tfhub.dev or Kaggle address.

    Returns:
        The same, as plain data.

    Raises:
        FormatError: nothing known there, or a file that is damaged, not complete, or does not fit.
    """
    opened = open_source(source)
    found = _of_task(opened) if isinstance(opened, TaskFolder) else _of_checkpoint(opened)
    config, tokenizer = found["config"], found["tokenizer"]
    print(f"{source} is {found['kind']}.")
    print(
        f"encoder    {config['num_layers']} layers x {config['hidden_size']}, {config['num_heads']} heads, "
        f"{config['activation']}, {config['max_positions']} positions: {found['encoder_weights']:,} weights"
    )
    print(f"tokenizer  {tokenizer['kind']}, {tokenizer['tokens']:,} tokens, texts of up to {tokenizer['longest_text']} tokens")
    print(f"head       {', '.join(found['heads']) or 'none'}" + (f", labels {found['labels']}" if found["labels"] else ""))
    if found["missing"]:
        print(f"missing    {', '.join(found['missing'])}")
    return {"source": source, **found}
