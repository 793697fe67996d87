"""How many tokens the texts have, and how many of them the model does not know."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from keras_bert_lab.data.table_checks.examined_table import ExaminedTable

__all__ = ["check_lengths", "check_preprocessor"]

_LIMIT = 512
_CHARACTERS = 4.3  # of an English text for each WordPiece of bert-base-uncased, measured on 2,000 film reviews
_BATCH = 512
_UNKNOWN = 0.1  # share of a text's tokens
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_EDGES = np.unique(np.round(2.0 ** (np.arange(0, 93) / 3)).astype(int))  # the same for all tables, to compare them


def check_preprocessor(preprocessor: Any) -> None:
    """Whether tokens can be counted with it.

    Raises:
        TypeError: it has no tokenizer with `tokenize` and `vocabulary`.
    """
    tokenizer = getattr(preprocessor, "tokenizer", None)
    if not hasattr(tokenizer, "tokenize") or not hasattr(tokenizer, "vocabulary"):
        raise TypeError(
            f"preprocessor must be a Preprocessor, whose tokenizer counts tokens. Received: {type(preprocessor).__name__}. "
            "load_preprocessor(source) makes one; or leave it out: lengths are then guessed."
        )


def _counted(texts: list[str], tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and unknown tokens of each text."""
    lengths, unknown = [], []
    for first in range(0, len(texts), _BATCH):
        found = tokenizer.tokenize(texts[first : first + _BATCH])
        splits = np.asarray(found.row_splits)
        is_unknown = np.asarray(found.flat_values) == tokenizer.vocabulary.unk_id
        lengths.append(np.diff(splits))
        unknown.append(np.diff(np.r_[0, np.cumsum(is_unknown)][splits]))
    return np.concatenate(lengths), np.concatenate(unknown)


def _guessed(texts: list[str]) -> np.ndarray:
    dense = np.array([0 if text.isascii() else len(_DENSE.findall(text)) for text in texts])
    return np.ceil((np.array([len(text) for text in texts]) - dense) / _CHARACTERS).astype(int) + dense


def check_lengths(
    table: ExaminedTable, preprocessor: Any = None, max_length: int | None = None
) -> tuple[dict[str, Any], float | None]:
    """Report texts that are cut off or that the vocabulary does not know.

    Args:
        table: to look at.
        preprocessor: counts the tokens; None = they are guessed from the characters.
        max_length: tokens of a row, special ones included; None = the preprocessor's, else 512.

    Returns:
        The lengths as plain data, empty without texts; and the share of unknown tokens, None where they are guessed.
    """
    columns = [dict(table.texts(role)) for role in table.text_roles]
    rows = [row for row in columns[0] if all(row in column for column in columns)] if columns else []
    if not rows:
        return {}, None
    limit = max_length or (_LIMIT if preprocessor is None else preprocessor.row_length)
    lengths = np.full(len(rows), 2 if len(columns) == 1 else 2 + getattr(preprocessor, "pair_separators", 1))
    unknown = np.zeros(len(rows), int)
    for column in columns:
        texts = [column[row] for row in rows]
        if preprocessor is None:
            lengths += _guessed(texts)
            continue
        counts, strange = _counted(texts, preprocessor.tokenizer)
        lengths, unknown = lengths + counts, unknown + strange
    long = lengths > limit
    if long.any():
        lost = int((lengths - limit)[long].sum())
        word = "guessed from the characters, " if preprocessor is None else ""
        detail = (
            f"The model reads {limit:,} tokens ({word}the longest text has {lengths.max():,}); "
            f"{lost / lengths.sum():.1%} of all tokens are cut off."
        )
        table.report(
            "truncated",
            [row for row, is_long in zip(rows, long, strict=True) if is_long],
            role="text",
            example="",
            detail=detail,
        )
    strange_rows = [
        row for row, count, length in zip(rows, unknown, lengths, strict=True) if count >= 2 and count > _UNKNOWN * length
    ]
    share = float(unknown.sum() / max(1, lengths.sum()))
    if strange_rows:
        table.report("unknown_tokens", strange_rows, role="text", detail=f"{share:.2%} of all tokens are unknown.")
    edges = np.array(
        [edge for edge in _EDGES if edge <= lengths.max()] + [_EDGES[np.searchsorted(_EDGES, lengths.max(), "right")]]
    )
    counts, _ = np.histogram(lengths, bins=edges)
    return {
        "guessed": preprocessor is None,
        "limit": int(limit),
        "min": int(lengths.min()),
        "median": int(np.median(lengths)),
        "p90": int(np.quantile(lengths, 0.9)),
        "p99": int(np.quantile(lengths, 0.99)),
        "max": int(lengths.max()),
        "truncated": int(long.sum()),
        "truncated_share": float(long.mean()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }, None if preprocessor is None else share
