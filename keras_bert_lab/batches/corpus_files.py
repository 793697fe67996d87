"""The files of a prepared corpus: their names, and whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.errors import FormatError

__all__ = [
    "CORPUS_FORMAT",
    "CORPUS_MANIFEST",
    "DOCUMENTS",
    "MADE_FROM",
    "SENTENCES",
    "SHARD",
    "TOKENIZER",
    "TOKENS",
    "WORD_STARTS",
    "check_sizes",
    "damages",
    "facts_of",
    "read_json",
    "read_tokenizer",
    "shard_name",
    "shard_numbers",
]

CORPUS_FORMAT = 1
CORPUS_MANIFEST = "keras_bert_lab_corpus.json"
MADE_FROM = "made_from.json"
TOKENIZER = "tokenizer.json"
WORD_STARTS = "word_starts.npy"
SHARD = "shard.json"
TOKENS = "tokens.bin"
DOCUMENTS = "documents.npy"
SENTENCES = "sentences.npy"

_SHARD_NAME = re.compile(r"shard-(\d{5,})-of-(\d{5,})")
_CURE = "Remove {}, and run the command that prepared it again: the other shards are kept."


def shard_name(index: int, count: int) -> str:
    """The folder of shard `index`, counted from 0.

    Example:
        >>> shard_name(3, 16)
        'shard-00003-of-00016'
    """
    return f"shard-{index:05}-of-{count:05}"


def shard_numbers(name: str) -> tuple[int, int] | None:
    """Index and count of a shard's folder; None = no shard.

    Example:
        >>> shard_numbers("shard-00003-of-00016"), shard_numbers("shards")
        ((3, 16), None)
    """
    found = _SHARD_NAME.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def facts_of(path: pathlib.Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        FormatError: it is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error!s:.200})"
        raise FormatError(f"{path} {reason}. {_cure(path)}") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path} is damaged (no JSON object). {_cure(path)}")
    return found


def read_tokenizer(corpus: pathlib.Path) -> Any:
    """The tokenizer in the folder of a corpus.

    Raises:
        FormatError: it is missing, damaged or of another version.
    """
    import keras

    import keras_bert_lab.text  # noqa: F401  # registers the tokenizers

    try:
        return keras.saving.deserialize_keras_object(read_json(corpus / TOKENIZER))
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{corpus / TOKENIZER} is damaged or of another version: {error!s:.300}") from error


def _cure(path: pathlib.Path) -> str:
    return _CURE.format(path.parent if shard_numbers(path.parent.name) else path)


def damages(folder: pathlib.Path, files: Mapping[str, Any], hashes: bool) -> list[str]:
    """What is wrong with files.

    Args:
        folder: where they are.
        files: name -> {"bytes": size, "sha256": hash}.
        hashes: whether to read the files too; else sizes alone are compared.

    Returns:
        A sentence without full stop for each damaged file.
    """
    found = []
    for name, facts in files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            found.append(f"{path} is missing")
        elif size != facts["bytes"]:
            found.append(f"{path} has {size:,} bytes and was written with {facts['bytes']:,}")
        elif hashes and facts_of(path)["sha256"] != facts["sha256"]:
            found.append(f"{path} has other bytes than were written (SHA-256)")
    return found


def check_sizes(folder: pathlib.Path, files: Mapping[str, Any]) -> None:
    """Refuse files that are missing or of another size.

    Raises:
        FormatError: the first of them is named.
    """
    found = damages(folder, files, hashes=False)
    if found:
        raise FormatError(f"{found[0]}: it is damaged. {_cure(folder / next(iter(files)))}")
