"""What a corpus is made from: texts, tokenizer and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab.batches.corpus_files import facts_of
from keras_bert_lab.data.document_streams import DocumentStream

__all__ = ["differences_of", "what_it_is_made_from"]


def _fingerprint(tokenizer: Any) -> str:
    """SHA-256 of what decides which tokens come out."""
    config = {name: value for name, value in tokenizer.get_config().items() if name not in ("name", "trainable", "dtype")}
    content = {"class": keras.saving.get_registered_name(type(tokenizer)), "config": config}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def what_it_is_made_from(stream: DocumentStream, tokenizer: Any, **settings: Any) -> dict[str, Any]:
    """Plain data that two corpora share if and only if they are the same.

    Args:
        stream: the texts; all files are read once for their hashes.
        tokenizer: its class and configuration count.
        **settings: of the corpus.
    """
    return {
        "tokenizer": _fingerprint(tokenizer),
        "tokens": len(tokenizer.vocabulary),
        **settings,
        **stream.settings,
        "sources": [{"name": path.name, **facts_of(path)} for path in stream.files],
    }


def differences_of(given: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What two corpora were made from, where that differs."""
    found = []
    for name in sorted({*given, *there} - {"sources"}):
        if given.get(name) != there.get(name):
            found.append(f"{name}={given.get(name)!r:.80} (there {there.get(name)!r:.80})")
    ours, theirs = ([(each["name"], each["sha256"]) for each in of.get("sources", [])] for of in (given, there))
    if ours != theirs:
        names = [name for name, _ in theirs]
        changed = [name for name, digest in ours if name in names and (name, digest) not in theirs]
        found.append(
            f"other contents of {changed[:5]}" if changed else f"files {[name for name, _ in ours][:5]} (there {names[:5]})"
        )
    return found
