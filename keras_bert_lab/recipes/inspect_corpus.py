"""What a prepared corpus holds."""

from __future__ import annotations

import os
import sys
from typing import Any, Literal

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches.corpus import Corpus, check_corpus
from keras_bert_lab.batches.pretraining_batches import PretrainingBatches
from keras_bert_lab.batches.randomness import generator
from keras_bert_lab.config import MaskingConfig, check_integer

__all__ = ["inspect_corpus"]

_MASKING = MaskingConfig()
_BAR = 40
_DOCUMENTS = 16  # that rows of a batch are taken from
_COLOURS = {"masked": "\033[31m", "replaced": "\033[33m", "kept": "\033[32m"}
_SIGNS = {"masked": "[MASK:{0}]", "replaced": "[{1}:{0}]", "kept": "[{0}]"}
_END = "\033[0m"


def _histogram(lengths: np.ndarray) -> list[dict[str, int]]:
    """How many lengths are from 1, 2, 4, 8, ... to below the next."""
    if not len(lengths):
        return []
    classes = np.bincount(np.log2(np.maximum(lengths, 1)).astype(int))
    return [{"from": 1 << power, "to": (2 << power) - 1, "count": int(count)} for power, count in enumerate(classes)]


def _print_histogram(name: str, histogram: list[dict[str, int]]) -> None:
    print(f"\n{name} by their length in tokens")
    most = max((each["count"] for each in histogram), default=1)
    first = next((place for place, each in enumerate(histogram) if each["count"]), 0)
    for each in histogram[first:]:
        bar = "#" * round(_BAR * each["count"] / most)
        print(f"{each['from']:>9,} to {each['to']:>9,}  {each['count']:>10,}  {bar}")


def _stretches(corpus: Corpus, rows: int, length: int, seed: int) -> list[tuple[int, int]]:
    """Document and first token of random stretches."""
    rng = generator(seed, 0)
    documents = np.sort(rng.choice(corpus.documents, min(rows, corpus.documents), replace=False))
    spare = np.maximum(np.diff(corpus.document_splits)[documents] - length, 0)
    return list(zip(documents.tolist(), rng.integers(0, spare + 1).tolist(), strict=True))


def _in_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _shown(kind: str, token: str, seen: str) -> str:
    text = _SIGNS[kind].format(token, seen)
    return f"{_COLOURS[kind]}{text}{_END}" if _in_colour() else text


def _masked_rows(
    corpus: Corpus, rows: int, length: int, masking: MaskingConfig, pairs: Literal["none", "next", "order"], seed: int
) -> list[dict[str, Any]]:
    """Rows of a training batch as the model sees them, with what it must predict."""
    documents = generator(seed, 1).choice(corpus.documents, min(_DOCUMENTS, corpus.documents), replace=False)
    batches = PretrainingBatches(
        corpus, length, rows, masking, sentence_pairs=pairs, seed=seed, documents=documents, fill_last_batch=False
    )
    inputs, targets, weights = batches.batch(0)
    if pairs != "none":
        targets, weights = targets[contract.MASKED_IDS], weights[contract.MASKED_IDS]
    tokens = corpus.tokenizer.vocabulary.tokens
    shown = []
    for row, seen in enumerate(inputs[contract.WORD_IDS]):
        words = [tokens[index] for index in seen[: int(inputs[contract.MASK][row].sum())].tolist()]
        positions = inputs[contract.MASKED_POSITIONS][row][weights[row] > 0].tolist()
        for position, target in zip(positions, targets[row].tolist(), strict=False):
            now = int(seen[position])
            kind = "masked" if now == corpus.vocabulary.mask_id else "kept" if now == target else "replaced"
            words[position] = _shown(kind, tokens[target], tokens[now])
        shown.append({"text": " ".join(words), "masked_tokens": len(positions)})
    return shown


def inspect_corpus(
    corpus: str,
    *,
    rows: int = 3,
    row_length: int = 64,
    tokens: int = 20,
    masked: bool = False,
    masking: MaskingConfig = _MASKING,
    sentence_pairs: Literal["none", "next", "order"] = "none",
    seed: int = 0,
) -> dict[str, Any]:
    """Check a prepared corpus byte by byte, and show what it holds: lengths, frequent tokens, unknown ones, some rows.

    Args:
        corpus: folder that `prepare` wrote.
        rows: how many rows of random documents are shown.
        row_length: tokens in a row, special tokens included in rows of a batch.
        tokens: how many of the most frequent tokens are shown.
        masked: also show rows of a training batch as the masked language model sees them.
        masking: how tokens are masked.
        sentence_pairs: whether such rows hold pairs, see `PretrainingBatches`.
        seed: of rows and masks.

    Returns:
        The same, as plain data.

    Raises:
        FormatError: no whole prepared corpus there; damaged files are named.
        ValueError: a number out of range.
    """
    for name, value in (("rows", rows), ("tokens", tokens), ("seed", seed)):
        check_integer(name, value, 0)
    check_integer("row_length", row_length, 1)
    found = check_corpus(corpus)
    vocabulary = found.tokenizer.vocabulary
    counts = found.token_counts()
    unknown = int(counts[found.vocabulary.unk_id]) / max(1, found.tokens)
    order = np.argsort(-counts, kind="stable")[:tokens]
    frequent = [{"token": vocabulary.tokens[index], "count": int(counts[index])} for index in order if counts[index]]
    lengths = {"documents": _histogram(np.diff(found.document_splits))}
    if found.sentence_splits is not None:
        lengths["sentences"] = _histogram(np.diff(found.sentence_splits))
    sources = found.manifest["made_from"]["sources"]

    print(f"{corpus}: {len(found.manifest['shards'])} shard(s), every byte as written")
    print(f"texts      {', '.join(each['name'] for each in sources[:5])}{' ...' if len(sources) > 5 else ''}")
    print(f"tokenizer  {type(found.tokenizer).__name__}, {len(vocabulary):,} tokens, {int((counts > 0).sum()):,} of them occur")
    print(
        f"holds      {found.documents:,} documents"
        + ("" if found.sentences is None else f", {found.sentences:,} sentences")
        + f", {found.tokens:,} tokens, {unknown:.3%} of them unknown"
    )
    for name, histogram in lengths.items():
        _print_histogram(name, histogram)
    print("\nmost frequent tokens")
    print(", ".join(f"{each['token']} {each['count'] / found.tokens:.2%}" for each in frequent))
    shown = []
    for document, skipped in _stretches(found, rows, row_length, seed):
        start, end = found.document_splits[document : document + 2].tolist()
        ids = found.read(start + skipped, min(end, start + skipped + row_length))
        row: dict[str, Any] = {"document": document, "first_token": skipped, "text": vocabulary.to_text(ids)}
        print(f"\ndocument {document:,}, from token {skipped:,}\n  {row['text']}")
        shown.append(row)
    packed = _masked_rows(found, rows, row_length, masking, sentence_pairs, seed) if masked and rows else []
    for row in packed:
        print(f"\nrow of a batch, {row['masked_tokens']} tokens to predict\n  {row['text']}")
    if packed:
        legend = (_shown("masked", "word", ""), _shown("replaced", "word", "other"), _shown("kept", "word", ""))
        print(f"\nto predict: {legend[0]} hidden, {legend[1]} replaced by another, {legend[2]} left as it is")
    return {
        "corpus": corpus,
        **found.manifest["totals"],
        "unknown_share": unknown,
        "lengths": lengths,
        "frequent": frequent,
        "rows": shown,
        "masked_rows": packed,
    }
